"""Reading a volume at places of its own for each voxel, by OpenCV's reader of pictures.

The slices stand below and beside each other in one wide picture, each framed by one voxel of
border. `cv2.remap` then reads, for a slice of the result, the voxels' places in whichever slices
these lie in; two readings, of the slices before and after the places, make the trilinear value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.groups import clipped, sizes
from anamorph.backends.opencv.lattice import Array, fill_vector, fold
from anamorph.core import constants as K
from anamorph.ir.matrix3 import Size3
from anamorph.ir.ops import Color

Single = npt.NDArray[np.float32]
Planes = Callable[[int], tuple[Single, Single, Single]]
"""Number of a slice of the result → the places x, y, z of its voxels, as fresh arrays in which the
centre of the first voxel is 0."""

TIE = 1 / 512
"""A place that much below the edge of a voxel counts as beyond it."""
_LIMIT = 32000
"""The longest side of a picture that OpenCV reads places in, rounded down."""


class Edge(NamedTuple):
    """What is seen beyond the volume."""

    border: int
    fill: Color


@dataclass(frozen=True, slots=True)
class _Wall:
    """Slices of a volume as tiles of one picture, column by column."""

    parts: tuple[Array, ...]
    rows: int
    high: int
    wide: int
    depth: int


def read(block: Array, planes: Planes, size: Size3, edge: Edge, *, nearest: bool) -> Array:
    """Read a volume (D, H, W, C) of any dtype.

    Args:
        block: the volume.
        planes: places of the voxels, slice by slice.
        size: of the result.
        edge: border and fill.
        nearest: pick voxels; else trilinear.
    """
    if _too_large(block.shape, size):
        return _gathered(block, planes, size, edge, nearest=nearest)
    if nearest:
        return _picked(block, planes, size, edge)
    if block.dtype in (np.uint8, np.float32):
        return _mixed(block, planes, size, edge)
    done = _mixed(block.astype(np.float32), planes, size, edge)
    return clipped(done, block.dtype)


def _too_large(shape: tuple[int, ...], size: Size3) -> bool:
    depth, high, wide = shape[0] + 2, shape[1] + 2, shape[2] + 2
    if max(high, wide, *size[1:]) > _LIMIT:
        return True
    return -(-depth // (_LIMIT // high)) * wide > _LIMIT


def _mixed(block: Array, planes: Planes, size: Size3, edge: Edge) -> Array:
    wall = _wall(block, fill_vector(edge.fill, block.shape[3], block.dtype), edge.border)
    out = np.empty((*size, block.shape[3]), block.dtype)
    for i, target in enumerate(out):
        x, y, z = planes(i)
        x, y = _kept(x, block.shape[2], edge.border), _kept(y, block.shape[1], edge.border)
        z = _kept(z, block.shape[0], edge.border)
        before = np.floor(z)
        np.minimum(before, block.shape[0] - 1, out=before)
        z -= before
        first, second = _both_maps(wall, x, y, before)
        parts = []
        for part in wall.parts:
            a = cv2.remap(part, *first, cv2.INTER_LINEAR)
            b = cv2.remap(part, *second, cv2.INTER_LINEAR)
            parts.append(_between(a, b, z))
        _join(parts, target)
    return out


def _both_maps(
    wall: _Wall, x: Single, y: Single, before: Single
) -> tuple[tuple[Single, Single], tuple[Single, Single]]:
    """Maps to the slices before the places and to those after them; x, y and before are used up."""
    before += 1
    if wall.rows < wall.depth + 2:
        return _maps(wall, x, y, before), _maps(wall, x, y, before + 1)
    x += 1
    before *= wall.high
    y += before
    y += 1
    return (x, y), (x, y + np.float32(wall.high))


def _between(a: Array, b: Array, share: Single) -> Array:
    """Weigh two readings by the share of the second."""
    if a.dtype == np.uint8:
        return cv2.blendLinear(a, b, 1 - share, share)
    b -= a
    b *= share if b.ndim == 2 else share[:, :, None]
    b += a
    return b


def _join(parts: list[Array], target: Array) -> None:
    start = 0
    for part in parts:
        k = 1 if part.ndim == 2 else part.shape[2]
        target[:, :, start : start + k] = part.reshape(*part.shape[:2], k)
        start += k


def _picked(block: Array, planes: Planes, size: Size3, edge: Edge) -> Array:
    fill = fill_vector(edge.fill, block.shape[3], block.dtype)
    shown, bits = _as_bits(block, fill)
    wall = _wall(shown, bits, edge.border)
    out = np.empty((*size, shown.shape[3]), shown.dtype)
    for i, target in enumerate(out):
        x, y, z = (np.floor(np.add(p, 0.5 + TIE, out=p), out=p) for p in planes(i))
        x, y, z = (
            _kept(p, n, edge.border, whole=True)
            for p, n in zip(
                (x, y, z), (block.shape[2], block.shape[1], block.shape[0]), strict=True
            )
        )
        maps = _maps(wall, x, y, z + 1)
        _join([cv2.remap(part, *maps, cv2.INTER_NEAREST) for part in wall.parts], target)
    return out.view(block.dtype).reshape(*size, block.shape[3])


def _as_bits(block: Array, fill: Array) -> tuple[Array, Array]:
    """Show voxels as dtypes whose values survive being picked, whatever their bits."""
    if block.dtype in (np.uint8, np.uint16, np.float32):
        return block, fill
    carrier: Any = np.uint16 if block.itemsize % 2 == 0 else np.uint8
    return np.ascontiguousarray(block).view(carrier), fill.view(carrier)


def _gathered(block: Array, planes: Planes, size: Size3, edge: Edge, *, nearest: bool) -> Array:
    """Read by NumPy what OpenCV's numbers of pixels do not reach."""
    fill = fill_vector(edge.fill, block.shape[3], block.dtype)
    out = np.empty((*size, block.shape[3]), block.dtype)
    for i, target in enumerate(out):
        places = [p.astype(np.float64) for p in reversed(planes(i))]
        if nearest:
            target[...] = _at(block, [np.floor(p + (0.5 + TIE)) for p in places], edge, fill)
            continue
        first = [np.floor(p) for p in places]
        total = np.zeros(target.shape)
        for corner in np.ndindex(2, 2, 2):
            weight = np.ones(target.shape[:2])
            for p, f, bit in zip(places, first, corner, strict=True):
                weight *= p - f if bit else 1 - (p - f)
            taps = [f + bit for f, bit in zip(first, corner, strict=True)]
            total += weight[..., None] * _at(block, taps, edge, fill)
        target[...] = clipped(total, block.dtype)
    return out


