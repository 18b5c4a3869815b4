"""Noise: random bytes and byte tables for 8-bit pictures, floats for the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv import grain
from anamorph.backends.opencv.linear import clipped
from anamorph.backends.opencv.planes import DEPTH, as_row, spread, stored
from anamorph.backends.opencv.scratch import lent
from anamorph.backends.opencv.strips import Streams, by_strips, normals
from anamorph.backends.opencv.tables import look_up_words, translated_into
from anamorph.core.constants import WHITE
from anamorph.ir import noise
from anamorph.ir.ops import IMAGE, MASK, Noise, Op, Target

Image = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_BYTE = np.dtype(np.uint8)
Tables = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


# ------------------------------------------------------------------------------ Gaussian


def gauss(op: Noise, image: Image) -> Image:
    """Add normal noise: params are mean, sigma (of white), per channel, scale of the noise map."""
    mean, sigma, _, factor = op.params
    if image.dtype != np.uint8 or factor < 1.0:
        return _gauss_float(op, image)
    return _with_tables(op, image, noise.byte_tables(mean * 255.0, sigma * 255.0))


def _with_tables(op: Noise, image: Image, tables: Tables) -> Image:
    per_channel = op.params[2]
    fits = max(int(np.abs(t).max()) for t in tables) <= 255
    return by_strips(op, image, per_channel, _Bytewise(*tables) if fits else _Wordwise(*tables))


class _Bytewise:
    """Adds the sum of two looked-up bytes, saturating once."""

    __slots__ = ("first", "second")

    def __init__(self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> None:
        self.first = _both_ways(first)
        places = np.arange(256)
        self.second = [] if not second.any() else [_both_ways(second)]
        if self.second and len(second) < 256:
            self.second = [_both_ways(second[places & 15]), _both_ways(second[places >> 4])]

    def __call__(self, row: Image, streams: Streams, count: int, times: int, out: Image) -> None:
        shape = (1, count)
        up, down, more, less = (lent(use, shape, _BYTE) for use in ("up", "down", "more", "less"))
        drawn = noise.octets(streams[0], count)
        translated_into(drawn, self.first[0], up)
        translated_into(drawn, self.first[1], down)
        if self.second:
            each = -(-count // len(self.second))
            drawn = noise.octets(streams[1], each)
            for i, (added, taken) in enumerate(self.second):
                half = slice(i * each, min(count, (i + 1) * each))
                translated_into(drawn[: half.stop - half.start], added, more[:, half])
                translated_into(drawn[: half.stop - half.start], taken, less[:, half])
            cv2.add(up, more, up)
            cv2.add(down, less, down)
            cv2.subtract(up, down, more)
            cv2.subtract(down, up, less)
            up, down = more, less
        cv2.add(row, spread(up, times), out)
        cv2.subtract(out, spread(down, times), out)


def _both_ways(table: npt.NDArray[np.int64]) -> tuple[bytes, bytes]:
    """What a table adds and what it takes away."""
    up, down = (np.clip(sign * table, 0, 255).astype(np.uint8) for sign in (1, -1))
    return up.tobytes(), down.tobytes()


class _Wordwise:
    """Adds the sum of two looked-up numbers that may be larger than a byte."""

    __slots__ = ("first", "second")

    def __init__(self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> None:
        self.first, self.second = first.astype(np.int16), second.astype(np.int16)

    def __call__(self, row: Image, streams: Streams, count: int, times: int, out: Image) -> None:
        draw = noise.octets if len(self.second) == 256 else noise.halves
        first = np.take(self.first, noise.octets(streams[0], count)).reshape(1, -1)
        second = np.take(self.second, draw(streams[1], count)).reshape(1, -1)
        cv2.add(row, _spread16(cv2.add(first, second), times), out, dtype=cv2.CV_8U)


def _spread16(row: Image, times: int) -> Image:
    return row if times == 1 else np.repeat(row, times, axis=1)  # cvtColor takes no signed words


def _gauss_float(op: Noise, image: Image) -> Image:
    mean, sigma, _, factor = op.params
    top = WHITE[image.dtype.name]
    table = noise.normal_words() * np.float32(sigma * top) + np.float32(mean * top)
    if factor >= 1.0:
        return _with_words(op, image, table)
    return _coarse(op, image, table, factor)


def _with_words(op: Noise, image: Image, table: Floats) -> Image:
    """Add what random words pick from a table of 65536 values."""
    depth = DEPTH[image.dtype.name]

    def work(row: Image, streams: Streams, count: int, times: int, out: Image) -> None:
        drawn = noise.words(streams[0], count).reshape(1, -1)
        cv2.add(row, spread(look_up_words(drawn, table), times), out, dtype=depth)
        clipped(out)

    return by_strips(op, image, op.params[-2], work)


def _coarse(op: Noise, image: Image, table: Floats, factor: float) -> Image:
    """Add a field of such values that is made small and enlarged."""
    height, width, channels = image.shape
    planes = channels if op.params[-2] else 1
    low = noise.small_size((height, width), factor)
    drawn = noise.words(noise.bits_of(op.key), low[0] * low[1] * planes).reshape(1, -1)
    field = _enlarged(look_up_words(drawn, table).reshape(*low, planes), (width, height))
    return _added(image, field, channels // planes)


def _added(image: Image, field: Image, times: int) -> Image:
    field = spread(field.reshape(1, -1), times)
    out = cv2.add(as_row(image), field, dtype=DEPTH[image.dtype.name])
    return clipped(out.reshape(image.shape))


def _enlarged(field: Image, size: tuple[int, int]) -> Image:
    """Enlarge to (width, height), four channels at a time."""
    if field.shape[1::-1] == size:
        return field
    parts = [
        cv2.resize(np.ascontiguousarray(field[:, :, i : i + 4]), size).reshape(*size[::-1], -1)
        for i in range(0, field.shape[2], 4)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, 2)


def additive(op: Noise, image: Image) -> Image:
    """Add draws of a distribution: params are its name and numbers, per channel, map scale."""
    name, numbers, _, factor = op.params
    if image.dtype == np.uint8 and factor >= 1.0 and not isinstance(numbers[0], tuple):
        return _with_tables(op, image, noise.tables_of(name, numbers))
    top = WHITE[image.dtype.name]
    if isinstance(numbers[0], tuple):
        return _in_ranges(op, image)
    table = (noise.quantiles(name, numbers, noise.word_shares()) * top).astype(np.float32)
    if factor >= 1.0:
        return _with_words(op, image, table)
    return _coarse(op, image, table, factor)


def _in_ranges(op: Noise, image: Image) -> Image:
    """Add even draws from a range a channel."""
    _, (low, high), _, factor = op.params
    height, width, channels = image.shape
    small = noise.small_size((height, width), factor)
    drawn = noise.words(noise.bits_of(op.key), small[0] * small[1] * channels)
    first, last = (np.tile(np.array(ends, np.float32), small[1]) for ends in (low, high))
    top = np.float32(WHITE[image.dtype.name])
    field = drawn.reshape(small[0], -1) * ((last - first) * np.float32(2.0**-16) * top)
    field += (first + (last - first) * np.float32(2.0**-17)) * top
    field = field.reshape(*small, channels)
    return _added(image, _enlarged(field, (width, height)), 1)


# ------------------------------------------------------------------------ multiplication


def multiply(op: Noise, image: Image) -> Image:
    """Multiply each pixel by an even draw: params are low, high, per channel."""
    low, high, per_channel = op.params
    depth = DEPTH[image.dtype.name]
    table = (low + (high - low) * (np.arange(256) + 0.5) / 256).astype(np.float32)

    def work(row: Image, streams: Streams, count: int, times: int, out: Image) -> None:
        if depth == cv2.CV_8U:
            factors = cv2.LUT(noise.octets(streams[0], count).reshape(1, -1), table)
        else:
            factors = noise.coarse_uniforms(streams[0], count).reshape(1, -1)
            factors *= np.float32(high - low)
            factors += np.float32(low)
        cv2.multiply(row, spread(factors, times), out, dtype=depth)

    return clipped(by_strips(op, image, per_channel, work))


# ------------------------------------------------------------------------- single pixels


def salt_pepper(op: Noise, image: Image) -> Image:
    """Set some pixels to white or black: params are the share of pixels and that of white."""
    amount, salt = op.params
    bits = noise.bits_of(op.key)
    count = image.shape[0] * image.shape[1]
    hit = noise.positions(bits, count, amount)
    is_salt = noise.uniforms(bits, len(hit)) < salt
    out, pixels = _pixels_of_copy(image)
    colors = np.zeros((2, image.shape[2]), image.dtype)
    colors[1] = WHITE[image.dtype.name]
    pixels[hit] = colors.view(pixels.dtype)[:, 0][is_salt.view(np.uint8)]
    return out


def drop(op: Noise, image: Image) -> Image:
    """Set some pixels, or some values of pixels, to a value: params are p, per channel, value."""
    return _dropped(op, image, op.params[2])


def drop_mask(op: Noise, mask: Image) -> Image:
    """Drop the same places of a mask."""
    return _dropped(op, mask, op.mask_value)


def _dropped(op: Noise, array: Image, value: Any) -> Image:
    p, per_channel, _ = op.params
    height, width, channels = array.shape
    bits = noise.bits_of(op.key)
    color = np.broadcast_to(np.asarray(value), channels).astype(array.dtype)
    planes = channels if per_channel else 1
    if noise.DENSE < p < 1.0 and array.dtype.name in DEPTH and (per_channel or channels <= 4):
        hit = noise.trials(bits, height * width * planes, p).view(np.uint8)
        shape = (height, width * planes, channels // planes)
        out = array.copy(order="C")
        full = np.empty((height, width * channels), array.dtype)
        full[:] = np.tile(color, width)
        cv2.copyTo(full.reshape(shape), hit.reshape(shape[:2]), out.reshape(shape))
        return out
    places = noise.positions(bits, height * width * planes, p)
    out, pixels = _pixels_of_copy(array)
    if per_channel:
        out.reshape(-1)[places] = color[places % channels]
    else:
        pixels[places] = color.view(pixels.dtype)
    return out


def _pixels_of_copy(array: Image) -> tuple[Image, Image]:
    """A copy, and a view of it with one opaque item a pixel: writing those is four times faster."""
    out = array.copy(order="C")
    item = np.dtype((np.void, array.shape[2] * array.itemsize))
    return out, out.reshape(-1).view(item)


# -------------------------------------------------------------------------------- camera


def iso(op: Noise, image: Image) -> Image:
    """Camera noise in hue and lightness: params are color shift and intensity."""
    shift, intensity = op.params
    top = WHITE[image.dtype.name]
    bits = noise.bits_of(op.key)
    picture = np.ascontiguousarray(image)
    rate = _lightness_deviation(picture) / top * intensity
    pixels = picture.shape[0] * picture.shape[1]
    hit = noise.positions(bits, pixels, -math.expm1(-rate))
    steps = noise.at_least_one(bits, len(hit), rate) * intensity
    hue = shift * intensity
    if noise.negligible_hue(hue, 0 if picture.dtype.kind == "f" else top):
        if not len(hit):
            return image
        out, items = _pixels_of_copy(picture)
        rgb = items[hit].view(picture.dtype).reshape(-1, 3).T.astype(np.float32, order="C")
        rgb *= np.float32(1.0 / top)
        lighter = stored(_lightened(rgb, steps.astype(np.float32)), top, picture.dtype)
        items[hit] = np.ascontiguousarray(lighter.T).view(items.dtype)[:, 0]
        return out
    hls: Image = picture.astype(np.float32)
    hls *= np.float32(1.0 / top)
    hls = cv2.cvtColor(hls, cv2.COLOR_RGB2HLS)
    light = hls.reshape(-1, 3)[hit, 1]
    hls.reshape(-1, 3)[hit, 1] = light + np.minimum(steps, 1.0) * (1.0 - light)
    angle = normals(bits, pixels).reshape(-1)
    angle *= np.float32(hue)
    angle += hls[:, :, 0].reshape(-1)
    beyond = np.flatnonzero((angle < 0.0) | (angle >= 360.0))
    angle[beyond] %= np.float32(360.0)
    hls[:, :, 0] = angle.reshape(hls.shape[:2])
    return stored(cv2.cvtColor(hls, cv2.COLOR_HLS2RGB), top, picture.dtype)


def _lightness_deviation(picture: Image) -> float:
    """Standard deviation of (max + min) / 2, from planes that fit the picture's own dtype."""
    r, g, b = cv2.split(picture)
    most = cv2.max(cv2.max(r, g), b)
    least = cv2.min(cv2.min(r, g), b)
    of_most, of_least, of_span = (_variance(p) for p in (most, least, cv2.subtract(most, least)))
    return math.sqrt(max(0.0, 2.0 * of_most + 2.0 * of_least - of_span)) / 2.0


