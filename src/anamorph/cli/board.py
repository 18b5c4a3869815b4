"""How a run goes, on a terminal: a bar, and a table that grows with each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from anamorph.tasks.board import Board

_SHOWN = 6
"""Scores that are shown; all are in the run."""


class Terminal(Board):
    """Shows what happens on a console: bars where it is a terminal, lines everywhere."""

    progress: Progress
    console: Console

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console, self.progress = console, progress
        self._steps: TaskID | None = None
        self._pictures: TaskID | None = None

    def fold(self, fold: int, steps: int, done: int) -> None:
        self._forget()
        self._steps = self.progress.add_task(f"fold {fold}", total=steps, completed=done, told="")

    def step(self, loss: float, rate: float) -> None:
        if self._steps is not None:
            self.progress.update(self._steps, advance=1, told=f"loss {loss:.4f}  lr {rate:.1e}")

    def epoch(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        if self._pictures is not None:
            self.progress.remove_task(self._pictures)
            self._pictures = None
        told = "  ".join(f"{name} {value:.4f}" for name, value in list(values.items())[:_SHOWN])
        self.console.print(f"fold {fold}  epoch {epoch:3d}  {told}", soft_wrap=True)

    def say(self, sentence: str) -> None:
        self.console.print(sentence, style="yellow", soft_wrap=True)

    def seen(self, done: int, total: int) -> None:
        if self._pictures is None:
            self._pictures = self.progress.add_task("predicting", total=total, told="")
        self.progress.update(self._pictures, completed=done, total=total)

    def _forget(self) -> None:
        for task in (self._steps, self._pictures):
            if task is not None:
                self.progress.remove_task(task)
        self._steps = self._pictures = None


@contextmanager
def terminal() -> Iterator[Terminal]:
    """A board on the standard error stream."""
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        yield Terminal(console, progress)
