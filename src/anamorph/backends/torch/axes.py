"""Axis-aligned warps, laid on whole pixels: which source pixels make which, a table an axis.

The rules are those of the specification (`anamorph.backends.reference.warp`): a picture whose axes
begin and end on whole pixels of the canvas, as a whole or in their visible part, is resized, and
its border is made from the resized picture. All of this is decided on the host, on plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from anamorph.backends.torch.window import AnyWarp, Windowed
from anamorph.core import constants as K
from anamorph.ir.ops import Size, Warp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WHOLE = 1e-6
"""How far from a whole number of pixels still counts as whole."""
OUTSIDE = -1
NEAREST = frozenset({K.INTER_NEAREST, K.INTER_NEAREST_EXACT})
LINEAR = frozenset({K.INTER_LINEAR, K.INTER_LINEAR_EXACT})


class Axis(NamedTuple):
    """One axis of the canvas: source [start, stop) becomes ``length`` pixels at ``offset``."""

    start: int
    stop: int
    length: int
    offset: int
    canvas: int
    flipped: bool

    @property
    def framed(self) -> bool:
        """Whether the border is seen on this axis."""
        return self.offset > 0 or self.offset + self.length < self.canvas

    @property
    def scaled(self) -> bool:
        """Whether the number of pixels changes."""
        return self.length != self.stop - self.start


class Laid(NamedTuple):
    """A picture on whole pixels of the canvas; ``turned`` if its rows become columns."""

    turned: bool
    x: Axis
    y: Axis
    border: int

    @property
    def scaled(self) -> bool:
        """Whether pixels have to be mixed."""
        return self.x.scaled or self.y.scaled


def lay(op: AnyWarp, source: Size) -> Laid | None:
    """Find the whole pixels that a picture, or a window of it, is laid on, or None."""
    if not isinstance(op, Windowed):
        return _lay(op, source)
    x0, y0, x1, y1 = op.region
    laid = _lay(op.warp, (y1 - y0, x1 - x0))
    if laid is None:
        return None
    shifts = (y0, x0) if laid.turned else (x0, y0)
    x, y = (
        axis._replace(start=axis.start + by, stop=axis.stop + by)
        for axis, by in zip((laid.x, laid.y), shifts, strict=True)
    )
    return laid._replace(x=x, y=y)


def _lay(op: Warp, source: Size) -> Laid | None:
    a, b, c, d, e, f, *last = op.matrix
    if last != [0.0, 0.0, 1.0] or not (b == d == 0.0 or a == e == 0.0):
        return None
    border = op.sampling.border
    turned = b != 0.0
    h, w = source
    x = _axis((b if turned else a, c), h if turned else w, op.size[1], border)
    y = _axis((d if turned else e, f), w if turned else h, op.size[0], border)
    if x is None or y is None:
        return None
    laid = Laid(turned, x, y, border)
    if laid.scaled and (x.framed or y.framed) and border == K.BORDER_REFLECT_101:
        return None  # it mirrors about the centres of source pixels
    return laid


def _axis(line: tuple[float, float], n: int, canvas: int, border: int) -> Axis | None:
    """Lay one axis: as a whole, or else in its visible part."""
    scale, shift = line
    if scale == 0.0:
        return None
    low, high = sorted((shift, shift + scale * n))
    if _whole(low) and _whole(high) and round(high) > round(low):
        return Axis(0, n, round(high) - round(low), round(low), canvas, scale < 0)
    low, high = max(low, 0.0), min(high, float(canvas))
    start, stop = sorted(((low - shift) / scale, (high - shift) / scale))
    if not all(map(_whole, (low, high, start, stop))):
        return None
    if round(high) <= round(low) or round(stop) <= round(start):
        return None
    axis = Axis(round(start), round(stop), round(high) - round(low), round(low), canvas, scale < 0)
    edgeless = border in {K.BORDER_CONSTANT, K.BORDER_REPLICATE}
    return axis if edgeless or not axis.framed else None


def _whole(value: float) -> bool:
    return abs(value - round(value)) <= WHOLE


# ----------------------------------------------------------------------------- tables


def fold(index: Ints, n: int, border: int) -> Ints:
    """The pixel of n that stands at an index, OUTSIDE where there is none."""
    if border == K.BORDER_CONSTANT:
        return np.where((index >= 0) & (index < n), index, OUTSIDE)
    if border == K.BORDER_WRAP:
        return index % n
    if border == K.BORDER_REFLECT:
        index = index % (2 * n)
        return np.minimum(index, 2 * n - 1 - index)
    if border == K.BORDER_REFLECT_101:
        period = max(1, 2 * n - 2)
        index = index % period
        return np.minimum(index, period - index)
    return index.clip(0, n - 1)


def canvas_to_resized(axis: Axis, border: int) -> Ints:
    """Pixel of the resized picture at each pixel of the canvas, in its unflipped order."""
    index = fold(np.arange(axis.canvas) - axis.offset, axis.length, border)
    return np.where(index == OUTSIDE, OUTSIDE, axis.length - 1 - index) if axis.flipped else index


def picks(axis: Axis, border: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Source pixel at each pixel of the canvas, and where there is none."""
    k = canvas_to_resized(axis, border)
    n = axis.stop - axis.start
    return axis.start + (2 * k.clip(0) + 1) * n // (2 * axis.length), k == OUTSIDE


