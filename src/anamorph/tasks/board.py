"""What is told while a run goes on: to nobody, or to who watches."""

from __future__ import annotations

from collections.abc import Mapping


class Board:
    """Takes in what happens; this one forgets it. The command line has one that shows it."""

    def fold(self, fold: int, steps: int, done: int) -> None:
        """A fold begins, or goes on: its steps, and how many are done."""

    def step(self, loss: float, rate: float) -> None:
        """A step is done."""

    def epoch(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """An epoch is done, with these losses and scores."""

    def say(self, sentence: str) -> None:
        """Something that should be known."""

    def seen(self, done: int, total: int) -> None:
        """So many pictures are predicted."""
