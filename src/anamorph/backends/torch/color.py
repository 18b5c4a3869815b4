"""Mixing the channels of batches: matrices, hue and saturation, grey."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from anamorph.backends.torch.base import Job, Pack, Spec, by_parts, kept, white_of, working
from anamorph.core.errors import DataError, UndefinedError
from anamorph.ir.ops import IMAGE, ColorMatrix, Effect, Op, Target


def pack_matrix(ops: Sequence[ColorMatrix], spec: Spec) -> Job:
    """Mix channels on intensities."""
    return by_parts(ops, spec, lambda op: (len(op.rows),), lambda _: _pack_matrices)


def _pack_matrices(ops: Sequence[ColorMatrix], spec: Spec) -> Job:
    for op in ops:
        mixed = len(op.rows[0]) - 1
        if mixed != spec.channels:
            raise DataError(
                f"a color matrix mixes {mixed} channels and the picture has {spec.channels}"
            )
    rows = torch.tensor([op.rows for op in ops], dtype=working(spec.dtype))
    offsets = rows[:, :, -1:] * white_of(spec.dtype)
    tensors = {"weights": rows[:, :, :-1].contiguous(), "offsets": offsets}
    return Job(_run_matrices, tensors, each=True)


def _run_matrices(job: Job, batch: Tensor) -> Tensor:
    n, _, height, width = batch.shape
    values = batch.to(working(batch.dtype)).reshape(n, batch.shape[1], -1)
    offsets, weights = (job.tensors[name].expand(n, -1, -1) for name in ("offsets", "weights"))
    mixed = torch.baddbmm(offsets, weights, values)
    return kept(mixed.reshape(n, -1, height, width), batch.dtype)


# -------------------------------------------------------------------------------------- HSV


def pack_hsv(ops: Sequence[Effect], spec: Spec) -> Job:
    """Shift hue, saturation and value; bytes through HSV rounded to bytes."""
    if spec.channels != 3:
        raise UndefinedError(f"a shift of hue needs 3 channels and the picture has {spec.channels}")
    shifts = torch.tensor([op.params for op in ops], dtype=working(spec.dtype))
    return Job(_run_hsv, {"shifts": shifts[:, :, None, None]}, each=True)


def _run_hsv(job: Job, batch: Tensor) -> Tensor:
    """Shift in hexcone coordinates (A. R. Smith, 1978), hue in sixths of a turn."""
    white = white_of(batch.dtype)
    r, g, b = batch.to(working(batch.dtype)).unbind(1)
    hue, saturation, value = (job.tensors["shifts"][:, k] for k in range(3))
    v = torch.maximum(torch.maximum(r, g), b)
    span = v - torch.minimum(torch.minimum(r, g), b)
    safe = span.clamp(min=_TINY)
    green = torch.where(v == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    h = torch.where(v == r, (g - b) / safe, green)
    s = span / v.clamp(min=_TINY)
    if batch.dtype == torch.uint8:
        h = _within_turn(torch.round(torch.round(h * 30) + hue), 180) / 30
        whole = torch.round(s * 255)
        s = (whole + saturation).round().clamp(0, 255).mul(whole > 0) / 255
        v = (v + value).round().clamp(0, 255)
    else:
        h = _within_turn(h + hue / 30, 6)
        s = (s + saturation / 255).clamp(0, 1) * (s > 0)
        v = (v / white + value / 255).clamp(0, 1) * white
    return kept(_from_hexcone(h, v * s, v), batch.dtype)


_TINY = 1e-12


def _within_turn(h: Tensor, turn: float) -> Tensor:
    return h - turn * torch.floor(h * (1 / turn))


def _from_hexcone(h: Tensor, chroma: Tensor, v: Tensor) -> Tensor:
    """RGB (N, 3, H, W): each channel falls from the value by a share of the chroma."""
    r = v - chroma * (2 - (h - 3).abs()).clamp(0, 1)
    g = v - chroma * ((h - 2).abs() - 1).clamp(0, 1)
    b = v - chroma * ((h - 4).abs() - 1).clamp(0, 1)
    return torch.stack([r, g, b], dim=1)


# ------------------------------------------------------------------------------------- grey


def pack_gray(ops: Sequence[Effect], spec: Spec) -> Job:
    """Make grey, and repeat it over the channels."""
    return by_parts(ops, spec, lambda op: tuple(op.params), lambda _: _pack_gray)


def _pack_gray(ops: Sequence[Effect], _: Spec) -> Job:
    method, count = ops[0].params
    return Job(_run_gray, facts={"method": method, "count": count}, each=True)


def _run_gray(job: Job, batch: Tensor) -> Tensor:
    x = batch.to(working(batch.dtype)) / white_of(batch.dtype)
    plane = _WAYS_TO_GRAY[job.facts["method"]](x)
    done = kept(plane * white_of(batch.dtype), batch.dtype)
    return done[:, None].expand(-1, job.facts["count"], -1, -1).contiguous()


def _desaturated(x: Tensor) -> Tensor:
    return (x.amax(1) + x.amin(1)) / 2.0


_RGB_TO_Y = (0.212671, 0.715160, 0.072169)
_CUBE = (6.0 / 29.0) ** 3


def _lightness(x: Tensor) -> Tensor:
    """L of CIE L*a*b* by 100, of sRGB under D65."""
    linear = torch.where(x <= 0.04045, x / 12.92, ((x.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    r, g, b = linear.unbind(1)
    y = r * _RGB_TO_Y[0] + g * _RGB_TO_Y[1] + b * _RGB_TO_Y[2]
    f = torch.where(y > _CUBE, y.clamp(min=_CUBE) ** (1 / 3), y * (841.0 / 108.0) + 4.0 / 29.0)
    return (116 * f - 16) / 100


def _principal(x: Tensor) -> Tensor:
    """Score along the axis of the greatest variance, stretched to [0, 1]."""
    points = x.reshape(*x.shape[:2], -1)
    centered = points - points.mean(2, keepdim=True)
    axis = torch.linalg.eigh(centered @ centered.transpose(1, 2))[1][:, :, -1]
    axis = torch.where(axis.sum(1, keepdim=True) < 0, -axis, axis)
    score = (axis[:, None] @ centered)[:, 0]
    low, high = score.amin(1, keepdim=True), score.amax(1, keepdim=True)
    span = high - low
    stretched = (score - low) / torch.where(span < 1e-6, 1.0, span)
    return torch.where(span < 1e-6, points.mean(1), stretched).reshape(x.shape[0], *x.shape[2:])


_WAYS_TO_GRAY: Mapping[str, Callable[[Tensor], Tensor]] = {
    "max": lambda x: x.amax(1),
    "desaturation": _desaturated,
    "from_lab": _lightness,
    "pca": _principal,
}

KERNELS: Mapping[tuple[type[Op], Target], Pack] = {(ColorMatrix, IMAGE): pack_matrix}
EFFECTS: Mapping[str, Pack] = {"hsv": pack_hsv, "gray": pack_gray}
