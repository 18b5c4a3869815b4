"""Four fusions, from the plainest to the one that averages most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes.arrays import like, plain
from anamorph.nn.boxes.clusters import clustered
from anamorph.nn.boxes.confidence import CONFIDENCES, summed, votes
from anamorph.nn.boxes.fusion import BoxFusion, Detections, Fused
from anamorph.nn.boxes.greedy import decayed, survivors
from anamorph.nn.boxes.pairs import overlapping
from anamorph.nn.boxes.pool import Pool
from anamorph.nn.boxes.shapes import SHAPES


@dataclass(frozen=True, kw_only=True)
class NMS(BoxFusion):
    """Non-maximum suppression: of boxes that overlap, the one with the best score stays as it is.

    With weights, scores are multiplied by them, relative to the greatest. See `BoxFusion`.

    >>> from anamorph.nn.boxes import NMS
    >>> view = {"boxes": [[10, 10, 50, 50], [12, 10, 50, 50], [70, 10, 90, 30]],
    ...         "scores": [0.6, 0.9, 0.3], "labels": [1, 1, 2]}
    >>> NMS(iou=0.5)(view)["index"].tolist()
    [1, 2]
    """

    def _fuse(self, pool: Pool) -> Fused:
        pairs = overlapping(pool.boxes, pool.groups, self.iou)
        return Fused(np.flatnonzero(survivors(pairs, len(pool.boxes))))


@dataclass(frozen=True, kw_only=True)
class SoftNMS(BoxFusion):
    """Soft suppression (Bodla et al. 2017): boxes that overlap a better one lose some of their score.

    "linear" takes away the part that the intersection over union says, where this is above
    ``iou``; "gaussian" multiplies by exp(-iou² / ``sigma``) wherever boxes overlap. Boxes stay as
    they are; those whose score sinks below ``least`` are dropped. See `BoxFusion`.

    >>> from anamorph.nn.boxes import SoftNMS
    >>> view = {"boxes": [[0, 0, 10, 10], [0, 0, 10, 8]], "scores": [0.9, 0.5]}
    >>> SoftNMS(decay="linear")(view)["scores"].round(3).tolist()
    [0.9, 0.1]
    """

    decay: Literal["gaussian", "linear"] = "gaussian"
    sigma: float = 0.5
    least: float = 0.001

    def _fuse(self, pool: Pool) -> Fused:
        linear = self.decay == "linear"
        pairs = overlapping(pool.boxes, pool.groups, self.iou if linear else 0.0)
        factors = 1.0 - pairs.iou if linear else np.exp(-(pairs.iou**2) / self.sigma)
        strength = pool.strength / pool.of_models.max()
        scores = decayed(pairs, factors, strength, self.least)
        best = np.flatnonzero(scores >= self.least)
        return Fused(best, scores=scores[best])


@dataclass(frozen=True, kw_only=True)
class Averaging(BoxFusion):
    """What fusions that average boxes have in common: their masks may be averaged too.

    Args:
        masks: "best" keeps the mask of the box that stands for each result; "mean" is the mean of
            the masks of all its boxes, weighted by their scores, in floating point.
    """

    masks: Literal["best", "mean"] = "best"

    def _written(
        self, fused: Fused, pool: Pool, columns: dict[str, Any], *, clipped: bool
    ) -> Detections:
        out = super()._written(fused, pool, columns, clipped=clipped)
        if self.masks == "mean" and "masks" in columns and fused.numbers is not None:
            masks = _mean_masks(plain(columns["masks"]), pool, fused.numbers, len(fused.best))
            result = np.argsort(pool.rows[fused.best])
            places = np.searchsorted(pool.rows[fused.best][result], plain(out["index"]))
            out["masks"] = like(columns["masks"], masks[result[places]])
        return out


def _mean_masks(masks: Any, pool: Pool, numbers: Ints, count: int) -> Floats:
    out = np.empty((count, *masks.shape[1:]))
    order = np.argsort(numbers, kind="stable")
    clusters = np.split(order, np.cumsum(np.bincount(numbers, minlength=count))[:-1])
    for place, members in enumerate(clusters[:count]):
        weights = pool.strength[members]
        shares = weights / weights.sum() if weights.any() else np.eye(1, len(members))[0]
        out[place] = np.tensordot(shares, masks[pool.rows[members]].astype(np.float64), 1)
    return out


@dataclass(frozen=True, kw_only=True)
class NonMaximumWeighted(Averaging):
    """Suppression that averages (Zhou et al. 2017): what a box suppresses moves it.

    A result is the mean of a surviving box and those it has suppressed, weighted by score times
    intersection over union with it; its score is that of the survivor. With weights, scores are
    multiplied by them, relative to the greatest. See `BoxFusion`.

    >>> from anamorph.nn.boxes import NonMaximumWeighted
    >>> views = [{"boxes": [[0, 0, 10, 10]], "scores": [0.8]},
    ...          {"boxes": [[0, 0, 10, 8]], "scores": [0.5]}]
    >>> NonMaximumWeighted()(views)["boxes"].round(2).tolist()
    [[0.0, 0.0, 10.0, 9.33]]
    """

    iou: float = 0.55

    def _fuse(self, pool: Pool) -> Fused:
        pairs = overlapping(pool.boxes, pool.groups, self.iou)
        kept = survivors(pairs, len(pool.boxes))
        best = np.flatnonzero(kept)
        pairs = pairs.take(kept[pairs.better] & ~kept[pairs.worse])
        # The survivor that each one overlaps most, the best of equals: the last that is written.
        order = np.lexsort((-pairs.better, pairs.iou))
        survivor, iou = np.arange(len(kept)), np.ones(len(kept))
        survivor[pairs.worse[order]] = pairs.better[order]
        iou[pairs.worse[order]] = pairs.iou[order]
        numbers = np.searchsorted(best, survivor)
        boxes = SHAPES[pool.boxes.shape[1]].aligned(pool.boxes, pool.boxes[survivor])
        return Fused(
            best, boxes=_averaged(boxes, pool.strength * iou, best, numbers), numbers=numbers
        )


def _averaged(boxes: Floats, weights: Floats, best: Ints, numbers: Ints) -> Floats:
    """Average boxes by number, each of which has a best one; this stays where it is alone."""
    count = len(best)
    total = summed(numbers, weights, count)
    columns = [summed(numbers, weights * column, count) for column in boxes.T]
    mixed = (np.bincount(numbers, minlength=count) > 1) & (total > 0.0)
    out = boxes[best]
    out[mixed] = np.stack(columns, axis=1)[mixed] / total[mixed, None]
    return out


@dataclass(frozen=True, kw_only=True)
class WeightedBoxesFusion(Averaging):
    """Weighted boxes fusion (Solovyev, Wang and Gabruseva 2021): all boxes of an object, averaged.

    The best box founds a cluster, each next one joins the cluster whose average it overlaps most,
    or founds another. A result is the mean of a cluster, weighted by score times weight of the
    model. Its score tells how many models agree; it never leaves [0, 1]. See `BoxFusion`.

    Args:
        confidence: with s scores and w weights of a cluster's boxes, W weights of models:
            "avg" Σsw / max(Σw, ΣW), so what half of the models see has half of the score;
            "max" max(sw) / max(W);
            "box_and_model_avg" Σsw / Σw times the share that its models have of ΣW;
            "absent_model_aware_avg" Σsw / (Σw + ΣW of models that have no box in it).

    >>> from anamorph.nn.boxes import WeightedBoxesFusion
    >>> views = [{"boxes": [[0, 0, 10, 10]], "scores": [0.75]},
    ...          {"boxes": [[0, 0, 10, 8]], "scores": [0.25]}]
    >>> found = WeightedBoxesFusion(iou=0.55)(views)
    >>> found["boxes"].tolist(), found["scores"].tolist()
    ([[0.0, 0.0, 10.0, 9.5]], [0.5])
    """

    iou: float = 0.55
    confidence: Literal["avg", "max", "box_and_model_avg", "absent_model_aware_avg"] = "avg"

    def _fuse(self, pool: Pool) -> Fused:
        numbers, boxes = clustered(pool.boxes, pool.strength, pool.groups, self.iou)
        best = np.unique(numbers, return_index=True)[1]
        scores = CONFIDENCES[self.confidence](votes(pool, numbers, len(best)))
        return Fused(best, scores=scores, boxes=boxes, numbers=numbers)
