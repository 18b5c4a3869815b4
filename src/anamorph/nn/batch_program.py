"""How the fused plans of a batch are lined up into stages, and how the stages are run.

Samples whose next steps are of one kind take them together; a sample that has no such step waits.
All of this is decided on the host from the plans alone, so that running it never waits for the
device.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from anamorph.backends.torch import Job, Spec, base
from anamorph.backends.torch.base import Bundle, bundled, moved
from anamorph.backends.torch.sampling import plain, seen_as
from anamorph.ir.ops import Op, Target
from anamorph.nn.batch_packing import after, lined_up, packed

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

    def run(self, state: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        """Do the jobs; samples without one pass through."""
        if isinstance(state, Tensor):
            if len(self.rows) == 1 and len(self.rows[0]) == len(state):
                return self.parts[0][1](state)
            if self.steady:
                return self._in_place(state)
        pieces = list(torch.split(state, 1)) if isinstance(state, Tensor) else list(state)
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
            for row, piece in zip(rows, torch.split(done, 1), strict=True):
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

    def __call__(self, state: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        """Run all stages; on a CPU each sample through as many as go one by one."""
        first = state if isinstance(state, Tensor) else state[0]
        if not base.prefers_one_by_one(first.device):
            for stage in self.stages:
                state = stage.run(state)
            return state
        pieces = list(torch.split(state, 1)) if isinstance(state, Tensor) else list(state)
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
            now[row] = after(op, was[row], target)
            groups.setdefault((was[row], now[row]), []).append(row)
        parts = []
        for (spec, _), rows in groups.items():
            job = packed([line[row] for row in rows], spec, target, host=host)
            parts.append((torch.tensor(rows, dtype=torch.int64), job))
        steady = now == was and len(set(now)) == 1
        rows_of = tuple(map(tuple, groups.values()))
        stages.append(Stage(tuple(parts), rows_of, steady, even=len(set(now)) == 1))
    return Program(tuple(stages), tuple(specs), tuple(now))
