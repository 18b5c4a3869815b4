"""Sun in the lens, in the picture's full size."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.tone import intensities, store
from anamorph.backends.reference.weather import Flags, Floats, Image, on_disk, places
from anamorph.ir import weather
from anamorph.ir.ops import Effect


def overlay(op: Effect, image: Image) -> Image:
    """Lay a picture with all circles so far over the outcome, circle by circle; then the sun."""
    (x, y), radius, color, circles = op.params
    channels = image.shape[2]
    out = intensities(image)
    drawn = out.copy()
    for opacity, cx, cy, r, paint in circles:
        drawn[on_disk(image.shape, cx, cy, r)] = weather.shades(paint, channels)
        out = opacity * drawn + (1.0 - opacity) * out
    distance, seen = weather.glare(circles, radius)
    # the share seen of a ring is made up of the opacities of its disk and of all larger ones
    opacity = 1.0 - seen[:-1] / seen[1:]
    drawn = out.copy()
    for i, share in enumerate(opacity):
        drawn[on_disk(image.shape, x, y, 1.0 + i * distance)] = weather.shades(color, channels)
        out = share * drawn + (1.0 - share) * out
    return store(out, image.dtype)


def physical(op: Effect, image: Image) -> Image:
    """Screen the picture with light that glows."""
    (x, y), radius, color, circles = op.params
    size, channels = image.shape[:2], image.shape[2]
    light = np.zeros(image.shape)
    light[on_disk(size, x, y, radius)] = weather.shades(color, channels)
    for step in ((1, 0), (1, 1), (0, 1), (-1, 1)):
        light[_spike(size, (x, y), step)] = weather.shades(color, channels)
    for circle in circles:
        spot = on_disk(size, circle[1], circle[2], weather.dot(circle))
        light[spot] = weather.shades(circle[4], channels)
    rows, columns = places(size)
    away = np.hypot(columns - x, rows - y) / (weather.REACH * max(size))
    glow = blurred(light, weather.GLOW) * np.maximum(1.0 - away, 0.0)[:, :, None]
    if channels == 3:
        fringed = zip(np.moveaxis(glow, 2, 0), weather.FRINGES, strict=True)
        glow = np.stack([blurred(part[:, :, None], s)[:, :, 0] for part, s in fringed], axis=2)
    return store(1.0 - (1.0 - intensities(image)) * (1.0 - glow), image.dtype)


def _spike(size: tuple[int, ...], start: tuple[int, int], step: tuple[int, int]) -> Flags:
    """Pixels near a ray that starts at the sun."""
    rows, columns = places(size)
    dx, dy = columns - start[0], rows - start[1]
    length = math.hypot(*step)
    along = (dx * step[0] + dy * step[1]) / length
    away = np.abs(dx * step[1] - dy * step[0]) / length
    near: Flags = (along >= 0.0) & (away <= (weather.SPIKE_WIDTH + 1) / 2.0)
    return near


def blurred(values: Floats, sigma: float) -> Floats:
    """Blur (H, W, C) by a Gaussian, mirrored at the border without its edge pixels."""
    if sigma == 0.0:
        return values
    reach = math.ceil(4.0 * sigma)
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2.0 * sigma**2))
    taps /= taps.sum()
    for axis in (0, 1):
        length = values.shape[axis]
        at = np.arange(-reach, length + reach)
        period = max(1, 2 * (length - 1))
        at = np.abs(at) % period
        at = np.where(at < length, at, period - at)
        wide = np.take(values, at, axis=axis)
        values = sum(
            weight * np.take(wide, np.arange(i, i + length), axis=axis)
            for i, weight in enumerate(taps)
        )
    return values


EFFECTS: Mapping[str, Kernel] = {"sun_overlay": overlay, "sun_physical": physical}
