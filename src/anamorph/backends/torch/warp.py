"""Warps of batches: every sample through a matrix of its own.

As in the specification, a picture that lies on whole pixels of the canvas is cut, resized, turned
and framed, axis by axis; all others are read through the inverse matrix. Pixels that are only
picked keep type and value, 64-bit integers too. Where all samples have the same warp, or where
there is only the CPU, flips, crops and pads are done as views and plain copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.backends.torch import axes, sampling
from anamorph.backends.torch.axes import LINEAR, NEAREST, Axis, Laid
from anamorph.backends.torch.base import Job, Pack, Spec, by_parts, fills, identity, stored, working
from anamorph.backends.torch.sampling import Reading
from anamorph.backends.torch.window import AnyWarp, Windowed
from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.ops import IMAGE, MASK, Color, Op, Target, Warp

_OVERSHOOTING = frozenset({K.INTER_CUBIC, K.INTER_LANCZOS4})
_FLAT = 1e-12


def pack_image(ops: Sequence[AnyWarp], spec: Spec) -> Job:
    """Warp pictures; float pictures are kept in [0, 1], or in their own range if that is wider."""
    job = _pack(ops, spec, [(op.sampling.interpolation, op.sampling.fill) for op in ops])
    overshoots = any(op.sampling.interpolation in _OVERSHOOTING for op in ops)
    if not (overshoots and spec.dtype.is_floating_point):
        return job
    fill = fills([op.sampling.fill for op in ops], spec)
    whole = torch.arange(len(ops))
    return Job(_kept_in_range, {"fill": fill}, parts=((whole, job),))


def pack_mask(ops: Sequence[AnyWarp], spec: Spec) -> Job:
    """Warp masks; values are only picked, unless another interpolation was asked for."""
    return _pack(ops, spec, [(op.sampling.mask_interpolation, op.sampling.fill_mask) for op in ops])


def _kept_in_range(job: Job, batch: Tensor) -> Tensor:
    """Cut off what cubic and Lanczos overshoot."""
    out = job.parts[0][1](batch)
    fill = job.tensors["fill"].amin((1, 2, 3)), job.tensors["fill"].amax((1, 2, 3))
    low = torch.minimum(batch.amin((1, 2, 3)), fill[0]).clamp(max=0)
    high = torch.maximum(batch.amax((1, 2, 3)), fill[1]).clamp(min=1)
    return out.clamp(low[:, None, None, None], high[:, None, None, None])


# ------------------------------------------------------------------------ which way to go


class _Way:
    """One warp, how it is read, and how it is laid if it is."""

    __slots__ = ("fill", "interpolation", "laid", "op")

    def __init__(self, op: AnyWarp, how: tuple[int, Color], spec: Spec) -> None:
        self.op = op
        self.interpolation, self.fill = how
        self.laid = axes.lay(op, spec.size)

    @property
    def name(self) -> str:
        """A name in `_PACKS`."""
        if self.laid is None:
            return "free"
        if not self.laid.scaled:
            return "moved"
        if self.interpolation in NEAREST:
            return "picked"
        return "resized" if self.interpolation in LINEAR else "mixed"

    @property
    def key(self) -> tuple[Any, ...]:
        """What warps that are done together have in common."""
        turned = self.laid is not None and self.laid.turned
        if self.name != "free":
            return self.name, turned, self.op.size
        affine = mx.is_affine(self.op.matrix)
        return "free", affine, self.op.size, self.interpolation, self.op.sampling.border


def _pack(ops: Sequence[AnyWarp], spec: Spec, hows: Sequence[tuple[int, Color]]) -> Job:
    if all(op is ops[0] or op == ops[0] for op in ops[1:]):
        way = _Way(ops[0], hows[0], spec)
        if way.op == Warp(mx.IDENTITY, spec.size, way.op.sampling):
            return Job(identity, each=True)
        return _PACKS[way.name]([way], spec)
    ways = [_Way(op, how, spec) for op, how in zip(ops, hows, strict=True)]
    return by_parts(ways, spec, lambda way: way.key, lambda key: _PACKS[str(key[0])])


# ---------------------------------------------------------------------------------- laid


def _pack_views(ways: Sequence[Any], spec: Spec) -> Job:
    """Move, resize linearly, or both: by slices where it pays, else by tables."""
    alone = len(ways) == 1 and not (ways[0].laid.scaled and _wasteful(ways[0].laid))
    make = axes.places if ways[0].laid.scaled else axes.picks
    tables = {} if alone else _tables(ways, make)
    fill = fills([way.fill for way in ways], spec)
    facts = {"own": tuple(way.laid for way in ways)}
    run = _run_resized if ways[0].laid.scaled else _run_moved
    return Job(run, {**tables, "fill": fill}, facts, each=True)


def _pack_picked(ways: Sequence[Any], spec: Spec) -> Job:
    fill = fills([way.fill for way in ways], spec)
    facts = {"turned": ways[0].laid.turned}
    return Job(_run_picked, {**_tables(ways, axes.picks), "fill": fill}, facts, each=True)


def _tables(ways: Sequence[Any], make: Any) -> dict[str, Tensor]:
    """Tables (N, length) of both axes, and which pixels of the canvas lie outside (N, 1, h, w)."""
    rows, columns = ([make(way.laid[k], way.laid.border) for way in ways] for k in (2, 1))
    tables = {
        "rows": torch.from_numpy(np.stack([index for index, _ in rows])),
        "columns": torch.from_numpy(np.stack([index for index, _ in columns])),
    }
    above, beside = (np.stack([outside for _, outside in axis]) for axis in (rows, columns))
    if above.any() or beside.any():
        tables["above"] = torch.from_numpy(above)[:, None, :, None]
        tables["beside"] = torch.from_numpy(beside)[:, None, None, :]
    return tables


def _framed(job: Job, out: Tensor) -> Tensor:
    if "above" not in job.tensors:
        return out
    outside = job.tensors["above"] | job.tensors["beside"]
    return sampling.chosen(outside, job.tensors["fill"], out)


def _run_picked(job: Job, batch: Tensor) -> Tensor:
    """Pick rows and columns by tables."""
    width = batch.shape[3]
    rows, columns = job.tensors["rows"][:, :, None], job.tensors["columns"][:, None, :]
    flat = columns * width + rows if job.facts["turned"] else rows * width + columns
    return _framed(job, sampling.picked(batch, flat))


def _run_moved(job: Job, batch: Tensor) -> Tensor:
    laids = job.facts["own"]
    if len(laids) > 1:
        return _run_picked(replace(job, facts={"turned": laids[0].turned}), batch)
    return laid_out(batch, laids[0], job.tensors["fill"])


def _run_resized(job: Job, batch: Tensor) -> Tensor:
    """Resize linearly: by torch's own resizing, or all samples at once by places."""
    laids = job.facts["own"]
    if len(laids) == 1 and not _wasteful(laids[0]):
        return laid_out(batch, laids[0], job.tensors["fill"])
    y, x = job.tensors["rows"], job.tensors["columns"]
    shape = (y.shape[0], y.shape[1], x.shape[1])
    u, v = x[:, None, :].expand(shape), y[:, :, None].expand(shape)
    at = sampling.Places(v, u) if laids[0].turned else sampling.Places(u, v)
    how = Reading(K.INTER_LINEAR, K.BORDER_REPLICATE, job.tensors["fill"])
    return _framed(job, sampling.read(batch, at.spread(batch.shape[0]), how))


