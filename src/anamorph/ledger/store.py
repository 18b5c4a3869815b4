"""The ledger: a folder of runs, an index over them, names for the best of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import DataError, ParameterError, UnknownNameError, nearest
from anamorph.ledger import blobs, code, configuration, content, ids, locks, names, record
from anamorph.ledger.comparing import Comparison, Difference, compared, differences, drifted
from anamorph.ledger.content import Places
from anamorph.ledger.environment import environment
from anamorph.ledger.errors import RunBusyError
from anamorph.ledger.garbage import LOCK, Garbage, Rules, collect
from anamorph.ledger.index import Index
from anamorph.ledger.rows import KILLED, Row
from anamorph.ledger.run import STATUSES, Run

_CACHE = "files.sqlite"
_SHOWN = 8
"""Runs that an ambiguous name may mean which are named."""


@final
class Ledger:
    """The runs in a folder.

    >>> import tempfile
    >>> ledger = Ledger(tempfile.mkdtemp())
    >>> run = ledger.start("segment", {"train": {"epochs": 3}}, seed=1)
    >>> run.log({"loss": 0.5}, split="train", epoch=0, step=10, fold=0)
    >>> run.scores("dice", "max", {0: {"dice": 0.8}, 1: {"dice": 0.9}})
    >>> run.finish("done")
    >>> [(row.task, row.status, str(row.score)) for row in ledger.runs()]
    [('segment', 'done', '0.8500 ± 0.0707')]
    """

    def __init__(self, root: str | os.PathLike[str] = "runs") -> None:
        """Name the folder; it is made with the first run."""
        self.root: Path = Path(root).resolve()
        self._index = Index(self.root)

    def __repr__(self) -> str:
        return f"Ledger({str(self.root)!r})"

    # ------------------------------------------------------------ runs begin

    def start(  # noqa: PLR0913 - each is a thing of its own
        self,
        task: str,
        config: Mapping[str, Any],
        *,
        command: Sequence[str] = (),
        data: Places | None = None,
        seed: int | None = None,
        parent: str | None = None,
        tags: Sequence[str] = (),
    ) -> Run:
        """Begin a run: its folder, with configuration, code, data and environment as they are now.

        Until `Run.finish`, or until the process is gone, the run is this process' own.

        Args:
            task: a part of its id.
            config: the resolved configuration, of plain values.
            command: what was typed.
            data: files and folders whose contents are hashed; unchanged ones are not read again.
            seed: that all chance comes from.
            parent: id of the run that this one came of.
            tags: what it is found by.

        Raises:
            MissingFileError: the data is not there.
            ParameterTypeError: the configuration holds what is no plain value.
        """
        folder = ids.make_folder(self.root, task)
        try:
            locks.hold(folder / record.ALIVE)
            configuration.write(folder, config)
            told = self._told(folder, data)
            told |= {"task": task, "command": list(command), "seed": seed, "parent": parent}
            told |= {"tags": sorted(set(tags))}
            record.write(folder, told)
        except BaseException:
            locks.release(folder / record.ALIVE)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._index.put(folder)
        return Run(folder, self._index)

    def resume(self, name: str) -> Run:
        """Go on with a run that was begun.

        Raises:
            RunBusyError: another process is at it.
        """
        run = self.resolve(name)
        alive = run.path / record.ALIVE
        if not locks.hold(alive):
            raise RunBusyError(f"{run.id} goes on already, in {locks.holder(alive)}")
        record.change(run.path, lambda told: told.update(status="running", finished=None))
        self._index.put(run.path)
        return run

    def _told(self, folder: Path, data: Places | None) -> record.Record:
        """The record of a run that has just begun."""
        return {
            "form": 1, "id": folder.name, "task": None, "created": ids.now(), "finished": None,
            "status": "running", "command": [], "seed": None, "parent": None, "tags": [], "notes": [],
            "leaderboard": [],
            "code": code.state(root=self.root).save(folder),
            "data": None if data is None else self._fingerprint(data, folder),
            "environment": environment(),
            "scores": {}, "metric": None, "mode": None, "weights": {},
        }  # fmt: skip

    def _fingerprint(self, data: Places, folder: Path) -> dict[str, Any]:
        found = content.fingerprint(data, self.root / _CACHE, self.root)
        found.save(folder)
        path = found.places[0] if len(found.places) == 1 else list(found.places)
        return {"fingerprint": found.sha256, "files": len(found.files), "path": path}

    # ------------------------------------------------------------ runs are found

    def runs(
        self,
        *,
        task: str | None = None,
        tags: Sequence[str] = (),
        status: str | None = None,
        metric: str | None = None,
        sort: str = "created",
        limit: int | None = None,
    ) -> list[Row]:
        """The runs there are, as rows.

        Args:
            task: only of this task.
            tags: only with all of these tags.
            status: only of this status; ``killed`` is ``running`` whose process is gone.
            metric: only with a score of this name.
            sort: ``score`` (the best first), a column, or the name of a score; ``-`` before it
                turns the order round. What has none comes last.
            limit: at most so many.
        """
        known = (*STATUSES, KILLED)
        if status is not None and status not in known:
            raise UnknownNameError(
                f"status = {status!r}: it must be one of {', '.join(known)}{nearest(status, known)}"
            )
        found = self._index.select(task=task, tags=tags, metric=metric, sort=sort)
        promoted: dict[str, list[str]] = {}
        for name, run in names.listed(self.root):
            promoted.setdefault(run, []).append(name)
        rows = []
        for told in found:
            told["status"] = self._status(told)
            if status in (None, told["status"]):
                rows.append(Row.of(told, promoted.get(told["id"], ())))
        return rows[:limit]

    def _status(self, told: record.Record) -> str:
        gone = told["status"] == "running" and not locks.held(self.root / told["id"] / record.ALIVE)
        return KILLED if gone else str(told["status"])

    def resolve(self, name: str) -> Run:
        """The run of an id, of the beginning or the last part of one, or of a promoted name.

        Raises:
            UnknownNameError: there is none, or there are several.
        """
        if "@" in name:
            found = names.meaning(self.root, name)
            if found is None:
                known = [known for known, _ in names.listed(self.root)]
                raise UnknownNameError(f"nothing is promoted to {name}{nearest(name, known)}")
            if record.stamp(self.root / found) is None:
                raise DataError(f"{name} means {found}, which is not in {self.root}")
            return self._run(found)
        if ids.is_run(name) and record.stamp(self.root / name) is not None:
            return self._run(name)
        return self._run(self._only(name))

    def _only(self, part: str) -> str:
        known = self._index.ids()
        found = [
            run for run in known if part and (run.startswith(part) or run.endswith(f"-{part}"))
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise UnknownNameError(f"there is no run {part!r} in {self.root}{nearest(part, known)}")
        shown = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        raise UnknownNameError(f"{part!r} may be {len(found)} runs: {shown}")

    def _run(self, name: str) -> Run:
        return Run(self.root / name, self._index)

    # ------------------------------------------------------------ what they differ in

    def compare(self, runs: Sequence[str]) -> Comparison:
        """What several runs differ in, and their scores."""
        return compared([self.resolve(name) for name in runs])

    def diff(self, a: str, b: str) -> list[Difference]:
        """What two runs differ in: configuration, code, data, environment."""
        return differences(self.resolve(a), self.resolve(b))

    def drift(self, name: str, data: Places | None = None) -> list[Difference]:
        """What code, data and environment are now that they were not when a run began.

        Args:
            name: of the run.
            data: where its data is now; where it was if None.
        """
        return drifted(self.resolve(name), data, self.root / _CACHE, self.root)

    def reproduce(self, name: str, fit: Callable[..., Any]) -> tuple[Run, Comparison]:
        """Run it again, as a child of it.

        Args:
            name: of the run.
            fit: is called as ``anamorph.tasks.fit`` is: with the configuration, ``root``,
                ``parent`` and ``command``; gives a run.

        Returns:
            The new run, and how the two compare.
        """
        old = self.resolve(name)
        told = old.record
        made = fit(old.config, root=self.root, parent=old.id, command=tuple(told["command"]))
        new = self.resolve(made.id)
        return new, compared([old, new])

    # ------------------------------------------------------------ what is kept

    def promote(self, run: str, name: str) -> Run:
        """Have a name, ``cells@best``, mean a run; what it meant before is kept in its history."""
        with locks.alone(self._lock()):  # not while weights are collected
            found = self.resolve(run)
            named = found.record["weights"].values()
            gone = blobs.missing(found.path / blobs.FOLDER, named)
            if gone:
                raise ParameterError(
                    f"{found.id} has no weights {gone[0][:12]}… any more: see {record.FILE}"
                )
            names.point(self.root, name, found.id)
        return found

    def demote(self, name: str) -> None:
        """Have a name mean nothing."""
        if not names.drop(self.root, ids.checked_name(name)):
            known = [known for known, _ in names.listed(self.root)]
            raise UnknownNameError(f"nothing is promoted to {name}{nearest(name, known)}")

    @property
    def names(self) -> dict[str, str]:
        """What is promoted, and the run that each name means."""
        return dict(names.listed(self.root))

    def collect(self, *, dry_run: bool = True, best: int = 3, unfinished: bool = False) -> Garbage:
        """Remove weights that nobody will miss, or say which they are.

        Kept are the weights and checkpoints of runs that are promoted, tagged ``keep``, have a score
        of a leaderboard, are among the best of their task and metric, or are not done and may be
        gone on with; and all weights that are the same as these. A run whose weights are removed
        keeps all else.

        Args:
            dry_run: remove nothing.
            best: how many of each task and metric are kept.
            unfinished: do not keep runs for no better reason than that they failed, were stopped or
                killed. One that goes on is always kept.
        """
        with locks.alone(self._lock()):
            rules = Rules(best, unfinished=unfinished)
            return collect(self.root, self.runs(), rules, self._index, dry_run=dry_run)

    def rebuild(self) -> int:
        """Make the index anew from the folders; gives the number of runs."""
        return self._index.rebuild()

    def _lock(self) -> Path:
        self.root.mkdir(parents=True, exist_ok=True)
        return self.root / LOCK
