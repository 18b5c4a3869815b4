"""Which OpenCV primitive a warp needs: decided on plain floats, as small pictures feel every µs.

An axis-aligned warp is *laid* on the canvas if each axis of the picture, or at least its visible
part, begins and ends on whole pixels of the canvas. Such a picture is cut, resized, turned and
framed; nothing from beyond its edge enters the interpolation, and the border is made from the
resized picture. All other warps read the source through the inverse matrix.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Size, Warp

WHOLE = 1e-6
"""How far from a whole number of pixels still counts as whole."""
SIDE_LIMIT = 16384
"""Longest side handed to a warping primitive: beyond 32767 OpenCV's coordinates overflow, and
single precision no longer tells apart neighbouring fractions of a pixel."""
_ZOOM_LIMIT = 4
_RESIZE_LIMIT = 1 << 26
_EDGELESS = frozenset({K.BORDER_CONSTANT, K.BORDER_REPLICATE})
_NEAREST = frozenset({K.INTER_NEAREST, K.INTER_NEAREST_EXACT})
_LINEAR = frozenset({K.INTER_LINEAR, K.INTER_LINEAR_EXACT})


class Axis(NamedTuple):
    """One axis of the canvas: source pixels [start, stop) become ``length`` pixels at offset."""

    start: int
    stop: int
    length: int
    offset: int
    flipped: bool

    @property
    def scaled(self) -> bool:
        """Whether the axis changes its number of pixels."""
        return self.length != self.stop - self.start


class Laid(NamedTuple):
    """A picture on whole pixels of the canvas; ``turned`` if its rows become columns."""

    turned: bool
    x: Axis
    y: Axis


_NOTHING = Axis(0, 0, 0, 0, False)


def lay(
    m: Matrix, canvas: Size, source: Size, interpolation: int, border: int
) -> tuple[Laid | None, int]:
    """Find how a warp lays the picture on the canvas, or None, and the border to read with."""
    if not mx.is_axis_aligned(m):
        return None, border
    return _lay(m, canvas, source, interpolation, border)


@lru_cache(maxsize=256)  # flips, pads and resizes of one size of pictures come again and again
def _lay(
    m: Matrix, canvas: Size, source: Size, interpolation: int, border: int
) -> tuple[Laid | None, int]:
    a, b, c, d, e, f = m[:6]
    turned = b != 0.0 or d != 0.0
    if turned:
        x = _axis(b, c, source[0], canvas[1], border)
        y = _axis(d, f, source[1], canvas[0], border)
    else:
        x = _axis(a, c, source[1], canvas[1], border)
        y = _axis(e, f, source[0], canvas[0], border)
    if x is None or y is None:
        return None, border
    laid = Laid(turned, x, y)
    if x[2] == x[1] - x[0] and y[2] == y[1] - y[0]:
        return laid, border
    n = source if turned else (source[1], source[0])
    entire = (x.stop - x.start, y.stop - y.start) == n
    return _affordable(laid, canvas, (interpolation, border), entire=entire)


def _axis(scale: float, shift: float, n: int, canvas: int, border: int) -> Axis | None:
    if scale == 0.0:
        return None
    low, high = (shift, shift + scale * n) if scale > 0 else (shift + scale * n, shift)
    first, last = round(low), round(high)
    if last <= first or abs(low - first) > WHOLE or abs(high - last) > WHOLE:
        return _part(scale, shift, (low, high), canvas, border)
    if border == K.BORDER_CONSTANT and (first >= canvas or last <= 0):
        return _NOTHING
    flipped = scale < 0
    if last - first == n and (first < 0 or last > canvas):
        framed = first > 0 or last < canvas
        if not framed or border == K.BORDER_CONSTANT:
            before, after = max(0, -first), max(0, last - canvas)
            start, stop = (after, n - before) if flipped else (before, n - after)
            return Axis(start, stop, stop - start, max(0, first), flipped)
    return Axis(0, n, last - first, first, flipped)


def _part(
    scale: float, shift: float, ends: tuple[float, float], canvas: int, border: int
) -> Axis | None:
    """Lay the visible part of an axis whose ends are not both on whole pixels."""
    low, high = max(ends[0], 0.0), min(ends[1], float(canvas))
    first, last = round(low), round(high)
    p, q = (low - shift) / scale, (high - shift) / scale
    start, stop = (round(p), round(q)) if scale > 0 else (round(q), round(p))
    if last <= first or stop <= start:
        return None
    off = max(abs(low - first), abs(high - last), abs(min(p, q) - start), abs(max(p, q) - stop))
    framed = first > 0 or last < canvas
    if off > WHOLE or (framed and border not in _EDGELESS):
        return None
    return Axis(start, stop, last - first, first, scale < 0)


def _affordable(
    laid: Laid, canvas: Size, how: tuple[int, int], *, entire: bool
) -> tuple[Laid | None, int]:
    """Refuse to resize an entire picture of which only a small part is looked at."""
    interpolation, border = how
    x, y = laid.x, laid.y
    framed = _framed(x, canvas[1]) or _framed(y, canvas[0])
    if framed and border == K.BORDER_REFLECT_101:
        return None, border  # it mirrors about centres of source pixels, whatever the scale
    if interpolation in _NEAREST and not (framed and border != K.BORDER_CONSTANT):
        return laid, border  # picks only what is looked at
    pixels = x.length * y.length
    # a part that was cut out has edges of its own, which only resizing knows
    wasteful = entire and pixels > _ZOOM_LIMIT * canvas[0] * canvas[1] + 65536
    if pixels > _RESIZE_LIMIT or (wasteful and not framed and interpolation in _LINEAR):
        return (None, border) if framed else (None, K.BORDER_REPLICATE)
    return laid, border


def _framed(axis: Axis, canvas: int) -> bool:
    return axis.offset > 0 or axis.offset + axis.length < canvas


def turn_name(turned: bool, flip_x: bool, flip_y: bool) -> str:  # noqa: FBT001 - three alike
    """Name the symmetry of the square that a laid picture goes through, "" for none."""
    if turned:
        return "rotate" if flip_x != flip_y else "transpose"
    return "flip" if flip_x or flip_y else ""


def primitive(op: Warp, source: Size) -> str:
    """Say what an image warp runs: "none", "view", "flip", "resize+pad", "warpAffine" and so on."""
    if op.matrix == mx.IDENTITY and op.size == source:
        return "none"
    sampling = op.sampling
    laid, _ = lay(op.matrix, op.size, source, sampling.interpolation, sampling.border)
    if laid is not None:
        return _laid_name(laid, op.size)
    name = "warpAffine" if mx.is_affine(op.matrix) else "warpPerspective"
    return f"{name} (tiled)" if max(*source, *op.size) > SIDE_LIMIT else name


def _laid_name(laid: Laid, canvas: Size) -> str:
    x, y = laid.x, laid.y
    parts = [
        "resize" if x.scaled or y.scaled else "",
        turn_name(laid.turned, x.flipped, y.flipped),
        "pad" if _framed(x, canvas[1]) or _framed(y, canvas[0]) else "",
    ]
    return "+".join(filter(None, parts)) or "view"
