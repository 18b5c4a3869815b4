"""Predictions beside what is true, in one pass and little memory: counts by score, confusion.

Scores are counted in as many steps as a byte has, which is what out-of-fold masks are kept in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from anamorph.tasks.base import Decision, Task
from anamorph.tasks.masks import IGNORED

Array = NDArray[Any]
STEPS = 256
_SAME = 0.5
"""Intersection over union from which a box is of the object."""


class Judge(ABC):
    """Takes in pictures one by one.

    ``right`` and ``wrong`` (classes, `STEPS`) count what was told with a score, ``there`` (classes,)
    what could have been found. ``confusion`` has what is true by rows, what was told by columns, or
    is None. ``worths`` says of each picture how well it was predicted, 1 is perfect.
    """

    names: tuple[str, ...]
    decision: Decision
    task: Any
    worth: ClassVar[str]
    unit: ClassVar[str]

    def __init__(self, task: Any, decision: Decision, names: Sequence[str]) -> None:
        self.task, self.decision, self.names = task, decision, tuple(names)
        self.right: NDArray[np.int64] = np.zeros((len(names), STEPS), np.int64)
        self.wrong: NDArray[np.int64] = np.zeros((len(names), STEPS), np.int64)
        self.there: NDArray[np.int64] = np.zeros(len(names), np.int64)
        self.confusion: Array | None = None
        self.named: tuple[str, ...] = self.names
        self.worths: dict[tuple[int, int], float] = {}

    def add(self, key: tuple[int, int], prediction: Any, truth: Any) -> None:
        """Take in a picture; ``key`` is its fold and its place in it."""
        self.worths[key] = float(self._add(prediction, truth))

    @abstractmethod
    def _add(self, prediction: Any, truth: Any) -> float: ...

    @property
    def ordered(self) -> list[tuple[int, int]]:
        """The pictures, the worst first."""
        return sorted(self.worths, key=lambda key: (self.worths[key], key))

    def _count(self, at: int, scores: Array, true: Array) -> None:
        steps = np.rint(scores.astype(np.float32) * (STEPS - 1)).astype(np.int64)
        self.right[at] += np.bincount(steps[true], minlength=STEPS)
        self.wrong[at] += np.bincount(steps[~true], minlength=STEPS)

    def _confuse(self, true: Array, told: Array) -> None:
        count = len(self.named)
        flat = true.astype(np.int64) * count + told.astype(np.int64)
        table = np.bincount(flat.ravel(), minlength=count * count).reshape(count, count)
        self.confusion = table if self.confusion is None else self.confusion + table

    # ------------------------------------------------------------ curves

    def curves(self, at: int) -> tuple[Array, Array, Array]:
        """Thresholds from low to high, precision (NaN where nothing is told) and recall of a class."""
        right = self.right[at][::-1].cumsum()[::-1]
        told = right + self.wrong[at][::-1].cumsum()[::-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(told > 0, right / told, np.nan)
            recall = right / self.there[at]
        return np.arange(STEPS) / (STEPS - 1), precision, recall

    def f1(self, at: int) -> Array:
        """F1 of a class by threshold."""
        right = self.right[at][::-1].cumsum()[::-1]
        told = right + self.wrong[at][::-1].cumsum()[::-1]
        return np.asarray(2 * right / np.maximum(told + self.there[at], 1))

    def average_precision(self, at: int) -> float:
        """The sum of precision over the steps of recall; NaN for a class that is not there."""
        _, precision, recall = self.curves(at)
        steps = -np.diff(recall, append=0.0)
        return float(np.nansum(precision * steps)) if self.there[at] else float("nan")

    def calibration(self, bins: int = 10) -> tuple[Array, Array, Array]:
        """Mean score, share that is right, and count, over scores in equal bins, of all classes."""
        right, wrong = self.right.sum(0), self.wrong.sum(0)
        scores = np.arange(STEPS) / (STEPS - 1)
        place = np.minimum((scores * bins).astype(np.int64), bins - 1)
        count = np.bincount(place, right + wrong, bins)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(place, (right + wrong) * scores, bins) / count
            share = np.bincount(place, right, bins) / count
        return mean, share, count


@final
class Classes(Judge):
    """Whole pictures."""

    worth = "probability given to the truth"
    unit = "pictures"

    def _add(self, prediction: Any, truth: Any) -> float:
        single = self.task.config.mode != "multilabel"
        true = np.arange(len(prediction)) == truth if single else np.asarray(truth) > 0
        for at in range(len(self.names)):
            self._count(at, prediction[at : at + 1], true[at : at + 1])
        self.there += true
        if single:
            told = self.names.index(self.task.final(prediction, self.decision))
            self._confuse(np.array([truth]), np.array([told]))
            return float(prediction[int(truth)])
        return float(
            np.exp(np.log(np.clip(np.where(true, prediction, 1 - prediction), 1e-9, 1)).mean())
        )


@final
class Masks(Judge):
    """Pixels."""

    worth = "Dice"
    unit = "pixels"

    def __init__(self, task: Any, decision: Decision, names: Sequence[str]) -> None:
        super().__init__(task, decision, names)
        if task.config.mode == "binary":
            self.named: tuple[str, ...] = ("background", *self.names)

    def _add(self, prediction: Any, truth: Any) -> float:
        told = self.task.decided(prediction, self.decision)
        known = truth != IGNORED
        dice = []
        for at in range(len(self.names)):
            there, said, seen = (
                _plane(self.task.config.mode, each, at) for each in (truth, told, known)
            )
            true = there[seen]
            self._count(at, prediction[..., at][seen], true)
            self.there[at] += int(true.sum())
            dice += _dice(true, said[seen])
        if self.task.config.mode != "multilabel":
            self._confuse(truth[known], told[known])
        return float(np.mean(dice)) if dice else 1.0


def _plane(mode: str, mask: Array, at: int) -> Array:
    """Whether pixels are of a class; of what is known, that itself."""
    if mode == "multilabel":
        return np.asarray(mask[..., at] > 0)
    if mask.dtype == bool:
        return mask
    return np.asarray(mask == (1 if mode == "binary" else at))


def _dice(true: Array, told: Array) -> list[float]:
    """Of a class that is there or was told; else none."""
    total = int(true.sum()) + int(told.sum())
    return [2 * int((true & told).sum()) / total] if total else []


@final
class Boxes(Judge):
    """Boxes; those below the threshold of their class count in curves only."""

    worth = "F1 of the boxes"
    unit = "boxes"

    def __init__(self, task: Any, decision: Decision, names: Sequence[str]) -> None:
        super().__init__(task, decision, names)
        self.named: tuple[str, ...] = (*self.names, "nothing")

    def _add(self, prediction: Any, truth: Any) -> float:
        for at in range(len(self.names)):
            mine, own = prediction["labels"] == at, truth["labels"] == at
            scores = prediction["scores"][mine]
            pairs = matched(prediction["boxes"][mine], scores, truth["boxes"][own])
            self._count(at, np.clip(scores, 0, 1), pairs >= 0)
            self.there[at] += int(own.sum())
        sure = self.task.final(prediction, self.decision)["sure"]
        labels = prediction["labels"][sure]
        pairs = matched(prediction["boxes"][sure], prediction["scores"][sure], truth["boxes"])
        nothing = len(self.names)
        missed = np.setdiff1d(np.arange(len(truth["labels"])), pairs)
        found = np.append(truth["labels"], nothing)[pairs]
        self._confuse(
            np.concatenate([found, truth["labels"][missed]]),
            np.concatenate([labels, np.full(len(missed), nothing)]),
        )
        total = len(labels) + len(truth["labels"])
        return 2 * int((found == labels).sum()) / total if total else 1.0


def matched(boxes: Array, scores: Array, there: Array) -> Array:
    """(n,) number of the object that each box finds, or −1: the best scores choose first.

    >>> import numpy as np
    >>> from anamorph.tasks.report.judging import matched
    >>> boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]])
    >>> matched(boxes, np.array([0.5, 0.9, 0.8]), np.array([[0, 0, 10, 10]])).tolist()
    [-1, 0, -1]
    """
    found = np.full(len(boxes), -1, np.int64)
    if not len(boxes) or not len(there):
        return found
    overlaps = _overlaps(np.asarray(boxes, np.float64), np.asarray(there, np.float64))
    for row in np.argsort(-scores, kind="stable"):
        best = int(overlaps[row].argmax())
        if overlaps[row, best] >= _SAME:
            found[row] = best
            overlaps[:, best] = -1
    return found


def _overlaps(first: Array, second: Array) -> Array:
    """Intersection over union of each with each."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    one, other = ((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (first, second))
    return np.asarray(inside / np.maximum(one[:, None] + other[None] - inside, 1e-12))


_JUDGES: Mapping[str, type[Judge]] = {"classify": Classes, "segment": Masks, "detect": Boxes}


def judge_of(task: Task, decision: Decision) -> Judge:
    """Who judges the predictions of a task."""
    return _JUDGES[task.name](task, decision, task.classes)
