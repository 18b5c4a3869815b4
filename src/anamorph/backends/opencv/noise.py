"""Noise: random bytes and byte tables for 8-bit pictures, floats for the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import stringzilla as sz

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.filter import clipped
from anamorph.ir import noise
from anamorph.ir.ops import IMAGE, MASK, Noise, Op, Target

Image = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_DEPTH: Mapping[str, int] = {"uint8": cv2.CV_8U, "uint16": cv2.CV_16U, "float32": cv2.CV_32F}


def white(dtype: np.dtype[Any]) -> int:
    """The value of white in a picture of a dtype."""
    return 1 if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _flat(image: Image) -> Image:
    """The picture as one plane, so that OpenCV does not count channels."""
    return np.ascontiguousarray(image).reshape(image.shape[0], -1)


def _looked_up(values: Bytes, table: npt.NDArray[Any]) -> Bytes:
    out = values.copy()
    sz.translate(out.reshape(-1).data, table.astype(np.uint8).tobytes(), inplace=True)
    return out


def _spread(plane: Image, channels: int) -> Image:
    """Repeat (H, W) over channels, as a plane of (H, W·C)."""
    if channels == 1:
        return plane
    if channels == 3:
        return cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB).reshape(plane.shape[0], -1)
    return np.repeat(plane, channels, axis=1)


# ------------------------------------------------------------------------------ Gaussian


def gauss(op: Noise, image: Image) -> Image:
    """Add normal noise: params are mean, sigma (of white), per channel, scale of the noise map."""
    mean, sigma, _, factor = op.params
    if image.dtype != np.uint8 or factor < 1.0:
        return _gauss_float(op, image)
    tables = noise.byte_tables(mean * 255.0, sigma * 255.0)
    if max(int(np.abs(t).max()) for t in tables) > 255:
        return _gauss_wide(op, image, tables)
    first, second = _random_planes(op, image, single=not tables[1].any())
    up, down = _parts(first, tables[0])
    if second is not None:
        more, less = _parts(second, tables[1])
        cv2.add(up, more, up)
        cv2.add(down, less, down)
        up, down = cv2.subtract(up, down), cv2.subtract(down, up, down)
    channels = image.shape[2] if first.shape[1] == image.shape[1] else 1
    up, down = (_spread(p.reshape(first.shape), channels) for p in (up, down))
    out = cv2.add(_flat(image), up, up)
    return cv2.subtract(out, down, out).reshape(image.shape)


def _parts(values: Bytes, table: npt.NDArray[np.int64]) -> tuple[Image, Image]:
    """What a table adds and what it takes away."""
    return _looked_up(values, np.maximum(table, 0)), _looked_up(values, np.maximum(-table, 0))


def _random_planes(op: Noise, image: Image, *, single: bool) -> tuple[Bytes, Bytes | None]:
    height, width, channels = image.shape
    shape = (height, width * channels if op.params[2] else width)
    count = shape[0] * shape[1]
    raw = noise.octets(noise.bits_of(op.key), count if single else 2 * count)
    return raw[:count].reshape(shape), None if single else raw[count:].reshape(shape)


def _gauss_wide(op: Noise, image: Image, tables: tuple[Any, Any]) -> Image:
    """Noise with levels of more than a byte."""
    first, second = _random_planes(op, image, single=not tables[1].any())
    total = np.take(tables[0].astype(np.int16), first)
    if second is not None:
        total += np.take(tables[1].astype(np.int16), second)
    same = total.shape[1] == image.shape[1]
    total = np.repeat(total, image.shape[2], axis=1) if same else total
    return cv2.add(_flat(image), total, dtype=cv2.CV_8U).reshape(image.shape)


def _gauss_float(op: Noise, image: Image) -> Image:
    mean, sigma, per_channel, factor = op.params
    height, width, channels = image.shape
    low = noise.small_size((height, width), factor) if factor < 1.0 else (height, width)
    planes = channels if per_channel else 1
    field: Image = noise.normals(noise.bits_of(op.key), low[0] * low[1] * planes)
    top = white(image.dtype)
    field *= np.float32(sigma * top)
    field += np.float32(mean * top)
    field = field.reshape(*low, planes)
    if low != (height, width):
        field = _enlarged(field, (width, height))
    field = field.reshape(height, -1)
    field = field if per_channel else _spread(field, channels)
    return clipped(
        cv2.add(_flat(image), field, dtype=_DEPTH[image.dtype.name]).reshape(image.shape)
    )


def _enlarged(field: Floats, size: tuple[int, int]) -> Image:
    """Enlarge to (width, height), four channels at a time."""
    parts = [
        cv2.resize(np.ascontiguousarray(field[:, :, i : i + 4]), size).reshape(*size[::-1], -1)
        for i in range(0, field.shape[2], 4)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, 2)


# ------------------------------------------------------------------------ multiplication


def multiply(op: Noise, image: Image) -> Image:
    """Multiply each pixel by an even draw: params are low, high, per channel."""
    low, high, per_channel = op.params
    height, width, channels = image.shape
    planes = channels if per_channel else 1
    bits = noise.bits_of(op.key)
    count = height * width * planes
    if image.dtype == np.uint8:
        table = (low + (high - low) * (np.arange(256) + 0.5) / 256).astype(np.float32)
        factors = cv2.LUT(noise.octets(bits, count).reshape(height, -1), table)
    else:
        factors = noise.coarse_uniforms(bits, count).reshape(height, -1)
        factors *= np.float32(high - low)
        factors += np.float32(low)
    factors = factors if per_channel else _spread(factors, channels)
    out = cv2.multiply(_flat(image), factors, dtype=_DEPTH[image.dtype.name])
    return clipped(out.reshape(image.shape))


# ------------------------------------------------------------------------- single pixels


def salt_pepper(op: Noise, image: Image) -> Image:
    """Set some pixels to white or black: params are the share of pixels and that of white."""
    amount, salt = op.params
    bits = noise.bits_of(op.key)
    count = image.shape[0] * image.shape[1]
    hit = noise.positions(bits, count, amount)
    is_salt = noise.uniforms(bits, len(hit)) < salt
    out, pixels = _pixels_of_copy(image)
    pixels[hit[~is_salt]] = np.zeros(1, pixels.dtype)
    full = np.full(image.shape[2], white(image.dtype), image.dtype)
    pixels[hit[is_salt]] = full.view(pixels.dtype)
    return out


def drop(op: Noise, image: Image) -> Image:
    """Set some pixels, or some values of pixels, to a value: params are p, per channel, value."""
    return _dropped(op, image, op.params[2])


def drop_mask(op: Noise, mask: Image) -> Image:
    """Drop the same places of a mask."""
    return _dropped(op, mask, op.mask_value)


def _dropped(op: Noise, array: Image, value: Any) -> Image:
    p, per_channel, _ = op.params
    channels = array.shape[2]
    places = array.shape[0] * array.shape[1] * (channels if per_channel else 1)
    hit = noise.positions(noise.bits_of(op.key), places, p)
    out, pixels = _pixels_of_copy(array)
    color = np.broadcast_to(np.asarray(value), channels).astype(array.dtype)
    if per_channel:
        out.reshape(-1)[hit] = color[hit % channels]
    else:
        pixels[hit] = color.view(pixels.dtype)
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
    top = white(image.dtype)
    bits = noise.bits_of(op.key)
    picture = np.ascontiguousarray(image)
    rate = _lightness_deviation(picture) / top * intensity
    pixels = picture.shape[0] * picture.shape[1]
    hit = noise.positions(bits, pixels, -math.expm1(-rate))
    steps = noise.at_least_one(bits, len(hit), rate) * intensity
    hue = shift * intensity
    if noise.negligible_hue(hue, 0 if picture.dtype.kind == "f" else top):
        out, items = _pixels_of_copy(picture)
        rgb = picture.reshape(-1, 3)[hit].astype(np.float32) * np.float32(1.0 / top)
        lighter = _stored(_lightened(rgb, steps.astype(np.float32)), top, picture.dtype)
        items[hit] = lighter.view(items.dtype)[:, 0]
        return out
    hls = cv2.cvtColor(picture.astype(np.float32) * np.float32(1.0 / top), cv2.COLOR_RGB2HLS)
    light = hls.reshape(-1, 3)[hit, 1]
    hls.reshape(-1, 3)[hit, 1] = light + np.minimum(steps, 1.0) * (1.0 - light)
    angle = hls[:, :, 0] + (noise.normals(bits, pixels) * np.float32(hue)).reshape(hls.shape[:2])
    hls[:, :, 0] = np.mod(angle, np.float32(360.0))
    return _stored(cv2.cvtColor(hls, cv2.COLOR_HLS2RGB), top, picture.dtype)


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
    """Move the lightness of pixels towards white by a share; hue and saturation (HLS) stay."""
    most, least = rgb.max(1), rgb.min(1)
    light = (most + least) / 2
    lighter = light + np.minimum(steps, 1.0) * (1.0 - light)
    room = 1.0 - np.abs(2.0 * light - 1.0)
    stretch = np.divide(
        1.0 - np.abs(2.0 * lighter - 1.0), room, out=np.zeros_like(room), where=room > 1e-6
    )
    out: Floats = lighter[:, None] + (rgb - light[:, None]) * stretch[:, None]
    return out


def _stored(rgb: Image, top: int, dtype: np.dtype[Any]) -> Image:
    if dtype.kind == "f":
        return clipped(rgb.astype(dtype, copy=False))
    rgb *= np.float32(top)
    return np.clip(np.rint(rgb), 0, top).astype(dtype)


# ------------------------------------------------------------------------------- tables

_KINDS: Mapping[str, Callable[[Noise, Image], Image]] = {
    "gauss": gauss,
    "multiply": multiply,
    "salt_pepper": salt_pepper,
    "drop": drop,
    "iso": iso,
}


def on_image(op: Noise, image: Image) -> Image:
    """Apply noise of any kind."""
    return _KINDS[op.kind](op, image)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Noise, IMAGE): on_image,
    (Noise, MASK): drop_mask,
}
EFFECTS: Mapping[str, Kernel] = {}
