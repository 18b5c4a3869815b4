"""Scores of instances: of label maps in which each object has its number."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError
from anamorph.core.params import Listed, Number
from anamorph.nn.metrics.arrays import array, same
from anamorph.nn.metrics.counts import mean_of

Floats = npt.NDArray[np.float64]
THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))


def overlaps(prediction: Any, target: Any) -> Floats:
    """Intersections over union of all objects: (predicted, true), in the order of their numbers.

    Args:
        prediction: (H, W) numbers of objects, 0 for the ground.
        target: the same.

    >>> overlaps([[1, 1, 0]], [[7, 0, 0]])
    array([[0.5]])
    """
    said, there = array(prediction), array(target)
    same("overlaps", said, there)
    rows, row = np.unique(said, return_inverse=True)
    columns, column = np.unique(there, return_inverse=True)
    pairs = row.ravel() * len(columns) + column.ravel()
    both = np.bincount(pairs, minlength=len(rows) * len(columns)).reshape(len(rows), len(columns))
    union = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
    ratio = both / np.maximum(union, 1)
    return np.asarray(ratio[rows != 0][:, columns != 0])


@dataclass(frozen=True, slots=True)
class _Picture:
    hits: npt.NDArray[np.int64]
    said: int
    there: int
    quality: float
    matched: int


class InstanceScores:
    """Average precision of instances and panoptic quality, by picture.

    An object is found if its intersection over union with a predicted one is above a threshold;
    above 0.5 no two can claim the same, so matching needs no choice. The precision at a threshold
    is TP/(TP + FP + FN), as the 2018 Data Science Bowl scored nuclei: the mean over thresholds,
    then over pictures. Pictures without objects count 1 if nothing is said, else 0.

    Args:
        thresholds: at least 0.5 each.

    >>> scores = InstanceScores()
    >>> scores.update(["a"], [[[1, 1, 0]]], [[[1, 1, 0]]])
    >>> scores.compute()["ap"]
    1.0
    """

    def __init__(self, thresholds: Sequence[float] = THRESHOLDS) -> None:
        rule = Listed(Number(0.5, 0.999), empty=False)
        self.thresholds: tuple[float, ...] = rule.check("InstanceScores.thresholds", thresholds)
        self._pictures: dict[Hashable, _Picture] = {}

    def update(self, ids: Sequence[Hashable], predictions: Any, targets: Any) -> None:
        """Score whole pictures: sequences of label maps (H, W).

        Raises:
            DataError: shapes or numbers of pictures differ, or a picture comes twice.
        """
        if not len(ids) == len(predictions) == len(targets):
            have = f"{len(ids)} ids, {len(predictions)} predictions, {len(targets)} targets"
            raise DataError(f"InstanceScores: {have}: there must be as many of each")
        for key, said, there in zip(ids, predictions, targets, strict=True):
            if key in self._pictures:
                raise DataError(f"picture {key!r} comes twice: instances need whole pictures")
            ratio = overlaps(said, there)
            hits = np.array([(ratio > t).sum() for t in self.thresholds])
            sure = ratio[ratio > 0.5]
            self._pictures[key] = _Picture(
                hits, len(ratio), ratio.shape[1], float(sure.sum()), len(sure)
            )

    def merge(self, other: InstanceScores) -> None:
        """Add the pictures of another, of another rank say."""
        self._pictures |= other._pictures

    def pictures(self) -> dict[Hashable, float]:
        """The average precision of each picture."""
        return {key: float(self._precision(p).mean()) for key, p in self._pictures.items()}

    def compute(self) -> dict[str, float]:
        """All scores: ``ap``, ``ap50`` and so on by threshold, ``pq``, ``sq``, ``rq``.

        The last, of all pictures together, are panoptic quality (Kirillov et al. 2019,
        arXiv 1801.00868): rq is F1 of objects at 0.5, sq the mean overlap of those found, pq their product.
        """
        each = [self._precision(p) for p in self._pictures.values()]
        table = np.stack(each) if each else np.full((1, len(self.thresholds)), np.nan)
        out = {"ap": float(mean_of(table))}
        out |= {
            f"ap{100 * t:.0f}": float(v)
            for t, v in zip(self.thresholds, mean_of(table, 0), strict=True)
        }
        every = self._pictures.values()
        matched, objects = sum(p.matched for p in every), sum(p.said + p.there for p in every)
        out["sq"] = sum(p.quality for p in every) / matched if matched else 0.0
        out["rq"] = 2 * matched / objects if objects else float("nan")
        return out | {"pq": out["sq"] * out["rq"]}

    def _precision(self, picture: _Picture) -> Floats:
        union = picture.said + picture.there - picture.hits
        return np.asarray(np.where(union > 0, picture.hits / np.maximum(union, 1), 1.0))
