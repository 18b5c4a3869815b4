"""Dense distortions of batches: coarse nodes go to the device, the surface between is made there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anamorph.backends.torch import sampling
from anamorph.backends.torch.base import Job, Pack, Spec, by_parts, fills
from anamorph.backends.torch.sampling import Places, Reading
from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.fields import Field, field_of
from anamorph.ir.ops import IMAGE, MASK, Color, Op, Remap, Size, Target

Floats = npt.NDArray[np.float64]
_OVERSHOOTING = frozenset({K.INTER_CUBIC, K.INTER_LANCZOS4})
_NOWHERE = 1e9
_HORIZON = 1e-12


def pack_image(ops: Sequence[Remap], spec: Spec) -> Job:
    """Distort pictures."""
    return by_parts(ops, spec, _key_of_image, lambda _: _pack_image)


def pack_mask(ops: Sequence[Remap], spec: Spec) -> Job:
    """Distort masks of any dtype."""
    return by_parts(ops, spec, _key_of_mask, lambda _: _pack_mask)


def _key_of_image(op: Remap) -> tuple[int, int, Size]:
    return op.sampling.interpolation, op.sampling.border, op.canvas or op.size


def _key_of_mask(op: Remap) -> tuple[int, int, Size]:
    return op.sampling.mask_interpolation, op.sampling.border, op.canvas or op.size


def _pack_image(ops: Sequence[Remap], spec: Spec) -> Job:
    interpolation = ops[0].sampling.interpolation
    clips = spec.dtype.is_floating_point and interpolation in _OVERSHOOTING
    return _pack(ops, spec, interpolation, [op.sampling.fill for op in ops], clips=clips)


def _pack_mask(ops: Sequence[Remap], spec: Spec) -> Job:
    kind = ops[0].sampling.mask_interpolation
    return _pack(ops, spec, kind, [op.sampling.fill_mask for op in ops], clips=False)


def _pack(
    ops: Sequence[Remap], spec: Spec, interpolation: int, fill: Sequence[Color], *, clips: bool
) -> Job:
    fields = [field_of(op.kind, op.params, op.size) for op in ops]
    tensors = {
        "xs": _nodes([f.xs for f in fields]),
        "ys": _nodes([f.ys for f in fields]),
        "shift": _shifts(fields),
        "after": _inverses([op.after for op in ops]),
        "before": _inverses([op.before for op in ops]),
        "fill": fills(fill, spec),
    }
    facts = {
        "size": ops[0].canvas or ops[0].size,
        "how": (interpolation, ops[0].sampling.border),
        "clips": clips,
        "blank": not any(np.any(value) for value in fill),
    }
    return Job(_run, tensors, facts, each=True)


def _nodes(lines: Sequence[Floats]) -> Tensor:
    """Stack ascending nodes (N, K); what is missing lies beyond all places."""
    longest = max(map(len, lines))
    out = np.full((len(lines), longest), np.inf)
    for line, row in zip(lines, out, strict=True):
        row[: len(line)] = line
    return torch.from_numpy(out)


def _shifts(fields: Sequence[Field]) -> Tensor:
    rows, columns = (max(f.shift.shape[d] for f in fields) for d in (0, 1))
    out = np.zeros((len(fields), rows, columns, 2))
    for field, canvas in zip(fields, out, strict=True):
        canvas[: field.shift.shape[0], : field.shift.shape[1]] = field.shift
    return torch.from_numpy(out)


def _inverses(matrices: Sequence[mx.Matrix]) -> Tensor:
    back = [mx.normalized(mx.invert(m)) for m in matrices]
    return torch.tensor(back, dtype=torch.float64).reshape(-1, 3, 3)


def _run(job: Job, batch: Tensor) -> Tensor:
    at = backward(job)
    interpolation, border = job.facts["how"]
    how = Reading(interpolation, border, job.tensors["fill"], job.facts["blank"])
    out = sampling.read(batch, at.spread(batch.shape[0]), how)
    return out.clamp(0.0, 1.0) if job.facts["clips"] else out


def backward(job: Job) -> Places:
    """Say where in the source each pixel of the result is read."""
    after, (height, width) = job.tensors["after"], job.facts["size"]
    x = sampling.centers(width, after)[None, None, :].expand(1, height, -1)
    y = sampling.centers(height, after)[None, :, None].expand(1, -1, width)
    qx, qy = _apply(after, x, y)
    dx, dy = displacement(job, qx.nan_to_num(_NOWHERE), qy.nan_to_num(_NOWHERE))
    u, v = _apply(job.tensors["before"], qx + dx, qy + dy)
    return Places(u.nan_to_num(_NOWHERE), v.nan_to_num(_NOWHERE))


def _apply(back: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    m = back[:, :, :, None, None]
    u, v, depth = (m[:, i, 0] * x + m[:, i, 1] * y + m[:, i, 2] for i in range(3))
    depth = torch.where(depth > _HORIZON, depth, torch.nan)
    return u / depth, v / depth


def displacement(job: Job, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Interpolate bilinearly between the four nodes around each place; hold beyond the outer ones."""
    shift = job.tensors["shift"]
    n, _, columns, _ = shift.shape
    i, s = _located(job.tensors["xs"], x)
    j, t = _located(job.tensors["ys"], y)
    corner = (j * columns + i).reshape(n, -1, 1).expand(-1, -1, 2)
    flat = shift.reshape(n, -1, 2)
    a, b, c, d = (flat.gather(1, corner + step) for step in (0, 1, columns, columns + 1))
    s, t = s.reshape(n, -1, 1), t.reshape(n, -1, 1)
    upper, lower = a + (b - a) * s, c + (d - c) * s
    found = (upper + (lower - upper) * t).reshape(*x.shape, 2)
    return found[..., 0], found[..., 1]


def _located(nodes: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Cell of each place (N, h, w) among nodes (N, K), and the share of the way through it."""
    n = nodes.shape[0]
    count = torch.isfinite(nodes).sum(1, keepdim=True)
    last = nodes.gather(1, count - 1)
    inside = torch.minimum(torch.maximum(at.reshape(n, -1), nodes[:, :1]), last)
    cell = torch.searchsorted(nodes, inside.contiguous(), right=True) - 1
    cell = torch.minimum(cell, count - 2).clamp(min=0)
    low, high = nodes.gather(1, cell), nodes.gather(1, cell + 1)
    return cell.reshape(at.shape), ((inside - low) / (high - low)).reshape(at.shape)


KERNELS: Mapping[tuple[type[Op], Target], Pack] = {
    (Remap, IMAGE): pack_image,
    (Remap, MASK): pack_mask,
}
