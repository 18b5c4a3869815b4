"""Tones by the histogram of each sample, counted and worked out where the pictures are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from anamorph.backends.torch.base import Job, Pack, Spec, by_parts, kept, white_of, working
from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.core.errors import UndefinedError
from anamorph.ir.ops import Effect


def _ramp(like: Tensor) -> Tensor:
    return torch.arange(256, dtype=torch.float64, device=like.device)


def counted(x: Tensor, where: Tensor | None = None) -> Tensor:
    """Count the levels of intensities (N, C, H, W): (N, C, 256)."""
    n, channels = x.shape[:2]
    levels = torch.round(x * 255.0).to(torch.int64).reshape(n, channels, -1)
    ones = torch.ones_like(levels)
    if where is not None:
        ones = where.expand(x.shape).reshape(n, channels, -1).to(torch.int64)
    return torch.zeros(n, channels, 256, dtype=torch.int64, device=x.device).scatter_add(
        2, levels, ones
    )


def looked_up(x: Tensor, tables: Tensor) -> Tensor:
    """Look intensities up in tables (N, C, 256) of levels, interpolating between them."""
    n, channels = x.shape[:2]
    at = x.reshape(n, channels, -1) * 255.0
    low = at.detach().floor().clamp(0, 254)
    index = low.to(torch.int64)
    tables = tables.to(x.dtype)
    first, second = tables.gather(2, index), tables.gather(2, index + 1)
    return ((first + (second - first) * (at - low)) / 255.0).reshape(x.shape)


def _intensities(batch: Tensor) -> Tensor:
    return batch.to(working(batch.dtype)) / white_of(batch.dtype)


def _stored(x: Tensor, dtype: torch.dtype) -> Tensor:
    return kept(x * white_of(dtype), dtype)


# --------------------------------------------------------------------------------- equalise


def pack_equalize(ops: Sequence[Effect], spec: Spec) -> Job:
    """Equalise each channel, or the luma of YCrCb."""
    return by_parts(
        ops, spec, lambda op: (*op.params[:2], op.params[2] is None), lambda _: _pack_equalize
    )


def _pack_equalize(ops: Sequence[Effect], spec: Spec) -> Job:
    mode, by_channels, where = ops[0].params
    if not (by_channels or spec.channels in {1, 3}):
        raise UndefinedError(
            "Equalize with by_channels=False needs 1 or 3 channels and the picture has "
            f"{spec.channels}"
        )
    tensors = {}
    if where is not None:
        masks = [op.params[2].array.reshape(*spec.size, -1) != 0 for op in ops]
        tensors["where"] = torch.from_numpy(np.stack(masks)).permute(0, 3, 1, 2)
    facts = {"mode": mode, "luma": not by_channels and spec.channels == 3}
    return Job(_run_equalize, tensors, facts, each=True)


def _run_equalize(job: Job, batch: Tensor) -> Tensor:
    x, where = _intensities(batch), job.tensors.get("where")
    make = EQUALIZERS[job.facts["mode"]]
    if not job.facts["luma"]:
        return _stored(looked_up(x, make(counted(x, where))), batch.dtype)
    r, g, b = (plane[:, None] for plane in x.unbind(1))
    luma = r * GRAY_WEIGHTS[0] + g * GRAY_WEIGHTS[1] + b * GRAY_WEIGHTS[2]
    red, blue = (r - luma) * 0.713, (b - luma) * 0.564
    if batch.dtype == torch.uint8:
        luma, red, blue = (torch.round(c * 255) / 255 for c in (luma, red, blue))
    luma = looked_up(luma, make(counted(luma, None if where is None else where[:, :1])))
    rgb = luma + 1.403 * red, luma - 0.714 * red - 0.344 * blue, luma + 1.773 * blue
    return _stored(torch.cat(rgb, 1), batch.dtype)


def _equal_cv(counts: Tensor) -> Tensor:
    first = (counts > 0).to(torch.uint8).argmax(2, keepdim=True)
    at_first = counts.gather(2, first)
    others = counts.sum(2, keepdim=True) - at_first
    scale = (255.0 / others.clamp(min=1).to(torch.float64)).to(torch.float32)
    table = torch.round((counts.cumsum(2) - at_first).to(torch.float32) * scale)
    ramp = _ramp(counts)
    table = torch.where(ramp > first, table.to(torch.float64), 0.0)
    return torch.where(others > 0, table, ramp)


def _steps(counts: Tensor) -> Tensor:
    """Pixels a level of the result; 0 where there is but one level."""
    last = 255 - (counts > 0).to(torch.uint8).flip(2).argmax(2, keepdim=True)
    step = (counts.sum(2, keepdim=True) - counts.gather(2, last)).div(255, rounding_mode="floor")
    return step * ((counts > 0).sum(2, keepdim=True) > 1)


def _by_steps(counts: Tensor, passed: Tensor) -> Tensor:
    step = _steps(counts)
    safe = step.clamp(min=1)
    table = (safe // 2 + passed).div(safe, rounding_mode="floor").clamp(max=255)
    return torch.where(step > 0, table.to(torch.float64), _ramp(counts))


EQUALIZERS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "cv": _equal_cv,
    "pil": lambda counts: _by_steps(counts, counts.cumsum(2)),
    "below": lambda counts: _by_steps(counts, counts.cumsum(2) - counts),
}
"""Mode → tables of levels from counts."""

# ------------------------------------------------------------------------------ autocontrast


def pack_autocontrast(ops: Sequence[Effect], spec: Spec) -> Job:
    """Stretch each channel's contrast."""
    return by_parts(
        ops, spec, lambda op: (op.params[1], op.params[2]), lambda _: _pack_autocontrast
    )