def _wasteful(laid: Laid) -> bool:
    """Tell whether only a small part of the resized picture is on the canvas."""
    return laid.x.length * laid.y.length > 2 * laid.x.canvas * laid.y.canvas


def laid_out(batch: Tensor, laid: Laid, fill: Tensor) -> Tensor:
    """Cut, turn, resize, flip and frame all samples alike; without scaling for any dtype."""
    turned, x, y, border = laid
    if not laid.scaled and border == K.BORDER_CONSTANT:
        x, y = _visible(x), _visible(y)
    columns, rows = (y, x) if turned else (x, y)
    part = sampling.plain(batch)[:, :, rows.start : rows.stop, columns.start : columns.stop]
    if turned:
        part = part.transpose(2, 3)
    flips = [dim for dim, axis in ((2, y), (3, x)) if axis.flipped]
    part = part.flip(flips) if flips else part
    if laid.scaled:
        part = resized(sampling.seen_as(part, batch.dtype), (y.length, x.length))
    out = _placed(sampling.plain(part), (y, x), border, sampling.plain(fill))
    return sampling.seen_as(out, batch.dtype)


def _visible(axis: Axis) -> Axis:
    """Leave out what an unscaled axis does not show."""
    before = max(0, -axis.offset)
    after = max(0, axis.offset + axis.length - axis.canvas)
    length = max(0, axis.length - before - after)
    start = axis.start + (after if axis.flipped else before)
    return Axis(start, start + length, length, max(0, axis.offset), axis.canvas, axis.flipped)


