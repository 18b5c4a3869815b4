"""Pictures that come as files: opened when the call begins, decoded when the plan is known.

A path, bytes, a file or an fsspec path may stand wherever a picture may. What is asked of it before
it is rendered (its size, channels and dtype) stands in its header.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from anamorph.core.files import is_source
from anamorph.ir import matrix as mx
from anamorph.ir.decoding import Need, needed, upright
from anamorph.ir.ops import IMAGE, MASK, Size, Warp
from anamorph.ir.rules import Step, fuse
from anamorph.pipeline.render import run_op
from anamorph.pipeline.stacks import three_axes
from anamorph.pipeline.targets import PICTURES, Entry, enter_picture


class Decoded(NamedTuple):
    """What was decoded of a file, and how long it took, in seconds."""

    text: str
    seconds: float


def open_source(value: Any, place: str) -> Any:
    """Open a file as `anamorph.sources` does, which is loaded when the first one comes."""
    return import_module("anamorph.sources").open_source(value, place)


def read_whole(value: Any, place: str, target: Any) -> Any:
    """Decode all of a file: a mask with its stored values, anything else as a picture."""
    source = open_source(value, place)
    return source.read_mask() if target is MASK else source.read()


def in_memory(data: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a call with the files of its pictures decoded."""
    pictures = {key for key in data if key in kinds and kinds[key].target in PICTURES}
    return {
        key: _members(value, key, kinds[key].target) if key in pictures else value
        for key, value in data.items()
    }


def _members(value: Any, place: str, target: Any) -> Any:
    """Decode a file, or those that a list holds."""
    if isinstance(value, list | tuple):
        return [_members(v, f"{place}[{i}]", target) for i, v in enumerate(value)]
    return read_whole(value, place, target) if is_source(value) else value


def take_in(entry: Entry) -> Size:
    """Bring a picture, mask or stack of them to arrays, or open its file; give its size."""
    given = entry.given
    if entry.kind.target is IMAGE and is_source(given) and not entry.kind.stacks:
        return _opened(entry)
    if any(map(is_source, given if isinstance(given, list | tuple) else (given,))):
        entry.given = _members(given, entry.key, entry.kind.target)
    return enter_picture(entry)


def _opened(entry: Entry) -> Size:
    source = entry.source = open_source(entry.given, entry.key)
    entry.flat = source.channels == 1
    size: Size = source.size
    return size


def steps_of(sample: Any, entry: Entry) -> list[Step]:
    """Decode what the plan needs of a file, and give the steps that are left to do."""
    source, entry.source = entry.source, None
    began = time.perf_counter()
    if sample.uneven:  # the scene has another resolution, which its ops are adapted from
        _hold(entry, three_axes(source.read()), untouched=True)
        left: list[Step] = sample.pending(entry)
        sample.decoded = Decoded(f"{source.kind}, all of it", time.perf_counter() - began)
        return left
    head = upright(source.orientation, source.stored)
    mode = sample.settings.fuse
    ops = [*head, *(op for op in sample.ops if entry.takes(op))]
    steps = fuse(ops, source.stored, mode)
    need, steps = needed(steps, source.stored, source.scales, exact=mode != "all")
    first = steps[0] if steps else None
    at_once = sample.trace is None and first is not None and _renews(first.op)
    began = time.perf_counter()
    array = source.decode(need.denominator, need.bottom, lent=at_once)
    x0, y0, x1, y1 = need.region
    _hold(entry, three_axes(array)[y0:y1, x0:x1], untouched=not steps)
    sample.decoded = Decoded(_told(source, need), time.perf_counter() - began)
    if first is not None and at_once:  # while what is lent is ours
        run_op(sample, entry, first.op, first.source)
        steps = steps[1:]
    for step in steps:
        step.origins = tuple(i - len(head) for i in step.origins if i >= len(head))
    return steps


def _renews(op: Any) -> bool:
    """Tell whether an op leaves nothing of the memory that it reads."""
    return isinstance(op, Warp) and not mx.is_lattice(op.matrix)


def _hold(entry: Entry, value: Any, *, untouched: bool) -> None:
    """Keep what was decoded: handed out as it is where nothing happens to it."""
    entry.value = entry.given = value
    if untouched:
        entry.start = value
        entry.given = value[:, :, 0] if entry.flat else value


def _told(source: Any, need: Need) -> str:
    scale = f" at 1/{need.denominator}" if need.denominator > 1 else ""
    rows = min(need.bottom, source.stored[0])
    part = f", {rows} of {source.stored[0]} rows" if rows < source.stored[0] else ""
    turned = f", orientation {source.orientation}" if source.orientation != 1 else ""
    return f"{source.kind}{scale}{part}{turned}"
