"""Noise, from the same random words as the fast kernels, one value at a time in spirit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.filter import stored
from anamorph.backends.reference.resize import resized
from anamorph.core.constants import GRAY_WEIGHTS, INTER_LINEAR, WHITE
from anamorph.ir import levels, noise
from anamorph.ir.ops import IMAGE, MASK, Noise, Op, Target

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def gauss(op: Noise, image: Image) -> Image:
    """Add normal noise; for 8 bits it is made of whole levels."""
    mean, sigma, per_channel, factor = op.params
    height, width, channels = image.shape
    planes = channels if per_channel else 1
    bits = noise.bits_of(op.key)
    if image.dtype == np.uint8 and factor == 1.0:
        count = height * width * planes
        first, second = noise.byte_tables(mean * 255.0, sigma * 255.0)
        draw = noise.octets if len(second) == 256 else noise.halves
        more = draw(noise.bits_of(op.key, 1), count)
        added = (first[noise.octets(bits, count)] + second[more]).astype(np.float64)
        return stored(image + added.reshape(height, width, planes), image.dtype)
    low = noise.small_size((height, width), factor) if factor < 1.0 else (height, width)
    drawn = noise.normals(bits, low[0] * low[1] * planes).reshape(*low, planes)
    field = resized(drawn.astype(np.float64), (height, width), INTER_LINEAR)
    return stored(image + (field * sigma + mean) * WHITE[image.dtype.name], image.dtype)


def additive(op: Noise, image: Image) -> Image:
    """Add draws of a distribution; for 8 bits they are made of whole levels."""
    name, numbers, per_channel, factor = op.params
    height, width, channels = image.shape
    planes = channels if per_channel else 1
    bits = noise.bits_of(op.key)
    if image.dtype == np.uint8 and factor == 1.0 and not isinstance(numbers[0], tuple):
        count = height * width * planes
        first, second = noise.tables_of(name, numbers)
        more = noise.octets(noise.bits_of(op.key, 1), count)
        added = (first[noise.octets(bits, count)] + second[more]).astype(np.float64)
        return stored(image + added.reshape(height, width, planes), image.dtype)
    low = noise.small_size((height, width), factor)
    drawn = noise.words(bits, low[0] * low[1] * planes).reshape(*low, planes)
    shares = (drawn + 0.5) / 65536
    field = resized(noise.quantiles(name, numbers, shares), (height, width), INTER_LINEAR)
    return stored(image + field * WHITE[image.dtype.name], image.dtype)


def multiply(op: Noise, image: Image) -> Image:
    """Multiply each value by an even draw."""
    low, high, per_channel = op.params
    height, width, channels = image.shape
    planes = channels if per_channel else 1
    bits, count = noise.bits_of(op.key), height * width * planes
    u: Floats = (
        (noise.octets(bits, count).astype(np.float64) + 0.5) / 256
        if image.dtype == np.uint8
        else noise.coarse_uniforms(bits, count).astype(np.float64)
    )
    return stored(image * (low + (high - low) * u).reshape(height, width, planes), image.dtype)


def salt_pepper(op: Noise, image: Image) -> Image:
    """Set some pixels to white or black."""
    amount, salt = op.params
    bits = noise.bits_of(op.key)
    out = image.copy()
    width = image.shape[1]
    hit = noise.positions(bits, image.shape[0] * width, amount)
    for i, u in zip(hit.tolist(), noise.uniforms(bits, len(hit)).tolist(), strict=True):
        out[i // width, i % width] = WHITE[image.dtype.name] if u < salt else 0
    return out


def drop(op: Noise, image: Image) -> Image:
    """Set some pixels, or some values of pixels, to a value."""
    return _dropped(op, image, op.params[2])


def drop_mask(op: Noise, mask: Image) -> Image:
    """Drop the same places of a mask."""
    return _dropped(op, mask, op.mask_value)


def _dropped(op: Noise, array: Image, value: Any) -> Image:
    p, per_channel, _ = op.params
    height, width, channels = array.shape
    color = value if isinstance(value, tuple) else (value,) * channels
    places = (height, width, channels) if per_channel else (height, width)
    out = array.copy()
    for i in noise.positions(noise.bits_of(op.key), math.prod(places), p).tolist():
        y, x, *c = np.unravel_index(i, places)
        for channel in c or range(channels):
            out[y, x, channel] = color[channel]
    return out


def iso(op: Noise, image: Image) -> Image:
    """Add Poisson steps towards white to the lightness, and normal noise to the hue."""
    shift, intensity = op.params
    top = WHITE[image.dtype.name]
    bits = noise.bits_of(op.key)
    hue, light, saturation = _to_hls(image.astype(np.float64) / top)
    rate = float(light.std()) * intensity
    hit = noise.positions(bits, light.size, -math.expm1(-rate))
    steps = np.zeros(light.size)
    steps[hit] = noise.at_least_one(bits, len(hit), rate) * intensity
    light = light + np.minimum(steps.reshape(light.shape), 1.0) * (1.0 - light)
    if not noise.negligible_hue(shift * intensity, 0 if image.dtype.kind == "f" else top):
        turned = noise.normals(bits, hue.size).reshape(hue.shape) * (shift * intensity)
        hue = (hue + turned) % 360.0
    return stored(_to_rgb(hue, light, saturation) * top, image.dtype)


def _to_hls(rgb: Floats) -> tuple[Floats, Floats, Floats]:
    """Hue in degrees, lightness and saturation of the double hexcone (Smith and Joblove 1978)."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    most, least = rgb.max(-1), rgb.min(-1)
    chroma, light = most - least, (most + least) / 2
    safe = np.where(chroma > 0, chroma, 1.0)
    sixth = np.where(
        most == r, (g - b) / safe, np.where(most == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    room = 1.0 - np.abs(2 * light - 1.0)
    saturation = np.where(room > 1e-9, chroma / np.where(room > 1e-9, room, 1.0), 0.0)
    return np.where(chroma > 0, sixth * 60.0, 0.0) % 360.0, light, saturation


def _to_rgb(hue: Floats, light: Floats, saturation: Floats) -> Floats:
    chroma = (1.0 - np.abs(2 * light - 1.0)) * saturation
    out = np.empty((*hue.shape, 3))
    for channel, offset in enumerate((0.0, 8.0, 4.0)):
        k = (offset + hue / 30.0) % 12.0
        bump = np.clip(np.minimum(k - 3.0, 9.0 - k), -1.0, 1.0)
        out[..., channel] = light - chroma / 2 * bump
    return out


def shot(op: Noise, image: Image) -> Image:
    """Replace each level by the number of photons that a random byte picks for it."""
    (scale,) = op.params
    bits, top = noise.bits_of(op.key), WHITE[image.dtype.name]
    light = image.astype(np.float64) / top
    if image.dtype != np.uint8 and scale < levels.FINEST_SHOTS:
        normal = noise.normals(bits, image.size).reshape(image.shape)
        return stored(levels.shot(light**levels.GAMMA, normal, scale) * top, image.dtype)
    level: npt.NDArray[Any] = image
    if image.dtype != np.uint8:
        level = levels.dithered(light, noise.octets(noise.bits_of(op.key, 1), image.size))
    picked = noise.octets(bits, image.size).reshape(image.shape)
    counts = levels.shot_counts(scale, op.key)[level, picked]
    return stored(levels.shot_values(scale, int(counts.max()))[counts] * top, image.dtype)


def rice(op: Noise, image: Image) -> Image:
    """Add noise to both parts of a complex number and take its magnitude."""
    sigma, per_channel = op.params
    top = WHITE[image.dtype.name]
    shape = (*image.shape[:2], image.shape[2] if per_channel else 1)
    bits, count = noise.bits_of(op.key), math.prod(shape)
    if image.dtype == np.uint8:
        picked = np.broadcast_to(noise.octets(bits, count).reshape(shape), image.shape)
        return stored(levels.rice_table(sigma, op.key)[picked, image] * top, image.dtype)
    along = noise.normals(bits, count).reshape(shape).astype(np.float64)
    across = noise.normals(noise.bits_of(op.key, 1), count).reshape(shape).astype(np.float64)
    return stored(np.hypot(image + along * sigma * top, across * sigma * top), image.dtype)


def film(op: Noise, image: Image) -> Image:
    """Add blurred white noise, as strong as the luminance says."""
    intensity, size = op.params
    height, width, channels = image.shape
    taps, top = levels.grain_taps(size), WHITE[image.dtype.name]
    half = len(taps) // 2
    drawn = noise.octets(noise.bits_of(op.key), height * width).reshape(height, width)
    white_noise = np.pad(noise.quantiles_of_normal()[drawn], half, mode="wrap")
    across = np.apply_along_axis(np.convolve, 1, white_noise, taps, "valid")
    grain = np.apply_along_axis(np.convolve, 0, across, taps, "valid")
    weights = GRAY_WEIGHTS if channels == 3 else (1.0 / channels,) * channels
    light = np.minimum((image.astype(np.float64) / top) @ np.array(weights), 1.0)
    grain = grain * intensity * np.sqrt(light * (1.0 - light))
    return stored(image + grain[:, :, None] * top, image.dtype)


_KINDS: Mapping[str, Callable[[Noise, Image], Image]] = {
    "gauss": gauss,
    "additive": additive,
    "multiply": multiply,
    "salt_pepper": salt_pepper,
    "drop": drop,
    "iso": iso,
    "shot": shot,
    "film": film,
    "rice": rice,
}


def on_image(op: Noise, image: Image) -> Image:
    """Apply noise of any kind."""
    return _KINDS[op.kind](op, image)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Noise, IMAGE): on_image,
    (Noise, MASK): drop_mask,
}