def resized(part: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize linearly; bytes by torch's own arithmetic on bytes where there is one."""
    direct = part.dtype == torch.uint8 and part.device.type == "cpu"
    values = part if direct else part.to(working(part.dtype))
    out = F.interpolate(values, size, mode="bilinear", align_corners=False)
    return stored(out, part.dtype).contiguous()  # plane by plane, as all that follows works


def _placed(part: Tensor, ends: tuple[Axis, Axis], border: int, fill: Tensor) -> Tensor:
    """Lay a turned and resized part on its canvas."""
    y, x = ends
    if not (x.framed or y.framed):
        return part[:, :, -y.offset :, -x.offset :][:, :, : y.canvas, : x.canvas]
    if border != K.BORDER_CONSTANT:
        for dim, axis in ((2, y), (3, x)):
            index = torch.arange(axis.canvas, device=part.device) - axis.offset
            part = part.index_select(dim, sampling.fold(index, axis.length, border))
        return part
    shape = (part.shape[0], part.shape[1], y.canvas, x.canvas)
    out = fill.expand(shape).contiguous() if fill.numel() else part.new_zeros(shape)
    (top, above, down), (left, before, wide) = _overlap(y), _overlap(x)
    shown = part[:, :, above : above + down, before : before + wide]
    out[:, :, top : top + down, left : left + wide] = shown
    return out


def _overlap(axis: Axis) -> tuple[int, int, int]:
    """First pixel on the canvas, first of the part, and how many of it are seen."""
    first, before = max(0, axis.offset), max(0, -axis.offset)
    return first, before, max(0, min(axis.length - before, axis.canvas - first))


# --------------------------------------------------------------------------------- mixed


def _pack_mixed(ways: Sequence[Any], spec: Spec) -> Job:
    """Weigh pixels axis by axis: cubic, Lanczos, and averages over areas."""
    tensors: dict[str, Tensor] = {}
    outside = []
    for name, k in (("rows", 2), ("columns", 1)):
        found = [_taps(way, k) for way in ways]
        width = max(index.shape[1] for index, _, _ in found)
        spare = [((0, 0), (0, width - index.shape[1])) for index, _, _ in found]
        index = [np.pad(f[0], s, mode="edge") for f, s in zip(found, spare, strict=True)]
        weights = [np.pad(f[1], s) for f, s in zip(found, spare, strict=True)]
        tensors[name] = torch.from_numpy(np.stack(index))
        tensors[f"{name} by"] = torch.from_numpy(np.stack(weights)).to(working(spec.dtype))
        outside.append(np.stack([f[2] for f in found]))
    if outside[0].any() or outside[1].any():
        tensors["above"] = torch.from_numpy(outside[0])[:, None, :, None]
        tensors["beside"] = torch.from_numpy(outside[1])[:, None, None, :]
    tensors["fill"] = fills([way.fill for way in ways], spec)
    return Job(_run_mixed, tensors, {"turned": ways[0].laid.turned}, each=True)


def _taps(way: Any, k: int) -> Any:
    laid = way.laid
    shrinks = all(axis.length <= axis.stop - axis.start for axis in (laid.x, laid.y))
    return axes.taps(laid[k], way.interpolation, laid.border, shrinks=shrinks)


def _run_mixed(job: Job, batch: Tensor) -> Tensor:
    values = batch.to(working(batch.dtype))
    if job.facts["turned"]:
        values = values.transpose(2, 3)
    for axis, name in ((2, "rows"), (3, "columns")):
        values = sampling.along(values, axis, job.tensors[name], job.tensors[f"{name} by"])
    return _framed(job, stored(values, batch.dtype))


# ---------------------------------------------------------------------------------- free


def _pack_free(ways: Sequence[Any], spec: Spec) -> Job:
    """Read through the inverse matrix, in double precision."""
    back = torch.tensor([_inverse(way.op.matrix) for way in ways], dtype=torch.float64)
    fill = fills([way.fill for way in ways], spec)
    first = ways[0]
    facts = {
        "size": first.op.size,
        "how": (first.interpolation, first.op.sampling.border),
        "affine": mx.is_affine(first.op.matrix),
        "own": _windows(ways),
        "blank": not any(np.any(way.fill) for way in ways),
    }
    tensors = {"back": back.reshape(-1, 3, 3), "fill": fill}
    return Job(_run_free, tensors, facts, each=True)


def _inverse(m: mx.Matrix) -> mx.Matrix:
    """Invert without scaling, so that what is before the horizon keeps its sign."""
    a, b, c, d, e, f, g, h, i = m
    adjugate = (
        e * i - f * h, c * h - b * i, b * f - c * e,
        f * g - d * i, a * i - c * g, c * d - a * f,
        d * h - e * g, b * g - a * h, a * e - b * d,
    )  # fmt: skip
    determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6]
    if abs(determinant) < _FLAT:
        return mx.invert(mx.scaling(0, 0))  # refuses in the words of all
    return tuple(v / determinant for v in adjugate)  # type: ignore[return-value]


