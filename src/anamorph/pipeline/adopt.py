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
from anamorph.pipeline.stacks import Stack
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


def as_met(sample: Any, entry: Entry, op: Collage, source: Size) -> list[tuple[Op, Size]]:
    """The ops that one target meets, each with the size of the picture before it."""
    target = entry.kind.target
    if target in (BOXES, POINTS):
        return [(op, source)]
    if target in (IMAGE, MASK):
        members = target is MASK and is_members(sample, entry)
        return [(op.for_key(entry.key, members=members), source)]
    met: list[tuple[Op, Size]] = []
    if op.canvas is not None:
        met.append((op.frame(source), source))
    laid = op.measured(entry.key)
    if target in MEASURED and laid.pieces:
        met.append((laid, op.size_after(source)))
    return met


def adopt(sample: Any, entry: Entry, op: Collage, canvas: Size) -> None:
    """Append what comes along to a target: rows and their labels, or masks of objects."""
    if entry.kind.target is MASK:
        if is_members(sample, entry):
            _adopt_members(sample, entry, op, canvas)
        return
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


def _adopt_members(sample: Any, entry: Entry, op: Collage, canvas: Size) -> None:
    if op.lost and entry.key not in sample.settings.bound:
        entry.lost = entry.lost | set(op.lost)
    for i in op.lost:
        entry.value[i] = np.zeros_like(entry.value[i])
    members = dict(op.members).get(entry.key, ())
    if not members:
        if op.lost and isinstance(entry.value, Stack):
            entry.value = Stack(np.stack(entry.value))
        return
    new = [_member(m, entry, canvas) for m in members]
    entry.adopted = [*entry.adopted, *new]
    if isinstance(entry.value, Stack):
        rest = new[0].shape[2:]
        block = np.stack([*entry.value, *new]) if len(entry.value) else np.stack(new)
        entry.value = Stack(block.reshape(-1, *canvas, *rest))
        entry.shape = (len(entry.value),)
    else:
        entry.value = [*entry.value, *new]


def _member(member: Member, entry: Entry, canvas: Size) -> Array:
    """The mask of an object on the canvas, of the dtype and channels that the others have."""
    part = member.mask.array
    part = part.reshape(*part.shape[:2], -1)
    like = entry.value[0] if len(entry.value) else part
    kept = part.astype(like.dtype)
    if not np.array_equal(kept, part):
        raise DataError(f"{entry.key} of {like.dtype} cannot hold the values of a further mask")
    out = np.zeros((*canvas, like.shape[2]), like.dtype)
    (x, y), (h, w) = member.place, part.shape[:2]
    out[y : y + h, x : x + w] = kept
    return out
