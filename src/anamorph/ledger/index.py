"""The index of runs: SQLite, made of the folders and never more than they are."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, final

from anamorph.core.errors import AnamorphError, DataError, UnknownNameError, nearest
from anamorph.ledger import ids, record
from anamorph.ledger.database import Database
from anamorph.ledger.errors import DamagedError, RunBusyError

FILE = "index.sqlite"
_Result = TypeVar("_Result")

_TABLES = (
    """CREATE TABLE runs (
        id TEXT PRIMARY KEY, stamp TEXT, task TEXT, status TEXT, created TEXT, finished TEXT,
        parent TEXT, seed INT, metric TEXT, mode TEXT, mean REAL, public REAL, private REAL,
        record TEXT
    )""",
    "CREATE TABLE scores (run TEXT, name TEXT, mean REAL, std REAL, PRIMARY KEY (run, name))",
    "CREATE TABLE tags (run TEXT, tag TEXT, PRIMARY KEY (run, tag))",
    "CREATE TABLE weights (run TEXT, name TEXT, sha256 TEXT, PRIMARY KEY (run, name))",
    "CREATE INDEX tags_tag ON tags (tag)",
    "CREATE INDEX weights_sha256 ON weights (sha256)",
)
_PARTS = ("scores", "tags", "weights")

SORTS = ("id", "task", "status", "created", "finished", "parent", "seed", "public", "private")
"""What runs can be sorted by, besides ``score`` and the names of scores."""


@final
class Index:
    """The index of the runs in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._database = Database(root / FILE, 1, _TABLES)

    def put(self, folder: Path) -> None:
        """Take in what a run's folder says now.

        If that cannot be done nothing is lost: it is taken in when runs are listed. A run is not to
        end for want of an index.
        """
        with suppress(sqlite3.Error, DamagedError, RunBusyError):
            self._ask(lambda connection: _refresh(connection, [folder]), write=True)

    def rebuild(self) -> int:
        """Forget all and read every folder; gives their number."""

        def work(connection: sqlite3.Connection) -> int:
            for table in ("runs", *_PARTS):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
            return _sync(connection, self.root)

        return self._ask(work, write=True)

    def select(
        self,
        *,
        task: str | None = None,
        tags: Sequence[str] = (),
        metric: str | None = None,
        sort: str = "created",
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """What the folders hold, filtered and sorted. Folders that changed are read again."""
        where, values = _filters(task, tags, metric)

        def work(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            _sync(connection, self.root)
            order, extra = _order(connection, sort)
            query = f"SELECT record FROM runs {where} ORDER BY {order}, id LIMIT ?"  # noqa: S608 - values are bound
            rows = connection.execute(query, [*values, *extra, -1 if limit is None else limit])
            return [json.loads(text) for (text,) in rows]

        return self._ask(work)

    def ids(self) -> list[str]:
        """Ids of all runs, the oldest first."""

        def work(connection: sqlite3.Connection) -> list[str]:
            _sync(connection, self.root)
            return [name for (name,) in connection.execute("SELECT id FROM runs ORDER BY id")]

        return self._ask(work)

    def having(self, sha256: str) -> list[str]:
        """Ids of runs that name these weights, as far as the index knows."""
        query = "SELECT DISTINCT run FROM weights WHERE sha256 = ? ORDER BY run"
        with suppress(sqlite3.Error, DamagedError, RunBusyError):
            return self._ask(lambda taken: [run for (run,) in taken.execute(query, [sha256])])
        return []

    def dump(self) -> list[tuple[Any, ...]]:
        """All there is in it, as it is, in a fixed order; only what tests and the curious need."""
        tables = ("runs", *_PARTS)

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return [
                (table, *row)
                for table in tables
                for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - names of our own
            ]

        return self._ask(work)

    def _ask(
        self, work: Callable[[sqlite3.Connection], _Result], *, write: bool = False
    ) -> _Result:
        """Work in a transaction; an index that is damaged is made anew."""
        way = self._database.writing if write else self._database.reading
        try:
            with way() as connection:
                return work(connection)
        except DamagedError:
            self._database.remove()
        with way() as connection:
            _sync(connection, self.root)
            return work(connection)


def _sync(connection: sqlite3.Connection, root: Path) -> int:
    """Bring the index to what the folders are; gives how many runs there are."""
    try:
        with os.scandir(root) as entries:
            names = {entry.name for entry in entries if ids.is_run(entry.name)}
    except FileNotFoundError:
        names = set()
    known = {name for (name,) in connection.execute("SELECT id FROM runs")}
    _forget(connection, known - names)
    _refresh(connection, [root / name for name in sorted(names)])
    (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
    return int(count)


def _refresh(connection: sqlite3.Connection, folders: Iterable[Path]) -> None:
    """Read the folders whose record is not the one that the index has."""
    for folder in folders:
        stamp = record.stamp(folder)
        known = connection.execute("SELECT stamp FROM runs WHERE id = ?", [folder.name]).fetchone()
        if (stamp and (stamp,)) == known:
            continue
        _forget(connection, [folder.name])
        if stamp is not None:
            _insert(connection, folder, stamp)


def _forget(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    for name in names:
        connection.execute("DELETE FROM runs WHERE id = ?", [name])
        for table in _PARTS:
            connection.execute(f"DELETE FROM {table} WHERE run = ?", [name])  # noqa: S608 - names of our own


def _insert(connection: sqlite3.Connection, folder: Path, stamp: str) -> None:
    try:
        told = record.read(folder)
        rows = _rows(told, stamp)
    except AnamorphError as error:
        raise DataError(f"{error}; remove or repair {folder}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder / record.FILE} is damaged: {error!r}; remove or repair {folder}"
        ) from error
    for table, row in rows:
        marks = ",".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 - names of our own


def _rows(told: record.Record, stamp: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Rows of the tables for a run."""
    run, scores = told["id"], told["scores"]
    boards = {entry["split"]: entry["score"] for entry in told["leaderboard"]}
    mean = scores[told["metric"]]["mean"] if told["metric"] in scores else None
    columns = ("task", "status", "created", "finished", "parent", "seed", "metric", "mode")
    simple = [told[name] for name in columns]
    ranks = (mean, boards.get("public"), boards.get("private"))
    rows: list[tuple[str, tuple[Any, ...]]] = [
        ("runs", (run, stamp, *simple, *ranks, json.dumps(told, sort_keys=True)))
    ]
    rows += [("scores", (run, name, s["mean"], s["std"])) for name, s in scores.items()]
    rows += [("tags", (run, tag)) for tag in told["tags"]]
    rows += [("weights", (run, name, digest)) for name, digest in told["weights"].items()]
    return rows


def _filters(task: str | None, tags: Sequence[str], metric: str | None) -> tuple[str, list[str]]:
    parts, values = [], []
    if task is not None:
        parts, values = ["task = ?"], [task]
    for tag in tags:
        parts.append("id IN (SELECT run FROM tags WHERE tag = ?)")
        values.append(tag)
    if metric is not None:
        parts.append("id IN (SELECT run FROM scores WHERE name = ?)")
        values.append(metric)
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def _order(connection: sqlite3.Connection, sort: str) -> tuple[str, list[str]]:
    """How rows are ordered, and the values that it needs: what is missing comes last."""
    name, way = sort.removeprefix("-"), "DESC" if sort.startswith("-") else "ASC"
    if name == "score":  # the best first, whichever way is better
        best = "CASE mode WHEN 'min' THEN mean ELSE -mean END"
        return f"mean IS NULL, metric, {best} {way}", []
    if name in SORTS:
        return f"{name} IS NULL, {name} {way}", []
    known = [found for (found,) in connection.execute("SELECT DISTINCT name FROM scores")]
    if name not in known:
        names = (*SORTS, "score", *known)
        raise UnknownNameError(
            f"sort = {sort!r}: runs are sorted by {', '.join(names)}{nearest(name, names)}"
        )
    value = "(SELECT scores.mean FROM scores WHERE run = id AND scores.name = ?)"
    return f"{value} IS NULL, {value} {way}", [name, name]