def _pack_autocontrast(ops: Sequence[Effect], _: Spec) -> Job:
    cutoff = torch.tensor([op.params[0] / 100 for op in ops], dtype=torch.float64)
    facts = {"ignore": ops[0].params[1], "method": ops[0].params[2]}
    return Job(_run_autocontrast, {"cutoff": cutoff[:, None, None]}, facts, each=True)


def _run_autocontrast(job: Job, batch: Tensor) -> Tensor:
    x, ignore = _intensities(batch), job.facts["ignore"]
    counts = counted(x)
    if ignore is not None:
        counts[:, :, ignore] = 0
    out = looked_up(x, _stretched(counts, job.tensors["cutoff"], job.facts["method"]))
    if ignore is not None:
        out = torch.where(torch.round(x * 255) == ignore, x, out)
    return _stored(out, batch.dtype)


def _stretched(counts: Tensor, cutoff: Tensor, method: str) -> Tensor:
    """Tables that take the levels between the cut-off ones to [0, 255]."""
    filled, below = (counts > 0).to(torch.uint8), counts.cumsum(2)
    total = below[:, :, -1:].to(torch.float64)
    cut_low = (below >= total * cutoff).to(torch.uint8).argmax(2, keepdim=True) + 1
    cut_high = (below >= total * (1 - cutoff)).to(torch.uint8).argmax(2, keepdim=True)
    low = torch.where(cutoff > 0, cut_low, filled.argmax(2, keepdim=True))
    high = torch.where(cutoff > 0, cut_high, 255 - filled.flip(2).argmax(2, keepdim=True))
    ramp = _ramp(counts)
    at_low, at_high = below.gather(2, low.clamp(max=255)), below.gather(2, high)
    place = below.to(torch.float64) if method == "cdf" else ramp.expand(below.shape)
    start, end = place.gather(2, low.clamp(max=255)), place.gather(2, high)
    stretches = (low < high) & (at_low < at_high)
    span = torch.where(stretches, end - start, 1.0)
    table = torch.round(((place - start) / span * 255).clamp(0, 255))
    return torch.where(stretches, table, ramp)


EFFECTS: Mapping[str, Pack] = {"equalize": pack_equalize, "autocontrast": pack_autocontrast}
