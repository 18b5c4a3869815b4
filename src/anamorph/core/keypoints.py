"""Keypoints: how they are written by the caller, when they are dropped, and left and right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, ParameterError, ParameterTypeError
from anamorph.core.labels import (
    ANGLE,
    PARITY,
    SCALE,
    Floats,
    Ints,
    Points,
    X,
    Y,
    Z,
    numbers,
    pick,
    row_of,
    rows_like,
)
from anamorph.core.mirrored import exchanged, pairs_of, swaps_of
from anamorph.core.options import names, translate
from anamorph.core.params import Choice, Flag

Size = tuple[int, int]

SEEN = 6
"""Stands for the column of visibility, which is the caller's and does not travel."""
FORMATS: Mapping[str, tuple[int, ...]] = {
    "xy": (X, Y),
    "yx": (Y, X),
    "xya": (X, Y, ANGLE),
    "xys": (X, Y, SCALE),
    "xyas": (X, Y, ANGLE, SCALE),
    "xysa": (X, Y, SCALE, ANGLE),
    "xyz": (X, Y, Z),
    "xyv": (X, Y, SEEN),
}
"""Name → what the columns are."""
SLACK = 0.02
"""Pixels by which a point may lie left of or above the picture and be taken for rounded."""
_DUST = 1e-6
_TURN = 2 * math.pi
_PLAIN = (0.0, 0.0, 0.0, 0.0, 1.0, 1.0)
_CLAMPED = 2.0
"""Size of the parity of a point that was moved to the picture's edge when it was read."""