def _variance(plane: Image) -> float:
    return float(cv2.meanStdDev(plane)[1][0, 0]) ** 2


def _lightened(rgb: Floats, steps: Floats) -> Floats:
    """Move the lightness of (3, N) colors towards white by a share; hue and saturation stay."""
    most = np.maximum(np.maximum(rgb[0], rgb[1]), rgb[2])
    light = (most + np.minimum(np.minimum(rgb[0], rgb[1]), rgb[2])) / 2
    lighter = light + np.minimum(steps, 1.0) * (1.0 - light)
    room = 1.0 - np.abs(2.0 * light - 1.0)
    stretch = (1.0 - np.abs(2.0 * lighter - 1.0)) / np.maximum(room, 1e-6)  # no room, no color
    out: Floats = lighter + (rgb - light) * stretch
    return out


# ------------------------------------------------------------------------------- tables

_KINDS: Mapping[str, Callable[[Noise, Image], Image]] = {
    "gauss": gauss,
    "additive": additive,
    "multiply": multiply,
    "salt_pepper": salt_pepper,
    "drop": drop,
    "iso": iso,
    **grain.KINDS,
}


def on_image(op: Noise, image: Image) -> Image:
    """Apply noise of any kind."""
    return _KINDS[op.kind](op, image)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Noise, IMAGE): on_image,
    (Noise, MASK): drop_mask,
}
