"""Run the steps of a plan on the targets of a sample (which is `anamorph.pipeline.sample.Sample`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from anamorph.backends.base import Backend
from anamorph.core.errors import DataTypeError
from anamorph.ir.ops import MASK, Cast, ColorMatrix, Effect, Op, Size, Target
from anamorph.ir.rules import fuse
from anamorph.pipeline.stacks import over_slices, over_volumes, three_axes
from anamorph.pipeline.targets import PICTURES, Entry

CHANNELS = "channels"
"""Name of the effect that renders a plan of its own on some channels of the picture."""


def run_op(sample: Any, entry: Entry, op: Op, source: Size) -> None:
    """Run one op on one target, ``source`` being the size of the picture before it."""
    target = entry.kind.target
    if target in PICTURES:
        kernel = _kernel(sample.backend, op, target)
        if op.solid:
            over_volumes(entry, op, kernel)
            return
        changing = type(op) in _CHANGING
        channels = _channels(entry) if changing else 0
        try:
            if entry.kind.stacks:
                entry.value = over_slices(sample.backend, op, target, entry.value, kernel)
            else:
                entry.value = three_axes(kernel(op, entry.value))
        except (AttributeError, TypeError) as error:
            _refuse_tensor(entry, op, error)
            raise
        if changing:
            _settle_axes(entry, op, channels)
    else:
        value = sample.backend.kernel(op, target)(op, entry.value, source)
        params = sample.settings.params_of(target)
        if params.check_each_transform:
            value = params.settle(value, op.size_after(source), entry.value)
        entry.value = value


_CHANGING = frozenset((Cast, ColorMatrix, Effect))
"""Ops that may change the number of channels or the layout."""


def _settle_axes(entry: Entry, op: Op, channels: int) -> None:
    """Decide whether the picture is handed out with an axis of channels."""
    if isinstance(op, Cast):
        if op.layout == "CHW":
            _keep_axis(entry, op, channels)
    elif channels != _channels(entry):
        entry.flat = channels != 1  # a colour picture made grey is H×W, a grey one coloured not


def _keep_axis(entry: Entry, op: Cast, channels: int) -> None:
    """Give a mask H×W×1 its axis back, which tensors of masks lose; pictures have theirs."""
    alone = entry.kind.target is MASK and entry.kind.stacks == 0
    if alone and op.tensor and channels == 1 and not entry.flat:
        entry.value = entry.value.unsqueeze(0 if op.transpose_mask else -1)
    entry.flat = False


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
    if isinstance(op, Effect) and op.name == CHANNELS:
        return lambda op, value: _on_channels(backend, op, value)
    return backend.kernel(op, target)


def _on_channels(backend: Backend, op: Effect, value: Any) -> Any:
    """Render a plan on some channels, and put them back in their places."""
    channels, *ops = op.params
    part = np.ascontiguousarray(value[:, :, list(channels)])
    for step in fuse(ops, value.shape[:2]):
        kernel = backend.kernel(step.op, Target.IMAGE)
        part = three_axes(kernel(step.op, part))
    out = value.copy()
    out[:, :, list(channels)] = part
    return out