@dataclass(frozen=True, init=False)
class KeypointParams:
    """How keypoints are written, which labels belong to them, and what becomes of those outside.

    Formats are the order of the columns: ``xy``, ``yx``, ``xya``, ``xys``, ``xyas``, ``xysa``,
    ``xyz``, ``xyv`` with angle a, scale s, depth z and the visibility v of COCO. Further columns of
    any kind stay with their row. x and y are pixel indices: the centre of the first pixel is
    (0, 0), so a picture of width w shows x from -0.5 to w - 0.5. Points up to x = w, which
    Albumentations takes too, count as on its right edge. Angles turn counter-clockwise on the
    screen; they come back in [0, 360) or [0, 2π).

    Label fields and further columns stay with their points, also where rows are exchanged.

    Args:
        format: one of the formats above.
        label_fields: keys of the call that hold one label a point.
        remove_invisible: drop points that leave the picture or have no place (NaN). If False,
            every point comes back, in order; one that has no place any more is NaN, and one that
            was NaN stays what it was.
        angle_in_degrees: whether angles are degrees or radians.
        check_each_transform: drop points after each step, not only at the end.
        flip_pairs: pairs of rows that exchange places when the picture is mirrored, for points
            whose place in the list says what they are: ((1, 2), (3, 4)).
        flip_labels: field → pairs of labels that are exchanged when the picture is mirrored:
            {"name": {"left_eye": "right_eye"}}.

    In ``xyv`` a point with v = 0 is not labelled: it has no place. A point that leaves the picture,
    or has no place any more, gets v = 0 if it is not dropped.

    >>> A.KeypointParams("xy", ["name"], flip_labels={"name": {"left": "right"}}).flip_labels
    (('name', (('left', 'right'),)),)
    """

    format: str
    label_fields: tuple[str, ...]
    remove_invisible: bool
    angle_in_degrees: bool
    check_each_transform: bool
    flip_pairs: tuple[tuple[int, int], ...]
    flip_labels: tuple[tuple[str, tuple[tuple[Any, Any], ...]], ...]

    def __init__(  # noqa: PLR0913 - the interface of Albumentations 2.0.8 and two options
        self,
        format: str | None = None,  # noqa: A002
        label_fields: Sequence[str] | None = None,
        remove_invisible: bool = True,  # noqa: FBT001, FBT002
        angle_in_degrees: bool = True,  # noqa: FBT001, FBT002
        check_each_transform: bool = True,  # noqa: FBT001, FBT002
        *,
        flip_pairs: Iterable[Sequence[int]] = (),
        flip_labels: Any = None,
        **others: Any,
    ) -> None:
        given = {
            "format": format,
            "label_fields": label_fields,
            "remove_invisible": remove_invisible,
            "angle_in_degrees": angle_in_degrees,
            "check_each_transform": check_each_transform,
            "flip_pairs": flip_pairs,
            "flip_labels": flip_labels,
        }
        if "label_mapping" in others:
            raise ParameterTypeError(
                "KeypointParams has no parameter 'label_mapping': write "
                'flip_labels={"field": {"left": "right"}}, which holds for every transform that '
                "mirrors"
            )
        translate("KeypointParams", given, others, {"coord_format": "format"})
        for name, value in given.items():
            checked = _CHECKS[name](f"KeypointParams.{name}", value)
            object.__setattr__(self, name, checked)
        for field, _ in self.flip_labels:
            if field not in self.label_fields:
                raise ParameterError(
                    f"KeypointParams.flip_labels names the field {field!r}: it must be one of "
                    f"label_fields {self.label_fields}"
                )

    def values(self) -> dict[str, Any]:
        """Parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    # ------------------------------------------------------------------------------ in

    def read(self, value: Any, size: Size) -> Points:
        """Bring the caller's keypoints to continuous pixels.

        Args:
            value: a list, tuple or array of rows.
            size: height and width of the picture.

        Raises:
            DataError: a point lies outside of the picture and invisible points are to be dropped.
        """
        columns = FORMATS[self.format]
        rows = numbers(value, len(columns), "keypoints")
        data = np.empty((len(rows), 6))
        data[:] = _PLAIN
        data[:, self._from] = rows
        if ANGLE in columns and self.angle_in_degrees:
            data[:, ANGLE] = np.radians(data[:, ANGLE])
        data[:, :2] += 0.5
        if SEEN in columns:
            data[:, :2] = np.where(rows[:, 2:] == 0.0, np.nan, rows[:, :2] + 0.5)
        points = Points(data, np.arange(len(data)), fixed=not self.remove_invisible)
        if points.fixed or len(data) == 0 or _within(data, size):
            return points
        return self._admitted(points, value, size)

    def _admitted(self, points: Points, given: Any, size: Size) -> Points:
        data = points.data
        x, y = data[:, X], data[:, Y]
        nowhere = np.isnan(x) | np.isnan(y)
        high = np.array((size[1], size[0]), np.float64)
        place = data[:, :2]
        good = ((place >= -SLACK) & (place < high + 0.5)).all(axis=1)
        bad = ~good & ~nowhere
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"keypoints[{row}] = {row_of(given, row)} ({self.format}) lies outside of the picture, "
                f"{size[1]} wide and {size[0]} high: x must be in [-0.5, {size[1]}) and y in "
                f"[-0.5, {size[0]}), or pass remove_invisible=False to keep such points"
            )
        moved = np.minimum(np.maximum(place, 0.0), high)
        data[(moved != place).any(axis=1) & ~nowhere, PARITY] = _CLAMPED
        data[:, :2] = moved
        return points.take(~nowhere) if nowhere.any() else points

    # ----------------------------------------------------------------------- after an op

    @property
    def settles_last(self) -> bool:
        """Whether points must be settled once more before they are handed out."""
        return not self.check_each_transform

    def settle(self, points: Points, size: Size, before: Points | None = None) -> Points:
        """Drop the points that the canvas does not show, unless all are to be kept.

        Args:
            points: points in pixels of the canvas.
            size: height and width of the canvas.
            before: the points before the step, of which nothing needs to be known.
        """
        if points.fixed or len(points.data) == 0 or _within(points.data, size):
            return points
        return points.take(_shown(points.data, size))

    # ----------------------------------------------------------------------------- out

    def write(self, points: Points, given: Any, size: Size) -> Any:
        """Bring keypoints back to the caller's format and container.

        Args:
            points: points in pixels.
            given: what `read` was given; further columns come from there.
            size: height and width of the picture now.
        """
        points = self._ordered(points)
        rows = points.data.take(self._from, axis=1)  # which is contiguous, as [:, …] is not
        rows[:, self._at] -= 0.5
        if self._looks_back or not points.fixed:
            self._complete(rows, points, given, size)
        return rows_like(given, rows, points.index)

    @cached_property
    def _from(self) -> list[int]:
        """Where the columns are taken from; visibility from anywhere, it is overwritten."""
        return [X if column == SEEN else column for column in FORMATS[self.format]]

    @cached_property
    def _at(self) -> list[int]:
        """Columns of x and y."""
        return [FORMATS[self.format].index(X), FORMATS[self.format].index(Y)]

    @cached_property
    def _looks_back(self) -> bool:
        """Whether something of the caller's row is needed to write it."""
        return ANGLE in FORMATS[self.format] or SEEN in FORMATS[self.format]

    def _complete(self, rows: Floats, points: Points, given: Any, size: Size) -> None:
        """Write what depends on how the caller wrote the row."""
        data = points.data
        clamped = np.abs(data[:, PARITY]) == _CLAMPED
        if not (self._looks_back or clamped.any()):
            return
        columns = FORMATS[self.format]
        before = numbers(given, len(columns), "keypoints")[points.index]
        if ANGLE in columns:
            k = columns.index(ANGLE)
            rows[:, k] = self._angles(data[:, ANGLE], before[:, k])
        if clamped.any():
            self._put_back(rows, before, clamped)
        if SEEN in columns:
            self._mark(rows, before, data, size)

    def _angles(self, angle: Floats, before: Floats) -> Floats:
        """Bring angles to the caller's unit; one that was not turned comes back to the last bit."""
        turn, unit = (360.0, np.degrees(1.0)) if self.angle_in_degrees else (_TURN, 1.0)
        stored = np.radians(before) if self.angle_in_degrees else before
        out: Floats = np.where(angle == stored, before, angle * unit) % turn
        return np.where(out == turn, 0.0, out)

    def _put_back(self, rows: Floats, before: Floats, clamped: npt.NDArray[np.bool_]) -> None:
        """Points that were moved to the edge when read, and have not moved since, go back."""
        off = before[:, self._at] - rows[:, self._at]
        still = clamped & ((off <= 0.5) & (off >= -SLACK)).all(axis=1)
        for k in self._at:
            rows[still, k] = before[still, k]

    def _mark(self, rows: Floats, before: Floats, data: Floats, size: Size) -> None:
        """Write visibility: 0 for what is out of sight; what was never labelled stays as it was."""
        k = FORMATS[self.format].index(SEEN)
        rows[:, k] = np.where(_shown(data, size), before[:, k], 0.0)
        rows[np.isnan(rows).any(axis=1)] = 0.0
        unlabelled = before[:, k] == 0.0
        rows[unlabelled] = before[unlabelled]

    def relabel(self, points: Points, field: str, labels: Any) -> Any:
        """Choose the labels of the points, left and right exchanged where they were mirrored.

        Args:
            points: the points that are left.
            field: name of the label field.
            labels: the caller's labels, one a point of theirs.
        """
        points = self._ordered(points)
        picked = pick(labels, points.index)
        swaps = dict(self.flip_labels).get(field)
        if not swaps:
            return picked
        exchange = dict(swaps) | {b: a for a, b in swaps}
        mirrored = np.flatnonzero(points.data[:, PARITY] < 0).tolist()
        return exchanged(picked, mirrored, exchange)

    def _ordered(self, points: Points) -> Points:
        """Put rows in the order of what they are now: a mirrored left eye is a right eye."""
        mirrored = points.data[:, PARITY] < 0
        if not self.flip_pairs or not mirrored.any():
            return points
        partner = dict(self.flip_pairs) | {b: a for a, b in self.flip_pairs}
        index: Ints = points.index
        what = [
            partner.get(i, i) if m else i
            for i, m in zip(index.tolist(), mirrored.tolist(), strict=True)
        ]
        return points.take(np.argsort(np.array(what, np.int64), kind="stable"))


