"""When two ops become one: a table of rules, each outcome with a label.

Fusing must never change what is shown where, only how often it is interpolated or quantised.
Labels: ``exact`` (bit-equal), ``rounding`` (at most one level), ``resampling`` (same geometry,
fewer interpolations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from anamorph.core import constants as K
from anamorph.core.errors import NotInvertibleError, UnknownNameError, nearest
from anamorph.ir import matrix as mx
from anamorph.ir.ops import (
    Cast,
    Color,
    ColorMatrix,
    Curve,
    Fill,
    Op,
    Remap,
    Sampling,
    Size,
    Warp,
)
from anamorph.ir.volume import Fill3, Warp3, joined, united

EXACT, ROUNDING, RESAMPLING = "exact", "rounding", "resampling"
MODES: Mapping[str, frozenset[str]] = {
    "all": frozenset({EXACT, ROUNDING, RESAMPLING}),
    "exact": frozenset({EXACT}),
    "none": frozenset(),
}
"""Value of ``Compose(fuse=…)`` → labels that are let through."""

Fusion = tuple[Op, str]
Rule = Callable[[Any, Any, Size], Fusion | None]
"""rule(first, second, size of the picture before the first) → what they become, or None."""

_FREE_BORDERS = frozenset({K.BORDER_CONSTANT, K.BORDER_REPLICATE, K.BORDER_REFLECT, K.BORDER_WRAP})
"""Borders that mean the same before and after a change of scale. Reflect-101 does not: it mirrors
about the centre of the outermost pixel, whose place depends on the pixel's size."""


@dataclass(slots=True)
class Step:
    """One op of a fused plan, the positions of the ops it came from, and how it came to be."""

    op: Op
    origins: tuple[int, ...]
    label: str | None
    source: Size


def fuse(ops: Iterable[Op], source: Size, mode: str = "all") -> list[Step]:
    """Fuse neighbours from left to right, as far as the table and the mode let them.

    Args:
        ops: the ops of a plan, in order.
        source: height and width of the picture before the first.
        mode: "all", "exact" or "none".
    """
    allowed = MODES[mode]
    steps: list[Step] = []
    size = source
    for position, op in enumerate(ops):
        step = Step(op, (position,), None, size)
        size = op.size_after(size)
        while steps and allowed:
            first = steps[-1]
            rule = RULES.get((type(first.op), type(step.op)))
            if rule is None:
                break
            found = rule(first.op, step.op, first.source)
            if found is None or found[1] not in allowed:
                break
            steps.pop()
            label = _worst(found[1], first.label, step.label)
            step = Step(found[0], first.origins + step.origins, label, first.source)
        steps.append(step)
    return steps


_RANK: Mapping[str | None, int] = {None: 0, EXACT: 0, ROUNDING: 1, RESAMPLING: 2}


def _worst(label: str, first: str | None, second: str | None) -> str:
    if first is not None and _RANK[first] > _RANK[label]:
        label = first
    if second is not None and _RANK[second] > _RANK[label]:
        label = second
    return label


def check_mode(mode: str) -> str:
    """Check the value of ``fuse``.

    Raises:
        UnknownNameError: there is no such mode.
    """
    if mode not in MODES:
        hint = nearest(str(mode), MODES)
        raise UnknownNameError(f"fuse = {mode!r}: it must be one of {', '.join(MODES)}{hint}")
    return mode


# --------------------------------------------------------------------------- Warp and Warp


def warp_warp(a: Warp, b: Warp, source: Size) -> Fusion | None:
    """Multiply the matrices where nothing that was cut off could come back."""
    a_grid, b_grid = mx.is_lattice(a.matrix), mx.is_lattice(b.matrix)
    smaller = a_grid and a.size[0] * a.size[1] < source[0] * source[1]
    lossless = not smaller and mx.maps_inside(a.matrix, source, a.size)
    covers = lossless and mx.covers(a.matrix, source, a.size)
    if covers and a_grid:  # a flip or quarter turn: the second does as it would have done
        return _product(a, b, b.sampling, a_grid=True, b_grid=b_grid)
    may = lossless or b_grid or not a_grid  # a crop costs nothing and keeps its own border
    inside = may and _looks_inside(b.matrix, b.size, a.size)
    if inside and b_grid and (a_grid or not _averages(a.sampling)):  # a crop or flip
        return _product(a, b, a.sampling, a_grid=a_grid, b_grid=True)
    if not (inside or lossless) or not _may_join(a, b, a_grid=a_grid, b_grid=b_grid):
        return None
    sampling = _border_of(a, b, inside=inside, covers=covers)
    if sampling is None:
        return None
    sampling = _with(sampling, b.sampling if a_grid else a.sampling, _turned(a, b).sampling)
    return _product(a, b, sampling, a_grid=a_grid, b_grid=b_grid)


