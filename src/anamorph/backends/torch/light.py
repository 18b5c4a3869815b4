"""Light that differs from place to place, shifts along the colours' own axes, and zoom blur."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.backends.torch import sampling
from anamorph.backends.torch.base import Job, Pack, Spec, by_parts, kept, white_of, working
from anamorph.ir import mri
from anamorph.ir.ops import Effect
from anamorph.ir.principal import SAMPLED

# ------------------------------------------------------------------------------- patterns


def pack_light(ops: Sequence[Effect], spec: Spec) -> Job:
    """Multiply by a pattern."""
    return by_parts(ops, spec, lambda op: (op.params[0],), lambda _: _pack_light)


def _pack_light(ops: Sequence[Effect], spec: Spec) -> Job:
    numbers = torch.tensor([op.params[1:] for op in ops], dtype=working(spec.dtype))
    facts = {"name": ops[0].params[0]}
    return Job(_run_light, {"numbers": numbers[:, :, None, None]}, facts, each=True)


def _run_light(job: Job, batch: Tensor) -> Tensor:
    numbers = job.tensors["numbers"]
    height, width = batch.shape[2:]
    x = torch.arange(width, device=batch.device).to(numbers.dtype)[None, None, :]
    y = torch.arange(height, device=batch.device).to(numbers.dtype)[None, :, None]
    pattern = PATTERNS[job.facts["name"]](x, y, (height, width), numbers.unbind(1))
    return kept(batch.to(numbers.dtype) * pattern[:, None], batch.dtype)


def _linear(x: Tensor, y: Tensor, size: tuple[int, int], numbers: Sequence[Tensor]) -> Tensor:
    strength, angle = numbers
    u, v = x / max(size[1] - 1, 1), y / max(size[0] - 1, 1)
    turn = torch.deg2rad(angle)
    return 1 - strength + 2 * strength * (u * torch.cos(turn) + v * torch.sin(turn))


def _corner(x: Tensor, y: Tensor, size: tuple[int, int], numbers: Sequence[Tensor]) -> Tensor:
    strength, corner = numbers
    x = torch.where((corner == 1) | (corner == 2), size[1] - 1 - x, x)
    y = torch.where((corner == 2) | (corner == 3), size[0] - 1 - y, y)
    return 1 + strength * (1 - torch.hypot(x, y) / math.hypot(*size))


def _gaussian(x: Tensor, y: Tensor, size: tuple[int, int], numbers: Sequence[Tensor]) -> Tensor:
    strength, across, down, sigma = numbers
    square = (x - across * size[1]) ** 2 + (y - down * size[0]) ** 2
    return 1 + strength * torch.exp(-square / (2 * (sigma * max(size)) ** 2))


def _vignette(x: Tensor, y: Tensor, size: tuple[int, int], numbers: Sequence[Tensor]) -> Tensor:
    strength, across, down = numbers
    cx, cy = across * size[1], down * size[0]
    square = (x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2
    farthest = torch.maximum(cx, size[1] - cx) ** 2 + torch.maximum(cy, size[0] - cy) ** 2
    return 1 + strength * square / farthest


PATTERNS: Mapping[str, Callable[..., Tensor]] = {
    "linear": _linear,
    "corner": _corner,
    "gaussian": _gaussian,
    "vignette": _vignette,
}
"""Name → function(x, y, size, (strength, *place))."""


def pack_bias_field(ops: Sequence[Effect], spec: Spec) -> Job:
    """Multiply by the exponential of nodes interpolated between."""
    grids = [_nodes(op, spec) for op in ops]
    shapes = {op: grid.shape for op, grid in zip(ops, grids, strict=True)}
    return by_parts(ops, spec, lambda op: tuple(shapes[op]), lambda _: _pack_nodes)


def _nodes(op: Effect, spec: Spec) -> np.ndarray[Any, Any]:
    std, scale, per_channel = op.params
    planes = spec.channels if per_channel else 1
    return np.asarray(mri.field_nodes(op.key, spec.size, scale, std, planes))


def _pack_nodes(ops: Sequence[Effect], spec: Spec) -> Job:
    nodes = np.stack([_nodes(op, spec) for op in ops]).astype(np.float64)
    return Job(_run_nodes, {"nodes": torch.from_numpy(nodes).to(working(spec.dtype))}, each=True)


def _run_nodes(job: Job, batch: Tensor) -> Tensor:
    nodes, size = job.tensors["nodes"], tuple(batch.shape[2:])
    field = F.interpolate(nodes, size, mode="bilinear", align_corners=False)
    return kept(batch.to(nodes.dtype) * field.exp(), batch.dtype)


# -------------------------------------------------------------------------- principal axes


def pack_principal(ops: Sequence[Effect], _: Spec) -> Job:
    """Shift along the principal axes of each sample's colours."""
    numbers = torch.tensor([op.params for op in ops], dtype=torch.float64)
    return Job(_run_principal, {"numbers": numbers}, each=True)


