"""What rain, fog, snow and light in a lens consist of, made from keys and numbers alone.

Shared by the backends that run on a CPU, so that a plan shows the same drops and flakes
everywhere. Everything is in pixel indices, colors are in [0, 255].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.ir import noise

Size = tuple[int, int]
Color = tuple[float, ...]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


def shades(color: Color, channels: int) -> Color:
    """Spread a color in [0, 255] over the channels of a picture, in [0, 1].

    Pictures with another number of channels than the color get what grey shows of it in each.
    """
    unit = tuple(c / 255.0 for c in color)
    if len(unit) == channels:
        return unit
    if len(unit) == len(GRAY_WEIGHTS):
        return (sum(w * c for w, c in zip(GRAY_WEIGHTS, unit, strict=True)),) * channels
    return (sum(unit) / len(unit),) * channels


@lru_cache(maxsize=256)
def disk(radius: int) -> Flags:
    """Pixels whose centres are no farther than a radius from the middle one."""
    across = np.arange(-radius, radius + 1) ** 2
    inside: Flags = across[:, None] + across <= radius * radius
    inside.flags.writeable = False
    return inside


def _below(bits: noise.Bits, bounds: Whole) -> Whole:
    """Draw whole numbers evenly from [0, bound)."""
    return np.minimum((noise.uniforms(bits, len(bounds)) * bounds).astype(np.int64), bounds - 1)


# ---------------------------------------------------------------------------------- fog

_SHRINK = 0.9
_RINGS = 10
FULL = 255
"""More puffs of fog than these on one pixel look the same."""


def puffs(key: int, size: Size, density: float) -> tuple[Whole, Whole, Whole]:
    """Place the puffs of a fog: x, y and radius.

    They are drawn evenly from rectangles about the middle, each nine tenths as wide as the one
    before, down to the width of a region that grows with the density; ten at most.
    """
    height, width = size
    region = max(1, int(width // 3 * density))
    count, spans = _schedule(size, region, density)
    bits = noise.bits_of(key)
    half_x, half_y = (np.repeat(np.array(side, np.int64), count) for side in spans)
    x = (width - 1) // 2 - half_x + _below(bits, 2 * half_x + 1)
    y = (height - 1) // 2 - half_y + _below(bits, 2 * half_y + 1)
    largest = max(2, int(min(size) * 0.1 * density))
    smallest = max(1, largest // 2)
    radius = smallest + _below(bits, np.full(len(x), largest - smallest))
    return x, y, radius


def _schedule(size: Size, region: int, density: float) -> tuple[Whole, tuple[list[int], list[int]]]:
    """Number of puffs in each rectangle, and half the widths and heights."""
    height, width = size
    counts: list[int] = []
    across: list[int] = []
    down: list[int] = []
    while len(counts) < _RINGS and min(height, width) > region:
        counts.append(int(height * width / region**2 * density * 10))
        across.append(width // 2)
        down.append(height // 2)
        height, width = int(height * _SHRINK), int(width * _SHRINK)
    return np.array(counts, np.int64), (across, down)


def clear_views(opacity: float) -> Floats:
    """Share of the picture that is seen through 0, 1, 2, … puffs of one opacity."""
    return np.asarray((1.0 - opacity) ** np.arange(FULL + 1.0))


def haze_width(size: Size) -> int:
    """Size of the Gaussian that softens a picture seen through fog."""
    return max(3, int(min(size) / 30) | 1)


def _share(length: int) -> Floats:
    """Places of pixels from the first (0) to the last (1)."""
    return np.arange(length) / max(1, length - 1)


def _linear(size: Size) -> Floats:
    return 1.0 - _share(size[0])[:, None]


def _diagonal(size: Size) -> Floats:
    return np.asarray(1.0 - (_share(size[0])[:, None] + _share(size[1])) / 2.0)


def _radial(size: Size) -> Floats:
    down, across = ((np.arange(n) + 0.5 - n / 2.0) ** 2 for n in size)
    return np.asarray(np.sqrt(down[:, None] + across) / (math.hypot(*size) / 2.0))


DISTANCES: Mapping[str, Callable[[Size], Floats]] = {
    "linear": _linear,
    "diagonal": _diagonal,
    "radial": _radial,
}
"""Way that the distance goes → function(size) → (H, W) or (H, 1) distances from 0 to 1."""


# ---------------------------------------------------------------------------------- rain

DENSITY = {"default": 1 / 3, "drizzle": 1 / 4, "heavy": 1.0, "torrential": 2.0}
"""Type of rain → drops by the picture's height."""


