"""Embedded databases that several processes write to, and that may be lost: all can be rebuilt."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import final

from anamorph.ledger.errors import DamagedError, RunBusyError

_WAIT = 60.0
"""Seconds to wait for other writers."""

_SHARED = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone",
    "fuse.s3fs", "fuse.sshfs", "gfs2", "gpfs", "lustre", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
})  # fmt: skip
"""Filesystems of several machines, which share no memory: a write-ahead log would be torn apart."""

_LOST = ("malformed", "not a database", "disk i/o error", "unsupported file format")
"""What SQLite says of a file that is damaged."""


@final
class Database:
    """A file, its tables, and how it is opened: anew each time, so threads and forks may use it."""

    tables: Sequence[str]
    version: int
    path: Path

    def __init__(self, path: Path, version: int, tables: Sequence[str]) -> None:
        """Describe it.

        Args:
            path: the file; it need not be there.
            version: of the tables; what was written with another is thrown away.
            tables: statements that create them.
        """
        self.path, self.version, self.tables = path, version, tables

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from; changes are kept if the medium can be written to."""
        with self._begun(memory=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside of a transaction that no other writer shares."""
        with self._begun(memory=False) as connection:
            yield connection

    def remove(self) -> None:
        """Remove the file and what lies beside it."""
        for ending in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    @contextmanager
    def _begun(self, *, memory: bool) -> Iterator[sqlite3.Connection]:
        connection = self._connected(memory=memory)
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._create(connection)
            yield connection
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise _told(error, self.path) from error
        finally:
            connection.close()

    def _connected(self, *, memory: bool) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
            try:
                _log(connection, journal_of(self.path))
                connection.execute("BEGIN IMMEDIATE")  # refused where nothing can be written
                connection.execute("ROLLBACK")
            except BaseException:
                connection.close()
                raise
        except sqlite3.DatabaseError as error:
            if memory and _closed(error):
                return sqlite3.connect(":memory:", isolation_level=None)
            raise _told(error, self.path) from error
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == self.version:
            return
        kept = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        for (name,) in connection.execute(kept).fetchall():
            connection.execute(f'DROP TABLE "{name}"')
        for statement in self.tables:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {self.version}")


def journal_of(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """How changes are kept safe where a file lies: ``wal``, or ``delete`` on network filesystems."""
    return "delete" if _filesystem(path, mounts) in _SHARED else "wal"


def _filesystem(path: Path, mounts: Path) -> str | None:
    """The kind of filesystem that a path lies on, where the system tells."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = os.path.realpath(path)
    best, kind = -1, None
    for line in lines:
        _, where, found, *_ = [*line.split(" "), "", "", ""]
        where = where.replace("\\040", " ")
        inside = place == where or place.startswith(where.rstrip("/") + "/")
        if (
            inside and len(where) >= best
        ):  # the later of two mounts of a place is the one that is seen
            best, kind = len(where), found
    return kind


def _log(connection: sqlite3.Connection, wanted: str) -> None:
    """Have changes kept in one of the two ways.

    SQLite does not wait for others when the way is changed, and it may find that it cannot.
    """
    end = time.monotonic() + _WAIT
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != wanted:
                connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _closed(error: sqlite3.DatabaseError) -> bool:
    """Tell whether the place cannot be written to."""
    told = str(error).lower()
    return "readonly" in told or "read-only" in told or "unable to open" in told


def _told(error: sqlite3.DatabaseError, path: Path) -> Exception:
    told = str(error).lower()
    if any(word in told for word in _LOST):
        return DamagedError(f"{path} is damaged: {error}; remove it, it will be made anew")
    if "locked" in told:
        return RunBusyError(
            f"{path} is in use by other processes for more than {_WAIT:.0f} seconds"
        )
    return error
