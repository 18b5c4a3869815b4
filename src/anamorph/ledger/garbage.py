"""Weights that nobody will miss: which they are, why others are kept, and their removal.

First it is decided which runs are kept; then whatever they name is out of reach, in every folder.
A run whose weights go says so before they do. So the end of the process at any moment leaves no
run that lost what it should have, and the next time the rest is removed.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import final

from anamorph.core.atomic import PART
from anamorph.core.errors import ParameterError
from anamorph.ledger import blobs, ids, locks, record
from anamorph.ledger.index import Index
from anamorph.ledger.rows import Row

LOCK = ".ledger.lock"
KEEP = "keep"
_PLACES = ("bundle/weights", blobs.FOLDER)
"""Where weights are in a run."""
_HOUR = 3600.0
"""A folder that has not become a run in that time never will."""


@final
@dataclass(frozen=True)
class Rules:
    """How many of the best are kept, and whether what is not done may go."""

    best: int = 3
    unfinished: bool = False

    def __post_init__(self) -> None:
        if self.best < 0:
            raise ParameterError(f"best = {self.best}: it must be 0 or more")


@final
@dataclass(frozen=True)
class Garbage:
    """What was removed, or would be."""

    files: tuple[Path, ...]
    """Weights, checkpoints, and what crashes left; also whole folders that never became runs."""
    freed: int
    """Bytes; a file that has another name that stays frees none."""
    runs: tuple[str, ...]
    """Runs that lose weights."""
    kept: Mapping[str, str]
    """The other runs, and why they are kept."""


def collect(
    root: Path, rows: Sequence[Row], rules: Rules, index: Index, *, dry_run: bool
) -> Garbage:
    """Find garbage, and remove it unless only asked. The ledger's lock must be held."""
    kept = reasons(rows, rules)
    safe = {digest for run in kept for digest in record.read(root / run)["weights"].values()}
    doomed = {row.id: list(_garbage(root / row.id, safe)) for row in rows if row.id not in kept}
    lost = [run for run, files in doomed.items() if any(file.suffix != PART for file in files)]
    rest = [*_leftovers(root, kept), *_stillborn(root)]
    files = [file for found in doomed.values() for file in found] + rest
    freed = _bytes(files)
    if not dry_run:
        for run, found in doomed.items():
            _remove(root / run, found, index)
        for path in rest:
            erase(path)
    return Garbage(tuple(files), freed, tuple(lost), kept)


def reasons(rows: Sequence[Row], rules: Rules) -> dict[str, str]:
    """Runs that are kept, and why."""
    best = _best(rows, rules.best)
    found = {row.id: _reason(row, rules) or best.get(row.id) for row in rows}
    return {run: why for run, why in found.items() if why is not None}


def _reason(row: Row, rules: Rules) -> str | None:
    """Why a run is kept by itself."""
    checks = (
        (row.status == "running", "it goes on"),
        (bool(row.names), f"promoted to {', '.join(row.names)}"),
        (KEEP in row.tags, f"tagged {KEEP}"),
        (bool(row.leaderboard), "has a score of a leaderboard"),
        (row.status != "done" and not rules.unfinished, f"{row.status}: may be gone on with"),
    )
    return next((why for holds, why in checks if holds), None)


def _best(rows: Iterable[Row], count: int) -> dict[str, str]:
    groups: dict[tuple[str, str, str], list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        if row.score is None or row.metric is None or row.mode is None:
            continue
        if not isnan(row.score.mean):
            worth = row.score.mean if row.mode == "max" else -row.score.mean
            groups[row.task, row.metric, row.mode].append((worth, row.id))
    found = {}
    for (task, metric, _), entries in groups.items():
        for place, (_, run) in enumerate(sorted(entries, reverse=True)[:count], 1):
            found[run] = f"number {place} of {task} by {metric}"
    return found


# ---------------------------------------------------------------- what goes


def _garbage(folder: Path, safe: set[str]) -> Iterator[Path]:
    """Weights and checkpoints of a run that is not kept, but for weights that others name too."""
    for place in _PLACES:
        for path in sorted((folder / place).glob("*")):
            if path.is_file() and path.suffix != PART and path.stem not in safe:
                yield path
    for path in sorted((folder / "checkpoints").rglob("*")):
        if path.is_file() and path.suffix != PART:
            yield path
    yield from _parts(folder)


def _leftovers(root: Path, kept: Iterable[str]) -> Iterator[Path]:
    """What crashes left in runs that are kept."""
    for run in kept:
        if not locks.held(root / run / record.ALIVE):
            yield from _parts(root / run)


def _parts(folder: Path) -> Iterator[Path]:
    """Files that were not written to their end."""
    return (path for path in sorted(folder.rglob(f".*{PART}")) if _old(path))


def _stillborn(root: Path) -> Iterator[Path]:
    """Folders of runs that never began."""
    for folder in sorted(root.glob("*-*-*-*")):
        if not ids.is_run(folder.name) or record.stamp(folder) is not None or not folder.is_dir():
            continue
        if _old(folder) and not locks.held(folder / record.ALIVE):
            yield folder


def _old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _HOUR
    except FileNotFoundError:
        return False


def _bytes(files: Iterable[Path]) -> int:
    """What a disk gets back: a file goes with the last of its names."""
    links: Counter[tuple[int, int, int, int]] = Counter()
    for path in files:
        if path.is_file():
            found = path.stat()
            links[found.st_dev, found.st_ino, found.st_nlink, found.st_size] += 1
    return sum(size for (_, _, names, size), gone in links.items() if gone >= names)


# ---------------------------------------------------------------- removal


def _remove(folder: Path, files: Sequence[Path], index: Index) -> None:
    """Remove files of a run, unless it is taken up, or kept, at this moment."""
    alive = folder / record.ALIVE
    if not files or not locks.hold(alive):
        return
    try:
        with locks.alone(folder / record.EDIT):
            told = record.read(folder)
            if KEEP in told["tags"] or told["leaderboard"]:
                return
            told["collected"] = {"at": ids.now(), "files": [_name(folder, path) for path in files]}
            record.write(folder, told)
            for path in files:
                erase(path)
        index.put(folder)
    finally:
        locks.release(alive)


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def erase(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
