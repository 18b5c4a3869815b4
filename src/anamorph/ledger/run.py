"""A run: its folder, and what is written to it while it goes on and afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import ParameterError, UnknownNameError, nearest
from anamorph.ledger import blobs, configuration, ids, lines, locks, record
from anamorph.ledger.index import Index
from anamorph.ledger.lines import Event, Lines
from anamorph.ledger.record import Record
from anamorph.ledger.rows import KILLED, Row

STATUSES = ("running", "done", "failed", "stopped")
_ENDED = STATUSES[1:]
_MODES = ("max", "min")


@final
class Run:
    """A run of a ledger, made by `Ledger.start`, `Ledger.resume` and `Ledger.resolve`.

    Everything but `log` and `weights` may be called by other processes while the run goes on.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self.path = path
        """Its folder."""
        self._index = index
        self._lines = Lines(path / lines.FILE)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def id(self) -> str:
        """What it is called, and its folder."""
        return self.path.name

    # ------------------------------------------------------------ what is known

    @property
    def record(self) -> Record:
        """What ``run.json`` holds now."""
        return record.read(self.path)

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return configuration.read(self.path)

    @property
    def row(self) -> Row:
        """As it is listed, but for the names that it is promoted to."""
        return Row.of(self.record)

    @property
    def alive(self) -> bool:
        """Whether the process that trains is there."""
        return locks.held(self.path / record.ALIVE)

    @property
    def status(self) -> str:
        """``running``, ``done``, ``failed``, ``stopped``, or ``killed``: its process is gone."""
        status = str(self.record["status"])
        return KILLED if status == "running" and not self.alive else status

    def metrics(self) -> Iterator[Event]:
        """What was logged, in its order."""
        return lines.read(self.path / lines.FILE)

    # ------------------------------------------------------------ while it goes on

    def log(
        self,
        values: Mapping[str, float],
        *,
        split: str,
        epoch: int | None = None,
        step: int | None = None,
        fold: int | None = None,
    ) -> None:
        """Append numbers to ``metrics.jsonl``.

        What was logged outlives the death of the process; that of the machine may cost seconds.

        Args:
            values: numbers by name.
            split: where they were measured: ``train``, ``valid``.
            epoch: counted from 0.
            step: of the optimizer.
            fold: its number.
        """
        self._lines.add(values, {"fold": fold, "epoch": epoch, "step": step, "split": split})

    def weights(self, name: str, source: Mapping[str, Any] | str | os.PathLike[str]) -> str:
        """Store weights by the hash of what they hold.

        Args:
            name: what they are called in the run: ``fold-0/best``.
            source: a file, which is copied, or arrays or tensors by name, which are written as
                safetensors.

        Returns:
            The SHA-256, in hexadecimal; the file is ``weights/<it>.safetensors``.
        """
        folder = self.path / blobs.FOLDER
        content = blobs.packed(source) if isinstance(source, Mapping) else Path(source)
        digest = blobs.put(folder, content, self._elsewhere)
        self._change(lambda told: told["weights"].update({name: digest}))
        return digest

    def scores(self, metric: str, mode: str, per_fold: Mapping[int, Mapping[str, float]]) -> None:
        """Write the scores of the folds, and their mean ± standard deviation.

        Args:
            metric: name of the score that ranks runs.
            mode: ``max`` or ``min``: which way it is better.
            per_fold: scores by name, by fold.
        """
        if mode not in _MODES:
            raise ParameterError(f"mode = {mode!r}: it must be max or min")
        found = record.aggregated(per_fold)
        if metric not in found:
            raise UnknownNameError(
                f"metric = {metric!r}: no fold has that score{nearest(metric, found)}"
            )
        self._change(lambda told: told.update(metric=metric, mode=mode, scores=found))

    def finish(self, status: str = "done") -> None:
        """Say how it ended: ``done``, ``failed``, ``stopped``."""
        if status not in _ENDED:
            raise ParameterError(f"status = {status!r}: it must be {', '.join(_ENDED)}")
        self._lines.sync()
        self._lines.close()
        self._change(lambda told: told.update(status=status, finished=ids.now()))
        locks.release(self.path / record.ALIVE)

    # ------------------------------------------------------------ at any time

    def note(self, text: str) -> None:
        """Add a note."""
        if not text.strip():
            raise ParameterError("note: it is empty")
        self._change(lambda told: told["notes"].append({"text": text, "at": ids.now()}))

    def tag(self, *tags: str) -> None:
        """Add tags; ``keep`` keeps its weights from being collected."""
        wrong = [tag for tag in tags if not tag.strip() or tag != tag.strip()]
        if wrong:
            raise ParameterError(f"tag {wrong[0]!r}: it must be text without blanks around it")
        self._change(lambda told: told.update(tags=sorted({*told["tags"], *tags})))

    def untag(self, *tags: str) -> None:
        """Remove tags."""
        self._change(lambda told: told.update(tags=sorted({*told["tags"]} - {*tags})))

    def leaderboard(self, score: float, split: str = "public") -> None:
        """Add a score that a leaderboard gave; the last one of a split counts."""
        if not isfinite(score):
            raise ParameterError(f"score = {score}: it must be a finite number")
        entry = {"score": float(score), "split": split, "at": ids.now()}
        self._change(lambda told: told["leaderboard"].append(entry))

    # ------------------------------------------------------------ within

    def _elsewhere(self, digest: str) -> list[Path]:
        """Folders of other runs that have the same weights: of one that was reproduced, say."""
        runs = self._index.having(digest)
        return [self.path.parent / run / blobs.FOLDER for run in runs if run != self.id]

    def _change(self, edit: Callable[[Record], None]) -> None:
        record.change(self.path, edit)
        self._index.put(self.path)
