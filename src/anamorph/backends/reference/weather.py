"""Fog, rain, shadows and gravel: one particle after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.filter import windows
from anamorph.backends.reference.tone import intensities, store
from anamorph.ir import weather
from anamorph.ir.ops import Effect

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def places(size: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Rows and columns of all pixels."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    return y, x


def on_disk(size: tuple[int, ...], x: float, y: float, radius: float) -> Flags:
    """Tell which pixels are no farther from a place than a radius."""
    rows, columns = places(size)
    near: Flags = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return near


def fog(op: Effect, image: Image) -> Image:
    """Blend one puff after the other."""
    density, opacity = op.params
    values = intensities(image)
    for x, y, radius in zip(*weather.puffs(op.key, image.shape[:2], density), strict=True):
        puff = on_disk(image.shape, int(x), int(y), int(radius))
        values[puff] = (1.0 - opacity) * values[puff] + opacity
    return store(values, image.dtype)


def distance_fog(op: Effect, image: Image) -> Image:
    """Fade into a color with the distance."""
    density, color, mode = op.params
    seen = np.exp(-density * weather.DISTANCES[mode](image.shape[:2]))[:, :, None]
    shades = np.array(weather.shades(color, image.shape[2]))
    return store(intensities(image) * seen + shades * (1.0 - seen), image.dtype)


def rain(op: Effect, image: Image) -> Image:
    """Draw streaks, blur them, add them, and dim the sum."""
    count, fall, width, color, blur, brightness = op.params
    size = image.shape[:2]
    plane = np.zeros((*size, 1))
    for first, last in weather.drops(op.key, size, count, fall).tolist():
        plane[_streak(size, first, last, width), 0] = 1.0
    soft = windows(plane, (blur, blur), "mirror").mean(axis=(3, 4))
    shades = np.array(weather.shades(color, image.shape[2]))
    lit = np.minimum(intensities(image) + soft * shades, 1.0)
    return store(lit * brightness, image.dtype)


def _streak(size: tuple[int, ...], first: list[int], last: list[int], width: int) -> Flags:
    """Pixels of a line: steps along one axis at a time, or all within half a pixel of its width."""
    if width == 1:
        return _stepped(size, first, last)
    rows, columns = places(size)
    along = np.array(last, np.float64) - first
    length = max(float(along @ along), 1e-9)
    dx, dy = columns - first[0], rows - first[1]
    share = np.clip((dx * along[0] + dy * along[1]) / length, 0.0, 1.0)
    away = np.hypot(dx - share * along[0], dy - share * along[1])
    near: Flags = away <= (width + 1) / 2.0
    return near


def _stepped(size: tuple[int, ...], first: list[int], last: list[int]) -> Flags:
    """Go from the left end to the right pixel by pixel, along the shorter side when it is behind."""
    out = np.zeros(size[:2], np.bool_)
    start, end = sorted((first, last), key=lambda place: place[0])
    reach = [abs(b - a) for a, b in zip(start, end, strict=True)]
    sign = [1 if b >= a else -1 for a, b in zip(start, end, strict=True)]
    major = 0 if reach[0] > reach[1] else 1
    place, gone = list(start), [0, 0]
    for _ in range(sum(reach) + 1):
        if 0 <= place[0] < size[1] and 0 <= place[1] < size[0]:
            out[place[1], place[0]] = True
        behind = reach[major] * gone[1 - major] < reach[1 - major] * gone[major]
        axis = 1 - major if behind else major
        place[axis] += sign[axis]
        gone[axis] += 1
    return out


def shadow(op: Effect, image: Image) -> Image:
    """Darken what a line to the far left crosses the sides of a polygon oddly often for."""
    values = intensities(image)
    for corners, intensity in op.params:
        values[_enclosed(image.shape, corners)] *= 1.0 - intensity
    return store(values, image.dtype)


def _enclosed(size: tuple[int, ...], corners: tuple[tuple[int, int], ...]) -> Flags:
    """Pixels inside of a polygon, or nearer than half a pixel to its border."""
    rows, columns = places(size)
    inside = np.zeros(size[:2], np.bool_)
    border = np.zeros(size[:2], np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if y0 != y1:
            crosses = (rows >= min(y0, y1)) & (rows < max(y0, y1))
            inside ^= crosses & (columns > x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
        border |= _beside(rows, columns, (x0, y0), (x1, y1))
    return inside | border


def _beside(rows: Floats, columns: Floats, a: tuple[int, int], b: tuple[int, int]) -> Flags:
    along = np.array(b, np.float64) - a
    length = max(float(along @ along), 1e-9)
    dx, dy = columns - a[0], rows - a[1]
    share = np.clip((dx * along[0] + dy * along[1]) / length, 0.0, 1.0)
    near: Flags = np.hypot(dx - share * along[0], dy - share * along[1]) <= 0.5
    return near


def gravel(op: Effect, image: Image) -> Image:
    """Give squares another lightness, later ones on top."""
    values = intensities(image)
    wanted = np.full(image.shape[:2], np.nan)
    rows, columns = places(image.shape)
    for squares, lightness in weather.stones(op.key, op.params):
        for (x0, y0, x1, y1), value in zip(squares.tolist(), lightness.tolist(), strict=True):
            wanted[(columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)] = value / 255.0
    hit = ~np.isnan(wanted)
    values[hit] = relit(values[hit], lightness_of(values[hit]), wanted[hit])
    return store(values, image.dtype)


def lightness_of(values: Floats) -> Floats:
    """Lightness of HLS: the mean of the greatest and the least channel."""
    return np.asarray((values.max(axis=-1) + values.min(axis=-1)) / 2.0)


def relit(values: Floats, light: Floats, wanted: Floats) -> Floats:
    """Give colors another lightness; hue and saturation of HLS stay.

    Saturation is the span of the channels by the largest span there is at a lightness.
    """
    room = 1.0 - np.abs(2.0 * light - 1.0)
    stretch = (1.0 - np.abs(2.0 * wanted - 1.0)) / np.where(room > 0.0, room, 1.0)
    stretch = np.where(room > 0.0, stretch, 0.0)
    moved = wanted[..., None] + (values - light[..., None]) * stretch[..., None]
    return np.clip(moved, 0.0, 1.0)


EFFECTS: Mapping[str, Kernel] = {
    "fog": fog,
    "distance_fog": distance_fog,
    "rain": rain,
    "shadow": shadow,
    "gravel": gravel,
}
