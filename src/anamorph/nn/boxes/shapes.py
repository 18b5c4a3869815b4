"""What the fusions ask of boxes: (N, 4) upright ones, or (N, 8) corners of oriented ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes import polygons

_TINY = np.finfo(np.float64).tiny

Columns = Sequence[Floats]
"""The coordinates of boxes, one array each: three times as quick to pick from as rows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of box: ``common`` and ``aligned`` take two lists of boxes, one by one."""

    bounds: Callable[[Floats], Floats]
    area: Callable[[Floats], Floats]
    common: Callable[[Columns, Columns], Floats]
    aligned: Callable[[Floats, Floats], Floats]
    exact: bool
    """Whether the bounds say all."""

    def iou(self, boxes: Floats, one: Ints, other: Ints) -> Floats:
        """Intersection over union of pairs of boxes; 0 where neither has an area."""
        columns, area = np.ascontiguousarray(boxes.T), self.area(boxes)
        shared = self.common([c[one] for c in columns], [c[other] for c in columns])
        union = area[one]
        union += area[other]
        union -= shared
        return np.divide(shared, np.maximum(union, _TINY, out=union), out=shared)


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _common(a: Columns, b: Columns) -> Floats:
    shared = np.minimum(a[2], b[2])
    shared -= np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3])
    height -= np.maximum(a[1], b[1])
    np.maximum(shared, 0.0, out=shared)
    shared *= np.maximum(height, 0.0, out=height)
    return shared


def _common_quads(a: Columns, b: Columns) -> Floats:
    return polygons.common(np.stack(a, axis=1), np.stack(b, axis=1))


def _bounds(corners: Floats) -> Floats:
    quads = corners.reshape(-1, 4, 2)
    return np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)


SHAPES: Mapping[int, Shape] = {
    4: Shape(
        bounds=lambda boxes: boxes,
        area=_area,
        common=_common,
        aligned=lambda boxes, _: boxes,
        exact=True,
    ),
    8: Shape(
        bounds=_bounds,
        area=polygons.areas,
        common=_common_quads,
        aligned=polygons.aligned,
        exact=False,
    ),
}
"""Columns of an array → what its rows are."""
