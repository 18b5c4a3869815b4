"""Fields of displacements: coarse grids of nodes, bilinear in between, constant outside.

A distorted pixel at q reads the source at q + D(q), in continuous pixels. D is defined by its nodes
alone: pictures, masks, boxes and keypoints all follow the same piecewise bilinear surface, so they
agree exactly, whatever the spacing. The spacing is chosen so that the surface also lies close to
the formula that it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.rng import generator
from anamorph.ir.elastic import elastic

__all__ = ["FIELDS", "Field", "field_of"]

Floats = npt.NDArray[np.float64]
Size = tuple[int, int]

_CLOSE = 0.05
"""How far, in pixels, a surface may lie from a formula that is cheap to evaluate."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Displacements at nodes.

    ``xs`` and ``ys`` are the places of the nodes in pixels, ascending, two at least; ``shift`` is
    (rows, columns, 2) with dx, dy. An even ``step`` (x, y) in whole pixels puts node k at
    (k - 0.5)·step and the last node at or beyond the far border; (0, 0) means uneven nodes, between
    which the surface has creases.
    """

    xs: Floats
    ys: Floats
    shift: Floats
    step: tuple[int, int] = (0, 0)

    @property
    def creased(self) -> bool:
        """Whether the surface is meant to have creases at its nodes."""
        return self.step == (0, 0)

    @property
    def folded(self) -> bool:
        """Whether the map q → q + D(q) turns over somewhere, so that places are shown repeatedly."""
        read = self.shift.copy()
        read[..., 0] += self.xs
        read[..., 1] += self.ys[:, None]
        right, down = np.diff(read, axis=1), np.diff(read, axis=0)
        for across in (right[:-1], right[1:]):
            for along in (down[:, :-1], down[:, 1:]):
                turn = across[..., 0] * along[..., 1] - across[..., 1] * along[..., 0]
                if turn.size and float(turn.min()) <= 0.0:
                    return True
        return False

    def at(self, places: Floats) -> Floats:
        """Interpolate displacements at places (N, 2)."""
        i, u, _ = _locate(self.xs, self.step[0], places[:, 0])
        j, v, _ = _locate(self.ys, self.step[1], places[:, 1])
        top, bottom, _ = self._sides(i, j, u[:, None])
        return np.asarray(top + (bottom - top) * v[:, None])

    def ringed(self, by: float) -> Field:
        """Give the same surface with a ring of nodes around, at a distance in pixels."""
        xs = np.concatenate([[self.xs[0] - by], self.xs, [self.xs[-1] + by]])
        ys = np.concatenate([[self.ys[0] - by], self.ys, [self.ys[-1] + by]])
        return Field(xs, ys, np.pad(self.shift, ((1, 1), (1, 1), (0, 0)), mode="edge"))

    def with_slopes(self, places: Floats) -> tuple[Floats, Floats]:
        """Interpolate displacements (N, 2) and their Jacobians (N, 2, 2) at places (N, 2)."""
        i, u, width = _locate(self.xs, self.step[0], places[:, 0])
        j, v, height = _locate(self.ys, self.step[1], places[:, 1])
        down = v[:, None]
        top, bottom, (above, below) = self._sides(i, j, u[:, None])
        slopes = np.empty((len(places), 2, 2))
        slopes[:, :, 0] = (above + (below - above) * down) / width[:, None]
        slopes[:, :, 1] = (bottom - top) / height[:, None]
        return top + (bottom - top) * down, slopes

    def _sides(
        self, i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], u: Floats
    ) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
        """Interpolate along the top and bottom side of each cell; also the sides' differences."""
        columns = len(self.xs)
        flat = self.shift.reshape(-1, 2)
        corner = j * columns + i
        a, b = flat[corner], flat[corner + 1]
        c, d = flat[corner + columns], flat[corner + columns + 1]
        above, below = b - a, d - c
        return a + above * u, c + below * u, (above, below)


