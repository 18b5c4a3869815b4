"""Other pictures that a call brings: how they are taken in, and how their labels join its own.

A donor is a sample of its own: it is read under the same conventions, and its ops are fused and
rendered as the picture's are. What is left of it becomes pieces and rows of a `Collage`; when that
is rendered, rows and labels are appended to the caller's, so that a row's place goes on saying
which label is its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import AnamorphError, DataError, DataTypeError, MissingDataError
from anamorph.core.labels import Boxes, Points, pick
from anamorph.core.params import plain
from anamorph.core.shapes import Shapes
from anamorph.ir import matrix as mx
from anamorph.ir.collage import Member, Piece, Row
from anamorph.ir.ops import (
    BOXES,
    IMAGE,
    MASK,
    Op,
    Picture,
    Sampling,
    Size,
    Warp,
)
from anamorph.pipeline.adopt import MEMBERS, ROWS, is_members, packed
from anamorph.pipeline.instances import FIELD, bind
from anamorph.pipeline.stacks import Stack, three_axes
from anamorph.pipeline.targets import PICTURES, Entry, Kind

Array = npt.NDArray[Any]
Place = tuple[int, int]


class Donor:
    """Another picture with its labels, on its way to become a piece of a collage.

    Args:
        host: the sample that it will join.
        place: how messages call it.
        sample: makes a sample of data.
        data: its picture under "image", and masks, boxes, keypoints and labels as in a call.
    """

    __slots__ = ("_host", "_kept", "_sample", "place")

    def __init__(self, host: Any, place: str, sample: Any, data: Any) -> None:
        self.place: str = place
        self._host = host
        self._kept: dict[str, Any] | None = None
        _check_item(place, data, host)
        try:
            self._sample = sample(data)
        except AnamorphError as error:
            raise type(error)(f"{place}: {error}") from error

    def check_picture(self, further: int = 0) -> None:
        """Refuse a picture of another kind than the one it joins.

        Args:
            further: how many channels it may have on top.
        """
        mine, host = self._sample, self._host
        if mine.leading is None:
            return
        if mine.dtype != host.dtype:
            raise DataError(
                f"{self.place}: its picture is {mine.dtype} and the one it joins {host.dtype}: "
                "they must be of one dtype"
            )
        if mine.channels - host.channels not in range(further + 1):
            raise DataError(
                f"{self.place}: its picture has {mine.channels} channels and the one it joins "
                f"{host.channels}: they must have the same number"
            )

    @property
    def size(self) -> Size:
        """Height and width as they are now."""
        size: Size = self._sample.size
        return size

    def push(self, *ops: Op) -> None:
        """Let ops happen to it."""
        for op in ops:
            self._sample.push(op)

    def picture(self, key: str) -> Array | None:
        """A picture or mask (H, W, C) of it as it is now; None if it has none under that key."""
        entry = self._sample.entries.get(key)
        return None if entry is None else self._sample.rendered(entry)

    def points(self) -> npt.NDArray[np.float64] | None:
        """Its keypoints x, y as they are now; None if it has none."""
        found: npt.NDArray[np.float64] | None = self._sample.points
        return found

    # ------------------------------------------------------------------------- as a piece

    def piece(self, at: Place, **options: Any) -> Piece:
        """Make a piece of its pictures as they are now.

        Args:
            at: x and y where its top left pixel goes.
            options: further fields of the piece; ``mask`` and ``member`` are what is written where
                it has no mask.
        """
        mask, blank = self.picture("mask"), options.get("mask")
        if mask is not None:
            options["mask"] = self._held(mask)
        image = self.picture("image")
        return Piece(
            at,
            self.size,
            image=None if image is None else self._held(image),
            others=tuple(self._others(blank)),
            **options,
        )

    def _others(self, blank: Any) -> Iterator[tuple[str, Any]]:
        """What goes to further pictures and masks of the call: its own, or nothing."""
        for key, host in self._host.entries.items():
            if key in ("image", "mask") or host.kind.stacks or host.kind.target not in PICTURES:
                continue
            entry = self._sample.entries.get(key)
            if entry is not None:
                yield key, self._held(self._sample.rendered(entry))
            elif host.kind.target is MASK:
                yield key, blank

    def _held(self, array: Array) -> Picture:
        """Hold an array that nobody else can change."""
        given = [e.start for e in self._sample.entries.values() if e.kind.target in PICTURES]
        owned = not any(isinstance(g, np.ndarray) and np.may_share_memory(g, array) for g in given)
        return Picture.of(array if owned else array.copy())

    def members(self, at: Place) -> tuple[Member, ...]:
        """The masks of its objects as they are now."""
        entry = self._sample.entries.get(MEMBERS)
        if entry is None:
            return ()
        kept = self._bound()
        bound = MEMBERS in self._sample.settings.bound
        values = kept[MEMBERS] if bound else self._sample.rendered(entry)
        return tuple(Member(at, self._held(np.asarray(v))) for v in values)

    # --------------------------------------------------------------------------- its rows

    def rows(self, at: Place, canvas: Size, before: int = 0) -> dict[str, tuple[Row, ...]]:
        """Its boxes, keypoints, polygons and polylines, on the canvas.

        Args:
            at: where its top left pixel is on the canvas.
            canvas: size of the canvas.
            before: how many objects there are before its own, where objects are bound.
        """
        found = {}
        sample = self._sample
        self._bound()
        for key, host in self._host.entries.items():
            entry = sample.entries.get(key)
            if entry is None or host.kind.target not in ROWS:
                continue
            params = sample.settings.params_of(host.kind.target)
            value = sample.rendered(entry)
            value = params.settle(value, sample.size, value)
            op = Warp(mx.translation(at[0], at[1]), canvas)
            moved = sample.backend.kernel(op, host.kind.target)(op, value, sample.size)
            moved = _placed(value, moved, sample.size, canvas)
            found[key] = self._rows(key, entry, moved, before)
        return found

    def _rows(self, key: str, entry: Entry, value: Any, before: int) -> tuple[Row, ...]:
        index = value.index
        shapes = isinstance(value, Shapes)
        hold = packed if shapes else plain
        given = [hold(entry.given[i]) for i in index.tolist()]
        labels = [
            [(name, label) for label in self._labels(name, index, before)]
            for name in self._host.settings.fields_of(self._host, self._host.entries[key])
        ]
        pairs = list(zip(*labels, strict=True)) if labels else [()] * len(index)
        numbers = _outlines(value) if isinstance(value, Shapes) else value.data.tolist()
        return tuple(
            (tuple(row), was, pair) for row, was, pair in zip(numbers, given, pairs, strict=True)
        )

    def _labels(self, name: str, index: Any, before: int) -> list[Any]:
        data = self._bound() if name == FIELD else self._sample.data
        if name not in data:
            raise MissingDataError(f"{self.place} has no {name}=, which is a label field")
        labels = data[name]
        if not hasattr(labels, "__getitem__") or isinstance(labels, str | bytes | Mapping):
            raise DataTypeError(
                f"{self.place}: {name} is a {type(labels).__name__}: it must be a list, tuple or "
                "array of labels"
            )
        if len(index) and index.max() >= len(labels):
            raise DataError(f"{self.place}: {name} has {len(labels)} labels: one a row is needed")
        picked = [plain(label) for label in pick(labels, index)]
        if name == FIELD and self._host.settings.bound:
            return [owner + before for owner in picked]
        return picked

    def _bound(self) -> dict[str, Any]:
        """Drop what its objects have lost, once, where objects are bound."""
        if self._kept is None:
            sample = self._sample
            self._kept = dict(sample.data)
            if sample.settings.bound:
                for key, entry in sample.entries.items():
                    self._kept[key] = sample.rendered(entry)
                bind(sample.settings.bound, sample, self._kept)
        return self._kept


class Host:
    """What transforms may ask of a sample that other pictures join."""

    def donor(self: Any, place: str, data: Mapping[str, Any] | None = None) -> Donor:
        """Another picture with labels, read as this one was; without data, this one once more.

        Args:
            place: how messages call it.
            data: its picture under "image", and masks, boxes, keypoints and labels as in a call.
        """
        settings = self.settings
        if data is None:
            data = own_data(self)
            settings = replace(settings, value_range=None)
        kinds, mine = settings.kinds, self.entries

        def sample(given: Mapping[str, Any]) -> Any:
            wanted = {k: v for k, v in given.items() if k in mine or _joins(kinds.get(k))}
            return self.another(settings, wanted)

        return Donor(self, place, sample, data)

    def resized(self: Any, array: Array, to: Size, interpolation: int) -> Array:
        """Scale an array (H, W, C) by the backend that renders the sample."""
        size = array.shape[0], array.shape[1]
        op = Warp.resize(size, to, Sampling(interpolation=interpolation))
        done: Array = three_axes(self.backend.kernel(op, IMAGE)(op, array))
        return done

    def has(self: Any, key: str) -> bool:
        """Tell whether the call has a target of that name."""
        return key in self.entries

    def box_from(self: Any, place: str, row: Any, size: Size) -> list[float]:
        """Read a box in the format of the call: the rectangle x0, y0, x1, y1 around it, in pixels.

        Args:
            place: how messages call what it belongs to.
            row: the box, as in a call.
            size: height and width of its picture.
        """
        try:
            boxes = self.settings.params_of(BOXES).read([row], size)
        except AnamorphError as error:
            raise type(error)(f"{place}: {error}") from error
        if not len(boxes.data):
            raise DataError(f"{place}: bbox {row!r} lies out of its picture")
        corners = boxes.data[0].reshape(-1, 2)
        found: list[float] = [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()]
        return found

    def box_row(self: Any, place: str, bounds: Any, row: Any, size: Size) -> Any:
        """A box as a row in the format of the call: that of the bounds, or an oriented one.

        Args:
            place: how messages call what it belongs to.
            bounds: x0, y0, x1, y1 in pixels.
            row: the row that its owner gave, whose further columns it keeps; or None.
            size: height and width of its picture.
        """
        params = self.settings.params_of(BOXES)
        if params.oriented:
            if row is None:
                raise MissingDataError(f"{place} has no bbox: oriented boxes must be given")
            return list(row)
        box = Boxes(np.array([bounds], np.float64), np.zeros(1, np.int64))
        given = [list(row)] if row is not None else [[0.0] * 4]
        return params.write(box, given, size)[0]

    @property
    def paired(self: Any) -> bool:
        """Whether there are as many masks of objects as boxes, which then belong together."""
        counts = [
            len(entry.given) + len(entry.adopted)
            for entry in self.entries.values()
            if entry.kind.target is BOXES or is_members(self, entry)
        ]
        return len(counts) == 2 and counts[0] == counts[1]

    @property
    def members(self: Any) -> list[Array] | None:
        """The masks of single objects at this point; None if the call has none."""
        for entry in self.entries.values():
            if is_members(self, entry):
                return list(self.rendered(entry))
        return None

    @property
    def owners(self: Any) -> list[int]:
        """Which of the caller's boxes each remaining box is."""
        for entry in self.entries.values():
            if entry.kind.target is BOXES:
                index: list[int] = self.rendered(entry).index.tolist()
                return index
        return []

    @property
    def objects(self: Any) -> int:
        """How many objects there have been, where targets are bound into objects."""
        for key in self.settings.bound:
            entry = self.entries.get(key)
            if entry is not None and entry.kind.target in (BOXES, MASK):
                self.rendered(entry)
                return len(entry.given) + len(entry.adopted)
        return 0


