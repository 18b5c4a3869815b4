"""Depth, normals and flow: pixels are picked, then their values follow the geometry.

Values are never mixed, since neighbours across an edge of the scene have nothing in between; what
a border shows beyond the picture was never measured and is 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.cast import tensor_of
from anamorph.backends.opencv.lattice import Array
from anamorph.backends.opencv.places import REACH, Block, maps_of, places_of
from anamorph.backends.opencv.primitives import SIDE_LIMIT
from anamorph.backends.opencv.remap import remap_nearest
from anamorph.backends.opencv.remap_labels import to_result
from anamorph.backends.opencv.sampling import inverted
from anamorph.backends.opencv.tiles import move_pixels, shift_of
from anamorph.backends.opencv.warp import warp
from anamorph.core import constants as K
from anamorph.core.labels import Floats
from anamorph.ir import matrix as mx
from anamorph.ir.fields import Field, field_of
from anamorph.ir.matrix import Matrix
from anamorph.ir.ops import DEPTH, FLOW, NORMALS, Cast, Op, Remap, Target, Tiles, Warp

__all__ = ["KERNELS"]

_PICK = (K.INTER_NEAREST, K.BORDER_CONSTANT, 0)
_ROWS = 1 << 17
"""Pixels that are worked on at a time in double precision."""
_SAME = 1e-12
_STEPS, _CLOSE = 10, 1e-3
"""Steps in which the end of a displacement is looked for in the maps, and pixels it may miss."""


# ----------------------------------------------------------------------------------- warps


def warp_depth(op: Warp, depth: Array) -> Array:
    """Move depths; they stay what they are."""
    return warp(depth, op.matrix, op.size, _PICK)


def warp_flow(op: Warp, flow: Array) -> Array:
    """Move displacements (H, W, 2) and map each: where its end goes, less where its start goes."""
    done = warp(flow, op.matrix, op.size, _PICK)
    a, b, _, d, e = op.matrix[:5]
    if not mx.is_affine(op.matrix):
        return _in_perspective(op.matrix, done)
    if a == e == 1.0 and b == d == 0.0:
        return done
    return _turned(done, ((a, b), (d, e)))


def _turned(values: Array, linear: tuple[tuple[float, ...], ...]) -> Array:
    """Multiply each pixel by a matrix."""
    wide = values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)
    out: Array = cv2.transform(wide, np.array(linear))
    return out.astype(values.dtype, copy=False)


def _in_perspective(m: Matrix, flow: Array) -> Array:
    n = inverted(m)
    out = flow.copy()
    for y0, y1 in _rows(flow.shape[:2]):
        x, y = _centres((y0, y1), flow.shape[1])
        u, v = _projected(n, x, y)
        part = flow[y0:y1].astype(np.float64)
        to_x, to_y = _projected(m, u + part[..., 0], v + part[..., 1])
        moves = (part != 0.0).any(axis=2)  # 0 is no motion, and what was never measured
        out[y0:y1, :, 0] = np.where(moves, to_x - x, part[..., 0])
        out[y0:y1, :, 1] = np.where(moves, to_y - y, part[..., 1])
    return out


def _rows(size: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    count = max(1, _ROWS // size[1])
    for y in range(0, size[0], count):
        yield y, min(y + count, size[0])


def _centres(rows: tuple[int, int], width: int) -> tuple[Floats, Floats]:
    return np.arange(0.5, width), np.arange(rows[0] + 0.5, rows[1])[:, None]


def _projected(m: Matrix, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Map places; NaN behind the horizon."""
    depth = m[6] * x + m[7] * y + m[8]
    depth = np.where(depth > _SAME, depth, np.nan)
    u: Floats = (m[0] * x + m[1] * y + m[2]) / depth
    v: Floats = (m[3] * x + m[4] * y + m[5]) / depth
    return u, v


def warp_normals(op: Warp, normals: Array) -> Array:
    """Move normals (H, W, 3) and turn each with the surface that it stands on."""
    done = warp(normals, op.matrix, op.size, _PICK)
    a, b, _, d, e = op.matrix[:5]
    if not mx.is_affine(op.matrix):
        return _tilted(op.matrix, done)
    det = a * e - b * d
    s = math.sqrt(abs(det)) / det
    p, q, r, t = e * s, -d * s, -b * s, a * s  # the inverse's transpose, of determinant ±1
    if max(abs(p - 1), abs(t - 1), abs(q), abs(r)) < _SAME:
        return done
    turned = _turned(done, ((p, q, 0.0), (r, t, 0.0), (0.0, 0.0, 1.0)))
    rigid = max(abs(p * p + q * q - 1), abs(r * r + t * t - 1), abs(p * r + q * t)) < _SAME
    return turned if rigid else _as_long(turned, done)


