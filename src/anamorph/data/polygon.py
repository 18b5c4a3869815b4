"""Polygons and masks: a pixel belongs to a polygon that contains its centre.

Coordinates are continuous: pixel (0, 0) spans [0, 1) in both directions. So a polygon along the
cracks between pixels and the mask of those pixels say the same, and neither loses anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.clipping import signed_area

Points: TypeAlias = NDArray[np.float64]

_SLACK = 0.8
"""How far, in pixels, a traced outline may be from the cracks: half a stair step and a little."""


def fill(polygons: Iterable[Points], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask of the union of polygons, each Nx2 of x, y; each filled by the even-odd rule."""
    mask = np.zeros(size, np.bool_)
    for polygon in polygons:
        mask |= _fill_one(np.asarray(polygon, np.float64), size)
    return mask


def _fill_one(points: Points, size: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = size
    toggles = np.zeros((height, width + 1), np.uint8)
    corners = points.tolist()
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        first = _centre_after(min(y0, y1), height)
        last = _centre_after(max(y0, y1), height)
        if first < last:
            rows = np.arange(first, last)
            crossings = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            columns = np.minimum(np.maximum(np.ceil(crossings - 0.5), 0), width)
            toggles[rows, columns.astype(np.intp)] ^= 1
    filled: NDArray[np.bool_] = np.bitwise_xor.accumulate(toggles, axis=1)[:, :width] != 0
    return filled


def _centre_after(y: float, height: int) -> int:
    """The first row whose centre is at ``y`` or below it."""
    return min(max(math.ceil(y - 0.5), 0), height)


def trace(mask: NDArray[Any], slack: float = _SLACK) -> list[Points]:
    """Outline a mask: one polygon for each separate part, its holes joined to it by a slit.

    Args:
        mask: HxW, anything but zero is inside.
        slack: by how many pixels an outline may cut a corner; 0 keeps every pixel.
    """
    inside = np.ascontiguousarray(np.asarray(mask) != 0, np.uint8)
    if not inside.any():
        return []
    # At twice the size a border pixel tells on which side of it the crack lies.
    doubled = inside.repeat(2, axis=0).repeat(2, axis=1)
    contours, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = tree[0][:, 3]
    outlines = []
    for index in np.flatnonzero(parents < 0).tolist():
        outline = _outline(contours[index], slack)
        for hole in np.flatnonzero(parents == index).tolist():
            outline = join(outline, _outline(contours[hole], slack))
        outlines.append(outline)
    return [outline for outline in outlines if len(outline) >= 3]


def _outline(contour: NDArray[Any], slack: float) -> Points:
    """The cracks along a contour of a doubled mask, with no more corners than slack asks for."""
    cracks = (contour[:, 0, :] + 1) // 2
    return cv2.approxPolyDP(cracks[:, None, :], slack, closed=True)[:, 0, :].astype(np.float64)


def join(outline: Points, other: Points) -> Points:
    """One polygon for two, or for an outline and its hole, by a slit between near corners."""
    apart = ((outline[:, None, :] - other[None, :, :]) ** 2).sum(axis=2)
    here, there = np.unravel_index(int(apart.argmin()), apart.shape)
    loop = np.roll(other, -int(there), axis=0)
    return np.concatenate([outline[: here + 1], loop, loop[:1], outline[here:]])


def area(polygons: Sequence[Points]) -> float:
    """The sum of the areas of polygons, by the shoelace formula."""
    return sum(abs(signed_area(points)) for points in polygons)


def bounds(polygons: Sequence[Points]) -> tuple[float, float, float, float]:
    """The tight box around polygons, as x_min, y_min, x_max, y_max."""
    points = np.concatenate(list(polygons))
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
