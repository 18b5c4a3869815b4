"""Noise that depends on the light: photons, film, magnitudes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.linear import clipped
from anamorph.backends.opencv.planes import DEPTH, SINGLE, as_row, spread
from anamorph.backends.opencv.scratch import lent
from anamorph.backends.opencv.strips import Streams, by_strips, normals, strips
from anamorph.backends.opencv.tables import look_up_words
from anamorph.core.constants import WHITE
from anamorph.ir import levels, noise
from anamorph.ir.ops import Noise

Image = npt.NDArray[Any]


def shot(op: Noise, image: Image) -> Image:
    """Count photons: the parameter is the light of one."""
    (scale,) = op.params
    if image.dtype != np.uint8 and scale < levels.FINEST_SHOTS:
        return _many_photons(op, image)
    counts = levels.shot_counts(scale, op.key)
    values = _as(levels.shot_values(scale, int(counts.max())), image.dtype)
    return _by_levels(op, image, np.take(values, counts.T), per_channel=True)


def _as(table: Image, dtype: np.dtype[Any]) -> Image:
    """Bring intensities to the dtype of a picture."""
    top = WHITE[dtype.name]
    return np.rint(np.minimum(table, 1.0) * top).astype(dtype) if top > 1 else table.astype(dtype)


def _by_levels(op: Noise, image: Image, table: Image, *, per_channel: bool) -> Image:
    """Look up what random bytes pick for the levels of values."""
    table = table.reshape(-1)

    def work(row: Image, streams: Streams, count: int, times: int, out: Image) -> None:
        picked = spread(noise.octets(streams[0], count).reshape(1, -1), times)
        level = row if row.dtype == np.uint8 else _dithered(row, streams[1])
        pairs = cv2.merge([level, picked], lent("pairs", (*row.shape, 2), row.dtype))
        out[...] = look_up_words(pairs.view(np.uint16).reshape(1, -1), table)

    return by_strips(op, image, per_channel, work)


def _dithered(row: Image, bits: noise.Bits) -> Image:
    """Levels of 16-bit or float values, rounded up or down at random so that the mean is kept."""
    share = 65280.0 / WHITE[row.dtype.name]
    fine = cv2.addWeighted(row, share, row, 0.0, 0.0, dtype=cv2.CV_16U)
    np.add(fine, noise.octets(bits, row.size), out=fine)
    np.right_shift(fine, 8, out=fine)
    return fine.astype(np.uint8)


def _many_photons(op: Noise, image: Image) -> Image:
    """Photons too many to count."""
    top = np.float32(WHITE[image.dtype.name])
    source = as_row(image)
    out = np.empty_like(source)
    bits = noise.bits_of(op.key)
    for part in strips(source.shape[1]):
        light = np.maximum(source[:, part] / top, np.float32(0)) ** np.float32(levels.GAMMA)
        normal = normals(bits, part.stop - part.start)
        value = levels.shot(light, normal, op.params[0]) * top
        np.clip(value, 0.0, top, out=value)
        out[:, part] = value if image.dtype.kind == "f" else np.rint(value)
    return out.reshape(image.shape)


def rice(op: Noise, image: Image) -> Image:
    """Magnitude of a complex number: params are the sigma of its parts, and per channel."""
    sigma, per_channel = op.params
    if image.dtype == np.uint8:
        table = _as(levels.rice_table(sigma, op.key), image.dtype)
        return _by_levels(op, image, table, per_channel=per_channel)
    depth, scale = DEPTH[image.dtype.name], np.float32(sigma * WHITE[image.dtype.name])

    def work(row: Image, streams: Streams, count: int, times: int, out: Image) -> None:
        along, across = (normals(bits, count) for bits in streams)
        along *= scale
        across *= scale
        total = cv2.add(row, spread(along, times), dtype=cv2.CV_32F)
        length = _length(total, spread(across, times))
        np.clip(length, 0.0, WHITE[image.dtype.name], out=length)
        cv2.addWeighted(length, 1.0, length, 0.0, 0.0, out, depth)

    return by_strips(op, image, per_channel, work)


def _length(along: Image, across: Image) -> Image:
    """What cv2.magnitude gives, whose last bit depends on where in memory the result lies."""
    cv2.multiply(along, along, along)
    cv2.multiply(across, across, across)
    return cv2.sqrt(cv2.add(along, across, along), along)


def film(op: Noise, image: Image) -> Image:
    """Grain of film: params are its strength and its size."""
    intensity, size = op.params
    picture = np.ascontiguousarray(image)
    height, width, channels = picture.shape
    top = WHITE[picture.dtype.name]
    grain = _specks(op.key, (height, width), levels.grain_taps(size))
    light = _light(picture)
    if picture.dtype == np.uint8:
        table = (levels.grain_strengths(intensity) * top).astype(np.float32)
        strength = cv2.LUT(light, table, lent("strength", light.shape, SINGLE))
    else:
        strength = np.subtract(np.float32(1), light, out=lent("strength", light.shape, SINGLE))
        strength *= light
        np.sqrt(np.clip(strength, 0.0, 1.0, out=strength), out=strength)
        grain *= np.float32(intensity * top)
    grain *= strength
    if picture.dtype == np.uint8:
        return _lighter_and_darker(picture, grain)
    wide = spread(grain.reshape(1, -1), channels)
    out = cv2.add(as_row(picture), wide, dtype=DEPTH[picture.dtype.name])
    return clipped(out.reshape(image.shape))


def _specks(key: int, size: tuple[int, int], taps: Image) -> Image:
    """White noise made coarse; it goes on from one border at the opposite one."""
    height, width = size
    half = len(taps) // 2
    drawn = noise.octets(noise.bits_of(key), height * width).reshape(size)
    padded = cv2.copyMakeBorder(drawn, half, half, half, half, cv2.BORDER_WRAP)
    table = noise.quantiles_of_normal().astype(np.float32)
    wide = cv2.LUT(padded, table, lent("padded", padded.shape, SINGLE))
    coarse = lent("coarse", padded.shape, SINGLE)
    cv2.sepFilter2D(wide, -1, taps, taps, coarse, borderType=cv2.BORDER_ISOLATED)
    return coarse[half : half + height, half : half + width]


def _light(picture: Image) -> Image:
    """Luminance: bytes for bytes, else float32 in [0, 1]."""
    channels = picture.shape[2]
    mean: Image
    if channels == 1:
        mean = picture[:, :, 0]
    elif channels == 3:
        mean = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    else:
        mean = picture @ np.full(channels, 1.0 / channels, np.float32)
    if picture.dtype == np.uint8:
        return mean if mean.dtype == np.uint8 else np.rint(mean).astype(np.uint8)
    mean = np.multiply(mean, np.float32(1.0 / WHITE[picture.dtype.name]), dtype=np.float32)
    return np.clip(mean, 0.0, 1.0, out=mean)


def _lighter_and_darker(picture: Image, grain: Image) -> Image:
    """Add to bytes what is above zero, and take away what is below."""
    channels = picture.shape[2]
    half = lent("half", grain.shape, SINGLE)
    more = cv2.convertScaleAbs(np.clip(grain, 0.0, None, out=half))
    less = cv2.convertScaleAbs(np.clip(grain, None, 0.0, out=half))
    out = np.empty_like(picture)
    source, target = as_row(picture), out.reshape(1, -1)
    cv2.add(source, spread(more.reshape(1, -1), channels), target)
    cv2.subtract(target, spread(less.reshape(1, -1), channels), target)
    return out


KINDS: Mapping[str, Callable[[Noise, Image], Image]] = {"shot": shot, "film": film, "rice": rice}
