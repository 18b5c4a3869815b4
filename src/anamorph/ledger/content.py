"""What the data was: one hash of all files, whatever order they are found in.

A file that has the size and times it had is not read again. Times have ticks, so a file that was
changed while or just before it was read is read again the next time.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final

from anamorph.core.atomic import write_atomically
from anamorph.core.errors import MissingFileError
from anamorph.ledger.blobs import sha256_of
from anamorph.ledger.database import Database
from anamorph.ledger.errors import DamagedError

FILES = "data.tsv.gz"
_UNREADABLE = "-"
_SETTLED = 2_000_000_000
"""Nanoseconds. The coarsest ticks in use are FAT's: two seconds."""

_DIGITS = 16
_TABLES = (
    """CREATE TABLE files (
        path TEXT PRIMARY KEY, size INT, modified INT, changed INT, sha256 TEXT
    ) WITHOUT ROWID""",
)

_Stat: TypeAlias = tuple[int, int, int]
"""Size, time of change of what it holds, time of change of what is known of it."""

_Row: TypeAlias = tuple[str, int, int, int, str]
Places: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@final
@dataclass(frozen=True)
class Fingerprint:
    """The hash of the data, and that of each file by its name in it."""

    sha256: str
    files: Mapping[str, str]
    places: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write names and the beginnings of hashes, by which changed files can be named later."""
        lines = [f"{digest[:_DIGITS]}\t{name}\n" for name, digest in sorted(self.files.items())]
        text = "".join(lines).encode(errors="surrogateescape")
        write_atomically(folder / FILES, gzip.compress(text, mtime=0))


def saved(folder: Path) -> dict[str, str] | None:
    """Names and beginnings of hashes that a run has kept."""
    try:
        text = gzip.decompress((folder / FILES).read_bytes())
    except FileNotFoundError:
        return None
    lines = text.decode(errors="surrogateescape").split("\n")[:-1]
    return {name: digest for digest, name in (line.split("\t", 1) for line in lines)}


def fingerprint(
    places: Places, cache: Path | None = None, leave: Path | None = None
) -> Fingerprint:
    """Hash files.

    Args:
        places: files and folders; hidden files are no data.
        cache: a file that remembers what was read.
        leave: a folder that is no data though it lies inside.

    Raises:
        MissingFileError: a place is not there.
    """
    given = [places] if isinstance(places, str | os.PathLike) else list(places)
    paths = [Path(place).resolve() for place in given]
    found = dict(_listed(paths, leave))
    hashes = _hashed(list(found.values()), cache)
    files = {name: hashes[path] for name, path in found.items()}
    return Fingerprint(combined(files), files, tuple(map(str, paths)))


def combined(files: Mapping[str, str]) -> str:
    """The hash of names and hashes, sorted."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{files[name]}\0{name}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _listed(paths: Sequence[Path], leave: Path | None) -> Iterator[tuple[str, Path]]:
    """Each file with its name: where it lies in its place, after the place's own if there are more."""
    for at, path in enumerate(paths):
        if not path.exists():
            raise MissingFileError(f"{path} is not there: it was to be the data of a run")
        before = f"{at}/" if len(paths) > 1 else ""
        if path.is_file():
            yield before + path.name, path
            continue
        for file in _walk(path, leave, set()):
            yield before + file.relative_to(path).as_posix(), file


def _walk(folder: Path, leave: Path | None, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Files below a folder, and below the folders that are linked to from it, each once."""
    about = folder.stat()
    if folder == leave or (about.st_dev, about.st_ino) in seen:
        return
    seen.add((about.st_dev, about.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(folder / entry.name, leave, seen)
            else:
                yield folder / entry.name


def _hashed(paths: Sequence[Path], cache: Path | None) -> dict[Path, str]:
    known = _remembered(paths, cache)
    before = time.time_ns()
    missing = [path for path in paths if path not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets go of the interpreter
        fresh = dict(zip(missing, pool.map(_read, missing), strict=True))
    if fresh and cache is not None:
        _remember(cache, list(_rows(fresh, before)))
    return known | {path: digest for path, (_, digest) in fresh.items()}


def _read(path: Path) -> tuple[_Stat | None, str]:
    """How a file looks from outside before it is read, and its hash."""
    try:
        return _stat(path), sha256_of(path)
    except OSError:
        return None, _UNREADABLE


def _stat(path: Path) -> _Stat:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _rows(fresh: Mapping[Path, tuple[_Stat | None, str]], now: int) -> Iterator[_Row]:
    """What may be remembered of files that were read: not of those that have just changed."""
    for path, (stat, digest) in fresh.items():
        if stat is not None and max(stat[1:]) < now - _SETTLED:
            yield (_key(path), *stat, digest)


def _remembered(paths: Sequence[Path], cache: Path | None) -> dict[Path, str]:
    if cache is None or not cache.exists():
        return {}
    database = _database(cache)
    try:
        with database.reading() as connection:
            rows = {row[0]: row[1:] for row in _asked(connection, paths)}
    except DamagedError:
        database.remove()
        return {}
    found = {}
    for path in paths:
        row = rows.get(_key(path))
        if row is not None and _unchanged(path, row[:3]):
            found[path] = row[3]
    return found


def _asked(connection: sqlite3.Connection, paths: Sequence[Path]) -> Iterator[_Row]:
    """Rows of some files, a hundred at a time: the cache may know of many more."""
    for at in range(0, len(paths), 100):
        keys = [_key(path) for path in paths[at : at + 100]]
        marks = ",".join("?" * len(keys))
        yield from connection.execute(f"SELECT * FROM files WHERE path IN ({marks})", keys)  # noqa: S608 - marks alone


def _unchanged(path: Path, stat: _Stat) -> bool:
    try:
        return _stat(path) == tuple(stat)
    except OSError:
        return False


def _remember(cache: Path, rows: Sequence[_Row]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    database = _database(cache)
    try:
        with database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)
    except DamagedError:
        database.remove()


def _database(cache: Path) -> Database:
    return Database(cache, 1, _TABLES)


def _key(path: Path) -> str:
    """A path as text that SQLite takes, though its bytes be no UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")
