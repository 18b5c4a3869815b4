"""How the fused plans of a batch are lined up into stages, and how the stages are run.

Samples whose next steps are of one kind take them together; a sample that has no such step waits.
All of this is decided on the host from the plans alone, so that running it never waits for the
device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph.backends.torch import BACKEND, Job, Spec, base
from anamorph.backends.torch.base import Bundle, bundled, moved, same_size
from anamorph.backends.torch.cast import DTYPES
from anamorph.backends.torch.sampling import plain, seen_as
from anamorph.backends.torch.window import Windowed
from anamorph.core.errors import BackendError
from anamorph.ir.ops import MASK, Cast, Effect, Op, Target, Warp
from anamorph.ir.plan import Plan
from anamorph.pipeline.compose import Compose

State = Tensor | list[Tensor]
"""A batch (N, C, H, W), or where samples differ a list of N of (1, C, H, W)."""
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


# ---------------------------------------------------------------------------------- stages


@dataclass(frozen=True, slots=True)
class Stage:
    """Jobs of one line, each for some samples that are alike."""

    parts: tuple[tuple[Tensor, Job], ...]
    rows: tuple[tuple[int, ...], ...]
    steady: bool
    """Whether samples go in alike and come out as they went in, but for their values."""
    even: bool
    """Whether samples come out alike."""

    @property
    def each(self) -> bool:
        """Whether samples can be done one by one."""
        return all(job.each for _, job in self.parts)

    def of(self, n: int) -> Job | None:
        """Make the job of sample n alone, if it has one."""
        for rows, (_, job) in zip(self.rows, self.parts, strict=True):
            if n in rows:
                return job.of(rows.index(n))
        return None

    def run(self, state: State) -> State:
        """Do the jobs; samples without one pass through."""
        if isinstance(state, Tensor):
            if len(self.rows) == 1 and len(self.rows[0]) == len(state):
                return self.parts[0][1](state)
            if self.steady:
                return self._in_place(state)
        pieces = list(state.split(1)) if isinstance(state, Tensor) else list(state)
        pieces = self.run_apart(pieces)
        return _together(pieces) if self.even else pieces

    def _in_place(self, batch: Tensor) -> Tensor:
        out = plain(batch)
        for index, job in self.parts:
            part = seen_as(out.index_select(0, index), batch.dtype)
            out = out.index_copy(0, index, plain(job(part)))
        return seen_as(out, batch.dtype)

    def run_apart(self, pieces: list[Tensor]) -> list[Tensor]:
        """Do the jobs on samples that stand apart."""
        pieces = list(pieces)
        for rows, (_, job) in zip(self.rows, self.parts, strict=True):
            done = job(_together([pieces[row] for row in rows]))
            for row, piece in zip(rows, done.split(1), strict=True):
                pieces[row] = piece
        return pieces


def _together(pieces: Sequence[Tensor]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces))


def _through(stages: Sequence[Stage], n: int, piece: Tensor) -> Tensor:
    """Take sample n through stages."""
    for stage in stages:
        job = stage.of(n)
        piece = piece if job is None else job(piece)
    return piece


@dataclass(frozen=True, slots=True)
class Program:
    """The stages of one target of a batch, and what the samples are before and after."""

    stages: tuple[Stage, ...]
    before: tuple[Spec, ...]
    after: tuple[Spec, ...]

    def __call__(self, state: State) -> State:
        """Run all stages; on a CPU each sample through as many as go one by one."""
        first = state if isinstance(state, Tensor) else state[0]
        if not base.prefers_one_by_one(first.device):
            for stage in self.stages:
                state = stage.run(state)
            return state
        pieces = list(state.split(1)) if isinstance(state, Tensor) else list(state)
        for apart, stages in groupby(self.stages, key=lambda stage: stage.each):
            if apart:
                run = tuple(stages)
                pieces = [_through(run, n, piece) for n, piece in enumerate(pieces)]
            else:
                for stage in stages:
                    pieces = stage.run_apart(pieces)
        return _together(pieces) if len(set(self.after)) == 1 else pieces

    def held(self) -> list[Tensor]:
        """All tensors in it, in the order in which `holding` takes them."""
        parts = (part for stage in self.stages for part in stage.parts)
        return [t for index, job in parts for t in (index, *job.held())]

    def holding(self, tensors: Iterable[Tensor]) -> Program:
        """Make the same program with other tensors in place of its own."""
        stream = iter(tensors)
        stages = []
        for stage in self.stages:
            parts = tuple((next(stream), job.holding(stream)) for _, job in stage.parts)
            stages.append(replace(stage, parts=parts))
        return replace(self, stages=tuple(stages))

    def to(self, device: torch.device | str) -> Program:
        """Move all numbers to a device, in one copy."""
        return self.holding(moved(self.held(), device))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all tensors as one: between processes each costs a file of shared memory."""
        held = self.held()
        empty = self.holding([_HOLE] * len(held))
        bundle = bundled([t.cpu() for t in held])
        return _restored, ((empty.stages, self.before, self.after), bundle)


_HOLE: Any = None


def _restored(fields: tuple[Any, ...], bundle: Bundle) -> Program:
    return Program(*fields).holding(bundle.tensors())


def programmed(
    plans: Sequence[Sequence[Op]], specs: Sequence[Spec], target: Target, *, host: bool
) -> Program:
    """Pack the fused ops of all samples.

    Args:
        plans: the fused ops for the target, a sequence a sample.
        specs: what the samples are.
        target: pictures or masks.
        host: whether ops without a kernel for batches are rendered on the CPU.

    Raises:
        BackendError: there is no kernel, and ``host`` does not let the CPU do it.
    """
    now = list(specs)
    stages = []
    for line in lined_up(plans):
        was = list(now)
        groups: dict[tuple[Spec, Spec], list[int]] = {}
        for row, op in line.items():
            now[row] = _after(op, was[row], target)
            groups.setdefault((was[row], now[row]), []).append(row)
        parts = []
        for (spec, _), rows in groups.items():
            job = packed([line[row] for row in rows], spec, target, host=host)
            parts.append((torch.tensor(rows, dtype=torch.int64), job))
        steady = now == was and len(set(now)) == 1
        rows_of = tuple(map(tuple, groups.values()))
        stages.append(Stage(tuple(parts), rows_of, steady, even=len(set(now)) == 1))
    return Program(tuple(stages), tuple(specs), tuple(now))


def _after(op: Op, spec: Spec, target: Target) -> Spec:
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
        return BACKEND.pack(ops, spec, target)
    except BackendError as error:
        if host:
            return Job(_run_on_host, facts={"ops": tuple(ops), "key": _KEYS[target]})
        raise BackendError(f'{error}; missing="host" renders it on the CPU') from error


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
