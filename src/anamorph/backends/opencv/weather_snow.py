"""Snow that lies or falls, and what spatters on a lens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.blocks import CACHED
from anamorph.backends.opencv.planes import (
    Bytes,
    Floats,
    Image,
    flat,
    join,
    lent_planes,
    planes,
    stored,
)
from anamorph.backends.opencv.tables import translated
from anamorph.backends.opencv.weather_planes import lit, veil
from anamorph.core.constants import WHITE
from anamorph.ir import noise, weather
from anamorph.ir.ops import Effect

Doubles = npt.NDArray[np.float64]

_FINE = 64
"""Slopes in 8 bits need at least so many steps to one; steeper ones are computed in floats."""


# ------------------------------------------------------------------------- snow that lies


def bleach(op: Effect, image: Image) -> Image:
    """Lighten what is dark, hue and saturation kept.

    params: the threshold and the factor of lightness.
    """
    point, factor = op.params
    if image.dtype == np.uint8:
        offset, slope = weather.bleaching(np.arange(256) / 255.0, point, factor)
        steps = int(255.0 / max(1.0, float(slope.max())))
        if steps >= _FINE and float(offset.min()) >= -1e-9:
            return _bleached_bytes(image, offset, np.rint(slope * steps) / 255.0, steps)
        return _bleached_steeply(image, point, factor)
    return _bleached_wide(image, point, factor)


def _bleached_steeply(image: Bytes, point: float, factor: float) -> Bytes:
    """Compute in floats what eight bits of slope would blur."""
    top = np.float32(1.0 / 255.0)
    rows = flat(image)
    out = np.empty_like(rows)
    step = max(1, CACHED // rows.shape[1])
    for start in range(0, len(rows), step):
        block = rows[start : start + step].reshape(-1, image.shape[2])
        done = _bleached(block * top, point, factor)
        part = out[start : start + step]
        part[...] = stored(done, 255.0, image.dtype).reshape(part.shape)
    return out.reshape(image.shape)


def _bleached_wide(image: Image, point: float, factor: float) -> Image:
    """Compute offset and slope of words and floats a block of rows at a time, plane by plane."""
    white = float(WHITE[image.dtype.name])
    out = np.empty_like(image)
    step = max(1, CACHED // (image.shape[1] * image.shape[2]))
    for start in range(0, len(image), step):
        split = planes(image[start : start + step])
        most = least = split[0]
        for plane in split[1:]:
            most, least = cv2.max(most, plane), cv2.min(least, plane)
        light = cv2.addWeighted(most, 0.5 / white, least, 0.5 / white, 0.0, dtype=cv2.CV_32F)
        added, slopes = weather.bleaching(light, point, factor)
        done = [cv2.multiply(plane, slopes, dtype=cv2.CV_32F) for plane in split]
        added *= white
        part = out[start : start + step]
        part[...] = join([_moved(plane, added, image.dtype) for plane in done]).reshape(part.shape)
    return out


def _moved(plane: Floats, added: Floats, dtype: np.dtype[Any]) -> Image:
    if dtype == np.uint16:
        return cv2.add(plane, added, dtype=cv2.CV_16U)
    cv2.add(plane, added, plane)
    cv2.threshold(plane, 1.0, 1.0, cv2.THRESH_TRUNC, plane)
    cv2.threshold(plane, 0.0, 0.0, cv2.THRESH_TOZERO, plane)
    return plane


def _bleached_bytes(image: Bytes, offset: Doubles, slope: Doubles, steps: int) -> Bytes:
    """Look offset and slope up by lightness, and move each plane along."""
    split = lent_planes(image)
    most, least = split[0].copy(), split[0].copy()
    for plane in split[1:]:
        cv2.max(most, plane, most)
        cv2.min(least, plane, least)
    light = cv2.addWeighted(most, 0.5, least, 0.5, 0.25)  # halves are rounded up
    np.copyto(least, light)
    added = translated(light, _as_table(offset))
    slopes = translated(least, _as_table(slope))
    for plane in split:
        cv2.multiply(plane, slopes, plane, 1.0 / steps)
        cv2.add(plane, added, plane)
    return join(split)


def _as_table(values: Doubles) -> bytes:
    return np.clip(np.rint(values * 255.0), 0, 255).astype(np.uint8).tobytes()


def _bleached(values: Floats, point: float, factor: float) -> Floats:
    """Move pixels (N, C) of intensities that were bytes."""
    channels = [np.ascontiguousarray(values[:, c]) for c in range(values.shape[1])]
    most, least = channels[0].copy(), channels[0].copy()
    for channel in channels[1:]:
        np.maximum(most, channel, out=most)
        np.minimum(least, channel, out=least)
    light = np.floor((most + least) / 2 * 255 + np.float32(0.75)) / np.float32(255)
    offset, slope = weather.bleaching(light, point, factor)
    out = values * slope[:, None]
    out += offset[:, None]
    return np.clip(out, 0.0, 1.0, out=out).astype(np.float32, copy=False)


# ------------------------------------------------------------------------- snow that falls


def texture(op: Effect, image: Image) -> Image:
    """Brighten the picture, let snow fall over it, cool it, and let single flakes sparkle.

    params: the share of snow and the factor of brightness.
    """
    share, factor = op.params
    height, width, channels = image.shape
    bits = noise.bits_of(op.key)
    levels = _snow(bits, (height, width), share)
    hits = noise.positions(noise.bits_of(op.key, 1), height * width, weather.SPARKLES)
    gain = 1.0 + share * factor
    tints = [(1.0 - weather.DIM) * share * t for t in weather.tint(channels)]
    out = (_snowed_bytes if image.dtype == np.uint8 else _snowed)(image, levels, gain, tints)
    out = np.ascontiguousarray(out).reshape(image.shape)
    out.reshape(-1, channels)[hits] = WHITE[image.dtype.name]
    return out


def _snow(bits: noise.Bits, size: tuple[int, int], share: float) -> Bytes:
    """Flakes in [0, 255]: smooth noise about a half, thinning out towards the bottom."""
    raw = noise.octets(bits, size[0] * size[1]).reshape(size)
    taps = np.array(weather.SNOW_TAPS)
    smooth = cv2.sepFilter2D(raw, cv2.CV_8U, taps, taps)
    scale = weather.FLAKE_SPREAD / weather.BYTE_SPREAD * 255.0
    fall = (weather.falling_off(size[0]) * share).astype(np.float32)[:, None]
    flakes = smooth * np.float32(scale)
    flakes += np.float32(127.5 * (1.0 - scale))
    flakes *= fall
    np.maximum(flakes, 0.0, out=flakes)
    return cv2.convertScaleAbs(flakes)


def _snowed_bytes(image: Bytes, levels: Bytes, gain: float, tints: list[float]) -> Bytes:
    planes = lent_planes(image)
    most = planes[0].copy()
    for plane in planes[1:]:
        cv2.max(most, plane, most)
    steps = int(255.0 / gain)
    values = np.arange(256)
    slopes = np.minimum(gain, 255.0 / np.maximum(values, 1)) * steps / 255.0
    share = translated(most, _as_table(slopes))
    for plane, offset in zip(planes, tints, strict=True):
        cv2.multiply(plane, share, plane, 1.0 / steps)
        cv2.add(plane, levels, plane)
        translated(plane, _as_table(values / 255.0 * weather.DIM + offset))
    return join(planes)


def _snowed(image: Image, levels: Bytes, gain: float, tints: list[float]) -> Image:
    white = WHITE[image.dtype.name]
    planes = lent_planes(image).astype(np.float32)
    planes *= np.float32(1.0 / white)
    most = planes.max(axis=0)
    share = np.minimum(np.float32(gain), 1.0 / np.maximum(most, np.float32(1e-6)))
    snow = levels * np.float32(1.0 / 255.0)
    planes *= share
    planes += snow
    np.minimum(planes, 1.0, out=planes)
    planes *= np.float32(weather.DIM)
    planes += np.array(tints, np.float32)[:, None, None]
    return join([stored(plane, float(white), image.dtype) for plane in planes])


# ------------------------------------------------------------------------------ spatter


def _moist(op: Effect, size: tuple[int, int]) -> tuple[Image, float, float]:
    """Smooth noise in words; scale and offset bring it to the thickness of the liquid."""
    mean, spread, sigma = op.params[:3]
    times = weather.coarseness(sigma)
    height, width = (-(-side // times) for side in size)
    words: Image = noise.words(noise.bits_of(op.key), height * width).reshape(height, width)
    if sigma > 0.0:
        taps = 2 * math.ceil(3.0 * sigma / times) + 1
        words = cv2.GaussianBlur(words, (taps, taps), sigma / times)
    if times > 1:
        words = cv2.resize(words, (width * times, height * times))[: size[0], : size[1]]
    scale = spread / (times * weather.WORD_SPREAD)  # fewer words are averaged
    return words, scale, mean - 32767.5 * scale


def spatter_rain(op: Effect, image: Image) -> Image:
    """Add drops of rain, embossed along their rims.

    params: mean, standard deviation and sigma of the liquid, the threshold above which it
    stays, the intensity and the color.
    """
    threshold, intensity, color = op.params[3:]
    words, scale, offset = _moist(op, image.shape[:2])
    wet = _wet(words, scale, offset, threshold)
    rims = weather.rims(wet).view(np.uint8)
    smooth = (rims ^ np.uint8(1)) * np.uint8(255)
    raised = cv2.filter2D(smooth, cv2.CV_8U, np.array(weather.EMBOSS, np.float32))
    rounded = cv2.GaussianBlur(raised, (5, 5), weather.RIM)
    depth = cv2.convertScaleAbs(words, alpha=255.0 * scale, beta=255.0 * offset)
    levels = cv2.multiply(depth, rounded, scale=1.0 / 255.0)
    np.multiply(levels, wet, out=levels)
    peak = int(levels.max())
    if peak == 0:
        return image
    steps = np.minimum(np.arange(256) / peak, 1.0) * (weather.BRIGHTEST * intensity)
    return lit(image, levels, [steps * s for s in weather.shades(color, image.shape[2])])


def _wet(words: Image, scale: float, offset: float, threshold: float) -> npt.NDArray[np.bool_]:
    """Where the liquid is thick enough to stay."""
    if scale == 0.0:
        return np.full(words.shape, offset >= threshold)
    least = math.ceil((threshold - offset) / scale)
    if least > 65535:
        return np.zeros(words.shape, np.bool_)
    wet: npt.NDArray[np.bool_] = words >= np.uint16(max(0, least))
    return wet


def spatter_mud(op: Effect, image: Image) -> Image:
    """Cover the picture with soft spots of mud. params: as for the rain."""
    sigma, threshold, intensity, color = op.params[2:]
    words, scale, offset = _moist(op, image.shape[:2])
    wet = _wet(words, scale, offset, threshold).view(np.uint8) * np.uint8(255)
    levels = _softened(wet, sigma)
    peak = int(levels.max())
    if peak == 0:
        return image
    seen = 1.0 - intensity * np.minimum(np.arange(256) / peak, 1.0)
    return veil(image, levels, seen, weather.shades(color, image.shape[2]))


def _softened(wet: Bytes, sigma: float) -> Bytes:
    """Blur by a Gaussian; a wide one at a smaller size."""
    if sigma == 0.0:
        return wet
    times = weather.coarseness(sigma)
    height, width = wet.shape
    small = wet
    if times > 1:
        size = -(-width // times), -(-height // times)
        small = cv2.resize(wet, size, interpolation=cv2.INTER_AREA)
    taps = 2 * math.ceil(3.0 * sigma / times) + 1
    border = cv2.BORDER_REFLECT_101 if times == 1 else cv2.BORDER_REFLECT
    soft = cv2.GaussianBlur(small, (taps, taps), sigma / times, borderType=border)
    return soft if times == 1 else cv2.resize(soft, (width, height))


EFFECTS: Mapping[str, Kernel] = {
    "snow_bleach": bleach,
    "snow_texture": texture,
    "spatter_rain": spatter_rain,
    "spatter_mud": spatter_mud,
}
