"""The fusions as functions, called as those of `ensemble-boxes`: a list a model of each column.

What differs: coordinates may be in any unit and are not clipped, scores never leave [0, 1], labels
keep their type, a weight of zero leaves a model out, and bad input raises one of this package's
errors. NumPy or torch goes in and comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from anamorph.core.errors import DataError, ParameterError
from anamorph.nn.boxes.fusion import BoxFusion
from anamorph.nn.boxes.methods import NMS, NonMaximumWeighted, SoftNMS, WeightedBoxesFusion

Result = tuple[Any, Any, Any]
"""Boxes, scores and labels, the best score first."""


def nms(
    boxes: Sequence[Any],
    scores: Sequence[Any],
    labels: Sequence[Any],
    iou_thr: float = 0.5,
    weights: Sequence[float] | None = None,
) -> Result:
    """Suppress boxes that overlap a better one of their class; see `NMS`.

    >>> from anamorph.nn.boxes import nms
    >>> nms([[[0, 0, 10, 10]], [[0, 0, 10, 8]]], [[0.5], [0.75]], [[1], [1]])[1].tolist()
    [0.75]
    """
    return _called(NMS(iou=iou_thr, weights=_tuple(weights)), boxes, scores, labels)


def soft_nms(  # noqa: PLR0913, PLR0917 - the interface of ensemble-boxes
    boxes: Sequence[Any],
    scores: Sequence[Any],
    labels: Sequence[Any],
    method: Literal[1, 2] = 2,
    iou_thr: float = 0.5,
    sigma: float = 0.5,
    thresh: float = 0.001,
    weights: Sequence[float] | None = None,
) -> Result:
    """Lower the scores of boxes that overlap a better one of their class; see `SoftNMS`.

    Method 1 is linear, 2 gaussian.

    >>> from anamorph.nn.boxes import soft_nms
    >>> soft_nms([[[0, 0, 10, 10], [0, 0, 10, 8]]], [[0.9, 0.5]], [[1, 1]], method=1)[1].round(3)
    array([0.9, 0.1])
    """
    if method not in _DECAYS:
        raise ParameterError(f"soft_nms.method = {method!r}: it must be 1 (linear) or 2 (gaussian)")
    fusion = SoftNMS(
        decay=_DECAYS[method], iou=iou_thr, sigma=sigma, least=thresh, weights=_tuple(weights)
    )
    return _called(fusion, boxes, scores, labels)


def non_maximum_weighted(
    boxes_list: Sequence[Any],
    scores_list: Sequence[Any],
    labels_list: Sequence[Any],
    weights: Sequence[float] | None = None,
    iou_thr: float = 0.55,
    skip_box_thr: float = 0.0,
) -> Result:
    """Average the best boxes with those that they suppress; see `NonMaximumWeighted`.

    >>> from anamorph.nn.boxes import non_maximum_weighted
    >>> non_maximum_weighted([[[0, 0, 10, 10]], [[0, 0, 10, 8]]], [[0.8], [0.5]], [[1], [1]])[1]
    array([0.8])
    """
    fusion = NonMaximumWeighted(iou=iou_thr, skip=skip_box_thr, weights=_tuple(weights))
    return _called(fusion, boxes_list, scores_list, labels_list)


def weighted_boxes_fusion(  # noqa: PLR0913, PLR0917 - the interface of ensemble-boxes
    boxes_list: Sequence[Any],
    scores_list: Sequence[Any],
    labels_list: Sequence[Any],
    weights: Sequence[float] | None = None,
    iou_thr: float = 0.55,
    skip_box_thr: float = 0.0,
    conf_type: Literal["avg", "max", "box_and_model_avg", "absent_model_aware_avg"] = "avg",
) -> Result:
    """Average all boxes of an object; see `WeightedBoxesFusion`.

    >>> from anamorph.nn.boxes import weighted_boxes_fusion
    >>> boxes, scores, labels = weighted_boxes_fusion(
    ...     [[[0, 0, 10, 10]], [[0, 0, 10, 8]]], [[0.75], [0.25]], [[3], [3]]
    ... )
    >>> boxes.tolist(), scores.tolist(), labels.tolist()
    ([[0.0, 0.0, 10.0, 9.5]], [0.5], [3])
    """
    fusion = WeightedBoxesFusion(
        iou=iou_thr, skip=skip_box_thr, weights=_tuple(weights), confidence=conf_type
    )
    return _called(fusion, boxes_list, scores_list, labels_list)


_DECAYS: dict[int, Literal["gaussian", "linear"]] = {1: "linear", 2: "gaussian"}


def _tuple(weights: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if weights is None else tuple(weights)


def _called(
    fusion: BoxFusion, boxes: Sequence[Any], scores: Sequence[Any], labels: Sequence[Any]
) -> Result:
    if not len(boxes) == len(scores) == len(labels):
        raise DataError(
            f"there are boxes of {len(boxes)} models, scores of {len(scores)} and labels of "
            f"{len(labels)}: it must be one list a model of each"
        )
    found = fusion(
        [
            {"boxes": b, "scores": s, "labels": names}
            for b, s, names in zip(boxes, scores, labels, strict=True)
        ]
    )
    return found["boxes"], found["scores"], found["labels"]