def _run_principal(job: Job, batch: Tensor) -> Tensor:
    white = white_of(batch.dtype)
    height, width = batch.shape[2:]
    step = max(1, int((height * width / SAMPLED) ** 0.5))
    down, across = (min(step // 2, n - 1) for n in (height, width))
    pixels = batch[:, :, down::step, across::step].to(torch.float64).flatten(2) / white
    centered = pixels - pixels.mean(2, keepdim=True)
    spread = centered @ centered.transpose(1, 2) / max(pixels.shape[2] - 1, 1)
    variances, axes = torch.linalg.eigh(spread)
    axes = axes * torch.where(axes.sum(1, keepdim=True) < 0, -1.0, 1.0)
    weights = variances * job.tensors["numbers"].flip(1)
    shift = (axes @ weights[:, :, None])[:, :, None] * white
    values = batch.to(working(batch.dtype))
    return kept(values + shift.to(values.dtype), batch.dtype)


# ------------------------------------------------------------------------------------ zoom


def pack_zoom(ops: Sequence[Effect], spec: Spec) -> Job:
    """Average each sample and its zooms by equal factors."""
    return by_parts(ops, spec, lambda op: (op.params[0],), lambda _: _pack_zoom)


def _pack_zoom(ops: Sequence[Effect], spec: Spec) -> Job:
    count = ops[0].params[0]
    factors = [[op.params[1] ** (i / (count - 1)) for i in range(count)] for op in ops]
    tensors: dict[str, Tensor] = {}
    for name, n in (("rows", spec.size[0]), ("columns", spec.size[1])):
        at = np.arange(n) + 0.5 - n / 2
        places = at / np.array(factors)[:, :, None] + n / 2 - 0.5
        left = np.floor(places).astype(np.int64).clip(0, n - 1)
        part = (places - left).clip(0.0, 1.0)
        index = np.stack([left, np.minimum(left + 1, n - 1)], -1)
        tensors[name] = torch.from_numpy(index)
        weights = torch.from_numpy(np.stack([1 - part, part], -1))
        tensors[f"{name} by"] = weights.to(working(spec.dtype))
    return Job(_run_zoom, tensors, {"count": count}, each=True)


def _run_zoom(job: Job, batch: Tensor) -> Tensor:
    values = batch.to(working(batch.dtype))
    t, count = job.tensors, job.facts["count"]
    total = values
    for i in range(count):
        zoomed = sampling.along(values, 2, t["rows"][:, i], t["rows by"][:, i])
        total = total + sampling.along(zoomed, 3, t["columns"][:, i], t["columns by"][:, i])
    return kept(total / (count + 1), batch.dtype)


EFFECTS: Mapping[str, Pack] = {
    "light": pack_light,
    "bias_field": pack_bias_field,
    "principal_shift": pack_principal,
    "zoom": pack_zoom,
}
