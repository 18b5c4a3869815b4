"""Ops of whole volumes, each by the cheapest way that gives the right voxels."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.groups import clipped
from anamorph.backends.opencv.lattice import Array, fill_vector
from anamorph.backends.opencv.planes import planes
from anamorph.backends.opencv.volume_apart import warp_apart
from anamorph.backends.opencv.volume_labels import fill3_points, remap3_points, warp3_points
from anamorph.backends.opencv.volume_lattice import lattice, reordered
from anamorph.backends.opencv.volume_sampling import Edge, affine, read, shifted
from anamorph.core import constants as K
from anamorph.ir import matrix3 as mx
from anamorph.ir.ops import IMAGE, MASK, POINTS, Color, Op, Size, Target
from anamorph.ir.volume import Coarsen3, Fill3, Remap3, Tensor3, Warp3, picks
from anamorph.ir.volume_field import nodes, steps_of


def warp3_image(op: Warp3, block: Array) -> Array:
    """Warp a volume (D, H, W, C) of uint8, uint16 or float32."""
    return _warped(op, block, op.sampling.interpolation, op.sampling.fill)


def warp3_mask(op: Warp3, block: Array) -> Array:
    """Warp a volume of labels of any dtype; values and dtype are kept."""
    return _warped(op, block, op.sampling.mask_interpolation, op.sampling.fill_mask)


def _warped(op: Warp3, block: Array, interpolation: int, fill: Color) -> Array:
    border = op.sampling.border
    if mx.is_lattice(op.matrix):
        return lattice(block, op.matrix, op.size, border, fill)
    nearest = picks(interpolation)
    apart = mx.separated(op.matrix)
    if apart is not None:
        how = (K.INTER_NEAREST if nearest else K.INTER_LINEAR, border, fill)
        return warp_apart(op, block, apart, how)
    back = mx.rows_of(mx.invert(op.matrix))
    return read(block, affine(back, op.size), op.size, Edge(border, fill), nearest=nearest)


def remap3_image(op: Remap3, block: Array) -> Array:
    """Distort a volume."""
    return _remapped(op, block, op.sampling.interpolation, op.sampling.fill)


def remap3_mask(op: Remap3, block: Array) -> Array:
    """Distort a volume of labels."""
    return _remapped(op, block, op.sampling.mask_interpolation, op.sampling.fill_mask)


def _remapped(op: Remap3, block: Array, interpolation: int, fill: Color) -> Array:
    places = shifted(nodes(op), steps_of(op), op.size)
    edge = Edge(op.sampling.border, fill)
    return read(block, places, op.size, edge, nearest=picks(interpolation))


def fill3_image(op: Fill3, block: Array) -> Array:
    """Overwrite cuboids of a volume."""
    return _filled(op, block, op.value)


def fill3_mask(op: Fill3, block: Array) -> Array:
    """Overwrite cuboids of a volume of labels."""
    return block if op.mask_value is None else _filled(op, block, op.mask_value)


def _filled(op: Fill3, block: Array, value: Color) -> Array:
    out = block.copy(order="C")
    color = fill_vector(value, block.shape[3], block.dtype)
    plain = color if len(set(color.tolist())) > 1 else color[0]
    for x0, y0, z0, x1, y1, z1 in op.regions:
        out[z0:z1, y0:y1, x0:x1] = plain
    return out


def coarsen3(op: Coarsen3, block: Array) -> Array:
    """Shrink and enlarge a volume along one axis, as a picture whose rows are its slices."""
    moved = reordered(block, _FIRST[op.axis], (False,) * 3)
    rows = np.ascontiguousarray(moved).reshape(len(moved), -1)
    out = np.empty_like(rows)
    how = cv2.INTER_AREA if op.mean else cv2.INTER_LINEAR
    for start in range(0, rows.shape[1], _COLUMNS):
        part = rows[:, start : start + _COLUMNS]
        width = part.shape[1]
        thick = cv2.resize(part.astype(np.float32), (width, op.slices), interpolation=how)
        done = cv2.resize(thick, (width, len(rows)), interpolation=cv2.INTER_LINEAR)
        out[:, start : start + width] = clipped(done.astype(np.float64), rows.dtype)
    done = out.reshape(moved.shape)
    return reordered(done, _FIRST[op.axis], (False,) * 3)


_COLUMNS = 4096
"""Columns that are worked on at once, to stay in the cache."""
_FIRST: Mapping[int, tuple[int, int, int]] = {0: (0, 1, 2), 1: (1, 0, 2), 2: (2, 1, 0)}
"""Axis → exchange with the first."""


def tensor3(_: Tensor3, block: Array) -> Any:
    """Hand a volume out as a tensor (C, D, H, W) with memory of its own."""
    depth, height, width, channels = block.shape
    if channels == 1 or block.dtype not in (np.uint8, np.uint16, np.float32):
        moved = np.array(block.transpose(3, 0, 1, 2), order="C")
    else:
        moved = planes(np.ascontiguousarray(block).reshape(depth * height, width, channels))
        moved = moved.reshape(channels, depth, height, width)
    return import_module("torch").from_numpy(moved)


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


def primitive(op: Warp3, _source: Size) -> str:
    """Say what a warp of a volume runs."""
    if mx.is_lattice(op.matrix):
        return "voxels"
    return "slices" if mx.separated(op.matrix) is not None else "trilinear"


PRIMITIVES: Mapping[type[Op], Any] = {Warp3: primitive}
