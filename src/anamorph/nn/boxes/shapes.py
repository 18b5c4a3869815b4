"""What the fusions ask of boxes: (N, 4) upright ones, or (N, 8) corners of oriented ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from anamorph.core.labels import Floats
from anamorph.nn.boxes import polygons


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of box: ``common`` and ``aligned`` take two arrays of boxes, row by row."""

    bounds: Callable[[Floats], Floats]
    area: Callable[[Floats], Floats]
    common: Callable[[Floats, Floats], Floats]
    aligned: Callable[[Floats, Floats], Floats]
    exact: bool
    """Whether the bounds say all."""

    def iou(self, a: Floats, b: Floats) -> Floats:
        """Intersection over union, row by row; 0 where both have no area."""
        shared = self.common(a, b)
        union = self.area(a) + self.area(b) - shared
        return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0)


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _common(a: Floats, b: Floats) -> Floats:
    width = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    height = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    return np.asarray(np.maximum(width, 0.0) * np.maximum(height, 0.0))


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
        common=polygons.common,
        aligned=polygons.aligned,
        exact=False,
    ),
}
"""Columns of an array → what its rows are."""
