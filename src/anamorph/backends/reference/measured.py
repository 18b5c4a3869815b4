"""Depth, normals and flow from their definition, pixel by pixel in float64: the specification.

A pixel takes the value of the source pixel that holds the place it shows, 0 where there is none.
Under the map T, which takes places of the source to places of the result,

- depth stays,
- the flow v at x becomes T(x + v) - T(x),
- a normal n is turned as the normal of a surface is whose x and y go through the slopes J of T at
  that place and whose depth grows with the picture: by the inverse transpose of J and √|det J|,
  brought back to its length.

0 says that nothing was measured, or that nothing moves, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.remap import backward, forward, remap_mask
from anamorph.backends.reference.tiles import move_pixels
from anamorph.backends.reference.warp import warp_mask
from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.ops import (
    DEPTH,
    FLOW,
    NORMALS,
    Cast,
    Op,
    Remap,
    Sampling,
    Size,
    Target,
    Tiles,
    Warp,
)

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Map = Callable[[Floats], Floats]
"""Maps places (N, 2)."""

PICK = Sampling(mask_interpolation=K.INTER_NEAREST, border=K.BORDER_CONSTANT, fill_mask=0)
_H = 1e-3


def warp_depth(op: Warp, depth: Array) -> Array:
    """Move depths."""
    return warp_mask(replace(op, sampling=PICK), depth)


def remap_depth(op: Remap, depth: Array) -> Array:
    """Move depths."""
    return remap_mask(replace(op, sampling=PICK), depth)


def _there(m: mx.Matrix) -> Map:
    def apply(places: Floats) -> Floats:
        mapped = [mx.apply(m, x, y) for x, y in places.tolist()]
        return np.where(np.isfinite(mapped), mapped, np.nan)

    return apply


def _back(m: mx.Matrix) -> Map:
    inverse = np.linalg.inv(np.array(m).reshape(3, 3))

    def apply(places: Floats) -> Floats:
        mapped = np.column_stack([places, np.ones(len(places))]) @ inverse.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:])

    return apply


def _places(size: Size) -> Floats:
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    return np.column_stack([x.ravel(), y.ravel()])


def warp_flow(op: Warp, flow: Array) -> Array:
    """Move displacements and map their ends."""
    return _flow(warp_depth(op, flow), _back(op.matrix), _there(op.matrix))


def remap_flow(op: Remap, flow: Array) -> Array:
    """Move displacements and search where their ends are shown."""
    return _flow(remap_depth(op, flow), lambda p: backward(op, p), lambda p: forward(op, p))


def _flow(picked: Array, back: Map, there: Map) -> Array:
    places = _places(picked.shape[:2])
    values = picked.reshape(-1, 2).astype(np.float64)
    moves = (values != 0.0).any(axis=1)
    out = values.copy()
    out[moves] = there(back(places[moves]) + values[moves]) - places[moves]
    return out.reshape(picked.shape).astype(picked.dtype)


def warp_normals(op: Warp, normals: Array) -> Array:
    """Move normals and turn them."""
    return _normals(warp_depth(op, normals), _back(op.matrix))


def remap_normals(op: Remap, normals: Array) -> Array:
    """Move normals and turn them."""
    return _normals(remap_depth(op, normals), lambda p: backward(op, p))


def _normals(picked: Array, back: Map) -> Array:
    places = _places(picked.shape[:2])
    step_x, step_y = np.array([_H, 0.0]), np.array([0.0, _H])
    dx = (back(places + step_x) - back(places - step_x)) / (2 * _H)
    dy = (back(places + step_y) - back(places - step_y)) / (2 * _H)
    out = picked.reshape(-1, 3).astype(np.float64)
    for row, across, down in zip(out, dx, dy, strict=True):
        length = np.linalg.norm(row)
        if length > 0.0:
            slopes = np.linalg.inv(np.column_stack([across, down]))
            surface = np.zeros((3, 3))
            surface[:2, :2] = slopes
            surface[2, 2] = np.sqrt(abs(np.linalg.det(slopes)))
            turned = np.linalg.inv(surface).T @ row
            row[:] = turned * (length / np.linalg.norm(turned))
    return out.reshape(picked.shape).astype(picked.dtype)


def move_flow(op: Tiles, flow: Array) -> Array:
    """Move displacements with their tile, and each end with the tile that it is in."""
    out = flow.astype(np.float64)
    height, width = flow.shape[:2]
    for y in range(height):
        for x in range(width):
            v = flow[y, x].astype(np.float64)
            if v.any():
                here = _shift(op, x + 0.5, y + 0.5)
                out[y, x] = v + _shift(op, x + 0.5 + v[0], y + 0.5 + v[1]) - here
    return move_pixels(op, out.astype(flow.dtype))


def _shift(op: Tiles, x: float, y: float) -> Floats:
    for sx, sy, tx, ty, w, h in op.moves:
        if sx <= x < sx + w and sy <= y < sy + h:
            return np.array([tx - sx, ty - sy], np.float64)
    return np.zeros(2)


def to_tensor(op: Cast, values: Array) -> Any:
    """Hand out a tensor (C, H, W)."""
    if not op.tensor:
        return values
    return import_module("torch").from_numpy(values.transpose(2, 0, 1).copy(order="C"))


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
