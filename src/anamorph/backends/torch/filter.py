"""Convolutions of batches: every sample with a kernel of its own, all in one grouped convolution.

The picture is mirrored at its border without repeating the edge pixel (reflect-101). Kernels of
different sizes are given zeros around them, so that their centres agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.backends.torch.base import (
    Job,
    Pack,
    Spec,
    by_parts,
    kept,
    white_of,
    working,
)
from anamorph.backends.torch.morphology import pack_rank
from anamorph.backends.torch.sampling import fold
from anamorph.core import constants as K
from anamorph.ir.gaussian import USUAL, usual_sigma
from anamorph.ir.ops import IMAGE, Convolve, Effect, Op, Target

Floats = npt.NDArray[np.float64]


# ------------------------------------------------------------------------------- weights


def gaussian_taps(size: int, sigma: float) -> Floats:
    """Weights of a Gaussian, by their sum; a sigma of zero stands for the usual one of a size."""
    if sigma == 0.0 and size in USUAL:
        return np.array(USUAL[size])
    s = sigma if sigma > 0.0 else usual_sigma(size)
    x = np.arange(size) - (size - 1) / 2
    taps: Floats = np.exp(-(x**2) / (2.0 * s * s))
    return taps / float(taps.sum())


def _disk(op: Convolve) -> Floats:
    """Equal weights on a disk that touches the sides, smoothed by a Gaussian."""
    radius, sigma = op.size[0] // 2, op.sigma[0]
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    cells = x * x + y * y <= radius * radius
    disk: Floats = cells / float(cells.sum())
    if sigma == 0.0:
        return disk
    taps = gaussian_taps(3 if radius <= 8 else 5, sigma)
    wide = np.pad(disk, 2 * (len(taps) // 2))
    near = np.lib.stride_tricks.sliding_window_view(wide, (len(taps), len(taps)))
    smooth: Floats = np.einsum("abij,i,j->ab", near, taps, taps)
    return smooth


def _both(op: Convolve) -> tuple[Floats, Floats]:
    """Taps of a separable kernel: down, across."""
    width, height = op.size
    if op.kind == "box":
        return np.full(height, 1.0 / height), np.full(width, 1.0 / width)
    return gaussian_taps(height, op.sigma[1]), gaussian_taps(width, op.sigma[0])


def _aligned(kernels: Sequence[Floats]) -> Floats:
    """Stack kernels (h, w) with zeros around them, so that the pixels they stand on agree."""
    before = [max(k.shape[d] // 2 for k in kernels) for d in (0, 1)]
    after = [max(k.shape[d] - 1 - k.shape[d] // 2 for k in kernels) for d in (0, 1)]
    out = np.zeros((len(kernels), before[0] + 1 + after[0], before[1] + 1 + after[1]))
    for kernel, canvas in zip(kernels, out, strict=True):
        top, left = (before[d] - kernel.shape[d] // 2 for d in (0, 1))
        canvas[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel
    return out


# --------------------------------------------------------------------------- convolutions


def pack(ops: Sequence[Convolve], spec: Spec) -> Job:
    """Sum the neighbours by weight, or take the greatest or the least of them."""
    return by_parts(ops, spec, lambda op: _KINDS[op.kind], lambda key: _PACKS[key[0]])


def _pack_separable(ops: Sequence[Convolve], spec: Spec) -> Job:
    return Job(_run_separable, separable([_both(op) for op in ops], spec), each=True)


def separable(taps: Sequence[tuple[Floats, Floats]], spec: Spec) -> dict[str, Tensor]:
    """Stack taps (down, across): the tensors of a job that `blurred` reads."""
    precision = working(spec.dtype)
    down = _aligned([d[:, None] for d, _ in taps])
    across = _aligned([a[None, :] for _, a in taps])
    return {
        "down": torch.from_numpy(down).to(precision),
        "across": torch.from_numpy(across).to(precision),
    }


def _pack_full(ops: Sequence[Convolve], spec: Spec) -> Job:
    kernels = [_disk(op) if op.kind == "disk" else np.array(op.kernel, np.float64) for op in ops]
    weights = torch.from_numpy(_aligned(kernels)).to(working(spec.dtype))
    return Job(_run_full, {"weights": weights}, each=True)


def _run_separable(job: Job, batch: Tensor) -> Tensor:
    return kept(blurred(job, batch.to(working(batch.dtype))), batch.dtype)


def _run_full(job: Job, batch: Tensor) -> Tensor:
    values = convolved(batch.to(working(batch.dtype)), job.tensors["weights"])
    return kept(values, batch.dtype)


def blurred(job: Job, values: Tensor) -> Tensor:
    """Run the separable kernels of a job."""
    return convolved(convolved(values, job.tensors["across"]), job.tensors["down"])


def convolved(values: Tensor, weights: Tensor) -> Tensor:
    """Correlate each sample (N, C, H, W) with a kernel (N or 1, h, w) of its own."""
    n, channels, height, width = values.shape
    down, across = weights.shape[1:]
    wide = mirrored(values, 2, (down // 2, down - 1 - down // 2))
    wide = mirrored(wide, 3, (across // 2, across - 1 - across // 2))
    each = weights[:, None].expand(n, channels, -1, -1).reshape(n * channels, 1, down, across)
    flat = wide.reshape(1, n * channels, *wide.shape[2:])
    return F.conv2d(flat, each, groups=n * channels).reshape(n, channels, height, width)


def mirrored(
    values: Tensor, dim: int, pads: tuple[int, int], border: int = K.BORDER_REFLECT_101
) -> Tensor:
    """Continue an axis at both ends, by reflect-101 if nothing else is asked for."""
    if pads == (0, 0):
        return values
    length = values.shape[dim]
    index = torch.arange(-pads[0], length + pads[1], device=values.device)
    return values.index_select(dim, fold(index, length, border))


_KINDS: Mapping[str, tuple[str]] = {
    "gaussian": ("separable",),
    "box": ("separable",),
    "kernel": ("full",),
    "disk": ("full",),
    "dilate": ("rank",),
    "erode": ("rank",),
}
_PACKS: Mapping[str, Pack] = {
    "separable": _pack_separable,
    "full": _pack_full,
    "rank": pack_rank,
}

# ------------------------------------------------------------------- sharpening, the median


def pack_sharpen(ops: Sequence[Effect], spec: Spec) -> Job:
    """Add a share of what a Gaussian takes away."""
    return _pack_unblurred(_run_sharpen, ops, spec)


def pack_unsharp(ops: Sequence[Effect], spec: Spec) -> Job:
    """Add a share of the difference to a Gaussian blur where it exceeds a threshold."""
    return _pack_unblurred(_run_unsharp, ops, spec)


def _pack_unblurred(run: Any, ops: Sequence[Effect], spec: Spec) -> Job:
    taps = [gaussian_taps(op.params[1], op.params[2]) for op in ops]
    tensors = separable([(t, t) for t in taps], spec)
    for name, k in (("alpha", 0), ("threshold", 3)):
        numbers = [float(op.params[k]) if len(op.params) > k else 0.0 for op in ops]
        tensors[name] = torch.tensor(numbers, dtype=working(spec.dtype))[:, None, None, None]
    return Job(run, tensors, each=True)


def _run_sharpen(job: Job, batch: Tensor) -> Tensor:
    values = batch.to(working(batch.dtype))
    sharp = values + job.tensors["alpha"] * (values - blurred(job, values))
    return kept(sharp, batch.dtype)


def _run_unsharp(job: Job, batch: Tensor) -> Tensor:
    values = batch.to(working(batch.dtype)) / white_of(batch.dtype)
    more = values - blurred(job, values)
    told = (more.abs() * 255.0 > job.tensors["threshold"]).to(values.dtype)
    sharp = (values + job.tensors["alpha"] * more).clamp(0.0, 1.0)
    soft = blurred(job, told)
    return kept((values + soft * (sharp - values)) * white_of(batch.dtype), batch.dtype)


def pack_median(ops: Sequence[Effect], spec: Spec) -> Job:
    """Take the middle one of the sorted neighbours; the border's pixels go on beyond it."""
    return by_parts(ops, spec, lambda op: tuple(op.params), lambda _: _pack_median)


def _pack_median(ops: Sequence[Effect], _: Spec) -> Job:
    return Job(_run_median, facts={"size": ops[0].params[0]}, each=True)


def _run_median(job: Job, batch: Tensor) -> Tensor:
    size = job.facts["size"]
    pads = size // 2, size - 1 - size // 2
    values = batch.to(torch.int32) if batch.dtype == torch.uint16 else batch
    for dim in (2, 3):
        values = mirrored(values, dim, pads, K.BORDER_REPLICATE)
    near = values.unfold(2, size, 1).unfold(3, size, 1)
    return near.reshape(*batch.shape, -1).median(-1).values.to(batch.dtype)


KERNELS: Mapping[tuple[type[Op], Target], Pack] = {(Convolve, IMAGE): pack}
EFFECTS: Mapping[str, Pack] = {
    "median": pack_median,
    "sharpen": pack_sharpen,
    "unsharp": pack_unsharp,
}
