"""How sure a cluster is, from the scores of its boxes and the weights of their models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes.pool import Pool


@dataclass(frozen=True, slots=True)
class Votes:
    """What the boxes of each cluster bring, one number a cluster.

    ``strength`` is the sum of score times weight, ``best`` the greatest such product, ``weight``
    the sum of weights, box by box; ``present`` sums the weight of each model once, and ``all`` is
    that of all models there are, ``most`` the greatest.
    """

    strength: Floats
    best: Floats
    weight: Floats
    present: Floats
    all: float
    most: float


def summed(numbers: Ints, values: Floats, count: int) -> Floats:
    """Sum values by number."""
    return np.asarray(np.bincount(numbers, values, count), np.float64)


def votes(pool: Pool, numbers: Ints, count: int) -> Votes:
    """Count what boxes say for clusters with these numbers."""
    best = np.zeros(count)
    np.maximum.at(best, numbers, pool.strength)
    models = len(pool.of_models)
    pairs = np.unique(numbers * models + pool.models)
    return Votes(
        strength=summed(numbers, pool.strength, count),
        best=best,
        weight=summed(numbers, pool.weights, count),
        present=summed(pairs // models, pool.of_models[pairs % models], count),
        all=float(pool.of_models.sum()),
        most=float(pool.of_models.max()),
    )


CONFIDENCES: Mapping[str, Callable[[Votes], Floats]] = {
    "avg": lambda v: v.strength / np.maximum(v.weight, v.all),
    "max": lambda v: v.best / v.most,
    "box_and_model_avg": lambda v: v.strength / v.weight * (v.present / v.all),
    "absent_model_aware_avg": lambda v: v.strength / (v.weight + (v.all - v.present)),
}
"""Each is in [0, 1] if scores are: a weighted mean of them, times a share of the models."""
