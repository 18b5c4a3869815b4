"""Where each pixel of a distorted picture is read: computed on few nodes, then spread.

The backward map is ``before⁻¹(q + D(q))`` with ``q = after⁻¹(result)``. Between nodes it is taken
as bilinear. That is exact for a field by itself, whose own nodes are used; next to a turn or a
perspective the nodes lie as densely as the field needs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.lattice import Array
from anamorph.backends.opencv.primitives import SIDE_LIMIT
from anamorph.backends.opencv.sampling import TIE
from anamorph.ir import matrix as mx
from anamorph.ir.fields import Field, field_of
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import Remap, Size

__all__ = ["REACH", "Block", "Maps", "maps_of", "places_of"]

Floats = npt.NDArray[np.float64]
Block = tuple[int, int, int, int]
Maps = tuple[Array, Any]
"""The two maps that `cv2.remap` takes: one of two channels and None, or one of x and one of y."""

_WIDEST = 16
"""Pixels between nodes where perspective bends the map."""
_CREASED, _SMOOTH = 3, 4
"""Pixels between nodes on a turned canvas, for fields with creases and without."""
_SPREAD = 1 << 22
"""Pixels of a canvas up to which its displacements are spread to all of them."""
_FAR = 1e9
REACH = 32700.0
"""OpenCV keeps places in 16 bits."""
_MOST_KEPT = 1 << 20
"""Pixels up to which maps are kept for the next target of the same sample."""


class Scratch:
    """Arrays to write to once more: fresh ones of this size cost as much as what fills them."""

    __slots__ = ("arrays",)

    def __init__(self) -> None:
        self.arrays: list[Array] = []

    def take(self, k: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Give the array of a number, a new one if it is not as wanted."""
        if k < len(self.arrays) and self.arrays[k].shape == shape and self.arrays[k].dtype == dtype:
            return self.arrays[k]
        fresh: Array = np.empty(shape, dtype)
        self.arrays[k:] = [fresh]
        return fresh


Spread = Callable[[Array, Scratch], Maps]


class Kept(threading.local):
    """The maps of the last op of a thread: picture, masks and frames of a sample ask in turn."""

    def __init__(self) -> None:
        self.key: tuple[Any, ...] = ()
        self.maps: tuple[Maps, float] | None = None
        self.scratch: Scratch = Scratch()
        self.tied: Maps | None = None
        self.tied_scratch: Scratch = Scratch()


_KEPT = Kept()


class Nodes(NamedTuple):
    """Places in the source (rows, columns, 2) at some nodes, and how they spread over a block."""

    values: Floats
    spread: Spread
    """Values at the nodes → values for each pixel of the block, of the same dtype."""


def maps_of(op: Remap, *, nearest: bool = False) -> tuple[Maps, float]:
    """Give the maps of the whole canvas, counted from centres of pixels, and how far they reach.

    They belong to the thread, hold until it asks for those of another op, and must not be written
    to. For nearest they are shifted by what decides ties.
    """
    height, width = op.canvas or op.size
    key = (op.kind, op.params, op.size, op.before, op.after, (height, width))
    kept = _KEPT if height * width <= _MOST_KEPT else Kept()
    if kept.maps is None or kept.key != key:
        kept.maps = kept.tied = None  # what is written over now holds nothing until it is done
        kept.maps = _maps(op, (height, width), kept.scratch)
        kept.key = key
    if not nearest:
        return kept.maps
    if kept.tied is None:
        kept.tied = _tied(kept.maps[0], kept.tied_scratch)
    return kept.tied, kept.maps[1]


def _maps(op: Remap, canvas: Size, scratch: Scratch) -> tuple[Maps, float]:
    nodes = _nodes(_plane(op), op.before, op.after, (0, 0, *canvas))
    values = nodes.values - 0.5
    reach = max(float(values.max()), -float(values.min()))
    if reach > REACH:
        values = values.clip(-REACH, REACH)
    return nodes.spread(values.astype(np.float32), scratch), reach


def _tied(maps: Maps, scratch: Scratch) -> Maps:
    done = [
        np.add(m, np.float32(TIE), out=scratch.take(k, m.shape, m.dtype))
        for k, m in enumerate(maps)
        if m is not None
    ]
    return done[0], done[1] if len(done) > 1 else None


def places_of(op: Remap, block: Block) -> tuple[Floats, Floats]:
    """Give the continuous places x, y in the source for the pixels of a block (y0, x0, y1, x1)."""
    nodes = _nodes(_plane(op), op.before, op.after, block)
    x, y = nodes.spread(nodes.values, Scratch())
    return (x[..., 0], x[..., 1]) if y is None else (x, y)


