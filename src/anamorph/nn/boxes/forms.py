"""The ways in which numbers say a box, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core import box_formats, quads
from anamorph.core.errors import DataError, DataTypeError
from anamorph.core.labels import Floats
from anamorph.nn.boxes import polygons


@dataclass(frozen=True, slots=True)
class Form:
    """``read`` brings rows to corners or x0, y0, x1, y1, ``write`` brings them back."""

    columns: int
    words: str
    read: Callable[[Floats], Floats]
    write: Callable[[Floats], Floats]


def _upright(name: str, words: str) -> Form:
    form = box_formats.FORMATS[name]
    return Form(
        4,
        words,
        read=lambda rows: form.to_pixels(rows, (1, 1)),
        write=lambda boxes: form.from_pixels(boxes, (1, 1)),
    )


FORMS: Mapping[str, Form] = {
    "xyxy": _upright("pascal_voc", "(N, 4) x0, y0, x1, y1"),
    "xywh": _upright("coco", "(N, 4) x0, y0, width, height"),
    "cxcywh": _upright("cxcywh", "(N, 4) centre x, y, width, height"),
    "obb": Form(
        5,
        "(N, 5) centre x, y, width, height, degrees counter-clockwise",
        read=quads.corners_of,
        write=quads.rectangles_of,
    ),
    "quads": Form(
        8,
        "(N, 4, 2) or (N, 8) corners around a convex quadrilateral",
        read=polygons.clockwise,
        write=lambda corners: corners,
    ),
}
"""What a row of ``boxes`` may be."""


def read(name: str, rows: npt.NDArray[Any], place: str) -> Floats:
    """Bring the caller's rows to (N, 4) x0, y0, x1, y1 or (N, 8) corners clockwise on the screen.

    Raises:
        DataTypeError: they are no numbers.
        DataError: their shape is not that of the format, or a row is no box.
    """
    form = FORMS[name]
    if rows.dtype.kind not in "uif":
        raise DataTypeError(f"{place} has dtype {rows.dtype}: it must be of numbers")
    if rows.size == 0:
        return np.empty((0, max(form.columns, 4) if form.columns != 5 else 8))
    flat = rows.reshape(len(rows), -1) if form.columns == 8 else rows
    if flat.ndim != 2 or flat.shape[1] != form.columns:
        raise DataError(f"{place} has shape {rows.shape}: as {name!r} it must be {form.words}")
    given = flat.astype(np.float64)
    boxes = form.read(given)
    _refuse(
        ~np.asarray(np.isfinite(boxes).all(axis=1)), flat, place, "it must be of finite numbers"
    )
    _refuse(~_is_box(boxes), flat, place, f"as {name!r} it must be {form.words}")
    return boxes


def _is_box(boxes: Floats) -> npt.NDArray[np.bool_]:
    if boxes.shape[1] == 8:
        return polygons.convex(boxes)
    return np.asarray((boxes[:, 2:] >= boxes[:, :2]).all(axis=1))


def _refuse(wrong: npt.NDArray[np.bool_], rows: npt.NDArray[Any], place: str, wanted: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{place}[{row}] = {rows[row].tolist()}: {wanted}")


def clipped(boxes: Floats, size: tuple[float, float]) -> Floats:
    """Cut boxes at the borders of a picture; oriented ones stay as they are, or go to nothing."""
    height, width = size
    if boxes.shape[1] == 4:
        return boxes.clip(0.0, (width, height, width, height))
    canvas = np.array([[0.0, 0.0, width, 0.0, width, height, 0.0, height]])
    seen = polygons.common(boxes, np.broadcast_to(canvas, boxes.shape)) > 0.0
    return np.where(seen[:, None], boxes, 0.0)