def _locate(nodes: Floats, step: int, x: Floats) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Find for each coordinate its cell, the share of the way through it, and its width.

    Beyond the nodes the share stays at the end and the width is infinite: slopes are zero there.
    """
    inside = np.clip(x, nodes[0], nodes[-1])
    if step:
        i = (inside / step + 0.5).astype(np.int64)
    else:
        i = np.searchsorted(nodes, inside, side="right") - 1
    np.clip(i, 0, len(nodes) - 2, out=i)
    width = nodes[i + 1] - nodes[i]
    share = (inside - nodes[i]) / width
    return i, share, np.where(inside == x, width, np.inf)


def field_of(kind: str, params: tuple[Any, ...], size: Size) -> Field:
    """Make a field, or give the one that was just made. Its arrays are read-only.

    Args:
        kind: a name in `FIELDS`.
        params: the numbers of that kind.
        size: height and width of the canvas.
    """
    return _cached(kind, params, size)


@lru_cache(maxsize=4)  # picture, mask and labels of one sample ask for the same field in turn
def _cached(kind: str, params: tuple[Any, ...], size: Size) -> Field:
    made = FIELDS[kind](params, size)
    for array in (made.xs, made.ys, made.shift):
        array.flags.writeable = False
    return made


# -------------------------------------------------------------------------------- even nodes


def _even(length: int, step: int) -> Floats:
    return np.asarray((np.arange(-(-length // step) + 2) - 0.5) * step)


def _even_field(size: Size, step: tuple[int, int], shift: Floats) -> Field:
    return Field(_even(size[1], step[0]), _even(size[0], step[1]), shift, step)


def _elastic(params: tuple[Any, ...], size: Size) -> Field:
    """(alpha, sigma, distribution, same, approximate, key): filtered noise."""
    alpha, sigma, distribution, same, approximate, key = params
    uniform = distribution == "uniform"
    options = {"uniform": uniform, "same": same, "approximate": approximate}
    shift, step = elastic(alpha, sigma, size, key, **options)
    return _even_field(size, (step, step), shift)


def _camera(params: tuple[Any, ...], size: Size) -> Field:
    """(k,) or (k1, k2): Brown's radial model, distances in shares of width and height."""
    k1, k2 = params * 2 if len(params) == 1 else params
    height, width = size
    strongest = max(abs(k1), abs(k2))
    step = _step_for(11.3 * strongest / min(size))  # second derivative at the corner

    def factor(x: Floats, y: Floats) -> Floats:
        square = (x / width) ** 2 + (y / height) ** 2
        return np.asarray(k1 * square + k2 * square**2)

    return _radial(size, step, factor)


def _fisheye(params: tuple[Any, ...], size: Size) -> Field:
    """(k,): cubic radial model, distances in shares of half the diagonal."""
    (k,) = params
    radius = math.hypot(*size) / 2
    step = _step_for(6 * abs(k) / radius)
    return _radial(size, step, lambda x, y: k * (x**2 + y**2) / radius**2)


def _radial(size: Size, step: int, factor: Callable[[Floats, Floats], Floats]) -> Field:
    x = _even(size[1], step)[None, :] - size[1] / 2
    y = _even(size[0], step)[:, None] - size[0] / 2
    f = factor(x, y)
    return _even_field(size, (step, step), np.stack([x * f, y * f], axis=-1))


def _step_for(curvature: float) -> int:
    """Find the widest step at which bilinear interpolation is close."""
    if curvature == 0:
        return 32
    return max(1, min(32, int(math.sqrt(8 * _CLOSE / curvature))))


def _thin_plate(params: tuple[Any, ...], size: Size) -> Field:
    """(points a side, standard deviation of their displacement as a share of the size, key)."""
    side, deviation, key = params
    step = _plate_step(size[1]), _plate_step(size[0])
    moves = generator(key).standard_normal((side * side, 2)) * deviation
    solution = _plate_solver(side) @ moves
    basis, (rows, columns) = _plate_basis(size, step, side)
    shift = basis @ solution
    shift *= (size[1], size[0])
    return _even_field(size, step, shift.reshape(rows, columns, 2))


@lru_cache(maxsize=4)
def _plate_basis(size: Size, step: Size, side: int) -> tuple[Floats, Size]:
    """Matrix from weights and affine part to displacements at the nodes; rows and columns of these."""
    xs, ys = _even(size[1], step[0]) / size[1], _even(size[0], step[1]) / size[0]
    places = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    bending = _bending(places, _control_points(side))
    basis = np.concatenate([bending, np.ones((len(places), 1)), places], axis=1)
    return basis, (len(ys), len(xs))


