"""What a kernel for batches is: ops are packed on the host, and the pack is run on the device.

A kernel of other backends takes one op and one picture. Here every sample of a batch has an op of
its own, so a kernel has two halves: ``pack(ops, spec) → Job`` stacks the numbers of all ops into
tensors, without looking at a pixel, and ``job(batch) → batch`` does the work where the batch is.
That is why these kernels stand in a table of their own and not in `anamorph.backends.BACKENDS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from anamorph.core.errors import BackendError, DataError
from anamorph.core.params import per_channel
from anamorph.ir.ops import Color, Effect, Op, Size, Target

Device = torch.device | str


@dataclass(frozen=True, slots=True)
class Spec:
    """What is known of a batch (N, C, H, W) before a pixel of it: N is that of the ops."""

    size: Size
    channels: int
    dtype: torch.dtype
    names: tuple[str, ...] = ()
    """Names of the dtypes that the samples' plans were drawn for, where they are told."""

    @staticmethod
    def of(batch: Tensor) -> Spec:
        """Read it off a batch."""
        return Spec((int(batch.shape[2]), int(batch.shape[3])), int(batch.shape[1]), batch.dtype)


Run = Callable[["Job", Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Job:
    """Stacked numbers of the ops of a batch, and the function that does them.

    ``tensors`` move with `to`; ``facts`` stay on the host and never depend on pixels, those under
    "own" are one a sample (or one for all); ``parts`` are jobs for some of the samples each, with
    the positions of these, which are also under "rows".
    """

    run: Run
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[tuple[Tensor, Job], ...] = ()
    each: bool = False
    """Whether `of` can take samples apart: all tensors have an axis of samples first, of length 1
    where all are alike."""

    def __call__(self, batch: Tensor) -> Tensor:
        """Do it to a batch (N, C, H, W).

        On a CPU one sample after the other where that is possible: what is in between stays in the
        cache, and a batch of intermediate floats never needs fresh pages, which cost the most.
        """
        if self.each and len(batch) > 1 and prefers_one_by_one(batch.device):
            return cat([self.of(n)(batch[n : n + 1]) for n in range(len(batch))])
        return self.run(self, batch)

    def of(self, n: int) -> Job:
        """Make the job of sample n alone."""
        if "rows" in self.facts:
            part, position = _found(self.facts["rows"], n)
            return self.parts[part][1].of(position)
        tensors = {name: t if len(t) == 1 else t[n : n + 1] for name, t in self.tensors.items()}
        facts = self.facts
        if len(facts.get("own", ())) > 1:
            facts = {**facts, "own": facts["own"][n : n + 1]}
        return Job(self.run, tensors, facts, each=True)

    def held(self) -> list[Tensor]:
        """All tensors in it, in the order in which `holding` takes them."""
        own = list(self.tensors.values())
        return own + [t for rows, job in self.parts for t in (rows, *job.held())]

    def holding(self, tensors: Iterable[Tensor]) -> Job:
        """Make the same job with other tensors in place of its own."""
        stream = iter(tensors)
        own = {name: next(stream) for name in self.tensors}
        parts = tuple((next(stream), job.holding(stream)) for _, job in self.parts)
        return replace(self, tensors=own, parts=parts)

    def to(self, device: Device) -> Job:
        """Move its tensors to a device, in one copy."""
        return self.holding(moved(self.held(), device))


def moved(tensors: Sequence[Tensor], device: Device) -> list[Tensor]:
    """Move tensors to a device in one copy of a block."""
    device = torch.device(device)
    if not tensors or all(t.device == device for t in tensors):
        return list(tensors)
    if device.type == "mps":  # it knows no double precision
        return [t.to(device, torch.float32 if t.dtype == torch.float64 else None) for t in tensors]
    if any(t.device.type != "cpu" for t in tensors):
        return [t.to(device) for t in tensors]
    bundle = bundled(tensors, pinned=device.type == "cuda")
    return bundle._replace(block=bundle.block.to(device, non_blocking=True)).tensors()


class Bundle(NamedTuple):
    """Tensors as one run of bytes: what moves and pickles in one piece."""

    block: Tensor
    forms: tuple[tuple[torch.dtype, tuple[int, ...]], ...]

    def tensors(self) -> list[Tensor]:
        """Take them out again; they share the block's memory."""
        out, start = [], 0
        for dtype, shape in self.forms:
            stop = start + math.prod(shape) * dtype.itemsize
            out.append(self.block[start:stop].view(dtype).view(shape))
            start = _aligned(stop)
        return out


_ALIGN = 16


def _aligned(place: int) -> int:
    return -(-place // _ALIGN) * _ALIGN


def bundled(tensors: Sequence[Tensor], *, pinned: bool = False) -> Bundle:
    """Copy tensors of a CPU into one run of bytes."""
    forms = tuple((t.dtype, tuple(t.shape)) for t in tensors)
    total = sum(_aligned(t.numel() * t.element_size()) for t in tensors)
    bundle = Bundle(torch.empty(total, dtype=torch.uint8, pin_memory=pinned), forms)
    for there, tensor in zip(bundle.tensors(), tensors, strict=True):
        there.copy_(tensor)
    return bundle


def prefers_one_by_one(device: torch.device) -> bool:
    """Tell whether a device does samples one after the other rather than all at once."""
    return device.type == "cpu"


Pack = Callable[[Sequence[Any], Spec], Job]
"""pack(ops, one a sample; what the batch is) → the job."""


@dataclass(frozen=True)
class TorchBackend:
    """A table of kernels for batches, by (op, target), and one of effects by name."""

    name: str
    kernels: Mapping[tuple[type[Op], Target], Pack]
    effects: Mapping[str, Pack]

    def has(self, op: Op, target: Target) -> bool:
        """Tell whether there is a kernel."""
        return self._found(op, target) is not None

    def _found(self, op: Op, target: Target) -> Pack | None:
        if isinstance(op, Effect):
            return self.effects.get(op.name) if target is Target.IMAGE else None
        return self.kernels.get((type(op), target))

    def pack(self, ops: Sequence[Op], spec: Spec, target: Target = Target.IMAGE) -> Job:
        """Pack ops of one type, one a sample.

        Raises:
            BackendError: there is no kernel for the pair.
        """
        found = self._found(ops[0], target)
        if found is None:
            first = ops[0]
            what = f"effect {first.name!r}" if isinstance(first, Effect) else type(first).__name__
            raise BackendError(f"backend {self.name} has no kernel for {what} on {target.value}")
        return found(ops, spec)


# ------------------------------------------------------------------ samples that differ


def identity(_: Job, batch: Tensor) -> Tensor:
    """Leave a batch as it is."""
    return batch


def leave(_: Sequence[Any], __: Spec) -> Job:
    """Pack what leaves a batch as it is."""
    return Job(identity, each=True)


def by_parts(
    ops: Sequence[Any],
    spec: Spec,
    key: Callable[[Any], tuple[Any, ...]],
    pack: Callable[[Any], Pack],
) -> Job:
    """Pack ops group by group, where not all go the same way.

    Args:
        ops: one a sample.
        spec: what the batch is.
        key: what ops of one group have in common.
        pack: key → what packs a group.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, op in enumerate(ops):
        groups.setdefault(key(op), []).append(row)
    if len(groups) == 1:
        return pack(next(iter(groups)))(ops, spec)
    return joined(
        (rows, pack(name)([ops[row] for row in rows], spec)) for name, rows in groups.items()
    )


def joined(parts: Iterable[tuple[Sequence[int], Job]]) -> Job:
    """Make one job of jobs for some samples each, which together are all."""
    told = [(tuple(rows), job) for rows, job in parts]
    held = tuple((torch.tensor(rows, dtype=torch.int64), job) for rows, job in told)
    back = torch.argsort(torch.cat([rows for rows, _ in held]))
    facts = {"rows": tuple(rows for rows, _ in told)}
    each = all(job.each for _, job in told)
    return Job(_run_parts, {"back": back}, facts, held, each)


def _found(rows: Sequence[Sequence[int]], n: int) -> tuple[int, int]:
    """Which part sample n is in, and its position there."""
    return next((k, own.index(n)) for k, own in enumerate(rows) if n in own)


def _run_parts(job: Job, batch: Tensor) -> Tensor:
    done = [part(batch.index_select(0, rows)) for rows, part in job.parts]
    return cat(done).index_select(0, job.tensors["back"])


def cat(done: Sequence[Tensor]) -> Tensor:
    """Put samples together again.

    Raises:
        DataError: they differ in size.
    """
    same_size("the samples of the batch", [tuple(d.shape[1:]) for d in done])
    return torch.cat(list(done))


def same_size(what: str, shapes: Sequence[tuple[int, ...]]) -> None:
    """Refuse to stack samples that differ.

    Raises:
        DataError: they do.
    """
    found = sorted(set(shapes))
    if len(found) > 1:
        told = ", ".join("×".join(map(str, s)) for s in found[:4])
        raise DataError(f"{what} come out in different shapes ({told}), which make no batch")


# ------------------------------------------------------------------------------- values


WHITES: Mapping[torch.dtype, int] = {torch.uint8: 255, torch.uint16: 65535}
"""dtype of pictures → the value that is white; 1 for floats."""


def white_of(dtype: torch.dtype) -> int:
    """The stored value that is white."""
    return WHITES.get(dtype, 1)


def working(dtype: torch.dtype) -> torch.dtype:
    """The precision in which values of a dtype are worked on."""
    wide = {torch.float64, torch.int64, torch.int32, torch.uint32, torch.uint64}
    return torch.float64 if dtype in wide else torch.float32


def stored(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Bring values back to a dtype: whole numbers are rounded and saturated, halves go to even."""
    if values.dtype == dtype:
        return values
    if dtype == torch.bool:
        return values >= 0.5
    if dtype.is_floating_point:
        return values.to(dtype)
    info = torch.iinfo(dtype)
    high = info.max if info.bits < 64 else float(np.nextafter(float(info.max), 0))
    return values.round().clamp(info.min, high).to(dtype)


def kept(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Bring values of a picture back to its dtype, no blacker than black, no whiter than white."""
    return stored(values.clamp(0, white_of(dtype)), dtype)


def fills(values: Sequence[Color], spec: Spec) -> Tensor:
    """Fills (N, C, 1, 1) as pixels of the batch's dtype, exact for whole numbers of 64 bits."""
    rows = [_pixel(value, spec) for value in values]
    known = spec.dtype in _NUMPY
    table = np.array(rows, _NUMPY[spec.dtype] if known else np.float32)
    return torch.from_numpy(table).to(spec.dtype)[:, :, None, None]


def _pixel(value: Color, spec: Spec) -> list[float]:
    if spec.dtype.is_floating_point or spec.dtype == torch.bool:
        return list(per_channel(value, spec.channels, "fill"))
    info = torch.iinfo(spec.dtype)
    whole = [value] * spec.channels if isinstance(value, int) else None
    found = whole or [round(v) for v in per_channel(value, spec.channels, "fill")]
    return [min(max(v, info.min), info.max) for v in found]


_NUMPY: Mapping[torch.dtype, type[np.generic]] = {
    torch.bool: np.bool_,
    torch.uint8: np.uint8,
    torch.int8: np.int8,
    torch.uint16: np.uint16,
    torch.int16: np.int16,
    torch.uint32: np.uint32,
    torch.int32: np.int32,
    torch.uint64: np.uint64,
    torch.int64: np.int64,
    torch.float32: np.float32,
    torch.float64: np.float64,
}
"""dtypes that NumPy has too, and with all their values."""
SIGNED: Mapping[torch.dtype, torch.dtype] = {
    torch.uint16: torch.int16,
    torch.uint32: torch.int32,
    torch.uint64: torch.int64,
}
"""Types that torch hardly works with → types of the same bits, in which values can be picked."""