def _averages(sampling: Sampling) -> bool:
    return K.INTER_AREA in (sampling.interpolation, sampling.mask_interpolation)


def _product(a: Warp, b: Warp, sampling: Sampling, *, a_grid: bool, b_grid: bool) -> Fusion:
    product = mx.matmul(b.matrix, a.matrix)
    if not (a_grid or b_grid):  # two turns may have come out straight
        product = mx.snapped(product)
    return Warp(product, b.size, sampling), EXACT if a_grid and b_grid else RESAMPLING


def _looks_inside(m: mx.Matrix, canvas: Size, source: Size) -> bool:
    try:
        return mx.maps_inside(mx.invert(m), canvas, source)
    except NotInvertibleError:
        return False


def _may_join(a: Warp, b: Warp, *, a_grid: bool, b_grid: bool) -> bool:
    """Only equal interpolation fuses, and area averaging does not; a lattice has none."""
    if a_grid and b_grid:
        return True
    s, t = a.sampling, b.sampling
    if not (a_grid or b_grid) and not _same_interpolation(s, t):
        return False
    if _averages(t if a_grid else s):
        return False
    turned_twice = not (mx.is_axis_aligned(a.matrix) or mx.is_axis_aligned(b.matrix))
    return not turned_twice or s.box_method == t.box_method


def _border_of(a: Warp, b: Warp, *, inside: bool, covers: bool) -> Sampling | None:
    """Whose border the result shows: the first's, the second's, or None if it would be a mix."""
    s, t = a.sampling, b.sampling
    if covers:
        return t if inside or t.border in _FREE_BORDERS else None
    if inside:
        return s
    agree = s.fill == t.fill and s.fill_mask == t.fill_mask
    constant = s.border == t.border == K.BORDER_CONSTANT
    return t if constant and agree else None


def _with(border: Sampling, reading: Sampling, turned: Sampling) -> Sampling:
    """Put together whose border, whose interpolation and whose way of turning boxes."""
    if border is reading is turned:
        return border
    return Sampling(
        reading.interpolation,
        reading.mask_interpolation,
        border.border,
        border.fill,
        border.fill_mask,
        turned.box_method,
    )


def _turned(a: Warp, b: Warp) -> Warp:
    return a if mx.is_axis_aligned(b.matrix) else b


# ------------------------------------------------------------------------ Warp and Remap


def remap_warp(a: Remap, b: Warp, _: Size) -> Fusion | None:
    """Let a warp that looks only inside the distorted canvas join the field."""
    canvas = a.canvas or a.size
    grid = mx.is_lattice(b.matrix)
    if not _looks_inside(b.matrix, b.size, canvas):
        return None
    if not grid and not _same_interpolation(a.sampling, b.sampling):
        return None
    after = mx.snapped(mx.matmul(b.matrix, a.after))
    return replace(a, after=after, canvas=b.size), RESAMPLING


def warp_remap(a: Warp, b: Remap, source: Size) -> Fusion | None:
    """Let a warp that loses nothing join the field that comes after it."""
    grid = mx.is_lattice(a.matrix)
    if b.source is not None or not mx.maps_inside(a.matrix, source, a.size):
        return None
    if not grid and not _same_interpolation(a.sampling, b.sampling):
        return None
    if not _border_survives(source, a, b.sampling, grid=grid):
        return None
    before = mx.snapped(mx.matmul(b.before, a.matrix))
    return replace(b, before=before, source=source), RESAMPLING


def _border_survives(source: Size, a: Warp, t: Sampling, *, grid: bool) -> bool:
    if mx.covers(a.matrix, source, a.size):
        return grid or t.border in _FREE_BORDERS
    s = a.sampling
    constant = s.border == t.border == K.BORDER_CONSTANT
    return constant and s.fill == t.fill and s.fill_mask == t.fill_mask


