"""Volumes from their definition, in float64: the specification.

A result voxel's centre is taken back into the source, whose voxel i spans [i, i+1) on each axis.
"nearest" gives the voxel that holds the place, as it does for pictures; every other interpolation
is trilinear. Voxels beyond the volume have the border's value.

Where one axis stays apart from the other two, slices across it are warped as pictures are, and
resampled along it: an axis that as a whole lies on whole voxels of the canvas is resized, its edge
voxels going on beyond the edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.warp import (
    NEAREST,
    OUTSIDE,
    TIE,
    Array,
    Floats,
    fill_of,
    fold,
    quantized,
    warp,
    whole,
)
from anamorph.core import constants as K
from anamorph.core.labels import Points, X, Z
from anamorph.ir import matrix3 as mx
from anamorph.ir.matrix3 import Matrix3
from anamorph.ir.ops import IMAGE, MASK, POINTS, Color, Op, Target, Warp
from anamorph.ir.volume import Coarsen3, Fill3, Remap3, Tensor3, Warp3
from anamorph.ir.volume_field import displacements, found


def warp3_image(op: Warp3, block: Array) -> Array:
    """Warp a volume (D, H, W, C)."""
    s = op.sampling
    return quantized(_warped(op, block, s.interpolation, s.fill), block.dtype)


def warp3_mask(op: Warp3, block: Array) -> Array:
    """Warp a volume of labels."""
    s = op.sampling
    return quantized(_warped(op, block, s.mask_interpolation, s.fill_mask), block.dtype)


def _warped(op: Warp3, block: Array, interpolation: int, fill: Color) -> Array:
    interpolation = interpolation if interpolation in NEAREST else K.INTER_LINEAR
    apart = mx.separated(op.matrix)
    if apart is None:
        return _general(op, block, interpolation, fill)
    source, result = apart
    moved = np.moveaxis(block, 2 - source, 0)
    done = _apart(op, moved, apart, (interpolation, fill))
    return np.moveaxis(done, 0, 2 - result)


def _apart(op: Warp3, moved: Array, apart: tuple[int, int], how: tuple[int, Color]) -> Array:
    """Warp slices across an axis that stays apart, then resample along it."""
    source, result = apart
    rows = mx.rows_of(op.matrix)
    across = [k for k in range(3) if k != source]
    plane: list[float] = []
    for j in (j for j in range(3) if j != result):
        plane.extend((rows[j][across[0]], rows[j][across[1]], rows[j][3]))
    size = tuple(n for axis, n in enumerate(op.size) if axis != 2 - result)
    flat = Warp((*plane, 0.0, 0.0, 1.0), size, op.sampling)  # type: ignore[arg-type]
    slices = np.stack([warp(s, flat, *how) for s in moved])
    scale, shift = rows[result][source], rows[result][3]
    return _along(slices, (scale, shift), op.size[2 - result], op.sampling.border, how)


def _along(
    slices: Array, line: tuple[float, float], canvas: int, border: int, how: tuple[int, Color]
) -> Array:
    """Resample along the first axis."""
    interpolation, fill = how
    values = fill_of(fill, slices[0])
    n = len(slices)
    place, seen, laid = _places_along(line, n, canvas, border)
    edge = K.BORDER_REPLICATE if laid else border
    if interpolation in NEAREST:
        first = fold(np.floor(place + (0.0 if laid else TIE)), n, edge)
        out = slices[first]
        out[(first == OUTSIDE) | ~seen] = values
        return out
    before = np.floor(place - 0.5)
    share = place - 0.5 - before
    out = np.zeros((canvas, *slices.shape[1:]))
    for at, weight in ((before, 1 - share), (before + 1, share)):
        tap = fold(at, n, edge)
        part = slices[tap].astype(np.float64)
        part[tap == OUTSIDE] = values
        out += weight[:, None, None, None] * part
    out[~seen] = values
    return out


def _places_along(
    line: tuple[float, float], n: int, canvas: int, border: int
) -> tuple[Floats, npt.NDArray[np.bool_], bool]:
    """Where the slices of the canvas lie in the source, whether they do, and if it is resized."""
    scale, shift = line
    low, high = sorted((shift, shift + scale * n))
    index = np.arange(canvas, dtype=np.float64)
    start, length = round(low), round(high) - round(low)
    laid = whole(low) and whole(high) and length > 0
    framed = start > 0 or start + length < canvas
    if laid and framed and border == K.BORDER_REFLECT_101 and length != n:
        laid = False  # it mirrors about the centres of source voxels
    if not laid:
        return (index + 0.5 - shift) / scale, np.ones(canvas, np.bool_), False
    at = fold(index - start, length, border)
    place: Floats = np.asarray((at + 0.5) * (n / length), np.float64)
    return (place if scale > 0 else n - place), at != OUTSIDE, True


def _general(op: Warp3, block: Array, interpolation: int, fill: Color) -> Array:
    back = mx.rows_of(mx.invert(op.matrix))
    z, y, x = (axis + 0.5 for axis in np.indices(op.size, dtype=np.float64))
    places = tuple(a * x + b * y + c * z + d for a, b, c, d in reversed(back))
    return _read(block, places, interpolation, (op.sampling.border, fill))


def _read(
    block: Array, places: tuple[Floats, ...], interpolation: int, edge: tuple[int, Color]
) -> Array:
    """Read a volume at places (z, y, x)."""
    border, fill = edge
    values = fill_of(fill, block[0])
    if interpolation in NEAREST:
        return _look_up(block, [np.floor(p + TIE) for p in places], border, values)
    first = [np.floor(p - 0.5) for p in places]
    share = [p - 0.5 - f for p, f in zip(places, first, strict=True)]
    out = np.zeros((*places[0].shape, block.shape[3]))
    for corner in np.ndindex(2, 2, 2):
        weight = np.ones(places[0].shape)
        for t, bit in zip(share, corner, strict=True):
            weight *= t if bit else 1 - t
        at = [f + bit for f, bit in zip(first, corner, strict=True)]
        out += weight[..., None] * _look_up(block, at, border, values)
    return out


def _look_up(block: Array, at: list[Floats], border: int, values: Array) -> Array:
    i, j, k = (fold(a, n, border) for a, n in zip(at, block.shape, strict=False))
    out: Array = block[i, j, k]
    out[(i == OUTSIDE) | (j == OUTSIDE) | (k == OUTSIDE)] = values
    return out


# ----------------------------------------------------------------------------- other ops


def remap3_image(op: Remap3, block: Array) -> Array:
    """Distort a volume."""
    s = op.sampling
    return quantized(_remapped(op, block, s.interpolation, s.fill), block.dtype)


def remap3_mask(op: Remap3, block: Array) -> Array:
    """Distort a volume of labels."""
    s = op.sampling
    return quantized(_remapped(op, block, s.mask_interpolation, s.fill_mask), block.dtype)


def _remapped(op: Remap3, block: Array, interpolation: int, fill: Color) -> Array:
    centers: Floats = np.moveaxis(np.indices(op.size, dtype=np.float64), 0, -1)[..., ::-1] + 0.5
    places = centers + displacements(op, centers.reshape(-1, 3)).reshape(centers.shape)
    interpolation = interpolation if interpolation in NEAREST else K.INTER_LINEAR
    zyx = (places[..., 2], places[..., 1], places[..., 0])
    return _read(block, zyx, interpolation, (op.sampling.border, fill))


def fill3_image(op: Fill3, block: Array) -> Array:
    """Overwrite cuboids of a volume."""
    return _filled(op, block, op.value)


def fill3_mask(op: Fill3, block: Array) -> Array:
    """Overwrite cuboids of a volume of labels."""
    return block if op.mask_value is None else _filled(op, block, op.mask_value)


def _filled(op: Fill3, block: Array, value: Color) -> Array:
    out = block.copy()
    for x0, y0, z0, x1, y1, z1 in op.regions:
        out[z0:z1, y0:y1, x0:x1] = fill_of(value, block[0])
    return out


def coarsen3(op: Coarsen3, block: Array) -> Array:
    """Shrink and enlarge along one axis."""
    n, m = block.shape[op.axis], op.slices
    edges = np.arange(m + 1) * n / m
    if op.mean:
        low, high = edges[:-1, None], edges[1:, None]
        voxel = np.arange(n)
        down = np.clip(np.minimum(high, voxel + 1) - np.maximum(low, voxel), 0, None) * (m / n)
    else:
        down = _linear_weights((edges[:-1] + edges[1:]) / 2, n)
    up = _linear_weights((np.arange(n) + 0.5) * m / n, m)
    done = np.moveaxis(np.tensordot(up @ down, block, (1, op.axis)), 0, op.axis)
    return quantized(done, block.dtype)


def _linear_weights(places: Floats, n: int) -> Floats:
    """Weights by which n voxels make the values at continuous places; edges go on."""
    centers = np.clip(places, 0.5, n - 0.5)[:, None]
    return np.maximum(0.0, 1.0 - np.abs(centers - (np.arange(n) + 0.5)))


def tensor3(_: Tensor3, block: Array) -> Any:
    """Hand a volume out as a tensor (C, D, H, W)."""
    return import_module("torch").from_numpy(np.array(block.transpose(3, 0, 1, 2), order="C"))


# ------------------------------------------------------------------------------- keypoints


def warp3_points(op: Warp3, points: Points, _source: object = None) -> Points:
    """Map keypoints one by one; what leaves the slices is dropped, unless all must come back."""
    rows = [_mapped(row, op.matrix) for row in points.data.tolist()]
    return _within(Points(_rows(rows), points.index, points.fixed), op.size[0])


def _rows(rows: list[list[float]]) -> Floats:
    return np.array(rows, np.float64).reshape(-1, 6)


def _mapped(row: list[float], m: Matrix3) -> list[float]:
    x, y, z, angle, size, parity = row
    lines = mx.rows_of(m)
    place = (x, y, z + 0.5, 1.0)  # z counts slices, x and y are continuous
    u, v, w = (sum(a * b for a, b in zip(line, place, strict=True)) for line in lines)
    towards = (np.cos(angle), -np.sin(angle))
    across, down = (line[0] * towards[0] + line[1] * towards[1] for line in lines[:2])
    if abs(across) + abs(down) > 1e-9:
        angle = float(np.arctan2(-down, across) % (2 * np.pi))
    det = mx.determinant(m)
    return [u, v, w - 0.5, angle, size * abs(det) ** (1 / 3), parity * (1 if det > 0 else -1)]


def _within(points: Points, depth: int) -> Points:
    z = points.data[:, Z]
    return points if points.fixed else points.take((z >= -0.5 - 1e-6) & (z <= depth - 0.5 + 1e-6))


def remap3_points(op: Remap3, points: Points, _source: object = None) -> Points:
    """Find where a field shows each keypoint."""
    data = points.data.copy()
    for row in data:
        row[X : Z + 1] = found(op, row[None, X : Z + 1] + (0, 0, 0.5))[0] - (0, 0, 0.5)
    return _within(Points(data, points.index, points.fixed), op.size[0])


def fill3_points(op: Fill3, points: Points, _source: object = None) -> Points:
    """Drop keypoints inside of cuboids, unless all must come back."""
    if points.fixed:
        return points
    keep = [
        not any(
            x0 <= x < x1 and y0 <= y < y1 and z0 <= z + 0.5 < z1
            for x0, y0, z0, x1, y1, z1 in op.regions
        )
        for x, y, z, *_ in points.data.tolist()
    ]
    return points.take(np.array(keep, np.bool_))


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Warp3, IMAGE): warp3_image,
    (Warp3, MASK): warp3_mask,
    (Warp3, POINTS): warp3_points,
    (Remap3, IMAGE): remap3_image,
    (Remap3, MASK): remap3_mask,
    (Remap3, POINTS): remap3_points,
    (Fill3, IMAGE): fill3_image,
    (Fill3, MASK): fill3_mask,
    (Fill3, POINTS): fill3_points,
    (Coarsen3, IMAGE): coarsen3,
    (Tensor3, IMAGE): tensor3,
    (Tensor3, MASK): tensor3,
}