def places(axis: Axis, border: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Place in the source, in pixels, that each pixel of the canvas is read at; its edge goes on."""
    k = canvas_to_resized(axis, border)
    n = axis.stop - axis.start
    at = axis.start + (k + 0.5) * (n / axis.length)
    return at.clip(axis.start + 0.5, axis.stop - 0.5), k == OUTSIDE


def taps(
    axis: Axis, interpolation: int, border: int, *, shrinks: bool
) -> tuple[Ints, Floats, npt.NDArray[np.bool_]]:
    """Source pixels (canvas, K) that make each pixel of the canvas, their weights, the outside."""
    n = axis.stop - axis.start
    if interpolation == K.INTER_AREA:
        index, weights = _area_taps(n, axis.length, shrinks=shrinks)
    else:
        offsets, weigh = WEIGHTS[interpolation]
        step = n / axis.length
        middle = np.arange(axis.length) * step + (step / 2 - 0.5)
        index = np.floor(middle)[:, None].astype(np.int64) + np.array(offsets)
        weights = weigh(middle[:, None] - index)
        weights /= weights.sum(axis=1, keepdims=True)
    k = canvas_to_resized(axis, border)
    return axis.start + index.clip(0, n - 1)[k], weights[k], k == OUTSIDE


def _area_taps(n: int, length: int, *, shrinks: bool) -> tuple[Ints, Floats]:
    low, high = _area_edges(n, length, shrinks=shrinks)
    first = np.floor(low).astype(np.int64)
    count = int((np.ceil(high).astype(np.int64) - first).max())
    index = first[:, None] + np.arange(count)
    cover = np.minimum(high[:, None], index + 1) - np.maximum(low[:, None], index)
    cover = np.maximum(cover, 0.0)
    return index, cover / cover.sum(axis=1, keepdims=True)


def _area_edges(n: int, length: int, *, shrinks: bool) -> tuple[Floats, Floats]:
    """The stretch of the source over which each resized pixel is averaged."""
    step = n / length
    k = np.arange(length)
    if shrinks:
        edges: Floats = np.minimum(np.arange(length + 1) * step, n)
        return edges[:-1], edges[1:]
    first = np.floor(k * step + 1e-12)
    beyond = k + 1 - (first + 1) / step
    part = np.where(beyond > 0, beyond % 1.0, 0.0)
    low: Floats = np.where(first + 1 < n, first + part, n - 1.0)
    return low, np.asarray(low + 1.0)


# ------------------------------------------------------------------------- interpolation


def linear(t: Any) -> Any:
    """Weight of a pixel at distance t, for arrays and tensors."""
    return (1.0 - abs(t)).clip(0.0)


def cubic(t: Any, a: float = -0.75) -> Any:
    """Weight of a pixel at distance t (Keys 1981)."""
    t = abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return near * (t <= 1) + far * ((t > 1) & (t < 2))


def _lanczos4(t: Any) -> Any:
    """Weight of a pixel at distance t: a sinc under a sinc four times as wide."""
    if isinstance(t, np.ndarray):
        return np.sinc(t) * np.sinc(t / 4) * (abs(t) < 4)
    return t.sinc() * (t / 4).sinc() * (abs(t) < 4)


Weigh = Callable[[Any], Any]
WEIGHTS: Mapping[int, tuple[range, Weigh]] = {
    K.INTER_LINEAR: (range(2), linear),
    K.INTER_LINEAR_EXACT: (range(2), linear),
    K.INTER_AREA: (range(2), linear),
    K.INTER_CUBIC: (range(-1, 3), cubic),
    K.INTER_LANCZOS4: (range(-3, 5), _lanczos4),
}
"""Interpolation → pixels relative to the one at or before the place, and their weight."""