def _windows(ways: Sequence[Any]) -> tuple[tuple[slice, slice], ...]:
    """Rows and columns that each sample may read; one for all, or none if it is everything."""
    regions = [way.op.region if isinstance(way.op, Windowed) else None for way in ways]
    if not any(regions):
        return ()
    whole = slice(None), slice(None)
    seen = [(slice(r[1], r[3]), slice(r[0], r[2])) if r else whole for r in regions]
    return tuple(seen[:1] if len(set(regions)) == 1 else seen)


def _run_free(job: Job, batch: Tensor) -> Tensor:
    if len(job.facts["own"]) > 1:  # each reads a window of its own
        return torch.cat([job.of(n)(batch[n : n + 1]) for n in range(len(batch))])
    facts, fill = job.facts, job.tensors["fill"]
    at = sampling.through(job.tensors["back"], facts["size"], affine=facts["affine"])
    for rows, columns in facts["own"]:  # one at most
        batch = batch[:, :, rows, columns]
    interpolation, border = facts["how"]
    how = Reading(interpolation, border, fill, facts["blank"])
    return sampling.read(batch, at.spread(len(batch)), how)


_PACKS: Mapping[str, Pack] = {
    "moved": _pack_views,
    "resized": _pack_views,
    "picked": _pack_picked,
    "mixed": _pack_mixed,
    "free": _pack_free,
}
"""How warps are done → what packs those of a batch."""

KERNELS: Mapping[tuple[type[Op], Target], Pack] = {
    (Warp, IMAGE): pack_image,
    (Warp, MASK): pack_mask,
    (Windowed, IMAGE): pack_image,
    (Windowed, MASK): pack_mask,
}