def _joins(kind: Kind | None) -> bool:
    """Tell whether what is under a key is looked at although the call has no such key."""
    return kind is None or kind.target not in ROWS


def _check_item(place: str, data: Any, host: Any) -> None:
    if not isinstance(data, Mapping):
        raise DataTypeError(
            f"{place} is a {type(data).__name__}: it must be a dictionary with an image and, where "
            "there are such, a mask, boxes, keypoints and labels"
        )
    if data.get("image") is None and host.leading is not None:
        raise MissingDataError(f"{place} has no image, which must be a NumPy array")


def _outlines(shapes: Shapes) -> list[tuple[Any, ...]]:
    """The rings of each object as numbers."""
    return [tuple(plain(ring) for ring in rings) for rings in shapes.objects()]


def _placed(value: Any, moved: Any, size: Size, canvas: Size) -> Any:
    """Let keypoints out of the picture that the canvas would show in another have no place."""
    if not isinstance(value, Points) or not value.fixed:
        return moved
    data = moved.data.copy()
    data[_shown(data, canvas) & ~_shown(value.data, size), :2] = np.nan
    return Points(data, moved.index, moved.fixed)


def _shown(data: Any, size: Size) -> Any:
    x, y = data[:, 0], data[:, 1]
    return (x >= 0) & (y >= 0) & (x <= size[1]) & (y <= size[0])


def own_data(host: Any) -> dict[str, Any]:
    """What a sample is at this point, as the data of a donor."""
    data = dict(host.data)
    for key, entry in host.entries.items():
        value = host.rendered(entry)
        if entry.kind.target in PICTURES:
            data[key] = _whole(entry, value) if isinstance(value, Stack) else value
        elif entry.kind.target in ROWS:
            params = host.settings.params_of(entry.kind.target)
            data[key] = params.write(value, entry.given, host.size)
            for name in host.settings.fields_of(host, entry):
                data[name] = pick(host.data[name], value.index) if name in data else None
    return data


def _whole(entry: Any, stack: Stack) -> Array:
    """A stack as the array that it came as."""
    return stack.block.reshape(*entry.shape, *stack.block.shape[1:])
