"""The ways in which four numbers say a box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anamorph.core.labels import Floats

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Format:
    """How four numbers say a box.

    ``matrix`` takes them to x0, y0, x1, y1 (None for what is that already), ``back`` takes these
    to them; ``parts`` says that they are parts of the picture's sides, ``columns`` what they are.
    """

    columns: str
    parts: bool = False
    matrix: Floats | None = None
    back: Floats | None = None

    def to_pixels(self, rows: Floats, size: Size) -> Floats:
        """Bring rows, which may be overwritten, to corners in pixels."""
        if self.parts:
            rows *= (size[1], size[0], size[1], size[0])
        return rows if self.matrix is None else rows @ self.matrix

    def from_pixels(self, data: Floats, size: Size) -> Floats:
        """Bring corners in pixels to rows."""
        rows = data if self.back is None else data @ self.back
        return rows / (size[1], size[0], size[1], size[0]) if self.parts else rows


_CORNER = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]], np.float64)
_TO_CORNER = np.array([[1, 0, -1, 0], [0, 1, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]], np.float64)
FROM_CENTER = np.array([[2, 0, 2, 0], [0, 2, 0, 2], [-1, 0, 1, 0], [0, -1, 0, 1]]) / 2
TO_CENTER: Floats = np.array([[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]])

FORMATS: Mapping[str, Format] = {
    "pascal_voc": Format("x_min, y_min, x_max, y_max in pixels"),
    "albumentations": Format("x_min, y_min, x_max, y_max as parts of the sides", parts=True),
    "coco": Format("x_min, y_min, width, height in pixels", False, _CORNER, _TO_CORNER),
    "yolo": Format(
        "x_center, y_center, width, height as parts of the sides", True, FROM_CENTER, TO_CENTER
    ),
    "cxcywh": Format("x_center, y_center, width, height in pixels", False, FROM_CENTER, TO_CENTER),
}
