"""Sun in the lens: disks blended where they lie, or a glow made small and enlarged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.planes import Bytes, Image, stored
from anamorph.backends.opencv.weather_planes import by_planes, veil
from anamorph.core.constants import WHITE
from anamorph.ir import weather
from anamorph.ir.ops import Effect

Doubles = npt.NDArray[np.float64]
Point = tuple[int, int]

_UNSEEN = 1.0 / 1024.0
"""Less than this of the sun's light is lost when a picture is rounded."""
_DEPTHS = {
    "uint8": (cv2.CV_8U, cv2.CV_16S),
    "uint16": (cv2.CV_16U, cv2.CV_32S),
    "float32": (cv2.CV_32F, cv2.CV_32F),
}
"""Depth of a picture, and one that holds differences."""


# ------------------------------------------------------------------------------- overlay


def overlay(op: Effect, image: Image) -> Image:
    """Blend reflections, then the sun as many disks one within the other.

    params: the sun's place (x, y), its radius and color, and the reflections (opacity, x, y,
    radius, color).
    """
    center, radius, color, circles = op.params
    out = _reflected(image, circles)
    distance, seen = weather.glare(circles, radius)
    shades = weather.shades(color, image.shape[2])
    window = _reached(image.shape, center, _reach(distance, seen))
    if window is None:
        return out
    part = np.ascontiguousarray(out[window])
    levels = _rings(part.shape, center, window, distance)
    table = np.append(seen, np.ones(256 - len(seen)))
    done = veil(part, levels, table, shades).reshape(part.shape)
    if part.shape == out.shape:
        return done
    out = out.copy() if out is image else out
    out[window] = done
    return out


def _reach(distance: float, seen: Doubles) -> float:
    """Radius beyond which nothing of the sun is seen."""
    visible = np.flatnonzero(seen < 1.0 - _UNSEEN)
    return 1.0 + distance * int(visible[-1]) if len(visible) else -1.0


def _reached(shape: Sequence[int], center: Point, radius: float) -> tuple[slice, slice] | None:
    """Rows and columns that a disk covers; None if none."""
    x, y = center
    reach = math.floor(radius)
    rows = slice(max(0, y - reach), min(shape[0], y + reach + 1))
    columns = slice(max(0, x - reach), min(shape[1], x + reach + 1))
    if radius < 0.0 or rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    return rows, columns


def _rings(
    shape: Sequence[int], center: Point, window: tuple[slice, slice], distance: float
) -> Bytes:
    """Number of the ring that each pixel of a window lies in."""
    across = (np.arange(shape[1], dtype=np.float32) + window[1].start - center[0]) ** 2
    down = (np.arange(shape[0], dtype=np.float32) + window[0].start - center[1]) ** 2
    away: Any = np.add(down[:, None], across)
    cv2.sqrt(away, away)
    # ring i begins beyond 1 + (i - 1) · distance: just less than half a ring more rounds up to it
    np.maximum(away, np.float32(1.0), out=away)
    alpha = 1.0 / distance
    levels: Bytes = cv2.convertScaleAbs(away, alpha=alpha, beta=0.4999 - alpha)
    return levels


def _reflected(image: Image, circles: Sequence[weather.Circle]) -> Image:
    """Lay the reflections over a picture.

    Later reflections blend the earlier ones once more, so what each adds is its difference to the
    topmost one before, as weakly seen as after the last.
    """
    out, topmost = image.copy(order="C"), image.copy(order="C")
    for circle, seen in zip(circles, weather.lasting(circles), strict=True):
        window = _reached(image.shape, (circle[1], circle[2]), circle[3])
        if window is not None:
            _add(out[window], topmost[window], _stamp(circle, window), (circle[4], 1.0 - seen))
    return out


def _stamp(circle: weather.Circle, window: tuple[slice, slice]) -> Bytes:
    """The part of a disk that lies in a window."""
    top, left = (s.start - c + circle[3] for s, c in zip(window, circle[2:0:-1], strict=True))
    rows, columns = (s.stop - s.start for s in window)
    return weather.disk(circle[3])[top : top + rows, left : left + columns].view(np.uint8)


def _add(part: Image, topmost: Image, inside: Bytes, paint: tuple[weather.Color, float]) -> None:
    """Draw a color on the topmost picture, and add a share of the difference to another."""
    color, share = paint
    white = WHITE[part.dtype.name]
    values = np.array(weather.shades(color, part.shape[2])) * white
    if white > 1:
        values = np.rint(values)
    below, before = (np.array(x, order="C").reshape(len(x), -1) for x in (part, topmost))
    np.copyto(topmost, values.astype(part.dtype), where=inside[:, :, None] != 0)
    after = np.ascontiguousarray(topmost).reshape(len(part), -1)
    depth, wider = _DEPTHS[part.dtype.name]
    change = cv2.addWeighted(after, share, before, -share, 0.0, dtype=wider)
    total = cv2.add(below, change, dtype=depth).reshape(part.shape)
    np.copyto(part, total if white > 1 else np.clip(total, 0.0, 1.0, out=total))


