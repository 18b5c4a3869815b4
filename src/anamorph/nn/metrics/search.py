"""What a search for thresholds looks through: counts at every cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError
from anamorph.nn.metrics.arrays import Array, marked, same
from anamorph.nn.metrics.components import components
from anamorph.nn.metrics.counts import Counts, Floats


def cuts(scores: Array) -> Floats:
    """A threshold for each way to cut scores in two: between neighbours, and beyond the ends.

    >>> cuts(np.array([0.2, 0.6, 0.6]))
    array([0.1, 0.4, 0.8])
    """
    values = np.unique(np.asarray(scores, np.float64))
    if not values.size:
        return np.array([0.5])
    half = values[:-1] / 2 + values[1:] / 2
    # between two floats that touch there is none: the upper one cuts as well
    half = np.where(half > values[:-1], half, values[1:])
    above = (values[-1] + 1) / 2 if values[-1] < 1 else np.nextafter(values[-1], np.inf)
    return np.concatenate(([values[0] / 2], half, [max(above, np.nextafter(values[-1], np.inf))]))


def label_counts(scores: Array, truth: Array, limits: Floats) -> Counts:
    """Counts of labels at each of some thresholds, by one sorting."""
    values = np.asarray(scores, np.float64)
    order = np.argsort(values, kind="stable")
    below = np.concatenate(([0], np.cumsum(truth[order])))
    place = np.searchsorted(values[order], limits, side="left")
    total, yes = len(values), below[-1]
    hit = yes - below[place]
    said = total - place
    return Counts.of(np.stack((hit, said - hit, yes - hit, total - said - yes + hit), -1))


def best_of(values: Floats, limits: Array) -> tuple[int, float]:
    """Where the greatest value is; of equal ones that with the limit nearest to 0.5."""
    if np.isnan(values).all():
        return int(np.abs(limits - 0.5).argmin()), float("nan")
    greatest = np.nanmax(values)
    equal = values >= greatest - 1e-12
    return int(np.where(equal, np.abs(limits - 0.5), np.inf).argmin()), float(greatest)


@dataclass
class MaskTable:
    """Counts of masks by picture, class, threshold and least area: (C, T, A, 4) a picture."""

    limits: Sequence[float]
    areas: Sequence[int]
    ignore_index: int | None = None
    counts: list[npt.NDArray[np.int64]] = field(default_factory=list)

    def add(self, said: Array, there: Array) -> None:
        """Count a picture: probabilities and a target, (H, W) or (C, H, W).

        Raises:
            DataError: shapes differ from each other or from the pictures before.
        """
        same("ThresholdSearch", said, there)
        said, there = (v[None] if v.ndim == 2 else v for v in (said, there))
        if said.ndim != 3 or (self.counts and len(said) != len(self.counts[0])):
            have = f"a picture of shape {said.shape}"
            raise DataError(f"ThresholdSearch: {have}: it must be (C, H, W), C as before")
        marked("ThresholdSearch", said, 0.5)  # which refuses logits
        valid = (
            np.ones(there.shape, bool) if self.ignore_index is None else there != self.ignore_index
        )
        yes = np.where(valid, there, 0).astype(bool)
        each = [
            [self._at(s, y, v, t) for t in self.limits]
            for s, y, v in zip(said, yes, valid, strict=True)
        ]
        self.counts.append(np.array(each, np.int64))

    def _at(self, said: Array, yes: Array, valid: Array, limit: float) -> Array:
        """(A, 4) counts of one class at one threshold."""
        mask = said >= np.float64(limit)
        if not any(self.areas):
            pieces, numbered = int(mask.any()), mask.astype(np.int32)
        else:
            pieces, numbered = components(mask)
        size = np.bincount(numbered.ravel(), minlength=pieces + 1)[1:]
        counted = np.bincount(numbered[valid], minlength=pieces + 1)[1:]
        hits = np.bincount(numbered[yes], minlength=pieces + 1)[1:]
        kept = size >= np.asarray(self.areas)[:, None]
        hit, positive = (kept * hits).sum(1), (kept * counted).sum(1)
        total, there = int(valid.sum()), int(yes.sum())
        return np.stack((hit, positive - hit, there - hit, total - positive - there + hit), -1)