def drops(key: int, size: Size, count: int, fall: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Place streaks (count, 2 ends, 2 of x and y) that fall by (across, down) pixels."""
    height, width = size
    bits = noise.bits_of(key)
    start = np.empty((count, 2), np.int64)
    start[:, 0] = _below(bits, np.full(count, width))
    start[:, 1] = _below(bits, np.full(count, max(1, height - fall[1])))
    return np.stack([start, start + fall], axis=1).astype(np.int32)


# ------------------------------------------------------------------------------- gravel

Patch = tuple[int, int, int, int]


def stones(key: int, patches: Sequence[Patch]) -> Iterator[tuple[Whole, Whole]]:
    """Place the stones of each patch (x, y, width, height).

    Gives squares (N, 4) as x0, y0, x1, y1 and the lightness of each in [0, 255]; later ones lie
    on top. A patch has one stone a hundred pixels.
    """
    bits = noise.bits_of(key)
    for x, y, width, height in patches:
        count = width * height // 100
        if count == 0:
            continue
        bounds = np.array([[max(1, width)], [max(1, height)], [3], [256]])
        shares = noise.uniforms(bits, 4 * count).reshape(4, count)
        cx, cy, radius, lightness = np.minimum((shares * bounds).astype(np.int64), bounds - 1)
        radius += 1
        cx += x
        cy += y
        yield np.stack([cx - radius, cy - radius, cx + radius, cy + radius], axis=1), lightness


# --------------------------------------------------------------------------------- snow


def bleaching(light: Floats, point: float, factor: float) -> tuple[Floats, Floats]:
    """What snow does to pixels of some lightness in [0, 1]: value → offset + slope · value.

    Lightness is the mean of the greatest and the least channel. Below a threshold it is
    multiplied; hue and saturation stay, as in HLS (Joblove and Greenberg 1978).
    """
    lighter = np.minimum(light * factor, 1.0)
    room = 1.0 - np.abs(2.0 * light - 1.0)
    np.copyto(room, 1.0, where=room <= 0.0)
    slope = (1.0 - np.abs(2.0 * lighter - 1.0)) / room
    offset = lighter - light * slope
    untouched = light >= (point * 127.5 + 85.0) / 255.0
    np.copyto(offset, 0.0, where=untouched)
    np.copyto(slope, 1.0, where=untouched)
    return offset, slope


FLAKE_SPREAD = 0.3
SPARKLES = 0.01
TINT = (0.6, 0.75, 1.0)
DIM = 0.85
"""Share of the picture under the tint of cold light."""
SNOW_TAPS = (0.00443305, 0.05400558, 0.24203623, 0.39905028, 0.24203623, 0.05400558, 0.00443305)
"""A Gaussian of one pixel, by its sum."""


def falling_off(height: int) -> Floats:
    """How much of the snow each row shows: all at the top, a fifth at the bottom."""
    return np.linspace(1.0, 0.2, height)


def tint(channels: int) -> Color:
    """Cold light, a share of white for each channel."""
    return shades(tuple(255.0 * c for c in TINT), channels)


BYTE_SPREAD = math.sqrt((256.0**2 - 1.0) / 12.0)
WORD_SPREAD = math.sqrt((65536.0**2 - 1.0) / 12.0)
"""Standard deviations of even bytes and words. The mean of a dozen neighbours is normal enough."""


# ---------------------------------------------------------------------------- sun flare

Circle = tuple[float, int, int, int, Color]
"""Opacity, x, y, radius and color of a reflection in a lens."""


def lasting(circles: Sequence[Circle]) -> list[float]:
    """What is seen through each circle once all the later ones are blended as well.

    Each circle lays a picture with all circles so far over the outcome, so circles grow more
    opaque with every one that follows.
    """
    seen, out = 1.0, []
    for circle in reversed(circles):
        seen *= 1.0 - circle[0]
        out.append(seen)
    return out[::-1]


def glare(circles: Sequence[Circle], radius: int) -> tuple[float, Floats]:
    """The sun as concentric disks: their distance, and what is seen through each ring.

    Disk i has a radius of 1 + i · distance; ring i lies within disk i but not within the one
    before, and a last ring lies outside of all. The strength follows that of the circles.
    """
    count = radius // 10
    total = sum(c[3] for c in circles)
    peak = 5.0 * sum(c[0] * c[3] for c in circles) / total if total else 0.0
    opacity = np.linspace(0.0, min(peak, 1.0), count)[::-1] ** 3
    seen = np.cumprod((1.0 - opacity)[::-1])[::-1]
    if count > FULL:
        seen, count = seen[np.linspace(0, count - 1, FULL).astype(np.int64)], FULL
    distance = (radius - 1.0) / max(1, count - 1)
    return distance, np.append(seen, 1.0)


SPIKE_WIDTH = 2
GLOW, FRINGES = 15.0, (3.0, 0.0, 5.0)
"""Sigma of the Gaussian that makes a lens' light glow, and of those of red, green and blue that
follow."""
REACH = 0.7
"""Where the light of a flare ends, by the longer side of the picture."""


def dot(circle: Circle) -> int:
    """Radius of what diffraction leaves of a reflection."""
    return int(circle[3] ** 0.33)


# ------------------------------------------------------------------------------ spatter

EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
RIM = 1.5
"""Sigma of the Gaussian (5 × 5) that rounds the rim of a drop."""
BRIGHTEST = 0.9
"""The greatest share of the color in a drop of rain, by the intensity."""


def coarseness(sigma: float) -> int:
    """How many times smaller a smooth field may be drawn before it is enlarged."""
    return max(1, int(sigma / 2.0))


def rims(wet: Flags) -> Flags:
    """Pixels along the border of what is wet, thick enough that no step leads across diagonally.

    A pixel is on the border if its neighbour to the right or below differs; pixels beside the
    border both across and down belong to it.
    """
    border = np.zeros_like(wet)
    border[:, :-1] |= wet[:, :-1] != wet[:, 1:]
    border[:-1] |= wet[:-1] != wet[1:]
    beside, above = np.zeros_like(wet), np.zeros_like(wet)
    beside[:, 1:] |= border[:, :-1]
    beside[:, :-1] |= border[:, 1:]
    above[1:] |= border[:-1]
    above[:-1] |= border[1:]
    rim: Flags = border | (beside & above)
    return rim