def _plate_step(length: int) -> int:
    return max(1, min(16, length // 64))


def _control_points(side: int) -> Floats:
    line = np.linspace(0, 1, side)
    points: Floats = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float64)
    return points


def _bending(places: Floats, points: Floats) -> Floats:
    """Evaluate r² log r from each place to each point (Bookstein 1989)."""
    across = (places[:, :1] - points[:, 0]).astype(np.float32)
    down = (places[:, 1:] - points[:, 1]).astype(np.float32)
    square = across**2 + down**2
    return np.asarray(0.5 * square * np.log(np.maximum(square, np.float32(1e-30))), np.float64)


@lru_cache(maxsize=8)
def _plate_solver(side: int) -> Floats:
    """Matrix from displacements of the control points to weights and affine part."""
    points = _control_points(side)
    count = len(points)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bending(points, points)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = points
    system[count + 1 :, :count] = points.T
    return np.asarray(np.linalg.inv(system)[:, :count], np.float64)


# ------------------------------------------------------------------------------- uneven nodes


def _ends(length: int) -> tuple[float, float]:
    """Centres of the outermost pixels: what stays between them shows no border."""
    return (0.5, length - 0.5) if length > 1 else (0.0, 1.0)


def _grid(params: tuple[Any, ...], size: Size) -> Field:
    """(factors of the columns' widths, of the rows' heights, normalized)."""
    across, down, normalized = params
    xs, dx = _stretched(size[1], across, normalized=normalized)
    ys, dy = _stretched(size[0], down, normalized=normalized)
    shift = np.empty((len(ys), len(xs), 2))
    shift[..., 0] = dx
    shift[..., 1] = dy[:, None]
    return Field(xs, ys, shift)


def _stretched(
    length: int, factors: tuple[float, ...], *, normalized: bool
) -> tuple[Floats, Floats]:
    """Nodes along one axis and their displacements: each width is read as factor times as wide.

    There is one factor more than cells are asked for: what whole cells leave over has its own.
    """
    low, high = _ends(length)
    cell = max(1, length // (len(factors) - 1))
    nodes = np.minimum(low + cell * np.arange(len(factors) + 1), high)
    nodes = nodes[: 1 + int(np.searchsorted(nodes, high - 1e-9))]
    nodes[-1] = high
    widths = np.diff(nodes) * factors[: len(nodes) - 1]
    if normalized:
        total = widths.sum()
        widths = widths * ((high - low) / total) if total > 0 else np.diff(nodes)
    source = low + np.concatenate([[0.0], np.cumsum(widths)])
    if normalized:
        source[-1] = high
    return nodes, source - nodes


def _piecewise(params: tuple[Any, ...], size: Size) -> Field:
    """(rows, columns, deviation in pixels (x, y), key): jittered nodes that stay in the picture."""
    rows, columns, deviation, key = params
    (left, right), (top, bottom) = _ends(size[1]), _ends(size[0])
    xs, ys = np.linspace(left, right, columns), np.linspace(top, bottom, rows)
    nodes = np.stack(np.meshgrid(xs, ys), axis=-1)
    moved = nodes + generator(key).standard_normal((rows, columns, 2)) * deviation
    shift = np.clip(moved, (left, top), (right, bottom)) - nodes
    shift *= (size[1] > 1, size[0] > 1)
    return Field(xs, ys, shift)


def _mesh(params: tuple[Any, ...], size: Size) -> Field:
    """(rows, columns, magnitude, key): inner nodes move by whole pixels up to the magnitude."""
    rows, columns, magnitude, key = params
    (left, right), (top, bottom) = _ends(size[1]), _ends(size[0])
    xs, ys = np.linspace(left, right, columns + 1), np.linspace(top, bottom, rows + 1)
    shift = np.zeros((rows + 1, columns + 1, 2))
    inner = (rows - 1, columns - 1, 2)
    shift[1:-1, 1:-1] = generator(key).integers(-magnitude, magnitude, inner, endpoint=True)
    return Field(xs, ys, shift)


FIELDS: Mapping[str, Callable[[tuple[Any, ...], Size], Field]] = {
    "elastic": _elastic,
    "camera": _camera,
    "fisheye": _fisheye,
    "thin_plate": _thin_plate,
    "grid": _grid,
    "piecewise": _piecewise,
    "mesh": _mesh,
}
"""kind → function(params, size of the canvas) → field; each says what its params are."""
