"""Scores and decisions of each task, by the metrics of `anamorph.nn.metrics`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.nn.metrics import (
    DetectionScores,
    SegmentationScores,
    ThresholdSearch,
    build_metrics,
)
from anamorph.tasks.lazy import Lazy
from anamorph.tasks.masks import IGNORED

Scores = dict[str, float]
Array = NDArray[Any]

OF_CLASSES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "multiclass": (("accuracy", "balanced_accuracy", "f1"), ("auroc", "log_loss")),
    "multilabel": (("f1", "f1_micro", "exact_match"), ("auroc", "average_precision", "log_loss")),
    "ordinal": (("kappa_quadratic", "accuracy", "balanced_accuracy"), ("log_loss",)),
}
"""Mode → scores of what was decided, scores of probabilities."""

OF_MASKS = ("dice", "iou", "f2")
SHARES = (0.0, 0.0002, 0.001, 0.005)
"""Of the median picture: areas below which pieces of masks are tried to be left out."""
_OVERLAP = 0.5


def classes(mode: str, probabilities: Array, decided: Array, truths: Array, name: str) -> Scores:
    """Scores of pictures.

    Args:
        mode: of the configuration.
        probabilities: (n, classes).
        decided: (n,) classes, or (n, classes) of 0 and 1.
        truths: as ``decided``.
        name: of a metric that is wanted besides the usual ones.
    """
    kind = "multilabel" if mode == "multilabel" else "multiclass"
    of_decided, of_probabilities = OF_CLASSES[mode]
    if name not in {*of_decided, *of_probabilities}:
        of_probabilities = (*of_probabilities, name)
    target = torch.from_numpy(truths.astype(np.int64))
    said = torch.from_numpy(np.ascontiguousarray(probabilities, np.float32))
    chosen = torch.from_numpy(decided.astype(np.int64))
    count = probabilities.shape[1]
    return {
        **_of(build_metrics(kind, of_decided, count), chosen, target),
        **_of(build_metrics(kind, of_probabilities, count), said, target),
    }


def _of(metrics: Any, said: Any, target: Any) -> Scores:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a class that is not there: it is NaN or 0
        told = metrics(said, target)
    return {name: float(value) for name, value in told.items()}


def label_thresholds(probabilities: Array, truths: Array) -> tuple[float, ...]:
    """For each label the threshold with the best F1."""
    return ThresholdSearch(metric="f1").fit(probabilities, truths).thresholds


# ---------------------------------------------------------------------------- grades


def grade_borders(levels: Array, truths: Array, grades: int) -> tuple[float, ...]:
    """Where one grade ends and the next begins, for the best quadratic kappa.

    Each border in turn goes to the best of the places between its neighbours, until none moves.

    Args:
        levels: (n,) expected grades.
        truths: (n,) grades.
        grades: how many there are.
    """
    borders = [at + 0.5 for at in range(grades - 1)]
    places = np.unique(np.quantile(levels, np.linspace(0, 1, 65)))
    best = quadratic_kappa(np.searchsorted(borders, levels, side="right"), truths, grades)
    moved = True
    while moved:
        moved = False
        for at in range(len(borders)):
            low = borders[at - 1] if at else -np.inf
            high = borders[at + 1] if at + 1 < len(borders) else np.inf
            for place in places[(places > low) & (places < high)].tolist():
                tried = [*borders[:at], place, *borders[at + 1 :]]
                decided = np.searchsorted(tried, levels, side="right")
                score = quadratic_kappa(decided, truths, grades)
                if score > best + 1e-9:
                    best, borders, moved = score, tried, True
    return tuple(borders)


def quadratic_kappa(decided: Array, truths: Array, grades: int) -> float:
    """Cohen's kappa with squared distances as weights (Cohen 1968); 0 where all are of one grade.

    >>> from anamorph.tasks.measures import quadratic_kappa
    >>> quadratic_kappa(np.array([0, 1, 2]), np.array([0, 1, 2]), 3)
    1.0
    """
    table = np.bincount(truths * grades + decided, minlength=grades * grades)
    table = table.reshape(grades, grades)
    far = (np.arange(grades)[:, None] - np.arange(grades)) ** 2
    chance = np.outer(table.sum(1), table.sum(0)) / max(table.sum(), 1)
    expected = float((far * chance).sum())
    return 1 - float((far * table).sum()) / expected if expected else 0.0


# ---------------------------------------------------------------------------- masks


def of_masks(
    mode: str,
    decided: Iterable[Array],
    truths: Iterable[Array],
    names: Sequence[str],
    *,
    empty: Any,
    wanted: Sequence[str] = OF_MASKS,
) -> Scores:
    """Scores of full pictures.

    Args:
        mode: of the configuration.
        decided: H×W classes, or H×W×classes of 0 and 1, a picture each.
        truths: the same; `IGNORED` does not count.
        names: of the classes.
        empty: what a picture scores where a class neither is nor is told: 0, 1, "skip".
        wanted: names of scores.
    """
    scores = SegmentationScores(
        len(names) if mode == "binary" else list(names),
        mode=mode,  # type: ignore[arg-type]
        ignore_index=IGNORED,
        empty=empty,
        scores=wanted,
    )
    for number, (said, there) in enumerate(zip(decided, truths, strict=True)):
        scores.update([number], _first(said)[None], _first(there)[None])
    return scores.compute()


def _first(mask: Array) -> Array:
    """Channels before rows and columns, if there are channels."""
    return np.moveaxis(mask, -1, 0) if mask.ndim == 3 else mask


def mask_thresholds(
    predictions: Sequence[Array], truths: Sequence[Array], *, metric: str, empty: Any
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """For each class the threshold and the least area of a piece that score best."""
    median = float(np.median([truth.shape[0] * truth.shape[1] for truth in truths]))
    areas = tuple(sorted({int(median * share) for share in SHARES}))
    search = ThresholdSearch(metric=metric, min_area=areas, empty=empty, ignore_index=IGNORED)
    found = search.fit(_all(predictions), _all(truths))
    return found.thresholds, found.min_area


def _all(masks: Sequence[Array]) -> Lazy:
    return Lazy(len(masks), lambda at: _channels(masks[at]))


def _channels(mask: Array) -> Array:
    return mask[None] if mask.ndim == 2 else np.moveaxis(mask, -1, 0)


# ---------------------------------------------------------------------------- boxes


def boxes(
    predictions: Sequence[Mapping[str, Any]],
    truths: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    most: int,
) -> Scores:
    """COCO's mean average precision."""
    scores = DetectionScores(names, most)
    scores.update(range(len(truths)), predictions, truths)
    return scores.compute()


