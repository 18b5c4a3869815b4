"""A run in a line: what lists, filters and tables need of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

_SIMPLE = ("id", "task", "status", "created", "finished", "parent", "seed", "metric", "mode")

KILLED = "killed"
"""Status of a run that is said to be running, though its process is gone."""


@final
@dataclass(frozen=True)
class Score:
    """A score over folds; ``std`` is None for a single fold."""

    mean: float
    std: float | None = None
    folds: tuple[float, ...] = ()

    def __str__(self) -> str:
        """As tables have it.

        >>> str(Score(0.85, 0.05, (0.8, 0.9)))
        '0.8500 ± 0.0500'
        """
        return f"{self.mean:.4f}" + ("" if self.std is None else f" ± {self.std:.4f}")


@final
@dataclass(frozen=True)
class Row:
    """What a list says of a run."""

    id: str
    task: str
    status: str
    created: str
    finished: str | None
    parent: str | None
    seed: int | None
    metric: str | None
    mode: str | None
    scores: Mapping[str, Score]
    leaderboard: Sequence[Mapping[str, Any]]
    tags: tuple[str, ...]
    notes: tuple[str, ...]
    names: tuple[str, ...]
    """What it is promoted to."""
    data: str | None
    commit: str | None

    @property
    def score(self) -> Score | None:
        """The score that ranks."""
        return None if self.metric is None else self.scores.get(self.metric)

    def board(self, split: str = "public") -> float | None:
        """The score that was typed in last for a part of the leaderboard."""
        found = [entry["score"] for entry in self.leaderboard if entry["split"] == split]
        return found[-1] if found else None

    @classmethod
    def of(cls, record: Mapping[str, Any], names: Sequence[str] = ()) -> Row:
        """The row of what ``run.json`` holds."""
        simple: dict[str, Any] = {name: record[name] for name in _SIMPLE}
        scores = {
            name: Score(found["mean"], found["std"], tuple(found["folds"]))
            for name, found in record["scores"].items()
        }
        return cls(
            **simple,
            scores=scores,
            leaderboard=tuple(record["leaderboard"]),
            tags=tuple(record["tags"]),
            notes=tuple(note["text"] for note in record["notes"]),
            names=tuple(names),
            data=(record["data"] or {}).get("fingerprint"),
            commit=record["code"]["commit"],
        )
