"""Regions overwritten, pictures mixed, tiles moved, in batches.

Which pixels are covered is told on the host, a byte a pixel; the device only chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anamorph.backends.torch import sampling
from anamorph.backends.torch.base import Job, Pack, Spec, by_parts, fills, kept, leave, working
from anamorph.core.errors import BackendError, DataError
from anamorph.ir import noise
from anamorph.ir.ops import IMAGE, MASK, Blend, Fill, Op, Region, Size, Target, Tiles
from anamorph.ir.stencil import OBJECTS, covered, flags_of

Flags = npt.NDArray[np.bool_]
_DRAWN = frozenset({"random", "random_uniform"})


def pack(ops: Sequence[Fill], spec: Spec) -> Job:
    """Overwrite regions of pictures with a value, or with drawn values."""
    for op in ops:
        if isinstance(op.value, str) and op.value not in _DRAWN:
            raise BackendError(f"backend torch has no kernel for a fill by {op.value!r}")
    return by_parts(ops, spec, lambda op: (isinstance(op.value, str),), lambda key: _PACKS[key[0]])


def pack_mask(ops: Sequence[Fill], spec: Spec) -> Job:
    """Overwrite regions of masks."""
    return by_parts(ops, spec, lambda op: (op.mask_value is None,), lambda key: _MASKS[key[0]])


def _pack_even(ops: Sequence[Fill], spec: Spec) -> Job:
    return _chosen(
        ops, spec, fills([op.value for op in ops if not isinstance(op.value, str)], spec)
    )


def _pack_even_mask(ops: Sequence[Fill], spec: Spec) -> Job:
    return _chosen(ops, spec, fills([op.mask_value or 0 for op in ops], spec))


def _pack_drawn(ops: Sequence[Fill], spec: Spec) -> Job:
    drawn = np.stack([_drawn(op, spec) for op in ops]).transpose(0, 3, 1, 2)
    return _chosen(ops, spec, torch.from_numpy(np.ascontiguousarray(drawn)).to(spec.dtype))


def _chosen(ops: Sequence[Fill], spec: Spec, values: Tensor) -> Job:
    hidden = np.stack([covered(op, spec.size) for op in ops])[:, None]
    return Job(overwrite, {"hidden": torch.from_numpy(hidden), "values": values}, each=True)


def overwrite(job: Job, batch: Tensor) -> Tensor:
    """Put the values of a job where its flags are up."""
    values = job.tensors["values"].expand(batch.shape)
    return sampling.chosen(job.tensors["hidden"], values, batch)


def _drawn(op: Fill, spec: Spec) -> npt.NDArray[np.generic]:
    """A picture (H, W, C) of drawn values where regions are, as other backends draw them."""
    name = _NAMES.get(spec.dtype, "float32")
    bits = noise.bits_of(op.key)
    out = np.zeros((*spec.size, spec.channels), name)
    for (x0, y0, x1, y1), flags in _parts(op, spec.size):
        pixels = (y1 - y0) * (x1 - x0) if op.value == "random" else 1
        values = noise.any_values(bits, pixels * spec.channels, name)
        shape = (y1 - y0, x1 - x0, -1) if op.value == "random" else (1, 1, -1)
        part = out[y0:y1, x0:x1]
        part[...] = np.where(flags[:, :, None], values.reshape(shape), part)
    return out


_NAMES: Mapping[torch.dtype, str] = {torch.uint8: "uint8", torch.uint16: "uint16"}


def _parts(op: Fill, size: Size) -> list[tuple[Region, Flags]]:
    """Rectangles, and which of their pixels are covered."""
    if not op.stencil:
        return [(r, np.ones((r[3] - r[1], r[2] - r[0]), np.bool_)) for r in op.regions]
    if op.stencil[0] == OBJECTS:
        return [(r, flags_of(p)) for r, p in zip(op.regions, op.stencil[1:], strict=True)]
    return [((op.regions or ((0, 0, size[1], size[0]),))[0], covered(op, size))]


_PACKS: Mapping[bool, Pack] = {False: _pack_even, True: _pack_drawn}
_MASKS: Mapping[bool, Pack] = {False: _pack_even_mask, True: leave}

# --------------------------------------------------------------------------------- blending


def pack_blend(ops: Sequence[Blend], spec: Spec) -> Job:
    """Mix with other pictures."""
    wanted = (*spec.size, spec.channels)
    for op in ops:
        if op.other.array.size != np.prod(wanted):
            raise DataError(
                f"the other picture of a blend has shape {op.other.shape}: it must be {wanted}"
            )
    others = [op.other.array.reshape(wanted).transpose(2, 0, 1) for op in ops]
    weights = torch.tensor([op.weight for op in ops], dtype=working(spec.dtype))
    others_stacked = torch.from_numpy(np.stack(others))
    tensors = {"others": others_stacked, "weights": weights[:, None, None, None]}
    return Job(_run_blend, tensors, each=True)


def _run_blend(job: Job, batch: Tensor) -> Tensor:
    weights = job.tensors["weights"]
    others = job.tensors["others"].to(weights.dtype)
    return kept((1.0 - weights) * batch + weights * others, batch.dtype)


# ------------------------------------------------------------------------------------ tiles


def pack_tiles(ops: Sequence[Tiles], spec: Spec) -> Job:
    """Move rectangles of pictures or masks."""
    index = np.stack([_sources(op, spec.size) for op in ops])
    return Job(_run_tiles, {"index": torch.from_numpy(index)}, each=True)


def _sources(op: Tiles, size: Size) -> npt.NDArray[np.int32]:
    """Number of the pixel that each pixel shows."""
    own = np.arange(size[0] * size[1], dtype=np.int32).reshape(size)
    out = own.copy()
    for sx, sy, tx, ty, w, h in op.moves:
        out[ty : ty + h, tx : tx + w] = own[sy : sy + h, sx : sx + w]
    return out


def _run_tiles(job: Job, batch: Tensor) -> Tensor:
    return sampling.picked(batch, job.tensors["index"].to(torch.int64))


KERNELS: Mapping[tuple[type[Op], Target], Pack] = {
    (Fill, IMAGE): pack,
    (Fill, MASK): pack_mask,
    (Blend, IMAGE): pack_blend,
    (Tiles, IMAGE): pack_tiles,
    (Tiles, MASK): pack_tiles,
}
