"""Snow, and what spatters on a lens, from their definitions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.filter import gaussian_taps, windows
from anamorph.backends.reference.tone import intensities, store
from anamorph.backends.reference.weather import Flags, Floats, Image, lightness_of, relit
from anamorph.backends.reference.weather_flare import blurred
from anamorph.ir import noise, weather
from anamorph.ir.ops import Effect


def bleach(op: Effect, image: Image) -> Image:
    """Multiply the lightness of what is darker than a threshold; in 8 bits it is rounded."""
    point, factor = op.params
    values = intensities(image)
    light = lightness_of(values)
    if image.dtype == np.uint8:
        light = np.floor(light * 255.0 + 0.75) / 255.0  # halves are rounded up
    dark = light < (point * 127.5 + 85.0) / 255.0
    wanted = np.minimum(light * factor, 1.0)
    values[dark] = relit(values[dark], light[dark], wanted[dark])
    return store(values, image.dtype)


def texture(op: Effect, image: Image) -> Image:
    """Brighten, add flakes, cool and dim, and let single flakes sparkle."""
    share, factor = op.params
    height, width, channels = image.shape
    values = intensities(image)
    most = values.max(axis=2, keepdims=True)
    values = values * np.minimum(1.0 + share * factor, 1.0 / np.maximum(most, 1e-9))
    raw = noise.octets(noise.bits_of(op.key), height * width).reshape(height, width, 1)
    taps = np.array(weather.SNOW_TAPS)
    smooth = np.einsum("abcij,i,j->abc", windows(raw, (7, 7), "mirror"), taps, taps)
    flakes = 0.5 + (smooth - 127.5) * (weather.FLAKE_SPREAD / weather.BYTE_SPREAD)
    flakes *= share * weather.falling_off(height)[:, None, None]
    values = np.minimum(values + np.clip(flakes, 0.0, 1.0), 1.0)
    cold = np.array(weather.tint(channels))
    values = weather.DIM * values + (1.0 - weather.DIM) * share * cold
    sparkling = noise.positions(noise.bits_of(op.key, 1), height * width, weather.SPARKLES)
    values.reshape(-1, channels)[sparkling] = 1.0
    return store(values, image.dtype)


def _liquid(op: Effect, size: tuple[int, int]) -> Floats:
    """Smooth noise, drawn coarsely if it is very smooth, and interpolated."""
    mean, spread, sigma = op.params[:3]
    times = weather.coarseness(sigma)
    coarse = tuple(-(-side // times) for side in size)
    words = noise.words(noise.bits_of(op.key), coarse[0] * coarse[1])
    smooth = blurred(words.reshape(*coarse, 1).astype(np.float64), sigma / times)[:, :, 0]
    for axis in (0, 1):
        at = np.clip((np.arange(size[axis]) + 0.5) / times - 0.5, 0, coarse[axis] - 1)
        low = np.minimum(at.astype(np.int64), max(0, coarse[axis] - 2))
        high = np.minimum(low + 1, coarse[axis] - 1)
        part = (at - low).reshape(-1, 1) if axis == 0 else at - low
        first, second = (np.take(smooth, i, axis=axis) for i in (low, high))
        smooth = first + (second - first) * part
    return np.asarray(mean + (smooth - 32767.5) * (spread / (times * weather.WORD_SPREAD)))


def _dry(op: Effect, image: Image) -> tuple[Floats, Flags]:
    liquid = _liquid(op, image.shape[:2])
    return liquid, liquid >= op.params[3]


def spatter_rain(op: Effect, image: Image) -> Image:
    """Add drops whose light is embossed along their rims."""
    intensity, color = op.params[4:]
    liquid, wet = _dry(op, image)
    smooth = (~weather.rims(wet)).astype(np.float64)[:, :, None]
    kernel = np.array(weather.EMBOSS, np.float64)
    raised = np.einsum("abcij,ij->abc", windows(smooth, (3, 3), "mirror"), kernel)
    taps = gaussian_taps(5, weather.RIM)
    near = windows(np.clip(raised, 0.0, 1.0), (5, 5), "mirror")
    rounded = np.einsum("abcij,i,j->abc", near, taps, taps)[:, :, 0]
    drops = np.where(wet, np.clip(liquid, 0.0, 1.0) * rounded, 0.0)
    if drops.max() < 0.5 / 255.0:
        return image
    drops *= weather.BRIGHTEST * intensity / drops.max()
    shades = np.array(weather.shades(color, image.shape[2]))
    return store(np.minimum(intensities(image) + drops[:, :, None] * shades, 1.0), image.dtype)


def spatter_mud(op: Effect, image: Image) -> Image:
    """Cover with soft spots."""
    sigma, intensity, color = op.params[2], *op.params[4:]
    wet = _dry(op, image)[1]
    spots = blurred(wet.astype(np.float64)[:, :, None], sigma)
    if spots.max() < 0.5 / 255.0:
        return image
    spots *= intensity / spots.max()
    shades = np.array(weather.shades(color, image.shape[2]))
    return store(intensities(image) * (1.0 - spots) + shades * spots, image.dtype)


EFFECTS: Mapping[str, Kernel] = {
    "snow_bleach": bleach,
    "snow_texture": texture,
    "spatter_rain": spatter_rain,
    "spatter_mud": spatter_mud,
}
