"""Boxes as plain arrays, in the functions by which Albumentations' users convert them.

Rows are x_min, y_min, x_max, y_max and whatever follows; ``shape`` is (height, width, …) or a
mapping with ``height`` and ``width``. Arrays come back as float64, inputs stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anamorph.core.box_formats import FORMATS
from anamorph.core.errors import DataError, UnknownNameError, nearest
from anamorph.core.labels import Floats

__all__ = [
    "check_bboxes",
    "convert_bboxes_from_albumentations",
    "convert_bboxes_to_albumentations",
    "denormalize_bboxes",
    "filter_bboxes",
    "normalize_bboxes",
]

Shape = Mapping[str, int] | Sequence[int]


def _size(shape: Shape) -> tuple[int, int]:
    if isinstance(shape, Mapping):
        return int(shape["height"]), int(shape["width"])
    return int(shape[0]), int(shape[1])


def _rows(bboxes: Any) -> Floats:
    rows = np.array(bboxes, np.float64)
    if rows.size == 0:
        return rows.reshape(0, rows.shape[1] if rows.ndim == 2 else 4)
    if rows.ndim != 2 or rows.shape[1] < 4:
        raise DataError(f"bboxes has shape {rows.shape}: it must be (N, 4), or wider")
    return rows


def normalize_bboxes(bboxes: Any, shape: Shape) -> Floats:
    """Bring boxes in pixels to parts of the picture's sides.

    >>> from anamorph.core.box_arrays import normalize_bboxes
    >>> normalize_bboxes([[10, 20, 30, 40]], (100, 200)).tolist()
    [[0.05, 0.2, 0.15, 0.4]]
    """
    height, width = _size(shape)
    rows = _rows(bboxes)
    rows[:, :4] /= (width, height, width, height)
    return rows


def denormalize_bboxes(bboxes: Any, shape: Shape) -> Floats:
    """Bring boxes in parts of the picture's sides to pixels."""
    height, width = _size(shape)
    rows = _rows(bboxes)
    rows[:, :4] *= (width, height, width, height)
    return rows


def _format(name: str) -> Any:
    if name not in FORMATS:
        hint = nearest(str(name), FORMATS)
        raise UnknownNameError(f"format = {name!r}: it must be one of {', '.join(FORMATS)}{hint}")
    return FORMATS[name]


def convert_bboxes_to_albumentations(
    bboxes: Any,
    source_format: str,
    shape: Shape,
    check_validity: bool = False,  # noqa: FBT001, FBT002 - the interface of 2.0.8
) -> Floats:
    """Bring boxes of a format to corners in parts of the picture's sides.

    Raises:
        UnknownNameError: there is no such format.
        DataError: validity is to be checked, and a box reaches out of the picture.
    """
    rows = _rows(bboxes)
    rows[:, :4] = _format(source_format).to_pixels(rows[:, :4].copy(), _size(shape))
    rows = normalize_bboxes(rows, shape)
    if check_validity:
        check_bboxes(rows)
    return rows


def convert_bboxes_from_albumentations(
    bboxes: Any,
    target_format: str,
    shape: Shape,
    check_validity: bool = False,  # noqa: FBT001, FBT002 - the interface of 2.0.8
) -> Floats:
    """Bring corners in parts of the picture's sides to boxes of a format.

    Raises:
        UnknownNameError: there is no such format.
        DataError: validity is to be checked, and a box reaches out of the picture.
    """
    if check_validity:
        check_bboxes(bboxes)
    rows = denormalize_bboxes(bboxes, shape)
    rows[:, :4] = _format(target_format).from_pixels(rows[:, :4], _size(shape))
    return rows


def check_bboxes(bboxes: Any) -> None:
    """Refuse boxes, in parts of the picture's sides, that reach out of it or are turned over.

    Raises:
        DataError: there is one.
    """
    for i, (x0, y0, x1, y1) in enumerate(_rows(bboxes)[:, :4].tolist()):
        inside = all(-1e-6 <= v <= 1 + 1e-6 for v in (x0, y0, x1, y1))
        if not (inside and x0 < x1 and y0 < y1):
            raise DataError(
                f"bboxes[{i}] = {(x0, y0, x1, y1)}: it must be x_min < x_max, y_min < y_max, "
                "all in [0, 1]"
            )


def filter_bboxes(  # noqa: PLR0913, PLR0917 - the interface of 2.0.8
    bboxes: Any,
    shape: Shape,
    min_area: float = 0.0,
    min_visibility: float = 0.0,
    min_width: float = 1.0,
    min_height: float = 1.0,
    max_accept_ratio: float | None = None,
) -> Floats:
    """Clip boxes, in parts of the picture's sides, to the picture, and drop what is too small.

    Areas and sides are in pixels, visibility is the part of the area that is in the picture.
    """
    rows = _rows(bboxes)
    whole = _area(denormalize_bboxes(rows, shape))
    rows[:, :4] = rows[:, :4].clip(0, 1)
    pixels = denormalize_bboxes(rows, shape)
    width, height = pixels[:, 2] - pixels[:, 0], pixels[:, 3] - pixels[:, 1]
    area = _area(pixels)
    keep = (area >= max(min_area, 1e-9)) & (width >= min_width) & (height >= min_height)
    keep &= area >= min_visibility * whole * (1 - 1e-9)
    if max_accept_ratio is not None:
        longer, shorter = np.maximum(width, height), np.minimum(width, height)
        keep &= longer <= max_accept_ratio * shorter
    return rows[keep]


def _area(rows: Floats) -> Floats:
    sides: Floats = (rows[:, 2:4] - rows[:, :2]).clip(0)
    return sides[:, 0] * sides[:, 1]
