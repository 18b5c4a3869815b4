"""Polygons and polylines: which labels belong to them, and when they are dropped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from anamorph.core import clipping, outlines
from anamorph.core.clipping import Bounds
from anamorph.core.errors import ParameterTypeError
from anamorph.core.options import names
from anamorph.core.outlines import Words
from anamorph.core.params import Flag, Number
from anamorph.core.shapes import Rings, Shapes

Size = tuple[int, int]

_DUST = 1e-9


@dataclass(frozen=True)
class ShapeParams(ABC):
    """What is said of polygons and of polylines alike.

    Coordinates are continuous: the picture spans [0, width] × [0, height]. Rings and lines may be
    arrays (N, 2), lists of pairs or flat lists x0, y0, x1, y1, …, and an object one of them or a
    list of them; it comes back as it was given. Corners keep their order.
    """

    label_fields: tuple[str, ...]
    min_visibility: float
    clip: bool

    words: ClassVar[Words]
    """What the parts of an object are called."""
    objects: ClassVar[str]
    """What objects are called."""
    least: ClassVar[str]
    """The parameter that says how large an object must be at least."""

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            place = f"{type(self).__name__}.{name}"
            checked = (
                names(place, value) if name == "label_fields" else _RULES[name].check(place, value)
            )
            object.__setattr__(self, name, checked)

    def values(self) -> dict[str, Any]:
        """Parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def taken(cls, place: str, value: Any) -> Self | None:
        """Take parameters as they are, or make them from a dictionary.

        Raises:
            ParameterTypeError: they are neither.
        """
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls(**value)
        raise ParameterTypeError(
            f"{place} = {value!r}: it must be {cls.__name__}(...) or a dictionary of its parameters"
        )

    @abstractmethod
    def measure(self, rings: Rings) -> float:
        """How large an object is."""

    # ------------------------------------------------------------------------------ in

    def read(self, value: Any, size: Size) -> Shapes:
        """Bring the caller's objects to continuous pixels.

        Args:
            value: a list, tuple or array of objects.
            size: height and width of the picture.

        Raises:
            DataError: an object is none.
        """
        objects = outlines.read(value, self.objects, self.words)
        closed = self.words is outlines.RING
        seen = np.ones(len(objects)) if self.min_visibility else None
        shapes = Shapes.of(objects, np.arange(len(objects)), closed=closed, seen=seen)
        return self._in_sight(shapes, size) if self.clip else shapes

    # ----------------------------------------------------------------------- after an op

    @property
    def check_each_transform(self) -> bool:
        """Whether something is to be done after each step: what is cut off must stay cut off."""
        return self.clip

    settles_last: ClassVar[bool] = True

    def settle(self, shapes: Shapes, size: Size, before: Shapes | None = None) -> Shapes:
        """Cut shapes at the borders of the canvas and drop those of which nothing is left.

        Args:
            shapes: shapes in pixels of the canvas.
            size: height and width of the canvas.
            before: the shapes before the step; None when they are handed out, which is when the
                thresholds hold.
        """
        shapes = self._in_sight(shapes, size)
        return self._passed(shapes) if before is None else shapes

    def _in_sight(self, shapes: Shapes, size: Size) -> Shapes:
        height, width = size
        low, high = shapes.bounds()
        out = (low < -_DUST).any(axis=1) | (high > (width + _DUST, height + _DUST)).any(axis=1)
        if not out.any():
            if len(low) and (low.min() < 0.0 or (high > (width, height)).any()):
                return shapes.moved(shapes.points.clip(0.0, (width, height)))
            return shapes
        objects = shapes.objects()
        seen = None if shapes.seen is None else shapes.seen.copy()
        for row in np.flatnonzero(out).tolist():
            left = self._cut(objects[row], (0.0, 0.0, float(width), float(height)))
            if seen is not None and left:
                seen[row] = self._share(left, objects[row]) * (seen[row] if self.clip else 1.0)
            if self.clip or not left:
                objects[row] = left
        return replace(shapes, seen=seen).changed(objects)

    def _cut(self, rings: Rings, bounds: Bounds) -> Rings:
        return clipping.clip(rings, bounds, closed=self.words is outlines.RING)

    def _share(self, part: Rings, whole: Rings) -> float:
        size = self.measure(whole)
        return self.measure(part) / size if size > 0.0 else 1.0

    def _passed(self, shapes: Shapes) -> Shapes:
        """Drop what does not reach the thresholds; a hair below counts as reached."""
        least = getattr(self, self.least)
        keep = np.ones(len(shapes.index), np.bool_)
        if least:
            sizes = [self.measure(rings) for rings in shapes.objects()]
            keep &= np.array(sizes, np.float64) >= least * (1.0 - _DUST)
        if self.min_visibility and shapes.seen is not None:
            keep &= shapes.seen >= self.min_visibility * (1.0 - _DUST)
        return shapes if keep.all() else shapes.take(keep)

    # ----------------------------------------------------------------------------- out

    def write(self, shapes: Shapes, given: Any, size: Size) -> Any:
        """Bring shapes back to the caller's form and container.

        Args:
            shapes: shapes in pixels.
            given: what `read` was given.
            size: height and width of the picture now.
        """
        return outlines.write(shapes.objects(), shapes.index.tolist(), given, self.words)