# ------------------------------------------------------------------------- physics based

_SMALLER = 4
"""How many times smaller the glow is made: it is a Gaussian of 15 pixels."""
_LEAST = 64
"""Below so many pixels a side nothing is won."""


def physical(op: Effect, image: Image) -> Image:
    """Screen the picture with the light of a lens: the sun's disk, four spikes, and dots.

    All of it glows, fades with the distance to the sun, and has fringes of color.
    params: as for the overlay.
    """
    missing = 255.0 - _light(op, image)
    dark = cv2.resize(missing, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    dark = dark.reshape(*image.shape[:2], -1)
    if image.dtype == np.uint8:
        share = cv2.split(cv2.convertScaleAbs(dark))
        return by_planes(image, lambda plane, c: _screened(plane, share[c % len(share)]))
    soft = cv2.split(dark)
    white = np.float32(WHITE[image.dtype.name])

    def work(plane: Image, c: int) -> Image:
        left = white - plane.astype(np.float32)
        left *= soft[c % len(soft)]
        left *= np.float32(1.0 / 255.0)
        return stored(np.subtract(white, left, out=left), 1.0, image.dtype)

    return by_planes(image, work)


def _screened(plane: Bytes, dark: Bytes) -> Bytes:
    cv2.bitwise_not(plane, plane)
    cv2.multiply(plane, dark, plane, 1.0 / 255.0)
    return cv2.bitwise_not(plane, plane)


def _light(op: Effect, image: Image) -> Image:
    """Make the light in [0, 255], at a quarter of the size if that is still large."""
    height, width, channels = image.shape
    drawn = _drawn(op, (height, width), channels)
    times = _SMALLER if min(height, width) >= _LEAST else 1
    size = -(-width // times), -(-height // times)
    small = drawn.astype(np.float32) if times == 1 else _shrunk(drawn, size)
    scale = size[0] / width, size[1] / height
    border = cv2.BORDER_REFLECT_101 if times == 1 else cv2.BORDER_REFLECT
    glow = _blurred(small, weather.GLOW, scale, border)
    glow *= _fading(op, (height, width), size)[:, :, None]
    if channels == 3:
        parts = [
            _blurred(part, fringe, scale, border) if fringe else part
            for part, fringe in zip(cv2.split(glow), weather.FRINGES, strict=True)
        ]
        glow = cv2.merge(parts)
    return glow.reshape(size[1], size[0], -1)


def _drawn(op: Effect, size: tuple[int, int], channels: int) -> Bytes:
    """Draw disk, spikes and dots in 8 bits."""
    center, radius, color, circles = op.params
    planes = 3 if channels == 3 else 1
    plane = np.zeros((*size, planes), np.uint8)
    paint = _paint(color, planes)
    cv2.circle(plane, center, radius, paint, -1)
    length = 2 * max(size)
    for dx, dy in ((1, 0), (1, 1), (0, 1), (-1, 1)):
        end = center[0] + dx * length, center[1] + dy * length
        cv2.line(plane, center, end, paint, weather.SPIKE_WIDTH)
    for circle in circles:
        place = circle[1], circle[2]
        cv2.circle(plane, place, weather.dot(circle), _paint(circle[4], planes), -1)
    return plane


def _paint(color: weather.Color, planes: int) -> tuple[int, ...]:
    return tuple(round(255.0 * shade) for shade in weather.shades(color, planes))


def _shrunk(drawn: Bytes, size: tuple[int, int]) -> Image:
    small = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    return small.reshape(size[1], size[0], -1).astype(np.float32)


def _blurred(values: Image, sigma: float, scale: tuple[float, float], border: int) -> Image:
    """Blur by a Gaussian of so many full pixels."""
    x, y = (sigma * s for s in scale)
    size = 2 * math.ceil(3.0 * x) + 1, 2 * math.ceil(3.0 * y) + 1
    return cv2.GaussianBlur(values, size, x, sigmaY=y, borderType=border).reshape(values.shape)


def _fading(op: Effect, full: tuple[int, int], size: tuple[int, int]) -> Image:
    """How much of the light is left at a distance from the sun: it falls evenly to nothing."""
    (x, y), reach = op.params[0], weather.REACH * max(full)
    across = ((np.arange(size[0]) + 0.5) * (full[1] / size[0]) - 0.5 - x) ** 2
    down = ((np.arange(size[1]) + 0.5) * (full[0] / size[1]) - 0.5 - y) ** 2
    away = np.sqrt(down[:, None] + across)
    left: Image = np.maximum(1.0 - away / reach, 0.0).astype(np.float32)
    return left


EFFECTS: Mapping[str, Kernel] = {"sun_overlay": overlay, "sun_physical": physical}