def _shown(data: Floats, size: Size) -> npt.NDArray[np.bool_]:
    x, y = data[:, X], data[:, Y]
    wide, high = size[1] + _DUST, size[0] + _DUST
    shown: npt.NDArray[np.bool_] = (x >= -_DUST) & (y >= -_DUST) & (x <= wide) & (y <= high)
    return shown


def _within(data: Floats, size: Size) -> bool:
    """Tell whether the picture shows all points. NaN is nowhere."""
    place = data[:, :2].T.copy()
    return bool(
        np.minimum.reduce(place, axis=None) >= 0.0
        and np.maximum.reduce(place[X]) <= size[1]
        and np.maximum.reduce(place[Y]) <= size[0]
    )


# ------------------------------------------------------------------- parameters, checked


_CHECKS: Mapping[str, Any] = {
    "format": Choice(tuple(FORMATS)).check,
    "label_fields": names,
    "remove_invisible": Flag().check,
    "angle_in_degrees": Flag().check,
    "check_each_transform": Flag().check,
    "flip_pairs": pairs_of,
    "flip_labels": swaps_of,
}


def as_keypoint_params(value: Any) -> KeypointParams | None:
    """Take parameters of keypoints as they are, or make them from a dictionary.

    Raises:
        ParameterTypeError: it is neither.
    """
    if value is None or isinstance(value, KeypointParams):
        return value
    if isinstance(value, Mapping):
        return KeypointParams(**value)
    raise ParameterTypeError(
        f"keypoint_params = {value!r}: it must be KeypointParams(...) or a dictionary of its "
        "parameters"
    )