def box_thresholds(
    predictions: Sequence[Mapping[str, Any]], truths: Sequence[Mapping[str, Any]], count: int
) -> tuple[float, ...]:
    """For each class the score from which boxes are right most often: the best F1 at IoU 0.5."""
    found = []
    for label in range(count):
        pairs = [
            _matched(said, there, label) for said, there in zip(predictions, truths, strict=True)
        ]
        there = sum(int((each["labels"] == label).sum()) for each in truths)
        scores = np.concatenate([pair[0] for pair in pairs])
        right = np.concatenate([pair[1] for pair in pairs])
        found.append(_best_cut(scores, right, there))
    return tuple(found)


def _matched(said: Mapping[str, Any], there: Mapping[str, Any], label: int) -> tuple[Array, Array]:
    """Scores of the boxes of a class in a picture, and whether each finds an object of its own."""
    mine = said["labels"] == label
    order = np.argsort(-said["scores"][mine], kind="stable")
    scores, told = said["scores"][mine][order], said["boxes"][mine][order]
    overlaps = _overlaps(told, there["boxes"][there["labels"] == label])
    right = np.zeros(len(scores), bool)
    for row in range(len(scores)):
        if overlaps.shape[1]:
            best = int(overlaps[row].argmax())
            if overlaps[row, best] >= _OVERLAP:
                right[row] = True
                overlaps[:, best] = 0
    return scores, right


def _overlaps(first: Array, second: Array) -> Array:
    """Intersection over union of each with each."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(each[:, 2:] - each[:, :2]).prod(axis=1) for each in (first, second)]
    union = areas[0][:, None] + areas[1][None] - inside
    return np.asarray(inside / np.maximum(union, 1e-12))


def _best_cut(scores: Array, right: Array, there: int) -> float:
    """The score from which F1 is best; 0.5 where nothing is right."""
    if not right.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + there)
    best = int(f1.argmax())
    after = scores[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((scores[order[best]] + after) / 2)
