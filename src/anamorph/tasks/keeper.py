"""What of a fold is kept on the disk, and when."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from anamorph.tasks.base import Scores
from anamorph.tasks.board import Board
from anamorph.tasks.config.sections import Train
from anamorph.tasks.devices import World
from anamorph.tasks.signals import StopRequested, Watch
from anamorph.tasks.state import State, read_checkpoint, write_checkpoint

_TERMINATED = 143


@final
class Keeper:
    """Writes the checkpoints of a fold, and its scores to the run."""

    board: Board
    watch: Watch
    world: World
    run: Any
    metric: tuple[str, str]
    mark: Mapping[str, str]
    fold: int
    folder: Path

    def __init__(  # noqa: PLR0913 - each is a thing of its own
        self,
        folder: Path,
        fold: int,
        *,
        mark: Mapping[str, str],
        metric: tuple[str, str],
        run: Any,
        world: World,
        watch: Watch,
        board: Board,
        seconds: float,
    ) -> None:
        """Say where checkpoints go, and by what they are ranked."""
        self.folder, self.fold, self.mark, self.metric = folder, fold, mark, metric
        self.run, self.world, self.watch, self.board = run, world, watch, board
        self.seconds = seconds
        self.written: float = time.monotonic()
        self.asked = False
        """Whether a process was asked to stop, which all know."""

    @property
    def last(self) -> Path:
        """The checkpoint that training goes on from."""
        return self.folder / "last.pt"

    def best(self, epoch: int) -> Path:
        """The weights of an epoch."""
        return self.folder / f"epoch-{epoch}.pt"

    def kept(self) -> str:
        """What there is to go on from, as a sentence has it."""
        return (
            f"the last good checkpoint is {self.last}"
            if self.last.exists()
            else "there is no checkpoint yet"
        )

    def restore(self, state: State, device: Any) -> bool:
        """Go on from the last checkpoint, if there is one."""
        if not self.last.exists():
            return False
        state.unpack(read_checkpoint(self.last, device), self.mark, self.last)
        return True

    def write(self, state: State) -> None:
        """Write a checkpoint."""
        if self.world.first:
            write_checkpoint(self.last, state.pack(self.mark))
        self.written = time.monotonic()

    # ------------------------------------------------------------ when

    def stepped(self, state: State) -> None:
        """After a step: a checkpoint if it is time, or if the run was asked to stop.

        Raises:
            StopRequested: it was.
        """
        if self.asked or time.monotonic() - self.written >= self.seconds:
            self.write(state)
        if self.asked:
            raise StopRequested(self.watch.code or _TERMINATED)

    def trained(self, state: State) -> None:
        """Before validation: what was trained in the epoch is safe."""
        self.write(state)
        if self.world.size == 1:
            self.watch.check()

    def validated(self, state: State, scores: Scores, train: Train) -> None:
        """After validation: rank the epoch, keep its weights if they are among the best."""
        at = state.progress
        name, goal = self.metric
        score = scores[name] if goal == "max" else -scores[name]
        score = score if math.isfinite(score) else -math.inf
        values = {"loss": at.loss_sum / max(at.loss_count, 1)}
        self._log(values, scores, state)
        better = not at.ranking or score > at.ranking[0][0]
        ranking = sorted([*at.ranking, (score, at.epoch)], key=lambda pair: (-pair[0], pair[1]))
        ranking = ranking[: train.keep]
        if (score, at.epoch) in ranking and self.world.first:
            write_checkpoint(self.best(at.epoch), {"weights": dict(state.weights())})
        at.ranking, at.stale = ranking, 0 if better else at.stale + 1
        if better:
            at.best = dict(scores)
        at.epoch, at.at, at.loss_sum, at.loss_count = at.epoch + 1, 0, 0.0, 0
        at.done = at.epoch >= train.epochs or (
            train.patience is not None and at.stale >= train.patience
        )
        self.write(state)
        self._tidy(ranking)

    def _log(self, values: Mapping[str, float], scores: Scores, state: State) -> None:
        at = state.progress
        if self.world.first:
            where = {"epoch": at.epoch, "step": at.step, "fold": self.fold}
            self.run.log(values, split="train", **where)
            known = {name: value for name, value in scores.items() if math.isfinite(value)}
            self.run.log(known, split="valid", **where)
        self.board.epoch(self.fold, at.epoch, {**values, **scores})

    def _tidy(self, ranking: list[tuple[float, int]]) -> None:
        """Remove weights that are not among the best any more."""
        if not self.world.first:
            return
        kept = {self.best(epoch) for _, epoch in ranking}
        for path in self.folder.glob("epoch-*.pt"):
            if path not in kept:
                path.unlink(missing_ok=True)
        for path in self.folder.glob(".*.part"):
            path.unlink(missing_ok=True)