def _as_long(turned: Array, before: Array) -> Array:
    """Give vectors the length that they had; 0, which says that nothing was measured, stays."""
    wanted, found = (np.sqrt(np.einsum("yxc,yxc->yx", v, v)) for v in (before, turned))
    ratio = np.divide(wanted, found, out=np.ones_like(found), where=found > 0.0)
    out: Array = turned * ratio[..., None].astype(turned.dtype, copy=False)
    return out


def _tilted(m: Matrix, normals: Array) -> Array:
    n = inverted(m)
    out = normals.copy()
    for y0, y1 in _rows(normals.shape[:2]):
        x, y = _centres((y0, y1), normals.shape[1])
        depth = n[6] * x + n[7] * y + n[8]
        depth = np.where(depth > _SAME, depth, np.nan)
        u, v = (n[0] * x + n[1] * y + n[2]) / depth, (n[3] * x + n[4] * y + n[5]) / depth
        slopes = (
            (n[0] - u * n[6]) / depth, (n[1] - u * n[7]) / depth,
            (n[3] - v * n[6]) / depth, (n[4] - v * n[7]) / depth,
        )  # fmt: skip
        out[y0:y1] = _by_slopes(normals[y0:y1], slopes)
    return out


def _by_slopes(normals: Array, slopes: tuple[Floats, Floats, Floats, Floats]) -> Array:
    """Turn normals by the slopes of the backward map, whose transpose maps what stands on lines."""
    a, b, d, e = slopes
    part = normals.astype(np.float64)
    scale = np.sqrt(np.maximum(np.abs(a * e - b * d), _SAME))
    turned = part.copy()
    turned[..., 0] = (a * part[..., 0] + d * part[..., 1]) / scale
    turned[..., 1] = (b * part[..., 0] + e * part[..., 1]) / scale
    return np.where((part != 0.0).any(axis=2)[..., None], _as_long(turned, part), part)


# --------------------------------------------------------------------- dense distortions


def remap_depth(op: Remap, depth: Array) -> Array:
    """Move depths; they stay what they are."""
    return remap_nearest(op, depth)


def remap_flow(op: Remap, flow: Array) -> Array:
    """Move displacements and map each: where its end is shown, less where its start is."""
    out = remap_nearest(op, flow)
    moves = (out != 0.0).any(axis=2) & np.isfinite(out).all(axis=2)
    if not moves.any():
        return out
    field = field_of(op.kind, op.params, op.size)
    found = _by_maps(op, out) if max(out.shape[:2]) <= SIDE_LIMIT else None
    if found is not None:
        ends, good = found
        good &= ~_at_crease(op, field, ends)
        out[moves & good] = ends[moves & good]
        moves &= ~good
    for y0, y1 in _rows(out.shape[:2]):
        rows, columns = np.nonzero(moves[y0:y1])
        if len(rows) == 0:
            continue
        u, v = places_of(op, (y0, 0, y1, out.shape[1]))
        starts = np.stack([u[rows, columns], v[rows, columns]], axis=1)
        ends = to_result(op, field, starts + out[y0 + rows, columns])
        here = np.stack([columns + 0.5, rows + (y0 + 0.5)], axis=1)
        out[y0 + rows, columns] = ends - here
    return out


def _at_crease(op: Remap, field: Field, ends: Array) -> Array:
    """Tell which ends lie by a crease of the field, where maps of pixels are not exact."""
    height, width = ends.shape[:2]
    if not (field.creased and mx.is_lattice(op.after)):
        return np.full((height, width), field.creased)
    x, y = ends[..., 0] + np.arange(0.5, width), ends[..., 1] + np.arange(0.5, height)[:, None]
    x, y = _projected(mx.invert(op.after), x, y)
    near = [
        np.abs(np.stack([p - nodes[i - 1], p - nodes[i]])).min(axis=0) < 1.0
        for p, nodes in ((x, field.xs), (y, field.ys))
        for i in (np.searchsorted(nodes, p).clip(1, len(nodes) - 1),)
    ]
    return np.asarray(near[0] | near[1])


