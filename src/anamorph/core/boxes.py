"""Bounding boxes: how they are written by the caller, and when they are dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from anamorph.core.box_formats import FORMATS, FROM_CENTER, TO_CENTER, Size
from anamorph.core.errors import DataError, ParameterError, ParameterTypeError
from anamorph.core.labels import Boxes, Floats, numbers, row_of, rows_like
from anamorph.core.options import names, translate
from anamorph.core.params import Choice, Flag, Number
from anamorph.core.quads import corners_of, half_turn, rectangles_of, visible

SLIVER = 0.01
"""Boxes as thin as this, in pixels, are dropped: it is what rounding to six digits leaves of a box
that only touches a crop, in a picture of up to ten thousand pixels."""
OVERSHOOT = 0.02
"""Pixels by which a box may reach out of the picture and be taken for rounded, …"""
OVERSHOOT_PART = 1e-5
"""… and this part of the picture's side on top: COCO rounds to two digits, YOLO to six."""
_DUST = 1e-9


OBB = "obb"
_OBB_COLUMNS = "x_center, y_center, width, height in pixels and an angle in degrees"


# ---------------------------------------------------------------------------- parameters


@dataclass(frozen=True, init=False)
class BboxParams:
    """How bounding boxes are written, which labels belong to them, and when they are dropped.

    Formats: ``pascal_voc`` (x_min, y_min, x_max, y_max in pixels), ``albumentations`` (the same as
    parts of the sides), ``coco`` (x_min, y_min, width, height), ``yolo`` (x_center, y_center,
    width, height as parts of the sides), ``cxcywh`` (the same in pixels), and ``obb``: oriented
    boxes (x_center, y_center, width, height, angle), the angle in degrees counter-clockwise on the
    screen. Further columns of any kind stay with their row.

    An oriented box is kept whole or dropped; it is never cut. Its angle comes back as it was given
    if the box was not turned, else in [-90, 90). After a shear or in perspective it is the least
    rectangle around what the box has become.

    Coordinates are continuous: the picture spans [0, width] × [0, height]. A box that reaches out
    of it by 0.02 pixels and 1e-5 of the side or less is taken for rounded and clipped. After a
    transform boxes are clipped to the picture, and those thinner than 0.01 pixels are dropped.

    Args:
        format: one of the formats above.
        label_fields: keys of the call that hold one label a box.
        min_area: least area in pixels, of what is in the picture.
        min_visibility: least part of the area that is in the picture.
        min_width: least width in pixels.
        min_height: least height in pixels.
        check_each_transform: drop boxes after each step, not only at the end.
        clip: clip boxes of the caller's that reach out of the picture.
        filter_invalid_bboxes: clip them, and drop those of which nothing is left.
        max_accept_ratio: greatest ratio of the longer to the shorter side; None for any.
        bbox_type: "obb" says that a fifth column is an angle about the centre, clockwise as
            AlbumentationsX has it, in degrees; "hbb" that there is none.

    >>> A.BboxParams("coco", label_fields=["name"], min_area=4).label_fields
    ('name',)
    """

    format: str
    label_fields: tuple[str, ...]
    min_area: float
    min_visibility: float
    min_width: float
    min_height: float
    check_each_transform: bool
    clip: bool
    filter_invalid_bboxes: bool
    max_accept_ratio: float | None
    bbox_type: str

    def __init__(  # noqa: PLR0913, PLR0917 - the interface of Albumentations 2.0.8
        self,
        format: str | None = None,  # noqa: A002
        label_fields: Sequence[str] | None = None,
        min_area: float = 0.0,
        min_visibility: float = 0.0,
        min_width: float = 0.0,
        min_height: float = 0.0,
        check_each_transform: bool = True,  # noqa: FBT001, FBT002
        clip: bool = False,  # noqa: FBT001, FBT002
        filter_invalid_bboxes: bool = False,  # noqa: FBT001, FBT002
        max_accept_ratio: float | None = None,
        *,
        bbox_type: str = "hbb",
        **others: Any,
    ) -> None:
        given = {
            "format": format,
            "label_fields": label_fields,
            "min_area": min_area,
            "min_visibility": min_visibility,
            "min_width": min_width,
            "min_height": min_height,
            "check_each_transform": check_each_transform,
            "clip": clip,
            "filter_invalid_bboxes": filter_invalid_bboxes,
            "max_accept_ratio": max_accept_ratio,
            "bbox_type": bbox_type,
        }
        _understand(others)
        translate("BboxParams", given, others, _RENAMED)
        for name, value in given.items():
            place = f"BboxParams.{name}"
            checked = (
                names(place, value) if name == "label_fields" else _RULES[name].check(place, value)
            )
            object.__setattr__(self, name, checked)

    def values(self) -> dict[str, Any]:
        """Parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    # ------------------------------------------------------------------------------ in

    @property
    def oriented(self) -> bool:
        """Whether boxes have an angle."""
        return OBB in (self.format, self.bbox_type)

    @cached_property
    def _picky(self) -> bool:
        return bool(
            self.min_area
            or self.min_visibility
            or self.min_width
            or self.min_height
            or self.max_accept_ratio
        )

    @property
    def settles_last(self) -> bool:
        """Whether boxes must be settled once more before they are handed out.

        Thresholds hold for what is handed out even if no step has touched the boxes.
        """
        return self._picky or not self.check_each_transform

    def read(self, value: Any, size: Size) -> Boxes:
        """Bring the caller's boxes to continuous pixels.

        Args:
            value: a list, tuple or array of rows.
            size: height and width of the picture.

        Raises:
            DataError: a box is not what the format says, or lies outside of the picture.
        """
        if self.oriented:
            return self._read_oriented(value, size)
        data = FORMATS[self.format].to_pixels(numbers(value, 4, "bboxes"), size)
        boxes = Boxes(data, np.arange(len(data)))
        if len(data) == 0 or _within(data.T.copy(), size, 0.0):
            return boxes
        return self._admitted(boxes, value, size)

    def _admitted(self, boxes: Boxes, given: Any, size: Size) -> Boxes:
        data = boxes.data
        sides = np.array((size[1], size[0], size[1], size[0]), np.float64)
        bad = ~np.isfinite(data).all(axis=1)
        if not (self.clip or self.filter_invalid_bboxes):
            slack = OVERSHOOT + OVERSHOOT_PART * sides
            bad |= ((data < -slack) | (data > sides + slack)).any(axis=1)
        data = np.clip(data, 0.0, sides)
        bad |= ~(data[:, 2:] > data[:, :2]).all(axis=1)
        if not bad.any():
            return Boxes(data, boxes.index)
        if not self.filter_invalid_bboxes:
            raise self._refusal(int(bad.argmax()), boxes.data, given, size)
        return Boxes(data[~bad], boxes.index[~bad])

    def _refusal(self, row: int, data: Floats, given: Any, size: Size) -> DataError:
        place = f"bboxes[{row}] = {row_of(given, row)}"
        wanted = _OBB_COLUMNS if self.format == OBB else FORMATS[self.format].columns
        x0, y0, x1, y1 = data[row]
        if not np.isfinite(data[row]).all():
            what = "its values must be finite"
        elif not (x1 > x0 and y1 > y0):
            what = "its width and height must be above 0"
        elif self.clip:
            what = "none of it lies in the picture"
        else:
            what = (
                "it must lie in the picture (clip=True cuts it, filter_invalid_bboxes=True drops "
                "what is not there at all)"
            )
        return DataError(
            f"{place} is not a box of format {self.format!r} ({wanted}) in a picture {size[1]} "
            f"wide and {size[0]} high: {what}"
        )

    # ------------------------------------------------------------------------ oriented

    def _rectangles(self, value: Any, size: Size) -> Floats:
        rows = numbers(value, 5, "bboxes")
        if self.format != OBB:
            rows[:, :4] = FORMATS[self.format].to_pixels(rows[:, :4], size) @ TO_CENTER
            rows[:, 4] *= -1.0
        return rows

    def _read_oriented(self, value: Any, size: Size) -> Boxes:
        rows = self._rectangles(value, size)
        index = np.arange(len(rows))
        good = np.asarray(np.isfinite(rows).all(axis=1) & (rows[:, 2:4] > 0.0).all(axis=1))
        corners = corners_of(rows)
        good[good] = visible(corners[good], size)[:, 1] > 0.0
        if not good.all() and not self.filter_invalid_bboxes:
            half = rows[:, 2:4] / 2
            spans = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
            raise self._refusal(int(good.argmin()), spans, value, size)
        return Boxes(corners[good], index[good])

    def _write_oriented(self, boxes: Boxes, given: Any, size: Size) -> Any:
        rows = rectangles_of(boxes.data)
        before = numbers(given, 5, "bboxes")[boxes.index, 4]
        if self.format != OBB:
            rows[:, 4] = half_turn(-rows[:, 4])
            rows[:, :4] = FORMATS[self.format].from_pixels(rows[:, :4] @ FROM_CENTER, size)
        same = np.abs(half_turn(rows[:, 4] - before)) < _DUST
        rows[same, 4] = before[same]
        return rows_like(given, rows, boxes.index)

    # ----------------------------------------------------------------------- after an op

    def settle(self, boxes: Boxes, size: Size, before: Boxes | None = None) -> Boxes:
        """Clip boxes to the canvas and drop those that the thresholds do not let through.

        Args:
            boxes: boxes in pixels of the canvas.
            size: height and width of the canvas.
            before: the boxes before the step, which know what was cut off earlier: so
                ``min_visibility`` means the object as it came, however many steps there are.
        """
        data = boxes.data
        if len(data) == 0:
            return boxes
        if boxes.oriented:
            return self._settle_oriented(boxes, size)
        columns = data.T.copy()  # work along contiguous memory is several times quicker
        inside = _within(columns, size, SLIVER)
        if inside and not self._picky:
            return boxes
        whole = columns[2:] - columns[:2]
        sides = whole if inside else _clip(columns, size)
        keep = np.minimum.reduce(sides) > SLIVER
        seen = None
        if self._picky:
            seen = self._seen(sides, whole, _carried(boxes, before))
            keep &= self._passes(sides, sides[0] * sides[1], seen)
        return _kept(Boxes(data if inside else columns.T.copy(), boxes.index, seen), keep)

    def _seen(self, sides: Floats, whole: Floats, earlier: Floats | None) -> Floats | None:
        """What is left of each box, of what was left earlier; None if all of all boxes."""
        if not self.min_visibility or sides is whole:
            return earlier
        area = np.multiply.reduce(whole)
        part: Floats = sides[0] * sides[1] / np.where(area > 0.0, area, 1.0)
        return part if earlier is None else part * earlier

    def _settle_oriented(self, boxes: Boxes, size: Size) -> Boxes:
        """Keep boxes whole, or drop them. What is in sight is measured anew, so nothing carries."""
        whole, area, extent = visible(boxes.data, size).T
        sides = rectangles_of(boxes.data)[:, 2:4].T
        keep = (area > SLIVER * extent) & (sides > SLIVER).all(axis=0)
        part = np.divide(area, whole, out=np.zeros_like(area), where=whole > 0.0)
        return _kept(boxes, keep & self._passes(sides, area, part))

    def _passes(self, sides: Floats, area: Floats, seen: Floats | None) -> Any:
        """Tell which boxes reach all thresholds; a hair below counts as reached."""
        most = 1.0 - _DUST
        keep = area >= self.min_area * most
        if self.min_visibility and seen is not None:
            keep &= seen >= self.min_visibility * most
        if self.min_width or self.min_height:
            keep &= sides[0] >= self.min_width * most
            keep &= sides[1] >= self.min_height * most
        if self.max_accept_ratio:
            keep &= sides.max(axis=0) * most <= self.max_accept_ratio * sides.min(axis=0)
        return keep

    # ----------------------------------------------------------------------------- out

    def write(self, boxes: Boxes, given: Any, size: Size) -> Any:
        """Bring boxes back to the caller's format and container.

        Args:
            boxes: boxes in pixels.
            given: what `read` was given; further columns come from there.
            size: height and width of the picture now.
        """
        if self.oriented:
            return self._write_oriented(boxes, given, size)
        return rows_like(given, FORMATS[self.format].from_pixels(boxes.data, size), boxes.index)


def _within(columns: Floats, size: Size, thin: float) -> bool:
    """Tell whether all boxes (4, N) are in the picture and thicker than a sliver; NaN is not."""
    return bool(
        np.minimum.reduce(columns[:2], axis=None) >= 0.0
        and np.maximum.reduce(columns[2]) <= size[1]
        and np.maximum.reduce(columns[3]) <= size[0]
        and np.minimum.reduce(columns[2:] - columns[:2], axis=None) > thin
    )


def _clip(columns: Floats, size: Size) -> Floats:
    """Clip boxes (4, N) to the picture in place; give their widths and heights."""
    np.maximum(columns, 0.0, out=columns)
    np.minimum(columns, ((size[1],), (size[0],), (size[1],), (size[0],)), out=columns)
    return columns[2:] - columns[:2]


def _carried(boxes: Boxes, before: Boxes | None) -> Floats | None:
    """What was in sight of each box before a step, found by where the rows come from.

    A kernel that hides parts of boxes says itself what is left.
    """
    if boxes.seen is not None or before is None or before.seen is None or len(before.index) == 0:
        return boxes.seen
    if len(before.index) == len(boxes.index) and (before.index == boxes.index).all():
        return before.seen
    table = np.ones(max(before.index.max(), boxes.index.max()) + 1)
    table[before.index[::-1]] = before.seen[::-1]
    return table[boxes.index]


def _kept(boxes: Boxes, keep: Any) -> Boxes:
    return boxes if keep.all() else boxes.take(keep)


# ------------------------------------------------------------------- parameters, checked

_FORMATS = Choice((*FORMATS, OBB))
_RULES: Mapping[str, Any] = {
    "format": _FORMATS,
    "min_area": Number(0),
    "min_visibility": Number(0, 1),
    "min_width": Number(0),
    "min_height": Number(0),
    "check_each_transform": Flag(),
    "clip": Flag(),
    "filter_invalid_bboxes": Flag(),
    "max_accept_ratio": Number(1, optional=True),
    "bbox_type": Choice(("hbb", OBB)),
}
_RENAMED: Mapping[str, str] = {"coord_format": "format", "clip_bboxes_on_input": "clip"}


def _understand(others: dict[str, Any]) -> None:
    if others.pop("clip_after_transform", True) is not True:
        raise ParameterError(
            "BboxParams.clip_after_transform: it must be True; boxes are always clipped to the "
            "picture after a transform"
        )


def as_bbox_params(value: Any) -> BboxParams | None:
    """Take parameters of boxes as they are, or make them from a dictionary.

    Raises:
        ParameterTypeError: it is neither.
    """
    if value is None or isinstance(value, BboxParams):
        return value
    if isinstance(value, Mapping):
        return BboxParams(**value)
    raise ParameterTypeError(
        f"bbox_params = {value!r}: it must be BboxParams(...) or a dictionary of its parameters"
    )
