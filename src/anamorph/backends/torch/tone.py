"""Curves of batches: tables for bytes, evaluation for everything else.

Where no sample waits for the mean of its picture, bytes go through one table a sample and channel,
made on the host. All other curves are evaluated on the device, samples with the same sequence of
steps together; a mean is taken where the picture is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph.backends.torch.base import (
    Job,
    Pack,
    Spec,
    by_parts,
    kept,
    white_of,
    working,
)
from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.ir import tone
from anamorph.ir.ops import IMAGE, Curve, Op, Target
from anamorph.ir.tone import Step

_LEVELS: Mapping[torch.dtype, int] = {torch.uint8: 255, torch.uint16: 65535}


def pack(ops: Sequence[Curve], spec: Spec) -> Job:
    """Apply tone steps."""
    if spec.dtype == torch.uint8 and not any(tone.needs_mean(op.steps) for op in ops):
        made = np.stack(tables([op.steps for op in ops], spec))
        levels = np.rint(made.clip(0.0, 1.0) * 255.0).astype(np.uint8)
        return Job(_run_tables, {"table": torch.from_numpy(levels)}, each=True)
    return by_parts(ops, spec, lambda op: program_of(op.steps), lambda _: _pack_steps)


def tables(steps: Sequence[tuple[Step, ...]], spec: Spec) -> list[np.ndarray[Any, Any]]:
    """Tables of intensities (channels, 256), one a sample, not yet clipped."""
    made = (tone.tabulate(s, 255).T for s in steps)
    return [np.broadcast_to(table, (spec.channels, 256)) for table in made]


def _run_tables(job: Job, batch: Tensor) -> Tensor:
    return tabled(batch, job.tensors["table"])


def tabled(batch: Tensor, table: Tensor) -> Tensor:
    """Look bytes (N, C, H, W) up in tables (N or 1, C, 256) of any dtype."""
    n, channels = batch.shape[:2]
    index = batch.reshape(n, channels, -1).to(torch.int64)
    return table.expand(n, -1, -1).gather(2, index).reshape(batch.shape)


def _pack_steps(ops: Sequence[Curve], spec: Spec) -> Job:
    tensors, program = stacked([op.steps for op in ops], spec)
    return Job(_run_steps, tensors, {"program": program}, each=True)


def _run_steps(job: Job, batch: Tensor) -> Tensor:
    return kept(toned(job, batch) * white_of(batch.dtype), batch.dtype)


# ------------------------------------------------------------------------ on the device


Program = tuple[tuple[Any, ...], ...]
"""What curves that are evaluated together have in common: names, and what is no number."""


def program_of(steps: tuple[Step, ...]) -> Program:
    """Tell what of tone steps is no number."""
    return tuple(_line(step) for step in steps)


def _line(step: Step) -> tuple[Any, ...]:
    name, *numbers = step
    if name == tone.MEAN:
        return name, numbers[2], len(numbers) > 3 and bool(numbers[3])
    if name == "points":
        return name, len(numbers), len(numbers[0])
    return (name,)


def stacked(steps: Sequence[tuple[Step, ...]], spec: Spec) -> tuple[dict[str, Tensor], Program]:
    """Stack the numbers of curves of one program: (N, C or 1, 1, 1) each, tables (N, C or 1, T)."""
    program = program_of(steps[0])
    precision = working(spec.dtype)
    tensors: dict[str, Tensor] = {}
    for i, (name, *_) in enumerate(program):
        numbers = [s[i][1:3] if name == tone.MEAN else s[i][1:] for s in steps]
        if name == "points":
            tensors[f"{i}"] = torch.tensor(numbers, dtype=precision)
            continue
        for k, column in enumerate(zip(*numbers, strict=True)):
            tensors[f"{i}.{k}"] = _column(column, precision)
    return tensors, program


def _column(values: Sequence[Any], precision: torch.dtype) -> Tensor:
    width = max((len(v) for v in values if isinstance(v, tuple)), default=1)
    rows = [v if isinstance(v, tuple) else (v,) * width for v in values]
    return torch.tensor(rows, dtype=precision)[:, :, None, None]


def toned(job: Job, batch: Tensor) -> Tensor:
    """Intensities after the steps of a job, in the precision that is worked in, not yet clipped."""
    x = batch.to(working(batch.dtype)) / white_of(batch.dtype)
    levels = _LEVELS.get(batch.dtype, 0)
    for i, line in enumerate(job.facts["program"]):
        numbers = [t for name, t in job.tensors.items() if name.partition(".")[0] == str(i)]
        x = TONES[line[0]](x, (levels, *line[1:]), *numbers)
    return x


def _linear(x: Tensor, _: Any, scale: Tensor, offset: Tensor) -> Tensor:
    return (x * scale + offset).clamp(0.0, 1.0)


def _gamma(x: Tensor, _: Any, exponent: Tensor) -> Tensor:
    return x.clamp(min=0.0) ** exponent


def _invert(x: Tensor, _: Any) -> Tensor:
    return 1.0 - x


def _solarize(x: Tensor, facts: Any, threshold: Tensor) -> Tensor:
    levels = facts[0]
    q = torch.round(x * levels) / levels if levels else x
    return torch.where(q >= threshold, 1.0 - q, q)


def _posterize(x: Tensor, facts: Any, bits: Tensor) -> Tensor:
    top = facts[0] or 255
    drop = 2.0 ** ((8 if top == 255 else 16) - bits)
    return torch.floor(torch.round(x * top) / drop) * drop / top


def _bezier(x: Tensor, _: Any, low: Tensor, high: Tensor) -> Tensor:
    a, b, c = tone.bezier_weights(low, high)
    y: Tensor = x * (a + x * (b + x * c))
    return y


def _points(x: Tensor, facts: Any, table: Tensor) -> Tensor:
    """Follow tables (N, C or 1, T) of values at even intensities."""
    n, channels, height, width = x.shape
    at = x.reshape(n, channels, -1).clamp(0.0, 1.0) * (facts[2] - 1)
    low = at.detach().floor().clamp(max=max(facts[2] - 2, 0))
    index = low.to(torch.int64)
    table = table.expand(n, channels, -1)
    first = table.gather(2, index)
    second = table.gather(2, (index + 1).clamp(max=facts[2] - 1))
    found: Tensor = first + (second - first) * (at - low)
    return found.reshape(n, channels, height, width)


def _mean(x: Tensor, facts: Any, scale: Tensor, share: Tensor) -> Tensor:
    """Move towards the mean of each sample."""
    _, of, within = facts
    if of == "gray" and x.shape[1] == 3:
        means = x.mean((2, 3)).unbind(1)
        weighted = [m * w for m, w in zip(means, GRAY_WEIGHTS, strict=True)]
        mean = torch.stack(weighted).sum(0)[:, None, None, None]
    else:
        mean = x.mean((1, 2, 3), keepdim=True)
    offset = share * mean
    if within:
        offset = offset.clamp(0.0, 1.0)
        scale = torch.minimum(torch.maximum(scale, -offset), 1.0 - offset)
    return _linear(x, None, scale, offset)


TONES: Mapping[str, Callable[..., Tensor]] = {
    "linear": _linear,
    "gamma": _gamma,
    "invert": _invert,
    "solarize": _solarize,
    "posterize": _posterize,
    "bezier": _bezier,
    "points": _points,
    tone.MEAN: _mean,
}
"""name of a step → function(intensities, (levels, what is no number…), *numbers)."""

KERNELS: Mapping[tuple[type[Op], Target], Pack] = {(Curve, IMAGE): pack}
