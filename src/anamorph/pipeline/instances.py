"""Objects that stay together: the box, mask, keypoints and labels of one disappear as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, MissingDataError
from anamorph.core.labels import Boxes, Ints, pick
from anamorph.ir.matrix import is_axis_aligned
from anamorph.ir.ops import BOXES, MASK, POINTS, SHAPES, Op, Remap, Size, Tiles, Warp
from anamorph.pipeline.targets import Entry

Flags = npt.NDArray[np.bool_]

Bounds = Callable[[int], tuple[float, float, float, float] | None] | None
_LISTED = frozenset({BOXES, MASK}) | SHAPES
"""Targets that hold one member an object."""

FIELD = "instance"
"""The label field of keypoints that says which object each belongs to, where there is one: its
place among the boxes or masks. It is numbered anew when objects disappear."""


def bind(binding: tuple[str, ...], sample: Any, out: dict[str, Any]) -> None:
    """Drop from all bound targets the objects that one of them has lost.

    An object is lost with its box, polygon or polyline, or when nothing is left of its mask. Where
    the plan turned or bent the picture, its box becomes the box of its mask, or else of its
    polygon, so that boxes stay tight. Of the copies that a mirroring border shows, one box or
    polygon an object is kept.

    Args:
        binding: keys whose i-th members are one object; keypoints belong to objects in equal
            runs, or as the label field named "instance" says.
        sample: the sample, rendered; its boxes, keypoints and shapes are changed.
        out: the result; masks in it are changed.

    Raises:
        DataError: the targets do not hold the same number of objects.
    """
    entries = [sample.entries[key] for key in binding if key in sample.entries]
    count = _count(entries)
    if count is None:
        return
    kept = _survivors(entries, count, sample)
    for entry in entries:
        if entry.kind.target is BOXES or entry.kind.target in SHAPES:
            entry.value = entry.value.take(kept[entry.value.index])
        elif entry.kind.target is POINTS:
            _bind_points(entry, kept, sample, out)
        else:
            out[entry.key] = _members(out[entry.key], kept)


def _survivors(entries: list[Entry], count: int, sample: Any) -> Flags:
    """Settle boxes and shapes; tell which objects all targets still have."""
    kept = np.ones(count, np.bool_)
    masks = [e for e in entries if e.kind.target is MASK]
    shapes = [e for e in entries if e.kind.target in SHAPES]
    for entry in masks:
        kept &= _left(entry)
    for entry in shapes:
        params = sample.settings.params_of(entry.kind.target)
        entry.value = _firsts(params.settle(entry.value, sample.size))
        kept &= np.isin(np.arange(count), entry.value.index)
    for entry in entries:
        if entry.kind.target is BOXES:
            entry.value = _boxes(entry, kept, _around(masks, shapes, sample), sample)
            kept &= np.isin(np.arange(count), entry.value.index)
    return kept


def _count(entries: list[Entry]) -> int | None:
    """How many objects there are; None if nothing says so."""
    counts = {}
    for entry in entries:
        if entry.kind.target is POINTS:
            continue
        listed = entry.kind.stacks == 1 if entry.kind.target is MASK else not entry.kind.stacks
        if not listed or entry.kind.target not in _LISTED:
            raise DataError(
                f"instance_binding names {entry.key}, which holds no objects: it must name keys "
                "of boxes, of lists of masks, of polygons or polylines, or of keypoints"
            )
        counts[entry.key] = len(entry.given) + len(entry.adopted)
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{n} {key}" for key, n in counts.items())
        raise DataError(f"instance_binding: there are {said}, and there must be one an object")
    return next(iter(counts.values()), None)


# ------------------------------------------------------------------------- boxes and masks


def _left(entry: Entry) -> Flags:
    """Tell which masks have something left, or had nothing to begin with."""
    return np.array(
        [
            bool(np.asarray(now).any()) or not np.asarray(was).any()
            for now, was in zip(entry.value, [*entry.given, *entry.adopted], strict=True)
        ],
        np.bool_,
    )


def _firsts(value: Any) -> Any:
    """The first of the copies of each object; the others are in a mirroring border."""
    _, first = np.unique(value.index, return_index=True)
    return value if len(first) == len(value.index) else value.take(np.sort(first))


def _around(masks: list[Entry], shapes: list[Entry], sample: Any) -> Bounds:
    """Give the function that finds the bounds of an object, by its mask or else its polygon."""
    if masks:
        return lambda i: _tight(masks[0].value[i], sample.size)
    for entry in shapes:
        if entry.value.closed:
            low, high = entry.value.bounds()
            sides = np.concatenate([low, high], axis=1).tolist()
            return dict(zip(entry.value.index.tolist(), map(tuple, sides), strict=True)).get
    return None


def _boxes(entry: Entry, kept: Flags, around: Bounds, sample: Any) -> Boxes:
    """One settled box an object, tight around it where the plan turned or bent things."""
    params = sample.settings.params_of(BOXES)
    boxes: Boxes = params.settle(entry.value, sample.size)
    _, copies = np.unique(boxes.index, return_inverse=True)
    single = np.bincount(copies)[copies] == 1 if len(copies) else np.ones(0, np.bool_)
    if around and not boxes.oriented and _bends(sample.ops):
        data = boxes.data.copy()
        for row, i in enumerate(boxes.index.tolist()):
            if kept[i] and single[row]:
                data[row] = around(i) or data[row]
        boxes = params.settle(Boxes(data, boxes.index, boxes.seen), sample.size)
    firsts: Boxes = _firsts(boxes)
    return firsts


def _bends(ops: list[Op]) -> bool:
    """Tell whether some op leaves boxes looser than the objects in them."""
    return any(
        not is_axis_aligned(op.matrix) if isinstance(op, Warp) else isinstance(op, Remap | Tiles)
        for op in ops
    )


def _tight(mask: Any, size: Size) -> tuple[float, float, float, float] | None:
    """Bounds of what a mask marks; None if it marks nothing."""
    flat = np.asarray(mask) != 0
    if flat.ndim == 3:
        flat = flat.any(axis=2 if flat.shape[:2] == size else 0)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    if len(rows) == 0:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _members(value: Any, kept: Flags) -> Any:
    if kept.all():
        return value
    index = np.flatnonzero(kept)
    if isinstance(value, list | tuple | np.ndarray):
        return pick(value, index)
    return value[index.tolist()]  # a tensor


# ------------------------------------------------------------------------------ keypoints


def _bind_points(entry: Entry, kept: Flags, sample: Any, out: dict[str, Any]) -> None:
    count = len(kept)
    if FIELD in sample.settings.params_of(POINTS).label_fields:
        owners = _named(out, count)
        _check_length(owners, entry)
        out[FIELD] = _renumbered(out[FIELD], owners, kept)
    else:
        owners = _runs(len(entry.given), count)
    entry.value = entry.value.take(kept[owners[entry.value.index]])


def _named(out: dict[str, Any], count: int) -> Ints:
    if FIELD not in out:
        raise MissingDataError(f"the call has no {FIELD}=, which is a label field")
    try:
        owners = np.array([int(owner) for owner in out[FIELD]], np.int64)
    except (TypeError, ValueError):
        owners = np.array([-1])
    if len(owners) and (owners.min() < 0 or owners.max() >= count):
        raise DataError(
            f"{FIELD} = {out[FIELD]!r}: it must hold the place of each keypoint's object, "
            f"0 to {count - 1}"
        )
    return owners


def _check_length(owners: Ints, entry: Entry) -> None:
    if len(owners) != len(entry.given):
        raise DataError(
            f"{FIELD} has {len(owners)} labels for {len(entry.given)} keypoints: there must be "
            "one a row"
        )


def _runs(total: int, count: int) -> Ints:
    if total == 0:
        return np.zeros(0, np.int64)
    if count == 0 or total % count:
        raise DataError(
            f"there are {total} keypoints for {count} objects: give each object as many, or say "
            f"which they belong to in a label field of keypoints named {FIELD!r}"
        )
    return np.repeat(np.arange(count), total // count)


def _renumbered(labels: Any, owners: Ints, kept: Flags) -> Any:
    """Owners as places among what is left, in a container of the same type."""
    places = (np.cumsum(kept) - 1)[owners]
    if isinstance(labels, np.ndarray):
        return places.astype(labels.dtype)
    return tuple(places.tolist()) if isinstance(labels, tuple) else places.tolist()
