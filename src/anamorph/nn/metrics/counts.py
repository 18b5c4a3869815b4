"""Scores of counts: of true and false positives and negatives, whatever was counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, UnknownNameError, nearest
from anamorph.nn.metrics.arrays import Array, array

Floats = npt.NDArray[np.float64]
Empty = Literal["skip"] | float


@dataclass(frozen=True, slots=True)
class Counts:
    """Arrays of counts, all of one shape: both, only said, only there, neither."""

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats

    @classmethod
    def of(cls, stacked: Array) -> Counts:
        """Counts of an array (..., 4)."""
        return cls(*(np.asarray(stacked[..., k], np.float64) for k in range(4)))


def _beta(square: float) -> Callable[[Counts], tuple[Floats, Floats]]:
    def fractions(c: Counts) -> tuple[Floats, Floats]:
        hit = (1 + square) * c.tp
        return hit, hit + square * c.fn + c.fp

    return fractions


def _matthews(c: Counts) -> tuple[Floats, Floats]:
    product = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return c.tp * c.tn - c.fp * c.fn, np.sqrt(product)


def _cohen(c: Counts) -> tuple[Floats, Floats]:
    agreed = 2 * (c.tp * c.tn - c.fn * c.fp)
    return agreed, (c.tp + c.fp) * (c.fp + c.tn) + (c.tp + c.fn) * (c.fn + c.tn)


def _balanced(c: Counts) -> tuple[Floats, Floats]:
    yes, no = c.tp + c.fn, c.tn + c.fp
    sides = (yes > 0).astype(float) + (no > 0)
    return c.tp / np.where(yes > 0, yes, 1) + c.tn / np.where(no > 0, no, 1), sides


SCORES: Mapping[str, Callable[[Counts], tuple[Floats, Floats]]] = {
    "dice": _beta(1),
    "f1": _beta(1),
    "f2": _beta(4),
    "f0.5": _beta(0.25),
    "iou": lambda c: (c.tp, c.tp + c.fp + c.fn),
    "precision": lambda c: (c.tp, c.tp + c.fp),
    "recall": lambda c: (c.tp, c.tp + c.fn),
    "specificity": lambda c: (c.tn, c.tn + c.fp),
    "accuracy": lambda c: (c.tp + c.tn, c.tp + c.fp + c.fn + c.tn),
    "balanced_accuracy": _balanced,
    "mcc": _matthews,
    "kappa": _cohen,
}
"""Name → numerator and denominator; all the greater, the better."""


def score(name: str, counts: Counts, empty: Empty = 0.0) -> Floats:
    """A score of each count.

    Args:
        name: one of `SCORES`.
        counts: what was counted.
        empty: the score where something neither is there nor said: 1, 0, or "skip" for NaN.
            Elsewhere 0 of 0 is 0.

    Raises:
        UnknownNameError: there is no score of that name.

    >>> score("dice", Counts.of(np.array([[1, 1, 0, 2], [0, 0, 0, 4]])), empty=1)
    array([0.66666667, 1.        ])
    """
    if name not in SCORES:
        raise UnknownNameError(
            f"score = {name!r}: there is none of this name{nearest(name, SCORES)}"
        )
    top, bottom = SCORES[name](counts)
    values = np.divide(top, bottom, out=np.zeros_like(bottom), where=bottom != 0)
    nothing = (counts.tp + counts.fp + counts.fn == 0) & (bottom == 0)
    return np.where(nothing, np.nan if empty == "skip" else float(empty), values)


def mean_of(values: Floats, axis: int | None = None) -> Floats:
    """The mean without what is NaN, NaN of nothing."""
    known = ~np.isnan(values)
    count = known.sum(axis)
    total = np.where(known, values, 0).sum(axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


class Confusion:
    """How often each class was taken for each: gathered batch by batch, tile by tile, rank by rank.

    Args:
        classes: how many there are.
        ignore_index: targets of this value count for nothing.

    >>> confusion = Confusion(2)
    >>> confusion.update([0, 1, 1], [0, 0, 1])
    >>> confusion.matrix
    array([[1, 1],
           [0, 1]])
    """

    def __init__(self, classes: int, ignore_index: int | None = None) -> None:
        self.ignore_index = ignore_index
        self.matrix: npt.NDArray[np.int64] = np.zeros((classes, classes), np.int64)
        """Rows are true classes, columns predicted ones."""

    def update(self, predictions: Any, targets: Any) -> None:
        """Count classes by number, of any shape.

        Raises:
            DataError: shapes differ, or a class is none.
        """
        said, there = array(predictions), array(targets)
        if said.shape != there.shape:
            have = f"predictions of shape {said.shape} and targets of shape {there.shape}"
            raise DataError(f"Confusion: {have}: they must be equal")
        if self.ignore_index is not None:
            kept = there != self.ignore_index
            said, there = said[kept], there[kept]
        self.matrix += matrix(said, there, len(self.matrix))

    def merge(self, other: Confusion) -> None:
        """Add what another has counted."""
        self.matrix += other.matrix

    @property
    def counts(self) -> Counts:
        """Of each class against all others."""
        return Counts.of(one_against_others(self.matrix))

    def score(self, name: str, empty: Empty = "skip") -> Floats:
        """A score of each class against all others."""
        return score(name, self.counts, empty)


def matrix(said: Array, there: Array, classes: int) -> npt.NDArray[np.int64]:
    """Count pairs (true, predicted) of classes.

    Raises:
        DataError: a class is none.
    """
    for name, values in (("predictions", said), ("targets", there)):
        if values.size and not (values.min() >= 0 and values.max() < classes):
            worst = values.max() if values.min() >= 0 else values.min()
            raise DataError(f"{name} hold class {worst}: it must be in [0, {classes - 1}]")
    pairs = there.astype(np.int64).ravel() * classes + said.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def one_against_others(confusion: Array) -> npt.NDArray[np.int64]:
    """(C, 4) true and false positives, false and true negatives of a confusion matrix."""
    hit = np.diag(confusion)
    false, missed = confusion.sum(0) - hit, confusion.sum(1) - hit
    return np.stack((hit, false, missed, confusion.sum() - hit - false - missed), -1)
