"""Fog, rain, shadows and gravel: drawn into one plane each, and laid over the picture once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.planes import MAX_PLANES, Bytes, Image
from anamorph.backends.opencv.tables import translated_copy
from anamorph.backends.opencv.weather_planes import lit, veil, veil_softly
from anamorph.core.constants import WHITE
from anamorph.ir import weather
from anamorph.ir.ops import Effect

Window = tuple[slice, slice]
Whole = npt.NDArray[np.int64]


# ---------------------------------------------------------------------------------- fog


def fog(op: Effect, image: Image) -> Image:
    """Lay puffs of white over the picture.

    params: the density and the opacity of one puff. Blending one puff after the other leaves
    (1 - opacity) ** n of a pixel that n of them cover, so they are counted first.
    """
    density, opacity = op.params
    x, y, radius = weather.puffs(op.key, image.shape[:2], density)
    if not len(x):
        return image
    white = (1.0,) * image.shape[2]
    return veil(image, _counted(image.shape[:2], x, y, radius), weather.clear_views(opacity), white)


def _counted(size: tuple[int, ...], x: Any, y: Any, radius: Any) -> Bytes:
    """Count the disks on each pixel, up to 255."""
    height, width = size
    counts = np.zeros((height, width), np.uint8)
    stamps = {r: weather.disk(r).view(np.uint8) for r in np.unique(radius).tolist()}
    for cx, cy, r in zip(x.tolist(), y.tolist(), radius.tolist(), strict=True):
        left, top = max(cx - r, 0), max(cy - r, 0)
        right, bottom = min(cx + r + 1, width), min(cy + r + 1, height)
        if right > left and bottom > top:
            part = counts[top:bottom, left:right]
            stamp = stamps[r][top - cy + r : bottom - cy + r, left - cx + r : right - cx + r]
            cv2.add(part, stamp, part)
    return counts


def distance_fog(op: Effect, image: Image) -> Image:
    """Fade into a color with the distance.

    params: the density, the color, and the way the distance goes.
    """
    density, color, mode = op.params
    away = weather.DISTANCES[mode](image.shape[:2]).astype(np.float32)
    seen = cv2.exp(np.multiply(away, np.float32(-density), out=away))
    seen = np.broadcast_to(seen.reshape(away.shape), image.shape[:2])
    shades = weather.shades(color, image.shape[2])
    return veil_softly(image, np.ascontiguousarray(seen), shades)


# ---------------------------------------------------------------------------------- rain


def rain(op: Effect, image: Image) -> Image:
    """Add blurred streaks and dim the sum.

    params: number of streaks, how far they fall (across, down), their width in pixels and their
    color, the side of the box that blurs them, and the brightness that is left.
    """
    count, fall, width, color, blur, brightness = op.params
    plane = np.zeros(image.shape[:2], np.uint8)
    ends = weather.drops(op.key, image.shape[:2], count, fall)
    cv2.polylines(plane, list(ends), isClosed=False, color=255, thickness=width, lineType=4)
    levels = cv2.blur(plane, (blur, blur))
    steps = np.arange(256) / 255.0
    shades = weather.shades(color, image.shape[2])
    return lit(image, levels, [steps * shade for shade in shades], brightness)


# -------------------------------------------------------------------------------- shadow


def shadow(op: Effect, image: Image) -> Image:
    """Darken polygons one after the other.

    params: for each its corners (x, y) and its intensity. Where sides cross, what is enclosed an
    even number of times stays bright.
    """
    out = image.copy(order="C")
    for corners, intensity in op.params:
        points = np.array(corners, np.int32)
        window = _window(points, image.shape)
        part = out[window]
        if not part.size:
            continue
        inside = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(inside, [points - (window[1].start, window[0].start)], 255)
        _copy_where(inside, _darkened(part, 1.0 - intensity), part)
    return out


def _window(points: npt.NDArray[np.int32], shape: tuple[int, ...]) -> Window:
    """Rows and columns of the picture that hold all points."""
    (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    return (
        slice(max(0, y0), min(shape[0], y1 + 1)),
        slice(max(0, x0), min(shape[1], x1 + 1)),
    )


def _darkened(part: Image, factor: float) -> Image:
    if part.dtype == np.uint8:
        table = np.rint(np.arange(256) * factor).astype(np.uint8)
        return translated_copy(part, table.tobytes())
    dark = np.multiply(part, np.float32(factor), dtype=np.float32)
    return dark if part.dtype == np.float32 else np.rint(dark, out=dark).astype(part.dtype)


def _copy_where(inside: Bytes, source: Image, target: Image) -> None:
    """Copy the pixels that a mask marks."""
    if target.shape[2] <= MAX_PLANES:
        cv2.copyTo(source, inside, target)
    else:
        np.copyto(target, source, where=inside[:, :, None] != 0)


# -------------------------------------------------------------------------------- gravel


def gravel(op: Effect, image: Image) -> Image:
    """Give small squares the lightness of stones; hue and saturation stay.

    params: patches (x, y, width, height) that the stones are strewn over.
    """
    out = image.copy(order="C")
    pixels = out.reshape(-1, image.shape[2])
    found = [_strewn(*patch, image.shape) for patch in weather.stones(op.key, op.params)]
    if found:
        places, lightness = (np.concatenate(part) for part in zip(*found, strict=True))
        pixels[places] = _recolored(pixels[places], lightness)  # of a place's values the last stays
    return out


def _strewn(squares: Whole, values: Whole, shape: tuple[int, ...]) -> tuple[Whole, Whole]:
    """Places of all pixels of a patch's stones in the picture, row by row, and their lightness."""
    np.maximum(squares, 0, out=squares)
    (x0, y0), (x1, y1) = squares[:, :2].min(0).tolist(), squares[:, 2:].max(0).tolist()
    lightness = np.full((max(0, min(y1, shape[0]) - y0), max(0, min(x1, shape[1]) - x0)), -1)
    placed = (squares - (x0, y0, x0, y0)).tolist()
    for (left, top, right, bottom), value in zip(placed, values.tolist(), strict=True):
        lightness[top:bottom, left:right] = value
    rows, columns = np.nonzero(lightness >= 0)
    return (rows + y0) * shape[1] + columns + x0, lightness[rows, columns]


def _recolored(pixels: Image, lightness: Whole) -> Image:
    """Move pixels (N, C) to a lightness in [0, 255], as in HLS."""
    top = WHITE[pixels.dtype.name]
    values = pixels.astype(np.float32) / np.float32(top)
    light = (values.max(1) + values.min(1)) / 2
    wanted = lightness.astype(np.float32) / np.float32(255)
    room = 1 - np.abs(2 * light - 1)
    stretch = np.where(room > 0, (1 - np.abs(2 * wanted - 1)) / np.where(room > 0, room, 1), 0)
    moved = wanted[:, None] + (values - light[:, None]) * stretch[:, None]
    moved = np.clip(moved, 0, 1) * top
    out: Image = (moved if top == 1 else np.rint(moved)).astype(pixels.dtype)
    return out


EFFECTS: Mapping[str, Kernel] = {
    "fog": fog,
    "distance_fog": distance_fog,
    "rain": rain,
    "shadow": shadow,
    "gravel": gravel,
}
