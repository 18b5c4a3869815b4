"""Ops of a batch lined up, and packed for the device, for the CPU, or as plans within plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph.backends.torch import BACKEND, Job, Spec
from anamorph.backends.torch.base import by_parts, identity, joined, kept, same_size, working
from anamorph.backends.torch.cast import DTYPES
from anamorph.backends.torch.sampling import plain, seen_as
from anamorph.backends.torch.window import Windowed, windowed
from anamorph.core.errors import BackendError
from anamorph.ir.ops import IMAGE, MASK, MIXTURE, Cast, Effect, Op, Target, Warp
from anamorph.ir.plan import Plan
from anamorph.ir.rules import fuse
from anamorph.pipeline.compose import Compose
from anamorph.pipeline.render import CHANNELS

Line = dict[int, Op]
"""Sample → its op, of those that have one."""


# ------------------------------------------------------------------------------ lining up


def lined_up(plans: Sequence[Sequence[Op]]) -> list[Line]:
    """Line up sequences of ops into as few lines of one kind as a look ahead finds.

    >>> from anamorph.ir.ops import Cast, Curve
    >>> tone, cast = Curve((("invert",),)), Cast("float32")
    >>> [sorted(line) for line in lined_up([[tone, cast], [cast], [tone, cast]])]
    [[0, 2], [0, 1, 2]]
    """
    left = {row: list(ops) for row, ops in enumerate(plans) if ops}
    lines: list[Line] = []
    while left:
        kind = _next_kind(left)
        lines.append({row: ops.pop(0) for row, ops in left.items() if _kind(ops[0]) == kind})
        left = {row: ops for row, ops in left.items() if ops}
    return lines


def _kind(op: Op) -> tuple[Any, ...]:
    if isinstance(op, Effect):
        return Effect, op.name
    return (Warp,) if isinstance(op, Windowed) else (type(op),)


def _next_kind(left: Mapping[int, list[Op]]) -> tuple[Any, ...]:
    """Find the kind that few have only later, and many have next."""
    heads = [_kind(ops[0]) for ops in left.values()]
    later: dict[tuple[Any, ...], int] = {}
    for head, ops in zip(heads, left.values(), strict=True):
        for kind in {_kind(op) for op in ops[1:]} - {head}:
            later[kind] = later.get(kind, 0) + 1
    return min(dict.fromkeys(heads), key=lambda kind: (later.get(kind, 0), -heads.count(kind)))


# ----------------------------------------------------------------------------- packing


def after(op: Op, spec: Spec, target: Target) -> Spec:
    """What a sample is after an op."""
    size = op.size_after(spec.size)
    if target is MASK:
        return Spec(size, spec.channels, spec.dtype)
    made = _MADE.get(op.name) if isinstance(op, Effect) else None
    if isinstance(op, Cast) and op.dtype:
        made = DTYPES[op.dtype]
    return Spec(size, op.channels_after(spec.channels), made or spec.dtype)


_MADE: Mapping[str, torch.dtype] = {"normalize_stats": torch.float32}
"""Effects that change the dtype → what it becomes."""


def packed(ops: Sequence[Op], spec: Spec, target: Target, *, host: bool) -> Job:
    """Pack ops of one kind, for the device, or for the CPU where it has to be.

    Raises:
        BackendError: there is no kernel, and ``host`` does not let the CPU do it.
    """
    for op in ops:
        if op.opaque or op.solid:
            raise BackendError(
                f"{type(op).__name__} in a plan of a batch: volumes and transforms of your own are "
                "rendered one by one, by pipeline.render"
            )
    try:
        return _packed_here(ops, spec, target)
    except BackendError as error:
        if host:
            return Job(_run_on_host, facts={"ops": tuple(ops), "key": _KEYS[target]})
        raise BackendError(f'{error}; missing="host" renders it on the CPU') from error


def _packed_here(ops: Sequence[Op], spec: Spec, target: Target) -> Job:
    nested = _NESTED.get(ops[0].name) if isinstance(ops[0], Effect) else None
    return BACKEND.pack(ops, spec, target) if nested is None else nested(ops, spec)


_KEYS: Mapping[Target, str] = {Target.IMAGE: "image", Target.MASK: "mask"}
_PLAIN = Compose([])
"""Renders plans of one op on the CPU."""


def _run_on_host(job: Job, batch: Tensor) -> Tensor:
    """Bring samples to the CPU, render them there, and bring them back."""
    floats = batch.dtype.is_floating_point
    there = batch.detach().to("cpu", torch.float32 if floats else batch.dtype)
    key = job.facts["key"]
    done = []
    for op, sample in zip(job.facts["ops"], there, strict=True):
        array = np.ascontiguousarray(sample.permute(1, 2, 0).numpy())
        plan = Plan((op,), array.shape[:2], array.shape[2], array.dtype.name)
        done.append(_PLAIN.render(plan, **{key: array})[key])
    same_size("the samples of the batch", [picture.shape for picture in done])
    stacked = torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2)
    kept = batch.dtype if floats and stacked.is_floating_point() else stacked.dtype
    return stacked.contiguous().to(batch.device, kept)


# --------------------------------------------------------------------- plans within effects


def _chained(plans: Sequence[Sequence[Op]], spec: Spec) -> Job:
    """Pack plans that keep size and channels: one job that runs them, for all samples."""
    jobs = []
    for line in lined_up([windowed(_fused(ops, spec), spec.size) for ops in plans]):
        if any(after(op, spec, IMAGE) != spec for op in line.values()):
            raise BackendError("backend torch has no kernel for plans within effects that resize")
        job = _packed_here(list(line.values()), spec, IMAGE)
        others = [n for n in range(len(plans)) if n not in line]
        jobs.append(joined([(list(line), job), (others, Job(identity, each=True))]))
    every = torch.arange(len(plans))
    return Job(_run_chain, parts=tuple((every, job) for job in jobs))


def _fused(ops: Sequence[Op], spec: Spec) -> list[Op]:
    return [step.op for step in fuse(ops, spec.size)]


def _run_chain(job: Job, batch: Tensor) -> Tensor:
    for _, step in job.parts:
        batch = step(batch)
    return batch


def _pack_mixture(ops: Sequence[Any], spec: Spec) -> Job:
    """Mix the outcomes of several plans for each sample."""
    count = max(len(op.params) for op in ops)
    branches = [[*op.params, *[(0.0,)] * (count - len(op.params))] for op in ops]
    weights = torch.tensor(
        [[weight for weight, *_ in row] for row in branches], dtype=working(spec.dtype)
    )
    every = torch.arange(len(ops))
    chains = [_chained([row[k][1:] for row in branches], spec) for k in range(count)]
    return Job(
        _run_mixture,
        {"weights": weights[:, :, None, None, None]},
        parts=tuple((every, chain) for chain in chains),
    )


def _run_mixture(job: Job, batch: Tensor) -> Tensor:
    weights = job.tensors["weights"]
    total: Tensor | float = 0.0
    for k, (_, chain) in enumerate(job.parts):
        total = total + weights[:, k] * chain(batch).to(weights.dtype)
    return kept(torch.as_tensor(total), batch.dtype)


def _pack_channels(ops: Sequence[Any], spec: Spec) -> Job:
    """Render plans on some channels, and put these back in their places."""
    return by_parts(ops, spec, lambda op: tuple(op.params[0]), lambda _: _pack_some)


def _pack_some(ops: Sequence[Any], spec: Spec) -> Job:
    index = torch.tensor(ops[0].params[0], dtype=torch.int64)
    chain = _chained([op.params[1:] for op in ops], Spec(spec.size, len(index), spec.dtype))
    return Job(_run_channels, {"index": index}, parts=((torch.arange(len(ops)), chain),))


def _run_channels(job: Job, batch: Tensor) -> Tensor:
    index = job.tensors["index"]
    part = seen_as(plain(batch).index_select(1, index), batch.dtype)
    done = job.parts[0][1](part)
    return seen_as(plain(batch).index_copy(1, index, plain(done)), batch.dtype)


_NESTED: Mapping[str, Callable[[Sequence[Any], Spec], Job]] = {
    MIXTURE: _pack_mixture,
    CHANNELS: _pack_channels,
}
"""Effects that hold plans of their own."""