def _same_interpolation(s: Sampling, t: Sampling) -> bool:
    same = s.interpolation == t.interpolation and s.mask_interpolation == t.mask_interpolation
    return same and not _averages(s)


# --------------------------------------------------------------------------------- tones


def curve_curve(a: Curve, b: Curve, _: Size) -> Fusion | None:
    """Compose the functions; the picture is quantised once."""
    return Curve(a.steps + b.steps), ROUNDING


def matrix_matrix(a: ColorMatrix, b: ColorMatrix, _: Size) -> Fusion | None:
    """Multiply colour matrices if the first cannot leave [0, 1], so that no clipping is lost."""
    if not _stays_in_range(a):
        return None
    columns = len(a.rows[0]) - 1
    rows = []
    for row in b.rows:
        mixed = [sum(row[k] * a.rows[k][j] for k in range(len(a.rows))) for j in range(columns + 1)]
        mixed[-1] += row[-1]
        rows.append(tuple(mixed))
    return ColorMatrix(tuple(rows)), ROUNDING


def _stays_in_range(m: ColorMatrix) -> bool:
    for *weights, offset in m.rows:
        low = offset + sum(w for w in weights if w < 0)
        high = offset + sum(w for w in weights if w > 0)
        if low < -1e-6 or high > 1 + 1e-6:
            return False
    return True


def curve_cast(a: Curve, b: Cast, _: Size) -> Fusion | None:
    """Let the last table of the tones go into the normalisation."""
    if b.dtype != "float32":
        return None
    return replace(b, steps=a.steps + b.steps), ROUNDING


def cast_cast(a: Cast, b: Cast, _: Size) -> Fusion | None:
    """Join two conversions: the second's scale and layout after the first's."""
    if a.layout != "HWC" or a.tensor or b.steps:
        return None
    if b.scale == 1.0 and b.offset == 0.0 and b.dtype in (None, a.dtype):
        joined = replace(a, layout=b.layout, tensor=b.tensor, transpose_mask=b.transpose_mask)
        return joined, ROUNDING  # the same numbers, by another order of operations
    if a.dtype != "float32" or b.dtype != "float32":
        return None
    scale = _each(lambda s, t: s * t, a.scale, b.scale)
    offset = _each(lambda s, t: s + t, _each(lambda s, t: s * t, a.offset, b.scale), b.offset)
    return replace(b, scale=scale, offset=offset, steps=a.steps), ROUNDING


def _each(join: Callable[[float, float], float], a: Color, b: Color) -> Color:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return join(a, b)
    length = len(a) if isinstance(a, tuple) else len(b)  # type: ignore[arg-type]
    xs = a if isinstance(a, tuple) else (a,) * length
    ys = b if isinstance(b, tuple) else (b,) * length
    return tuple(join(x, y) for x, y in zip(xs, ys, strict=True))


def fill_fill(a: Fill, b: Fill, _: Size) -> Fusion | None:
    """Unite regions of equal value."""
    if a.value != b.value or a.mask_value != b.mask_value or isinstance(a.value, str):
        return None
    if a.stencil or b.stencil:
        return None
    return replace(a, regions=a.regions + b.regions), EXACT


# ------------------------------------------------------------------------------- volumes


def warp3_warp3(a: Warp3, b: Warp3, _: Size) -> Fusion | None:
    """Multiply the matrices where nothing that was cut off could come back."""
    found = joined(a, b)
    return None if found is None else (found[0], EXACT if found[1] else RESAMPLING)


def fill3_fill3(a: Fill3, b: Fill3, _: Size) -> Fusion | None:
    """Unite cuboids of equal value."""
    found = united(a, b)
    return None if found is None else (found, EXACT)


RULES: Mapping[tuple[type[Op], type[Op]], Rule] = {
    (Warp, Warp): warp_warp,
    (Remap, Warp): remap_warp,
    (Warp, Remap): warp_remap,
    (Curve, Curve): curve_curve,
    (ColorMatrix, ColorMatrix): matrix_matrix,
    (Curve, Cast): curve_cast,
    (Cast, Cast): cast_cast,
    (Fill, Fill): fill_fill,
    (Warp3, Warp3): warp3_warp3,
    (Fill3, Fill3): fill3_fill3,
}
"""(first, second) → rule. Pairs that are not here never fuse."""
