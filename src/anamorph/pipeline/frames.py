"""Clips of which some frames are picked, and what goes along with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from anamorph.core.errors import DataError, DataTypeError
from anamorph.core.labels import pick
from anamorph.ir.frames import Clip, Frames
from anamorph.ir.ops import BOXES, IMAGE, POINTS
from anamorph.pipeline.stacks import Stack
from anamorph.pipeline.targets import PICTURES, Entry


def clip_of(sample: Any, keys: tuple[str, ...]) -> Clip | None:
    """Describe the clip that keys hold; None if none of them holds pictures.

    Raises:
        DataTypeError: what is under a key has no members to pick.
        DataError: keys disagree on the number of frames.
    """
    counts = {key: n for key in keys if (n := _count(sample, key)) is not None}
    clips = [key for key in counts if key in sample.entries and _is_clip(sample.entries[key])]
    if not clips:
        return None
    count = counts[clips[0]]
    for key, n in counts.items():
        if n != count:
            raise DataError(
                f"{key} has {n} frames and {clips[0]} has {count}: name in frame_keys what holds "
                "one item a frame"
            )
    return Clip(_numbers(sample, count), tuple(counts))


def _is_clip(entry: Entry) -> bool:
    return entry.kind.target is IMAGE


def _count(sample: Any, key: str) -> int | None:
    """Number of frames under a key as they are by now; None if the call has no such key."""
    entry = sample.entries.get(key)
    if entry is not None and entry.kind.stacks == 1:
        return len(sample.rendered(entry))
    value = sample.data.get(key)
    if value is None:
        return None
    if entry is not None or isinstance(value, str | bytes | dict) or not hasattr(value, "__len__"):
        raise DataTypeError(
            f"{key} is a {type(value).__name__}: what frames are picked of must be a clip, a list "
            "or an array with one item a frame"
        )
    return len(value)


def _numbers(sample: Any, count: int) -> tuple[int, ...]:
    picked = [op for op in sample.ops if isinstance(op, Frames)]
    numbers = tuple(range(picked[0].source if picked else count))
    for op in picked:
        numbers = tuple(numbers[i] for i in op.picks)
    return numbers


def run_frames(entry: Entry, op: Frames) -> None:
    """Keep the picked frames of one target, and the boxes and keypoints that lie in them."""
    if entry.kind.target in PICTURES:
        if entry.key in op.keys:
            _check_count(entry.key, len(entry.value), op)
            value = entry.value
            places = list(op.picks)
            solid = isinstance(value, Stack)
            entry.value = Stack(value.block[places]) if solid else [value[i] for i in places]
            entry.shape = (len(places),)
        return
    rows = {BOXES: op.boxes, POINTS: op.points}.get(entry.kind.target)
    if rows is not None:
        entry.value = entry.value.take(np.isin(entry.value.index, rows))


def follow(sample: Any, op: Frames) -> None:
    """Pick from what is no target: lists and arrays of the caller's with one item a frame."""
    index = np.array(op.picks, np.int64)
    for key in op.keys:
        if key in sample.data and key not in sample.entries and sample.data[key] is not None:
            _check_count(key, len(sample.data[key]), op)
            sample.data = {**sample.data, key: pick(sample.data[key], index)}


def _check_count(key: str, count: int, op: Frames) -> None:
    if count != op.source:
        raise DataError(f"{key} has {count} frames where the clip has {op.source}: they must agree")
