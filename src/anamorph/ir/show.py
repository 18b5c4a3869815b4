"""Say in a line what an op does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anamorph.core.constants import BORDERS, INTERPOLATIONS
from anamorph.core.errors import sides
from anamorph.ir import matrix as mx
from anamorph.ir import matrix3 as mx3
from anamorph.ir.collage import Collage
from anamorph.ir.frames import Frames
from anamorph.ir.ops import (
    Cast,
    ColorMatrix,
    Convolve,
    Curve,
    Effect,
    Encode,
    Fill,
    Noise,
    Op,
    Remap,
    Tiles,
    Warp,
)
from anamorph.ir.volume import Coarsen3, Fill3, Remap3, Tensor3, Warp3


def line(op: Op) -> str:
    """Write an op in one short line, with its numbers rounded for reading."""
    return SHOWN.get(type(op), repr)(op)


def _warp(op: Warp) -> str:
    h, w = op.size
    how = INTERPOLATIONS[op.sampling.interpolation]
    border = BORDERS[op.sampling.border]
    if mx.is_lattice(op.matrix):
        how = "exact"
    rows = [op.matrix[0:3], op.matrix[3:6]] + ([] if mx.is_affine(op.matrix) else [op.matrix[6:9]])
    text = " | ".join(" ".join(_short(v) for v in row) for row in rows)
    return f"Warp [{text}] → {h}×{w}, {how}, border {border}"


def _remap(op: Remap) -> str:
    h, w = op.canvas or op.size
    return f"Remap {op.kind} → {h}×{w}, {INTERPOLATIONS[op.sampling.interpolation]}"


def _curve(op: Curve) -> str:
    return "Curve " + " ∘ ".join(_step(s) for s in op.steps)


def _step(step: tuple[Any, ...]) -> str:
    name, *numbers = step
    return f"{name}({', '.join(_short(n) for n in numbers)})"


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        inner = ", ".join(_short(v) for v in value[:4])
        return f"({inner}{', …' if len(value) > 4 else ''})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _matrix(op: ColorMatrix) -> str:
    return "ColorMatrix " + " | ".join(" ".join(_short(v) for v in row) for row in op.rows)


def _cast(op: Cast) -> str:
    steps = f" after {_curve(Curve(op.steps))}" if op.steps else ""
    tensor = " tensor" if op.tensor else ""
    return (
        f"Cast {op.dtype or 'as it is'} {op.layout}{tensor}, "
        f"×{_short(op.scale)} + {_short(op.offset)}{steps}"
    )


def _regions(op: Fill) -> str:
    return f"{op.stencil[0]} of a stencil" if op.stencil else f"{len(op.regions)} regions"


def _warp3(op: Warp3) -> str:
    rows = " | ".join(" ".join(_short(v) for v in row) for row in mx3.rows_of(op.matrix))
    how = "exact" if mx3.is_lattice(op.matrix) else INTERPOLATIONS[op.sampling.interpolation]
    return f"Warp3 [{rows}] → {sides(op.size)}, {how}, border {BORDERS[op.sampling.border]}"


def _collage(op: Collage) -> str:
    canvas = f" on {sides(op.canvas)}" if op.canvas else ""
    return f"Collage of {len(op.pieces)} pieces{canvas}"


SHOWN: Mapping[type[Op], Callable[[Any], str]] = {
    Warp: _warp,
    Remap: _remap,
    Curve: _curve,
    ColorMatrix: _matrix,
    Cast: _cast,
    Convolve: lambda op: f"Convolve {op.kind} {op.size[0]}×{op.size[1]} sigma {_short(op.sigma)}",
    Noise: lambda op: f"Noise {op.kind}{_short(op.params)}",
    Fill: lambda op: f"Fill {_regions(op)} with {_short(op.value)}",
    Collage: _collage,
    Frames: lambda op: f"Frames {_short(op.picks)} of {op.source}",
    Tiles: lambda op: f"Tiles {len(op.moves)} moves",
    Encode: lambda op: f"Encode {op.codec} quality {op.quality}",
    Warp3: _warp3,
    Remap3: lambda op: f"Remap3 {op.kind} → {sides(op.size)}",
    Fill3: lambda op: f"Fill3 {len(op.regions)} cuboids with {_short(op.value)}",
    Coarsen3: lambda op: f"Coarsen3 axis {op.axis} to {op.slices} slices",
    Tensor3: lambda _: "Tensor3 C×D×H×W",
    Effect: lambda op: f"Effect {op.name}{_short(op.params)}",
}
"""Op → how it is written."""
