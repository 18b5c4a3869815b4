"""Conversions of batches: tones, value·scale + offset, dtype. Channels stay the second axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anamorph.backends.torch import tone
from anamorph.backends.torch.base import (
    Job,
    Pack,
    Spec,
    by_parts,
    identity,
    leave,
    stored,
    white_of,
    working,
)
from anamorph.core.errors import DataError
from anamorph.ir.ops import IMAGE, MASK, Cast, Color, Effect, Op, Target
from anamorph.ir.tone import needs_mean

DTYPES: Mapping[str, torch.dtype] = {
    "uint8": torch.uint8,
    "uint16": torch.uint16,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
"""Name of a dtype → what torch calls it."""


def pack(ops: Sequence[Cast], spec: Spec) -> Job:
    """Convert pictures: tones, then value·scale + offset."""
    return by_parts(ops, spec, lambda op: (op.dtype, tone.program_of(op.steps)), lambda _: _pack)


def _pack(ops: Sequence[Cast], spec: Spec) -> Job:
    dtype = DTYPES[ops[0].dtype] if ops[0].dtype else spec.dtype
    whole = not (dtype.is_floating_point or spec.dtype.is_floating_point)
    if whole and dtype != spec.dtype:
        told = str(spec.dtype).removeprefix("torch.")
        raise DataError(
            f"FromFloat needs a float32 picture with values in [0, 1], not one of {told}"
        )
    if dtype == spec.dtype and all(_does_nothing(op) for op in ops):
        return Job(identity, each=True)
    wide = torch.float64 in {dtype, working(spec.dtype)}
    precision = torch.float64 if wide else torch.float32
    numbers = {
        "scale": _numbers([op.scale for op in ops], spec.channels),
        "offset": _numbers([op.offset for op in ops], spec.channels),
    }
    steps = [op.steps for op in ops]
    if spec.dtype == torch.uint8 and steps[0] and not any(map(needs_mean, steps)):
        table = np.stack(tone.tables(steps, spec)) * 255.0
        table = table * numbers["scale"][:, :, 0] + numbers["offset"][:, :, 0]
        held = {"table": _within(torch.from_numpy(table), dtype)}
        return Job(_run_table, held, each=True)
    tensors, program = tone.stacked(steps, spec)
    lines = {name: torch.from_numpy(table).to(precision) for name, table in numbers.items()}
    facts = {"program": program, "dtype": dtype}
    return Job(_run_line, lines | tensors, facts, each=True)


def _does_nothing(op: Cast) -> bool:
    return not op.steps and op.scale == 1.0 and op.offset == 0.0


def _numbers(values: Sequence[Color], channels: int) -> npt.NDArray[np.float64]:
    """Numbers (N, C or 1, 1, 1) of all samples."""
    rows = [np.atleast_1d(np.asarray(value, np.float64)) for value in values]
    width = max(map(len, rows))
    if any(len(row) not in {1, channels} for row in rows):
        raise DataError(
            f"a conversion holds numbers for {width} channels and the picture has {channels}"
        )
    spread: npt.NDArray[np.float64] = np.stack([np.broadcast_to(row, (width,)) for row in rows])
    return spread[:, :, None, None]


def _run_table(job: Job, batch: Tensor) -> Tensor:
    return tone.tabled(batch, job.tensors["table"])


def _run_line(job: Job, batch: Tensor) -> Tensor:
    scale, offset = job.tensors["scale"], job.tensors["offset"]
    values = batch
    if job.facts["program"]:
        values = tone.toned(job, batch) * white_of(batch.dtype)
    return _within(values.to(scale.dtype) * scale + offset, job.facts["dtype"])


def _within(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Bring to a dtype; whole numbers are not negative."""
    return stored(values if dtype.is_floating_point else values.clamp(min=0), dtype)


# ------------------------------------------------------------------------ by their own numbers


def pack_stats(ops: Sequence[Effect], spec: Spec) -> Job:
    """Normalise by mean and deviation, or by minimum and maximum, whole or a channel."""
    return by_parts(ops, spec, lambda op: tuple(op.params), lambda _: _pack_stats)


def _pack_stats(ops: Sequence[Effect], _: Spec) -> Job:
    return Job(_run_stats, facts={"kind": ops[0].params[0]}, each=True)


def _run_stats(job: Job, batch: Tensor) -> Tensor:
    kind: str = job.facts["kind"]
    x = batch.to(working(batch.dtype))
    axes = (2, 3) if kind.endswith("per_channel") else (1, 2, 3)
    if "image" in kind:
        deviation = x.var(axes, correction=0, keepdim=True).sqrt()
        x = ((x - x.mean(axes, keepdim=True)) / (deviation + 1e-4)).clamp(-20.0, 20.0)
    else:
        low = x.amin(axes, keepdim=True)
        x = (x - low) / (x.amax(axes, keepdim=True) - low + 1e-4)
    return x.to(torch.float32)


KERNELS: Mapping[tuple[type[Op], Target], Pack] = {(Cast, IMAGE): pack, (Cast, MASK): leave}
"""Masks are tensors already."""
EFFECTS: Mapping[str, Pack] = {"normalize_stats": pack_stats}
