"""Scores of masks for each full picture, gathered from whole predictions or from tiles."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import Choice, Listed, Number
from anamorph.nn.metrics.arrays import Array, array, marked, same
from anamorph.nn.metrics.counts import (
    SCORES,
    Counts,
    Empty,
    matrix,
    mean_of,
    one_against_others,
    score,
)
from anamorph.nn.metrics.outlines import boundary as outline

Ints = npt.NDArray[np.int64]


class SegmentationScores:
    """Counts of pixels by picture and class, and the scores that they give.

    Batches may hold whole pictures or parts of them: what has the same id is added up. Parts must
    not overlap: merge overlapping tiles first. Counts are whole numbers, so no order, batch size or
    number of ranks changes a score.

    Args:
        classes: how many, or their names.
        mode: "binary" and "multilabel": probabilities or yes and no, (N, C, H, W), or (N, H, W) of
            one class. "multiclass": numbers of classes (N, H, W), or probabilities (N, C, H, W),
            of which the greatest counts.
        threshold: probabilities of at least this are yes; one, or one a class.
        ignore_index: pixels of the target with this value count for nothing.
        empty: the score of a picture where a class neither is there nor said: 1, 0, or "skip" to
            leave it out of the mean. This decides much where masks are often empty, and has to be
            that of the task.
        scores: names among those of `SCORES`.
        boundary: also score the boundaries of this width, in pixels, or below 1 as a share of the
            diagonal, as `boundary_iou` and so on. Pictures must then come whole.

    >>> scores = SegmentationScores(empty=1)
    >>> scores.update(["a", "b"], np.zeros((2, 4, 4)), np.zeros((2, 4, 4)))
    >>> scores.compute()["dice"]
    1.0
    """

    ignore_index: int | None

    def __init__(  # noqa: PLR0913 - all by name
        self,
        classes: int | Sequence[str] = 1,
        *,
        mode: Literal["binary", "multiclass", "multilabel"] = "binary",
        threshold: float | Sequence[float] = 0.5,
        ignore_index: int | None = None,
        empty: Empty = "skip",
        scores: Sequence[str] = ("dice", "iou"),
        boundary: float | None = None,
    ) -> None:
        place = type(self).__name__
        Choice(("binary", "multiclass", "multilabel")).check(f"{place}.mode", mode)
        Choice(("skip", 0, 1)).check(f"{place}.empty", empty)
        Number(0, above=True, optional=True).check(f"{place}.boundary", boundary)
        Listed(Choice(tuple(SCORES))).check(f"{place}.scores", tuple(scores))
        names = [str(k) for k in range(classes)] if isinstance(classes, int) else list(classes)
        if (mode == "binary") != (len(names) == 1):
            raise ParameterError(f"{place}.classes = {classes}: one is for binary, more are not")
        self.classes: tuple[str, ...] = tuple(names)
        self.mode, self.ignore_index = mode, ignore_index
        self.threshold: npt.NDArray[Any] = np.broadcast_to(
            np.asarray(threshold, float), (len(names),)
        )[:, None, None]
        self.empty: Empty = empty
        self.scores: tuple[str, ...] = tuple(scores)
        self.boundary = boundary
        self._counts: dict[Hashable, Ints] = {}

    def update(self, ids: Sequence[Hashable], predictions: Any, targets: Any) -> None:
        """Count a batch.

        Args:
            ids: which picture each is of, or is a part of.
            predictions: as the mode says; tensors or arrays.
            targets: (N, C, H, W) or (N, H, W).

        Raises:
            DataError: shapes or values are not what they must be.
        """
        said, there, valid = self._read(array(predictions), array(targets))
        if len(ids) != len(said):
            raise DataError(f"{len(ids)} ids of {len(said)} pictures: there must be as many")
        for number, key in enumerate(ids):
            counted = self._counted(said[number], there[number], valid[number])
            if self.boundary is not None and key in self._counts:
                raise DataError(f"picture {key!r} comes twice: boundaries need whole pictures")
            self._counts[key] = self._counts.get(key, 0) + counted

    def merge(self, other: SegmentationScores) -> None:
        """Add what another has counted: on another rank, or of other tiles."""
        for key, counted in other._counts.items():
            self._counts[key] = self._counts.get(key, 0) + counted

    def pictures(self, name: str | None = None) -> dict[Hashable, float]:
        """The score of each picture, the mean over its classes; worst and best are to be seen.

        Args:
            name: of the score; None: the first.
        """
        return {
            key: float(mean_of(score(name or self.scores[0], Counts.of(c[0]), self.empty)))
            for key, c in self._counts.items()
        }

    def compute(self) -> dict[str, float]:
        """All scores.

        ``dice``: the mean over classes of means over pictures; ``dice/name``: of each class;
        ``dice_pixels``: of the counts of all pictures together, the mean over classes. The same
        of other scores, and of boundaries. NaN where nothing is to be scored.
        """
        sides = 1 if self.boundary is None else 2
        empty = np.zeros((0, sides, len(self.classes), 4), np.int64)
        every = np.stack(list(self._counts.values())) if self._counts else empty
        out: dict[str, float] = {}
        for side, prefix in zip(range(sides), ("", "boundary_"), strict=False):
            for name in self.scores:
                out |= self._means(f"{prefix}{name}", name, every[:, side])
        return out

    def _means(self, key: str, name: str, counts: Ints) -> Mapping[str, float]:
        each = mean_of(score(name, Counts.of(counts), self.empty), axis=0)
        whole = score(name, Counts.of(counts.sum(0)), self.empty)
        out = {key: float(mean_of(each)), f"{key}_pixels": float(mean_of(whole))}
        if len(self.classes) > 1:
            out |= {f"{key}/{n}": float(v) for n, v in zip(self.classes, each, strict=True)}
        return out

    def _read(self, said: Array, there: Array) -> tuple[Array, Array, Array]:
        """What is said and there, (N, C, H, W) bools or (N, H, W) numbers, and what counts."""
        place = type(self).__name__
        if self.mode == "multiclass":
            if said.ndim == there.ndim + 1:
                if said.shape[1] != len(self.classes):
                    have = f"{said.shape[1]} channels"
                    raise DataError(f"{place}: {have}: there must be {len(self.classes)}")
                said = said.argmax(1)
            same(place, said, there)
        else:
            said, there = (v[:, None] if v.ndim == 3 else v for v in (said, there))
            same(place, said, there)
            if said.ndim != 4 or said.shape[1] != len(self.classes):
                have = f"predictions of shape {said.shape}"
                raise DataError(f"{place}: {have}: they must be (N, {len(self.classes)}, H, W)")
            said = marked(place, said, self.threshold)
        valid = (
            np.ones(there.shape, bool) if self.ignore_index is None else there != self.ignore_index
        )
        return said, there, valid

    def _counted(self, said: Array, there: Array, valid: Array) -> Ints:
        """(1 or 2, C, 4) counts of a picture, and of its boundaries."""
        known = len(self.classes)
        if self.mode == "multiclass":
            plain = one_against_others(matrix(said[valid], there[valid], known))
            layers = np.arange(known)[:, None, None]
            said, there, valid = (
                said == layers,
                there == layers,
                np.broadcast_to(valid, (known, *valid.shape)),
            )
        else:
            there = np.where(valid, there, 0).astype(bool)
            plain = _pixels(said, there, valid)
        if self.boundary is None:
            return plain[None]
        edges = [np.stack([outline(m, self.boundary) for m in masks]) for masks in (said, there)]
        return np.stack((plain, _pixels(edges[0], edges[1], valid)))


def _pixels(said: Array, there: Array, valid: Array) -> Ints:
    """(C, 4) counts of (C, H, W) masks."""
    pairs = (said & there, said & ~there, ~said & there, ~said & ~there)
    return np.stack([(pair & valid).sum((1, 2)) for pair in pairs], -1)