class Plane(NamedTuple):
    """A field and the canvas it was made for."""

    field: Field
    size: Size


def _plane(op: Remap) -> Plane:
    return Plane(field_of(op.kind, op.params, op.size), op.size)


def _nodes(plane: Plane, before: Matrix, after: Matrix, block: Block) -> Nodes:
    field = plane.field
    bends = not (mx.is_affine(before) and mx.is_affine(after))
    if field.creased and not bends and mx.is_axis_aligned(after):
        return _uneven(field, before, after, block)
    if mx.is_lattice(after) and not field.creased and not (bends and max(field.step) > _WIDEST):
        seen = _seen(after, block)
        if min(seen) >= 0 and seen[2] <= plane.size[0] and seen[3] <= plane.size[1]:
            return _own(field, before, after, seen)
    return _dense(plane, before, after, block)


# ------------------------------------------------------------------------------- even nodes


def _seen(after: Matrix, block: Block) -> Block:
    """Which pixels of the field's canvas a symmetry or a crop shows in a block."""
    x0, y0, x1, y1 = mx.bounds(mx.invert(after), [(block[1], block[0]), (block[3], block[2])])
    return round(y0), round(x0), round(y1), round(x1)


def _own(field: Field, before: Matrix, after: Matrix, seen: Block) -> Nodes:
    """Use the nodes of the field, as far as they are seen, flipped and transposed as they are."""
    (step_x, step_y), (y0, x0, y1, x1) = field.step, seen
    rows = slice(y0 // step_y, -(-y1 // step_y) + 2)
    columns = slice(x0 // step_x, -(-x1 // step_x) + 2)
    values = field.shift[rows, columns].copy()
    values[..., 0] += field.xs[columns]
    values[..., 1] += field.ys[rows, None]
    values = _through(_backward(before), values)
    left, top = step_x + x0 % step_x, step_y + y0 % step_y
    if after[0] + after[3] < 0:
        values, left = values[:, ::-1], values.shape[1] * step_x - left - (x1 - x0)
    if after[1] + after[4] < 0:
        values, top = values[::-1], values.shape[0] * step_y - top - (y1 - y0)
    if after[0] != 0.0:
        return Nodes(values, _even_spread((step_x, step_y), (top, left, y1 - y0, x1 - x0)))
    values = values.transpose(1, 0, 2)
    return Nodes(values, _even_spread((step_y, step_x), (left, top, x1 - x0, y1 - y0)))


def _dense(plane: Plane, before: Matrix, after: Matrix, block: Block) -> Nodes:
    """Evaluate the whole map at even nodes of the result."""
    step = _dense_step(plane.field, after, block)
    y0, x0, y1, x1 = block
    xs = (np.arange(x0 // step, -(-x1 // step) + 2) - 0.5) * step
    ys = (np.arange(y0 // step, -(-y1 // step) + 2) - 0.5) * step
    q = _through(_backward(after), np.stack(np.meshgrid(xs, ys), axis=-1))
    values = _through(_backward(before), q + _shift_at(plane, q))
    window = step + y0 % step, step + x0 % step, y1 - y0, x1 - x0
    return Nodes(values, _even_spread((step, step), window))


def _shift_at(plane: Plane, q: Floats) -> Floats:
    """Displacements at many places (rows, columns, 2), looked up in those of all pixels."""
    field, (height, width) = plane
    block = (0, 0, height, width)
    if height * width > _SPREAD or max(height, width, *q.shape) > SIDE_LIMIT:
        return field.at(q.reshape(-1, 2)).reshape(q.shape)
    values = field.shift.astype(np.float32)
    if field.creased:
        planes = _uneven_spread(field, block, mx.IDENTITY)(values, Scratch())
    else:  # the outermost nodes stand beyond the canvas
        planes = _grown(values, field.step, Scratch()), None
    near = (q + np.array(field.step) - 0.5).clip(-1, max(planes[0].shape)).astype(np.float32)
    kind, nothing = cv2.INTER_LINEAR, cast("Any", None)
    done = [
        cv2.remap(plane, near, nothing, kind, borderMode=cv2.BORDER_REPLICATE)
        for plane in planes
        if plane is not None
    ]
    return np.asarray(done[0] if len(done) == 1 else np.stack(done, axis=-1), np.float64)


def _dense_step(field: Field, after: Matrix, block: Block) -> int:
    wanted = _CREASED if field.creased else min(*field.step, _SMOOTH)
    y0, x0, y1, x1 = block
    inverse = mx.invert(after)
    steepest = 0.0
    for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
        depth = max(inverse[6] * x + inverse[7] * y + inverse[8], 1e-3)
        steepest = max(steepest, max(map(abs, inverse[:2] + inverse[3:5])) / depth)
    return max(1, min(_WIDEST, int(wanted / max(steepest, 1e-3))))


def _even_spread(step: tuple[int, int], window: tuple[int, int, int, int]) -> Spread:
    """Enlarge by whole numbers and cut out (top, left, height, width).

    That puts node k of the values at (k + 0.5)·step.
    """
    top, left, height, width = window

    def spread(values: Array, scratch: Scratch) -> Maps:
        # OpenCV reads two maps faster than one of two channels
        x, y = (
            _grown(np.ascontiguousarray(values[..., k]), step, scratch, k)[
                top : top + height, left : left + width
            ]
            for k in (0, 1)
        )
        return x, y

    return spread


def _grown(values: Array, step: tuple[int, int], scratch: Scratch, k: int = 0) -> Array:
    if step == (1, 1):
        return values
    rows, columns = values.shape[0] * step[1], values.shape[1] * step[0]
    out = scratch.take(k, (rows, columns, *values.shape[2:]), values.dtype)
    return cv2.resize(values, (columns, rows), dst=out, interpolation=cv2.INTER_LINEAR)


def _backward(m: Matrix) -> Matrix:
    """Invert a matrix with the depth positive in front of the horizon."""
    inverse = mx.invert(m)
    return inverse if mx.is_affine(m) or inverse[8] > 0 else tuple(-v for v in inverse)  # type: ignore[return-value]


def _through(m: Matrix, places: Floats) -> Floats:
    """Map places (..., 2); what is on or behind the horizon is put far away."""
    if m == mx.IDENTITY:
        return places
    n = np.array(m).reshape(3, 3)
    mapped = places @ n[:2, :2].T + n[:2, 2]
    if mx.is_affine(m):
        return np.asarray(mapped)
    depth = places @ n[2, :2] + n[2, 2]
    front = depth > 1e-9
    mapped /= np.where(front, depth, 1.0)[..., None]
    mapped[~front] = _FAR
    return np.asarray(np.clip(mapped, -_FAR, _FAR))


# ----------------------------------------------------------------------------- uneven nodes


def _uneven(field: Field, before: Matrix, after: Matrix, block: Block) -> Nodes:
    """Spread a few uneven nodes exactly, creases and all: two thin products of matrices."""
    ringed = field.ringed(1.0)
    values = ringed.shift.copy()
    values[..., 0] += ringed.xs
    values[..., 1] += ringed.ys[:, None]
    values = _through(_backward(before), values)
    return Nodes(values, _uneven_spread(ringed, block, after))


def _uneven_spread(field: Field, block: Block, after: Matrix) -> Spread:
    a, b, c, d, e, f = mx.invert(after)[:6]
    y0, x0, y1, x1 = block
    xs, ys = np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5
    turned = a == 0.0
    across = _weights(field.xs, (b * ys if turned else a * xs) + c)
    down = _weights(field.ys, (d * xs if turned else e * ys) + f)

    def spread(nodes: Array, scratch: Scratch) -> Maps:
        first, second = (down, across) if not turned else (across, down)
        done = []
        for k in (0, 1):
            plane = nodes[..., k].T if turned else nodes[..., k]
            out = scratch.take(k, (len(ys), len(xs)), nodes.dtype)
            sides = first.astype(nodes.dtype), second.astype(nodes.dtype)
            done.append(_product(sides[0], plane, sides[1], out))
        return done[0], done[1]

    return spread


def _product(rows: Array, nodes: Array, columns: Array, out: Array) -> Array:
    """Multiply by OpenCV: threads of a BLAS that wait for a busy core cost ten milliseconds."""
    if (nodes == nodes[0]).all():  # a stretched grid: x depends on x alone, y on y
        out[...] = columns @ nodes[0]
        return out
    if (nodes == nodes[:, :1]).all():
        out[...] = (rows @ nodes[:, 0])[:, None]
        return out
    nothing: Any = None
    part: Any = cv2.gemm(rows, np.ascontiguousarray(nodes), 1.0, nothing, 0.0)
    done: Array = cv2.gemm(part, columns, 1.0, nothing, 0.0, out, cv2.GEMM_2_T)
    return done


def _weights(nodes: Floats, places: Array) -> Floats:
    """Shares of each node (columns) in linear interpolation at each place (rows).

    Beyond the outer nodes the outer slopes go on.
    """
    i = np.clip(np.searchsorted(nodes, places, side="right") - 1, 0, len(nodes) - 2)
    share = (places - nodes[i]) / (nodes[i + 1] - nodes[i])
    out = np.zeros((len(places), len(nodes)))
    rows = np.arange(len(places))
    out[rows, i] = 1 - share
    out[rows, i + 1] = share
    return out
