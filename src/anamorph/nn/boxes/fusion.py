"""The ways to make one list of detections of several: frozen values that are called with views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np

from anamorph.core.errors import ParameterError
from anamorph.core.labels import Floats, Ints
from anamorph.core.params import Choice, Fixed, Flag, Listed, Number, Rule
from anamorph.nn.boxes import forms
from anamorph.nn.boxes.arrays import like, places, taken
from anamorph.nn.boxes.confidence import CONFIDENCES
from anamorph.nn.boxes.pool import Pool, Reading, Size, View, pooled

Detections = dict[str, Any]

_SIZE = Fixed(Number(0, above=True), 2, optional=True)


@dataclass(frozen=True, slots=True)
class Fused:
    """What came out.

    ``best`` is the place in the pool of the box that stands for each result, ``scores`` and
    ``boxes`` are the new ones (None: those of the best are kept), ``numbers`` says which result
    each box of the pool has gone into.
    """

    best: Ints
    scores: Floats | None = None
    boxes: Floats | None = None
    numbers: Ints | None = None


@dataclass(frozen=True, kw_only=True)
class BoxFusion(ABC):
    """What all fusions have in common; called with the detections of several models or views.

    A view is a dictionary as torchvision's detectors give it: ``boxes`` (N, 4), ``scores`` (N,) in
    [0, 1], ``labels`` (N,) unless there is one class only, ``masks`` (N, ...) and whatever else has
    one row a box. Values are arrays or tensors, and come back as such: kind, device and dtype are
    kept. Coordinates may be in any unit.

    The result is one dictionary with the same keys, the best score first, and ``index``: where the
    box that stands for each result is, counted through the boxes of all views one after the other.
    What is neither box nor score is that of this box.

    Boxes without an area are left out, and so are those of models whose weight is zero.

    Args:
        iou: boxes belong together if their intersection over union is above it.
        skip: boxes with a lower score are left out.
        weights: how much each view counts, whatever their sum; None: all alike.
        class_agnostic: put boxes together whatever their labels.
        format: what a row of ``boxes`` is: "xyxy", "xywh", "cxcywh", "obb" (centre, size, degrees
            counter-clockwise), "quads" ((N, 4, 2) or (N, 8) corners of convex quadrilaterals).
    """

    iou: float = 0.5
    skip: float = 0.0
    weights: tuple[float, ...] | None = None
    class_agnostic: bool = False
    format: Literal["xyxy", "xywh", "cxcywh", "obb", "quads"] = "xyxy"

    rules: ClassVar[Mapping[str, Rule]] = {
        "iou": Number(0, 1),
        "skip": Number(0, 1),
        "weights": Listed(Number(0), optional=True, empty=False),
        "class_agnostic": Flag(),
        "format": Choice(tuple(forms.FORMS)),
        "confidence": Choice(tuple(CONFIDENCES)),
        "masks": Choice(("best", "mean")),
        "decay": Choice(("gaussian", "linear")),
        "sigma": Number(0, above=True),
        "least": Number(0, 1),
    }

    def __post_init__(self) -> None:
        for field in fields(self):
            place = f"{type(self).__name__}.{field.name}"
            checked = self.rules[field.name].check(place, getattr(self, field.name))
            object.__setattr__(self, field.name, checked)
        if self.weights is not None and not any(self.weights):
            raise ParameterError(
                f"{type(self).__name__}.weights = {self.weights}: one must be above zero"
            )

    def __call__(self, views: View | Sequence[View], size: Size | None = None) -> Detections:
        """Make one list of detections of several.

        Args:
            views: dictionaries of detections, one a model or view, all in the same coordinates;
                or only one.
            size: height and width of the picture, in the unit of the boxes: these are clipped to
                it, and what lies outside is left out; oriented boxes are not cut. None: boxes may
                lie anywhere.

        Raises:
            DataError: a box, score or length is not what it must be.
            DataTypeError: a view is no mapping, or holds no numbers.
            MissingDataError: a view lacks boxes, scores, or a column that others have.
            ParameterError: there are not as many weights as views, or the size is none.
        """
        size = _SIZE.check("size", size)
        how = Reading(self.format, self.skip, self.weights, self.class_agnostic, size)
        pool, columns = pooled(views, how)
        return self._written(self._fuse(pool), pool, columns, clipped=size is not None)

    @abstractmethod
    def _fuse(self, pool: Pool) -> Fused:
        """Decide which boxes stay, or what they become."""

    def _written(
        self, fused: Fused, pool: Pool, columns: dict[str, Any], *, clipped: bool
    ) -> Detections:
        strength = pool.strength[fused.best] / pool.of_models.max()
        scores = strength if fused.scores is None else fused.scores
        order = np.argsort(-scores, kind="stable")
        best = fused.best[order]
        rows = pool.rows[best]
        out = {key: taken(column, rows) for key, column in columns.items()}
        if fused.scores is not None or self.weights is not None:
            out["scores"] = like(columns["scores"], scores[order])
        if fused.boxes is not None or clipped:
            boxes = pool.boxes[best] if fused.boxes is None else fused.boxes[order]
            form = forms.FORMS[self.format]
            written = form.write(boxes).reshape(len(boxes), *columns["boxes"].shape[1:])
            out["boxes"] = like(columns["boxes"], written)
        out["index"] = places(columns["boxes"], rows)
        return out