@dataclass(frozen=True, init=False)
class PolygonParams(ShapeParams):
    """Which labels belong to polygons, and when they are dropped.

    A polygon is a ring, or a list of rings that are filled by the even-odd rule: one within
    another is a hole, one beside another is a further part. It is cut exactly at the borders of
    the picture: what falls apart comes back as a list of rings, a hole that is cut open becomes
    part of the outline. What falls apart stays one object, with one label. Objects of which
    nothing is left are dropped with their labels. Polygons may reach out of the picture that they
    come with; they are cut there first.

    Coordinates are continuous, as those of boxes: the picture spans [0, width] × [0, height].
    Rings may be arrays (N, 2), lists of pairs, or flat lists x0, y0, x1, y1, … as in COCO, and
    come back as they were given.

    Args:
        label_fields: keys of the call that hold one label a polygon.
        min_area: least area in pixels of what is in the picture.
        min_visibility: least part of the area that is in the picture, counted from the polygon as
            it came.
        clip: cut polygons at the borders; if False they are kept whole while some of them is
            in the picture.

    >>> square = [[-10, 5, 10, 5, 10, 25, -10, 25]]
    >>> pipeline = A.Compose([A.NoOp()], polygon_params=A.PolygonParams(min_area=4))
    >>> pipeline(image=photo, polygons=square)["polygons"]
    [[0.0, 5.0, 10.0, 5.0, 10.0, 25.0, 0.0, 25.0]]
    """

    min_area: float

    words: ClassVar[Words] = outlines.RING
    objects: ClassVar[str] = "polygons"
    least: ClassVar[str] = "min_area"

    def __init__(
        self,
        label_fields: Sequence[str] | None = None,
        min_area: float = 0.0,
        min_visibility: float = 0.0,
        clip: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self._set(
            label_fields=label_fields, min_area=min_area, min_visibility=min_visibility, clip=clip
        )

    def measure(self, rings: Rings) -> float:
        return clipping.area(rings)


@dataclass(frozen=True, init=False)
class PolylineParams(ShapeParams):
    """Which labels belong to polylines, and when they are dropped.

    A polyline is a line of two corners or more, or a list of such. It is cut at the borders of the
    picture; what falls apart comes back as a list of lines. See `PolygonParams`.

    Args:
        label_fields: keys of the call that hold one label a polyline.
        min_length: least length in pixels of what is in the picture.
        min_visibility: least part of the length that is in the picture.
        clip: cut polylines at the borders; if False they are kept whole while some of them is in
            the picture.

    >>> A.PolylineParams(["lane"], min_length=8).label_fields
    ('lane',)
    """

    min_length: float

    words: ClassVar[Words] = outlines.LINE
    objects: ClassVar[str] = "polylines"
    least: ClassVar[str] = "min_length"

    def __init__(
        self,
        label_fields: Sequence[str] | None = None,
        min_length: float = 0.0,
        min_visibility: float = 0.0,
        clip: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self._set(
            label_fields=label_fields,
            min_length=min_length,
            min_visibility=min_visibility,
            clip=clip,
        )

    def measure(self, rings: Rings) -> float:
        return float(sum(map(clipping.length, rings)))


_RULES: Mapping[str, Any] = {
    "min_area": Number(0),
    "min_length": Number(0),
    "min_visibility": Number(0, 1),
    "clip": Flag(),
}
