"""Run the steps of a plan on the targets of a sample (which is `anamorph.pipeline.sample.Sample`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from anamorph.backends.base import Backend
from anamorph.core.errors import DataTypeError
from anamorph.ir.collage import Collage
from anamorph.ir.frames import Frames
from anamorph.ir.ops import MASK, MIXTURE, Cast, ColorMatrix, Effect, Op, Size, Target
from anamorph.ir.rules import fuse
from anamorph.ir.volume import VOLUME_OPS
from anamorph.pipeline.adopt import adopt, as_met, is_members, run_members
from anamorph.pipeline.frames import run_frames
from anamorph.pipeline.stacks import over_slices, over_volumes, three_axes
from anamorph.pipeline.targets import PICTURES, Entry

CHANNELS = "channels"
"""Name of the effect that renders a plan of its own on some channels of the picture."""
WEIGHTED = "weighted"
"""Name of the effect of a backend that takes a list of pictures, and adds them up by weights."""


_Runner = Callable[[Any, Entry, Any, Size], None]


def run_op(sample: Any, entry: Entry, op: Op, source: Size) -> None:
    """Run one op on one target, ``source`` being the size of the picture before it."""
    run: _Runner = _RUNNERS.get(type(op), _run_kernel)
    run(sample, entry, op, source)


def _run_frames(_: Any, entry: Entry, op: Any, __: Size) -> None:
    run_frames(entry, op)


def _run_collage(sample: Any, entry: Entry, op: Any, source: Size) -> None:
    if is_members(sample, entry):
        run_members(sample, entry, op, source)
        return
    for met, before in as_met(entry, op, source):
        _run_kernel(sample, entry, met, before)
    adopt(sample, entry, op)


def _run_solid(sample: Any, entry: Entry, op: Any, source: Size) -> None:
    target = entry.kind.target
    if target in PICTURES:
        over_volumes(entry, op, sample.backend.kernel(op, target))
    else:
        _run_rows(sample, entry, op, source)


def _run_kernel(sample: Any, entry: Entry, op: Op, source: Size) -> None:
    target = entry.kind.target
    if target in PICTURES:
        backend: Backend = sample.backend
        kernel = backend.kernels.get((type(op), target)) or _kernel(backend, op, target)
        settle_axes = _SETTLING.get(type(op))
        channels = 0 if settle_axes is None else _channels(entry)
        try:
            if entry.kind.stacks:
                entry.value = over_slices(backend, op, target, entry.value, kernel)
            else:
                entry.value = three_axes(kernel(op, entry.value))
        except (AttributeError, TypeError) as error:
            _refuse_tensor(entry, op, error)
            raise
        if settle_axes is not None:
            settle_axes(entry, op, channels)
    else:
        _run_rows(sample, entry, op, source)


def _run_rows(sample: Any, entry: Entry, op: Op, source: Size) -> None:
    """Run an op on boxes, keypoints, polygons or polylines."""
    target = entry.kind.target
    value = sample.backend.kernel(op, target)(op, entry.value, source)
    params = sample.settings.params_of(target)
    if params.check_each_transform:
        value = params.settle(value, op.size_after(source), entry.value)
    entry.value = value


_RUNNERS: Mapping[type[Op], _Runner] = {
    Frames: _run_frames,
    Collage: _run_collage,
    **dict.fromkeys(VOLUME_OPS.values(), _run_solid),
}
"""Ops that are more than one kernel on one picture after the other."""


def _settle_channels(entry: Entry, _: Op, channels: int) -> None:
    if channels != _channels(entry):
        entry.flat = channels != 1  # a colour picture made grey is H×W, a grey one coloured not


def _settle_layout(entry: Entry, op: Cast, channels: int) -> None:
    """Give a mask H×W×1 its axis back, which tensors of masks lose; pictures have theirs."""
    if op.layout != "CHW":
        return
    alone = entry.kind.target is MASK and entry.kind.stacks == 0
    if alone and op.tensor and channels == 1 and not entry.flat:
        entry.value = entry.value.unsqueeze(0 if op.transpose_mask else -1)
    entry.flat = False


_SETTLING: Mapping[type[Op], Callable[[Entry, Any, int], None]] = {
    Cast: _settle_layout,
    ColorMatrix: _settle_channels,
    Effect: _settle_channels,
}
"""Op that may change channels or layout → what decides whether a picture is handed out with an axis
of channels, given the number that there were."""


def run_call(sample: Any, op: Op) -> None:
    """Run a user's own transform, which may touch every target and change the size."""
    op.call.run(sample)  # type: ignore[attr-defined]
    sample.refresh()


def _refuse_tensor(entry: Entry, op: Op, error: Exception) -> None:
    value = entry.value[0] if entry.kind.stacks else entry.value
    if not isinstance(value, np.ndarray):
        raise DataTypeError(
            f"{entry.key} is a {type(value).__name__} before {type(op).__name__}: what makes "
            "tensors must be the last transform of a pipeline"
        ) from error


def _channels(entry: Entry) -> int:
    value = entry.value[0] if entry.kind.stacks and len(entry.value) else entry.value
    return value.shape[2] if isinstance(value, np.ndarray) else 0


def _kernel(backend: Backend, op: Op, target: Target) -> Callable[[Any, Any], Any]:
    nested = _NESTED.get(op.name) if isinstance(op, Effect) else None
    if nested is not None:
        return lambda op, value: nested(backend, op, value)
    return backend.kernel(op, target)


def _on_channels(backend: Backend, op: Effect, value: Any) -> Any:
    """Render a plan on some channels, and put them back in their places."""
    channels, *ops = op.params
    part = _planned(backend, ops, np.ascontiguousarray(value[:, :, list(channels)]))
    out = value.copy()
    out[:, :, list(channels)] = part
    return out


def _mixed(backend: Backend, op: Effect, value: Any) -> Any:
    """Render several plans on the same picture, and mix what comes out."""
    weights = tuple(weight for weight, *_ in op.params)
    pictures = [_planned(backend, ops, value) for _, *ops in op.params]
    return backend.effects[WEIGHTED](Effect(WEIGHTED, weights), pictures)


def _planned(backend: Backend, ops: list[Op], value: Any) -> Any:
    """Render a plan on one picture."""
    for step in fuse(ops, value.shape[:2]):
        value = three_axes(_kernel(backend, step.op, Target.IMAGE)(step.op, value))
    return value


_NESTED: Mapping[str, Callable[[Backend, Effect, Any], Any]] = {
    CHANNELS: _on_channels,
    MIXTURE: _mixed,
}
"""Effects that hold plans of their own."""