def _at(block: Array, places: list[Array], edge: Edge, fill: Array) -> Array:
    index = [p.astype(np.int64) for p in places]
    i, j, k = (fold(p, n, edge.border) for p, n in zip(index, block.shape, strict=False))
    found: Array = block[i, j, k]
    if edge.border == K.BORDER_CONSTANT:
        beyond = [(p < 0) | (p >= n) for p, n in zip(index, block.shape, strict=False)]
        found[beyond[0] | beyond[1] | beyond[2]] = fill
    return found


# ------------------------------------------------------------------------------- the wall


def _wall(block: Array, fill: Array, border: int) -> _Wall:
    depth, height, width, channels = block.shape
    high, wide = height + 2, width + 2
    count = depth + 2
    rows = min(count, max(1, _LIMIT // high))
    columns = -(-count // rows)
    parts, start = [], 0
    for k in sizes(channels):
        part = np.empty((columns, rows, high, wide, k), block.dtype)
        tiles = part.reshape(-1, high, wide, k)
        values = fill[start : start + k]
        for i, at in enumerate(fold(np.arange(-1, depth + 1), depth, border).tolist()):
            if border == K.BORDER_CONSTANT and i in (0, count - 1):
                tiles[i] = values
            else:
                _tile(block[at, :, :, start : start + k], tiles[i], values, border)
        # columns of tiles stand beside each other
        parts.append(
            part.reshape(rows * high, wide, k)
            if columns == 1
            else part.transpose(1, 2, 0, 3, 4).reshape(rows * high, columns * wide, k)
        )
        start += k
    return _Wall(tuple(parts), rows, high, wide, depth)


def _tile(source: Array, tile: Array, values: Array, border: int) -> None:
    """Frame a slice by one voxel of border."""
    tile[1:-1, 1:-1] = source
    if border == K.BORDER_CONSTANT:
        tile[0] = tile[-1] = values
        tile[:, 0] = tile[:, -1] = values
        return
    top, bottom = fold(np.array([-1, source.shape[0]]), source.shape[0], border).tolist()
    left, right = fold(np.array([-1, source.shape[1]]), source.shape[1], border).tolist()
    tile[0, 1:-1], tile[-1, 1:-1] = source[top], source[bottom]
    tile[:, 0], tile[:, -1] = tile[:, 1 + left], tile[:, 1 + right]


def _maps(wall: _Wall, x: Single, y: Single, tile: Single) -> tuple[Single, Single]:
    """Where places lie in the picture of tiles; tile 0 is what lies before the first slice."""
    if wall.rows >= wall.depth + 2:
        return x + 1, tile * np.float32(wall.high) + y + np.float32(1)
    column = np.floor(tile * np.float32(1 / wall.rows) + np.float32(1e-4))
    row = tile - column * np.float32(wall.rows)
    return column * np.float32(wall.wide) + x + 1, row * np.float32(wall.high) + y + 1


def _kept(place: Single, n: int, border: int, *, whole: bool = False) -> Single:
    """Bring places to the framed slices, by the border's symmetry."""
    if border == K.BORDER_REFLECT:
        place = (place + 0.5) % (2 * n)
        place = np.minimum(place, 2 * n - place) - np.float32(0.5)
        return np.floor(place).clip(0, n - 1) if whole else place
    if border == K.BORDER_REFLECT_101:
        period = max(2 * n - 2, 1)
        place = place % period
        return np.minimum(place, period - place) if n > 1 else place * 0
    if border == K.BORDER_WRAP:
        return place % n
    low, high = (-1, n) if border == K.BORDER_CONSTANT else (0, n - 1)
    return np.clip(place, low, high, out=place)


# ------------------------------------------------------------------------------- places


def affine(rows: tuple[tuple[float, ...], ...], size: Size3) -> Planes:
    """Places by a matrix from the result to the source, its rows in the order x, y, z."""
    columns = np.arange(size[2], dtype=np.float64) + 0.5
    lines = np.arange(size[1], dtype=np.float64)[:, None] + 0.5
    flat = [(a * columns + b * lines + (d - 0.5)).astype(np.float32) for a, b, _, d in rows]
    steps = [row[2] for row in rows]

    def planes(i: int) -> tuple[Single, Single, Single]:
        x, y, z = (f + np.float32(s * (i + 0.5)) for f, s in zip(flat, steps, strict=True))
        return x, y, z

    return planes


def shifted(nodes: Single, steps: tuple[int, int, int], size: Size3) -> Planes:
    """Places by displacements (x, y, z) at nodes (k - 0.5)·step on each axis."""
    columns = np.arange(size[2], dtype=np.float32)
    lines = np.arange(size[1], dtype=np.float32)[:, None]
    deep, down, across = steps
    planar = np.ascontiguousarray(np.moveaxis(nodes, 3, 0))

    def planes(i: int) -> tuple[Single, Single, Single]:
        k, share = divmod((i + 0.5) / deep + 0.5, 1.0)
        low, high = (planar[:, min(int(k) + n, len(nodes) - 1)] for n in (0, 1))
        coarse = low + np.float32(share) * (high - low)
        field = [_spread(plane, (down, across), size) for plane in coarse]
        return field[0] + columns, field[1] + lines, field[2] + np.float32(i)

    return planes


def _spread(plane: Single, steps: tuple[int, int], size: Size3) -> Any:
    """Interpolate between the nodes of a slice."""
    down, across = steps
    grown: Any = plane
    if steps != (1, 1):
        grown = cv2.resize(plane, None, fx=across, fy=down, interpolation=cv2.INTER_LINEAR)
    return grown[down : down + size[1], across : across + size[2]]