def _by_maps(op: Remap, flow: Array) -> tuple[Array, Array] | None:
    """Follow displacements in the maps that pixels are read by: where what they end at is shown.

    Each step goes as far as the map's linear part says that it still is, which closes in by the
    slope of the distortion. Ends off the canvas, and those that are not found, are left out.
    """
    (first, second), reach = maps_of(op)
    if reach > REACH or not (mx.is_affine(op.before) and mx.is_affine(op.after)):
        return None
    u, v = (first, second) if second is not None else cv2.split(first)
    u, v = np.ascontiguousarray(u), np.ascontiguousarray(v)
    height, width = u.shape
    a, b, _, d, e = mx.matmul(op.after, op.before)[:5]
    moves = np.nan_to_num(flow.astype(np.float32))
    off_x, off_y = moves[..., 0], moves[..., 1]
    aim_x, aim_y = u + off_x, v + off_y
    x = np.tile(np.arange(width, dtype=np.float32), (height, 1))
    y = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    good = np.zeros((height, width), np.bool_)
    for _ in range(_STEPS):
        x += a * off_x + b * off_y
        y += d * off_x + e * off_y
        off_x, off_y = (
            aim - cv2.remap(m, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for aim, m in ((aim_x, u), (aim_y, v))
        )
        good = (np.abs(off_x) < _CLOSE) & (np.abs(off_y) < _CLOSE)
        if good.all():
            break
    good &= (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x -= np.arange(width, dtype=np.float32)
    y -= np.arange(height, dtype=np.float32)[:, None]
    return np.stack([x, y], axis=-1), good


def remap_normals(op: Remap, normals: Array) -> Array:
    """Move normals and turn each with the surface that it stands on."""
    out = remap_nearest(op, normals)
    for y0, y1 in _rows(out.shape[:2]):
        out[y0:y1] = _by_slopes(out[y0:y1], _slopes(op, (y0, 0, y1, out.shape[1])))
    return out


def _slopes(op: Remap, block: Block) -> tuple[Floats, Floats, Floats, Floats]:
    """Slopes of the backward map from differences between the pixels on both sides."""
    y0, x0, y1, x1 = block
    u, v = places_of(op, (y0 - 1, x0 - 1, y1 + 1, x1 + 1))
    across = [(p[1:-1, 2:] - p[1:-1, :-2]) / 2 for p in (u, v)]
    down = [(p[2:, 1:-1] - p[:-2, 1:-1]) / 2 for p in (u, v)]
    return across[0], down[0], across[1], down[1]


# ---------------------------------------------------------------------------------- tiles


def move_flow(op: Tiles, flow: Array) -> Array:
    """Move displacements with their tile; one that ends in another tile follows that."""
    out = flow.copy()
    height, width = flow.shape[:2]
    shift = shift_of(op, (height, width))
    for y0, y1 in _rows(flow.shape[:2]):
        part = flow[y0:y1].astype(np.float64)
        x, y = _centres((y0, y1), width)
        ends_x, ends_y = np.floor(x + part[..., 0]), np.floor(y + part[..., 1])
        inside = (ends_x >= 0) & (ends_x < width) & (ends_y >= 0) & (ends_y < height)
        rows, columns = (np.where(inside, p, 0.0).astype(np.int64) for p in (ends_y, ends_x))
        end = np.where(inside[..., None], shift[rows, columns], 0)
        change = end - shift[y0:y1]
        change[~(part != 0.0).any(axis=2)] = 0
        out[y0:y1] = part + change
    return move_pixels(op, out)


# -------------------------------------------------------------------------------- tensors


def to_tensor(op: Cast, values: Array) -> object:
    """Hand out a tensor (C, H, W)."""
    return tensor_of(values.transpose(2, 0, 1).copy(order="C")) if op.tensor else values


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Warp, DEPTH): warp_depth,
    (Warp, NORMALS): warp_normals,
    (Warp, FLOW): warp_flow,
    (Remap, DEPTH): remap_depth,
    (Remap, NORMALS): remap_normals,
    (Remap, FLOW): remap_flow,
    (Tiles, DEPTH): move_pixels,
    (Tiles, NORMALS): move_pixels,
    (Tiles, FLOW): move_flow,
    (Cast, DEPTH): to_tensor,
    (Cast, NORMALS): to_tensor,
    (Cast, FLOW): to_tensor,
}
