"""What other pictures bring, when it joins a target: pixels, rows and labels, masks of objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.appending import appended
from anamorph.core.errors import DataError
from anamorph.core.labels import Boxes, Points
from anamorph.core.shapes import Shapes
from anamorph.ir.collage import Collage, Member
from anamorph.ir.ops import BOXES, IMAGE, MASK, MEASURED, POINTS, SHAPES, Op, Picture, Size
from anamorph.pipeline.stacks import Stack, three_axes
from anamorph.pipeline.targets import Entry

Array = npt.NDArray[Any]

ROWS = frozenset({BOXES, POINTS}) | SHAPES
"""Targets of rows that have labels."""
MEMBERS = "masks"
"""The key that holds one mask an object."""


def is_members(sample: Any, entry: Entry) -> bool:
    """Tell whether a target holds one mask an object."""
    like = sample.settings.additional_targets.get(entry.key, entry.key)
    return bool(like == MEMBERS)


def packed(value: Any) -> Any:
    """A row of the caller's as a value that plans hold: lists, tuples and arrays told apart."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return Picture.of(value.copy())
    if isinstance(value, list | tuple | np.ndarray):
        return ("tuple" if isinstance(value, tuple) else "list", *map(packed, value))
    return value


def unpacked(value: Any) -> Any:
    """The row that was packed."""
    if isinstance(value, Picture):
        return value.array.copy()
    if not isinstance(value, tuple):
        return value
    items = map(unpacked, value[1:])
    return tuple(items) if value[0] == "tuple" else list(items)


def as_met(entry: Entry, op: Collage, source: Size) -> list[tuple[Op, Size]]:
    """The ops that one target meets, each with the size of the picture before it."""
    target = entry.kind.target
    if target in (BOXES, POINTS):
        return [(op, source)]
    if target in (IMAGE, MASK):
        return [(op.for_key(entry.key), source)]
    met: list[tuple[Op, Size]] = []
    if op.canvas is not None:
        met.append((op.frame(source), source))
    laid = op.measured(entry.key)
    if target in MEASURED and laid.pieces:
        met.append((laid, op.size_after(source)))
    return met


def adopt(sample: Any, entry: Entry, op: Collage) -> None:
    """Append the rows that come along to a target, and their labels to its label fields."""
    rows = dict(op.rows).get(entry.key, ())
    if not rows or entry.kind.target not in ROWS:
        return
    start = len(entry.given)
    if isinstance(entry.value, Shapes):
        entry.given = [*entry.given, *(unpacked(given) for _, given, _ in rows)]
    else:
        entry.given = appended(entry.key, entry.given, [list(given) for _, given, _ in rows])
    for name in sample.settings.fields_of(sample, entry):
        if name in sample.data:
            labels = [dict(pairs)[name] for _, _, pairs in rows]
            sample.data = {**sample.data, name: appended(name, sample.data[name], labels)}
    entry.value = _joined(entry.value, [numbers for numbers, _, _ in rows], start)


def _joined(old: Any, rows: list[Any], start: int) -> Any:
    """Put what came along behind what there is."""
    new = np.arange(start, start + len(rows))
    if isinstance(old, Shapes):
        objects = [[np.array(ring, np.float64) for ring in rings] for rings in rows]
        seen = None if old.seen is None else np.ones(len(rows))
        return old.joined([Shapes.of(objects, new, closed=old.closed, seen=seen)])
    data = np.array(rows, np.float64)
    index = np.concatenate([old.index, new])
    together = np.concatenate([old.data, data])
    if isinstance(old, Points):
        return Points(together, index, old.fixed)
    seen = None if old.seen is None else np.concatenate([old.seen, np.ones(len(data))])
    return Boxes(together, index, seen)


def run_members(sample: Any, entry: Entry, op: Collage, source: Size) -> None:
    """Lay pieces over the masks of single objects, and append the masks of what comes along."""
    met = op.for_key(entry.key, members=True)
    kernel = sample.backend.kernel(met, MASK)
    members = dict(op.members).get(entry.key, ())
    count = len(entry.value) + len(members)
    if not count:
        return
    like = entry.value[0] if len(entry.value) else _three_axes_of(members[0])
    blank = _blanks(entry, (count, *op.size_after(source), like.shape[2]), like.dtype)
    for i, value in enumerate(entry.value):
        if i not in op.lost:
            blank[i][...] = three_axes(kernel(met, value))
    for i, member in enumerate(members, len(entry.value)):
        _write_member(entry.key, member, blank[i])
    if op.lost and entry.key not in sample.settings.bound:
        entry.lost = entry.lost | set(op.lost)
    entry.adopted = [*entry.adopted, *blank[len(entry.value) :]]
    entry.value = Stack(blank) if isinstance(blank, np.ndarray) else blank
    entry.shape = (count,)


def _three_axes_of(member: Member) -> Array:
    array = member.mask.array
    return array.reshape(*array.shape[:2], -1)


def _blanks(entry: Entry, shape: tuple[int, ...], dtype: Any) -> Any:
    """Empty masks: one array where the call gave one, which is written once."""
    if isinstance(entry.given, np.ndarray):
        return np.zeros(shape, dtype)
    return [np.zeros(shape[1:], dtype) for _ in range(shape[0])]


def _write_member(key: str, member: Member, out: Array) -> None:
    """Put the mask of an object on an empty mask of the canvas."""
    part = _three_axes_of(member)
    (x, y), (h, w) = member.place, part.shape[:2]
    place = out[y : y + h, x : x + w]
    place[...] = part
    if place.dtype != part.dtype and not np.array_equal(place, np.broadcast_to(part, place.shape)):
        raise DataError(f"{key} of {out.dtype} cannot hold the values of a further mask")
