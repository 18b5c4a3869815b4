"""Noise of batches, with the same pixels as on other backends.

The random words of an op come from its key, whoever renders it: NumPy makes them on the host, a
byte or two a value (some 50 µs for 224 × 224 × 3), and the device turns them into noise. So a
sample looks the same whatever batch it is in, and whatever machine it is on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
    fills,
    kept,
    leave,
    white_of,
    working,
)
from anamorph.backends.torch.fill import overwrite
from anamorph.backends.torch.filter import convolved, mirrored
from anamorph.backends.torch.sampling import plain, seen_as
from anamorph.core import constants as K
from anamorph.core.errors import BackendError
from anamorph.ir import levels, noise
from anamorph.ir.ops import IMAGE, MASK, Color, Noise, Op, Target

Array = npt.NDArray[Any]


def pack(ops: Sequence[Noise], spec: Spec) -> Job:
    """Apply noise of any kind."""
    for op in ops:
        if op.kind not in KINDS:
            raise BackendError(f"backend torch has no kernel for noise of kind {op.kind!r}")
    return by_parts(ops, spec, lambda op: (op.kind, _form(op, spec)), lambda key: KINDS[key[0]])


def _form(op: Noise, spec: Spec) -> tuple[Any, ...]:
    """What decides the shape of the random field, and so who can be stacked."""
    finest = op.kind == "shot" and op.params[0] < levels.FINEST_SHOTS
    form = _FORMS.get(op.kind)
    told = () if form is None else form(op.params)
    return (*told, finest and spec.dtype != torch.uint8)


def _planes(spec: Spec, each: object) -> int:
    return spec.channels if each else 1


def _channels_first(values: Sequence[Array], spec: Spec, planes: int) -> Tensor:
    """Stack values that were drawn in the order of (H, W, planes)."""
    shaped = [v.reshape(*spec.size, planes).transpose(2, 0, 1) for v in values]
    return torch.from_numpy(np.stack(shaped))


def _numbers(values: Sequence[float], spec: Spec) -> Tensor:
    return torch.tensor(values, dtype=working(spec.dtype))[:, None, None, None]


# --------------------------------------------------------------- what is added or multiplied


def _pack_gauss(ops: Sequence[Noise], spec: Spec) -> Job:
    """Add normal noise; for 8 bits it is made of whole levels."""
    _, _, per_channel, factor = ops[0].params
    if spec.dtype == torch.uint8 and factor == 1.0:
        tables = [noise.byte_tables(op.params[0] * 255.0, op.params[1] * 255.0) for op in ops]
        return _of_levels(ops, spec, tables, _planes(spec, per_channel))
    fields = [_coarse(op, spec, _normals) for op in ops]
    mean, sigma = (_numbers([op.params[k] for op in ops], spec) for k in (0, 1))
    return _of_field(fields, spec, {"scale": sigma, "offset": mean})


def _pack_additive(ops: Sequence[Noise], spec: Spec) -> Job:
    """Add draws of a distribution; for 8 bits they are made of whole levels."""
    _, numbers, per_channel, factor = ops[0].params
    if spec.dtype == torch.uint8 and factor == 1.0 and not isinstance(numbers[0], tuple):
        tables = [noise.tables_of(op.params[0], op.params[1]) for op in ops]
        return _of_levels(ops, spec, tables, _planes(spec, per_channel))
    fields = [_coarse(op, spec, _quantiles) for op in ops]
    one, zero = (_numbers([v] * len(ops), spec) for v in (1.0, 0.0))
    return _of_field(fields, spec, {"scale": one, "offset": zero})


def _of_levels(
    ops: Sequence[Noise], spec: Spec, tables: Sequence[tuple[Array, Array]], planes: int
) -> Job:
    count = math.prod(spec.size) * planes
    first = [noise.octets(noise.bits_of(op.key), count) for op in ops]
    second = [
        (noise.octets if len(fine) == 256 else noise.halves)(noise.bits_of(op.key, 1), count)
        for op, (_, fine) in zip(ops, tables, strict=True)
    ]
    rough = np.stack([t[0] for t in tables]).astype(np.int16)
    fine = np.stack([np.resize(t[1], 256) for t in tables]).astype(np.int16)
    tensors = {
        "first": _channels_first(first, spec, planes),
        "second": _channels_first(second, spec, planes),
        "rough": torch.from_numpy(rough),
        "fine": torch.from_numpy(fine),
    }
    return Job(_run_levels, tensors, each=True)


def _run_levels(job: Job, batch: Tensor) -> Tensor:
    t = job.tensors
    added = _looked_up(t["rough"], t["first"]) + _looked_up(t["fine"], t["second"])
    return kept(batch.to(torch.int16) + added, batch.dtype)


def _looked_up(tables: Tensor, index: Tensor) -> Tensor:
    """Look whole numbers (N, …) up in tables (N, K)."""
    flat = index.reshape(index.shape[0], -1).to(torch.int64)
    return tables.gather(1, flat).reshape(index.shape)


def _coarse(op: Noise, spec: Spec, draw: Callable[[Noise, int], Array]) -> Array:
    """Draw a field (planes, h, w), as coarse as the op says."""
    _, _, per_channel, factor = op.params
    size = noise.small_size(spec.size, factor) if factor < 1.0 else spec.size
    planes = _planes(spec, per_channel)
    drawn = draw(op, size[0] * size[1] * planes)
    return drawn.reshape(*size, planes).transpose(2, 0, 1)


def _normals(op: Noise, count: int) -> Array:
    return noise.normals(noise.bits_of(op.key), count)


def _quantiles(op: Noise, count: int) -> Array:
    name, numbers, per_channel, _ = op.params
    shares = (noise.words(noise.bits_of(op.key), count) + 0.5) / 65536
    planes = len(numbers[0]) if per_channel and isinstance(numbers[0], tuple) else 1
    drawn: Array = noise.quantiles(name, numbers, shares.reshape(-1, planes))
    return drawn.reshape(-1)


def _of_field(fields: Sequence[Array], spec: Spec, tensors: dict[str, Tensor]) -> Job:
    field = torch.from_numpy(np.stack(fields)).to(working(spec.dtype))
    return Job(_run_field, {**tensors, "field": field}, each=True)


def _run_field(job: Job, batch: Tensor) -> Tensor:
    field = job.tensors["field"]
    if field.shape[2:] != batch.shape[2:]:
        field = F.interpolate(field, tuple(batch.shape[2:]), mode="bilinear", align_corners=False)
    added = (field * job.tensors["scale"] + job.tensors["offset"]) * white_of(batch.dtype)
    return kept(batch.to(added.dtype) + added, batch.dtype)


def _pack_multiply(ops: Sequence[Noise], spec: Spec) -> Job:
    """Multiply each value by an even draw."""
    planes = _planes(spec, ops[0].params[2])
    count = math.prod(spec.size) * planes
    if spec.dtype == torch.uint8:
        drawn: list[Array] = [noise.octets(noise.bits_of(op.key), count) for op in ops]
        unit, first = 1 / 256, 0.5 / 256
    else:
        drawn = [noise.coarse_uniforms(noise.bits_of(op.key), count) for op in ops]
        unit, first = 1.0, 0.0
    ranges = [(op.params[1] - op.params[0], op.params[0]) for op in ops]
    tensors = {
        "drawn": _channels_first(drawn, spec, planes),
        "scale": _numbers([wide * unit for wide, _ in ranges], spec),
        "offset": _numbers([low + wide * first for wide, low in ranges], spec),
    }
    return Job(_run_multiply, tensors, each=True)


def _run_multiply(job: Job, batch: Tensor) -> Tensor:
    scale = job.tensors["scale"]
    factor = job.tensors["drawn"].to(scale.dtype) * scale + job.tensors["offset"]
    return kept(batch.to(scale.dtype) * factor, batch.dtype)


# --------------------------------------------------------------------------- single pixels


def _pack_salt(ops: Sequence[Noise], spec: Spec) -> Job:
    """Set some pixels to white or black."""
    count = math.prod(spec.size)
    places, values = [], []
    for n, op in enumerate(ops):
        amount, salt = op.params
        bits = noise.bits_of(op.key)
        hit = noise.positions(bits, count, amount)
        places.append(hit + n * count)
        values.append(np.where(noise.uniforms(bits, len(hit)) < salt, white_of(spec.dtype), 0))
    index = torch.from_numpy(np.concatenate(places))
    drawn = torch.from_numpy(np.concatenate(values))[:, None].expand(-1, spec.channels)
    return Job(_run_pixels, {"index": index, "values": drawn.contiguous().to(spec.dtype)})


def _run_pixels(job: Job, batch: Tensor) -> Tensor:
    """Write pixels (M, C) at places counted through all samples."""
    n, channels, height, width = batch.shape
    flat = plain(batch).permute(0, 2, 3, 1).reshape(-1, channels)
    done = flat.index_put((job.tensors["index"],), plain(job.tensors["values"]))
    done = done.reshape(n, height, width, channels).permute(0, 3, 1, 2).contiguous()
    return seen_as(done, batch.dtype)


def _pack_drop(ops: Sequence[Noise], spec: Spec) -> Job:
    return _dropped(ops, spec, [op.params[2] for op in ops])


def pack_mask(ops: Sequence[Noise], spec: Spec) -> Job:
    """Drop the same places of masks; leave them where the op names no value."""
    return by_parts(ops, spec, lambda op: (op.mask_value is None,), lambda key: _MASKS[key[0]])


def _pack_drop_mask(ops: Sequence[Noise], spec: Spec) -> Job:
    return _dropped(ops, spec, [op.mask_value or 0 for op in ops])


def _dropped(ops: Sequence[Noise], spec: Spec, values: Sequence[Color]) -> Job:
    height, width = spec.size
    hits = np.zeros((len(ops), height * width * spec.channels), np.bool_)
    for op, row in zip(ops, hits, strict=True):
        p, per_channel, _ = op.params
        planes = spec.channels if per_channel else 1
        places = noise.positions(noise.bits_of(op.key), height * width * planes, p)
        row.reshape(-1, spec.channels // planes)[places] = True
    flags = _channels_first(list(hits), spec, spec.channels)
    return Job(overwrite, {"hidden": flags, "values": fills(values, spec)}, each=True)


_MASKS: Mapping[bool, Pack] = {False: _pack_drop_mask, True: leave}


# --------------------------------------------------------------------- tables of two bytes


def _pack_shot(ops: Sequence[Noise], spec: Spec) -> Job:
    """Replace each level by the number of photons that a random byte picks for it."""
    count = math.prod(spec.size) * spec.channels
    tensors: dict[str, Tensor] = {}
    scales = [op.params[0] for op in ops]
    if _form(ops[0], spec)[-1]:
        drawn: list[Array] = [noise.normals(noise.bits_of(op.key), count) for op in ops]
        tensors["normal"] = _channels_first(drawn, spec, spec.channels)
        return Job(_run_fine_shot, {**tensors, "scale": _numbers(scales, spec)}, each=True)
    if spec.dtype != torch.uint8:
        more = [noise.octets(noise.bits_of(op.key, 1), count) for op in ops]
        tensors["more"] = _channels_first(more, spec, spec.channels)
    picked = [noise.octets(noise.bits_of(op.key), count) for op in ops]
    tensors["picked"] = _channels_first(picked, spec, spec.channels)
    tables = []
    for op, scale in zip(ops, scales, strict=True):
        counts = levels.shot_counts(scale, op.key)
        tables.append(levels.shot_values(scale, int(counts.max()))[counts].reshape(-1))
    tensors["table"] = torch.from_numpy(np.stack(tables)).to(working(spec.dtype))
    return Job(_run_table, tensors, each=True)


def _run_fine_shot(job: Job, batch: Tensor) -> Tensor:
    scale = job.tensors["scale"]
    light = (batch.to(scale.dtype) / white_of(batch.dtype)) ** levels.GAMMA
    photons = light / scale
    photons = photons + photons.sqrt() * job.tensors["normal"]
    values = (photons.clamp(min=0.0) * scale) ** (1.0 / levels.GAMMA)
    return kept(values * white_of(batch.dtype), batch.dtype)


def _run_table(job: Job, batch: Tensor) -> Tensor:
    """Look up by level and random byte."""
    level = batch
    if "more" in job.tensors:  # rounded up or down at random so that the mean is kept
        light = batch.to(working(batch.dtype)) / white_of(batch.dtype)
        level = (torch.round(light * 65280.0).to(torch.int64) + job.tensors["more"]) >> 8
    index = level.to(torch.int64) * 256 + job.tensors["picked"]
    values = _looked_up(job.tensors["table"], index) * white_of(batch.dtype)
    return kept(values, batch.dtype)


def _pack_rice(ops: Sequence[Noise], spec: Spec) -> Job:
    """Add noise to both parts of a complex number and take its magnitude."""
    planes = _planes(spec, ops[0].params[1])
    count = math.prod(spec.size) * planes
    sigmas = [op.params[0] for op in ops]
    if spec.dtype == torch.uint8:
        picked = [noise.octets(noise.bits_of(op.key), count) for op in ops]
        tables = [levels.rice_table(op.params[0], op.key).T.reshape(-1) for op in ops]
        tensors = {"picked": _channels_first(picked, spec, planes)}
        tensors["table"] = torch.from_numpy(np.stack(tables))
        return Job(_run_table, tensors, each=True)
    tensors = {"sigma": _numbers(sigmas, spec)}
    for name, stream in (("along", 0), ("across", 1)):
        drawn = [noise.normals(noise.bits_of(op.key, stream), count) for op in ops]
        tensors[name] = _channels_first(drawn, spec, planes).to(working(spec.dtype))
    return Job(_run_rice, tensors, each=True)


def _run_rice(job: Job, batch: Tensor) -> Tensor:
    sigma = job.tensors["sigma"] * white_of(batch.dtype)
    along = batch.to(sigma.dtype) + job.tensors["along"] * sigma
    return kept(torch.hypot(along, job.tensors["across"] * sigma), batch.dtype)


# ------------------------------------------------------------------------------------- film


def _pack_film(ops: Sequence[Noise], spec: Spec) -> Job:
    """Add blurred white noise, as strong as the luminance says."""
    count = math.prod(spec.size)
    drawn = [noise.octets(noise.bits_of(op.key), count) for op in ops]
    taps = [levels.grain_taps(op.params[1]) for op in ops]
    longest = max(map(len, taps)) // 2
    spread = np.stack([np.pad(t, longest - len(t) // 2) for t in taps])
    weights = K.GRAY_WEIGHTS if spec.channels == 3 else (1.0 / spec.channels,) * spec.channels
    precision = working(spec.dtype)
    tensors = {
        "drawn": _channels_first(drawn, spec, 1),
        "taps": torch.from_numpy(spread).to(precision),
        "values": torch.from_numpy(noise.quantiles_of_normal()).to(precision)[None],
        "weights": torch.tensor(weights, dtype=precision)[None, :, None, None],
        "intensity": _numbers([op.params[0] for op in ops], spec),
    }
    return Job(_run_film, tensors, each=True)


def _run_film(job: Job, batch: Tensor) -> Tensor:
    t = job.tensors
    grain = t["values"][0, t["drawn"].to(torch.int64)]
    half = t["taps"].shape[1] // 2
    height, width = batch.shape[2:]
    for dim, taps in ((3, t["taps"][:, None, :]), (2, t["taps"][:, :, None])):
        grain = convolved(mirrored(grain, dim, (half, half), K.BORDER_WRAP), taps)
        grain = grain.narrow(dim, half, width if dim == 3 else height)
    x = batch.to(grain.dtype) / white_of(batch.dtype)
    light = (x * t["weights"]).sum(1, keepdim=True).clamp(max=1.0)
    strength = t["intensity"] * (light * (1.0 - light)).clamp(min=0.0).sqrt()
    return kept((x + grain * strength) * white_of(batch.dtype), batch.dtype)


KINDS: Mapping[str, Pack] = {
    "gauss": _pack_gauss,
    "additive": _pack_additive,
    "multiply": _pack_multiply,
    "salt_pepper": _pack_salt,
    "drop": _pack_drop,
    "shot": _pack_shot,
    "film": _pack_film,
    "rice": _pack_rice,
}
"""Kinds of noise that are here. "iso" draws as many hits as the picture's contrast says, which the
host does not know."""

_FORMS: Mapping[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {
    "gauss": lambda p: (p[2], p[3]),
    "additive": lambda p: (p[2], p[3], isinstance(p[1][0], tuple)),
    "multiply": lambda p: (p[2],),
    "rice": lambda p: (p[1],),
}
"""Kind → what of its parameters decides how its random field is laid out."""

KERNELS: Mapping[tuple[type[Op], Target], Pack] = {(Noise, IMAGE): pack, (Noise, MASK): pack_mask}
