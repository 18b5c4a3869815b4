"""What kernels for batches owe: ops, one a sample, and how far their pixels may be off."""

from dataclasses import dataclass

import numpy as np

from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.ops import (
    Blend,
    Cast,
    ColorMatrix,
    Convolve,
    Curve,
    Effect,
    Fill,
    Noise,
    Op,
    Picture,
    Remap,
    Sampling,
    Tiles,
    Warp,
)
from backends.comparing import CURVES, picture

SIZE = (31, 33)
EXACT = {"uint8": 0.0, "uint16": 0.0, "float32": 0.0}
ROUNDED = {"uint8": 1.0, "uint16": 1 / 257, "float32": 0.001}
"""Values that lie between two levels may be rounded to the other."""
READ = {"uint8": 1.0, "uint16": 0.05, "float32": 0.05}
"""Places are known to a part in a thousand of a pixel."""
NUMBERS = {"uint8": 0.001, "uint16": 0.004, "float32": 0.001}
HUES = {"uint8": 9.0, "uint16": 0.01, "float32": 0.001}
"""A level of hue of 8 bits that is rounded the other way is up to 9 levels of RGB."""


TABLES = {"uint8": 1.0, "uint16": 1.0, "float32": 1.0}
"""A level that is counted on the other side of a half moves a table's entry by one."""


LUMAS = {"uint8": 4.0, "uint16": 1.0, "float32": 1.0}
"""The luma of bytes is rounded before it is counted, and a table's entries lie levels apart."""


@dataclass(frozen=True)
class Row:
    """Ops that make one batch, tolerance in levels of 255 a dtype, and numbers of channels."""

    ops: tuple[Op, ...]
    off: dict[str, float]
    channels: tuple[int, ...] = (1, 3, 5)
    smooth: bool = True
    """Whether gradients pass to the pixels."""


def _noise(kind, *params):
    return tuple(Noise(kind, p, 77 + i) for i, p in enumerate(params))


def _kernel(size):
    rows = np.random.default_rng(size).normal(size=(size, size))
    return Convolve("kernel", (size, size), kernel=tuple(map(tuple, rows.tolist())))


def _remaps(interpolation, border):
    sampling = Sampling(interpolation, 0, border, 0.5)
    tilt = mx.homography([(0, 0), (33, 0), (33, 31), (0, 31)], [(3, 1), (30, 3), (33, 31), (2, 29)])
    shifted, turned = mx.translation(2.5, 1), mx.rotation(20)
    return (
        Remap("elastic", (20.0, 4.0, "gaussian", False, False, 5), SIZE, sampling),
        Remap("camera", (0.3,), SIZE, sampling, before=shifted),
        Remap("fisheye", (-0.4,), SIZE, sampling, after=turned),
        Remap("grid", ((1.0, 1.3, 0.8, 1.0), (1.0, 0.7, 1.2, 1.0), True), SIZE, sampling),
        Remap("thin_plate", (4, 0.1, 9), SIZE, sampling),
        Remap("piecewise", (4, 5, (2.0, 2.0), 3), SIZE, sampling),
        Remap("mesh", (4, 5, 3, 3), SIZE, sampling),
        Remap("camera", (0.2, 0.1), SIZE, sampling, before=tilt),
    )


_CELLS = ((1, 1, 1), (0, 1, 0), (0, 0, 1))
_ASIDE = ((0, 0, 0, 0, 1),)
_WHERE = Picture.of((np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 3 > 0).astype(np.uint8))
_LATTICE = ("lattice", 8.0, 3.0, 1.0, 2.0, 30.0)
_MIXES = tuple(
    ColorMatrix(tuple(map(tuple, np.random.default_rng(seed).normal(size=(3, 4)).tolist())))
    for seed in range(4)
)

TABLE = {
    "Warp": Row(
        (Warp.rotation(33, SIZE), Warp.symmetry("h", SIZE), Warp.resize((20, 50), SIZE)), READ
    ),
    "Remap linear": Row(_remaps(K.INTER_LINEAR, K.BORDER_CONSTANT), READ),
    "Remap linear, mirrored": Row(_remaps(K.INTER_LINEAR, K.BORDER_REFLECT_101), READ),
    "Remap nearest": Row(_remaps(K.INTER_NEAREST, K.BORDER_REFLECT), EXACT),
    "Remap cubic": Row(_remaps(K.INTER_CUBIC, K.BORDER_WRAP), READ),
    "Curve": Row(tuple(Curve(steps) for steps in CURVES.values()), ROUNDED, smooth=False),
    "Curve by channel": Row(
        (
            Curve((("linear", (1.0, 0.5, 0.2), 0.1),)),
            Curve((("linear", 0.3, 0.1),)),
            Curve((("gamma", (1.0, 0.5, 0.2)),)),
            Curve((("points", (0.0, 0.5, 1.0), (1.0, 0.2, 0.0), (0.1, 0.2, 0.3)),)),
            Curve((("mean", 1.4, -0.4, "gray"), ("linear", (1.0, 0.5, 0.2), 0.0))),
        ),
        ROUNDED,
        (3,),
    ),
    "ColorMatrix": Row(_MIXES, ROUNDED, (3,)),
    "ColorMatrix to one": Row((ColorMatrix(((0.2, 0.3, 0.4, 0.1),)),) * 2, ROUNDED, (3,)),
    "Convolve gaussian": Row(
        tuple(Convolve("gaussian", (2 * k + 3,) * 2, (0.5 * k,) * 2) for k in range(4)), ROUNDED
    ),
    "Convolve box": Row(tuple(Convolve("box", (k + 2, k + 3)) for k in range(4)), ROUNDED),
    "Convolve kernel": Row(tuple(_kernel(size) for size in (1, 3, 5, 7)), ROUNDED),
    "Convolve disk": Row(
        tuple(Convolve("disk", (2 * k + 3,) * 2, (0.3 * k,) * 2) for k in range(4)), ROUNDED
    ),
    "Convolve ranks": Row(
        tuple(
            Convolve(kind, (3, 3), kernel=cells)
            for kind in ("dilate", "erode")
            for cells in (_CELLS, _ASIDE)
        ),
        EXACT,
    ),
    "Noise gauss": Row(
        _noise(
            "gauss",
            *((0.0, 0.1, True, 1.0), (0.1, 0.2, True, 1.0)),
            *((0.0, 0.1, False, 1.0), (0.0, 0.1, True, 0.5), (0.0, 0.003, True, 1.0)),
        ),
        ROUNDED,
    ),
    "Noise additive": Row(
        _noise(
            "additive",
            *(("uniform", (-0.1, 0.1), True, 1.0), ("laplace", (0.0, 0.1), False, 1.0)),
            *(("beta", (0.5, 0.5, 0.1), True, 0.5), ("beta", (0.5, 0.5, 0.1), True, 1.0)),
        ),
        ROUNDED,
    ),
    "Noise additive by channel": Row(
        _noise("additive", ("uniform", ((-0.1, -0.2, -0.3), (0.1, 0.2, 0.3)), True, 1.0)),
        ROUNDED,
        (3,),
    ),
    "Noise multiply": Row(
        _noise("multiply", (0.5, 1.5, True), (0.5, 1.5, False), (0.1, 3.0, True)), ROUNDED
    ),
    "Noise salt and pepper": Row(
        _noise("salt_pepper", (0.1, 0.5), (0.01, 0.2), (0.3, 0.9), (0.0, 0.5)), EXACT
    ),
    "Noise drop": Row(_noise("drop", (0.1, True, 0), (0.1, False, 1), (0.01, True, 0)), EXACT),
    "Noise shot": Row(_noise("shot", (0.1,), (0.01,), (0.0005,), (0.3,)), ROUNDED, smooth=False),
    "Noise rice": Row(_noise("rice", (0.1, True), (0.01, False), (0.3, True)), ROUNDED),
    "Noise film": Row(_noise("film", (0.1, 1.5), (0.2, 2.0), (0.3, 3.0)), ROUNDED),
    "Fill": Row((Fill(((1, 2, 8, 9), (5, 5, 20, 30)), 1), Fill(((3, 3, 4, 4),), 0)), EXACT),
    "Fill drawn": Row(
        (
            Fill(((3, 3, 4, 14),), "random", key=8),
            Fill(((3, 3, 4, 14), (8, 8, 12, 14)), "random_uniform", key=9),
            Fill((), "random", key=3, stencil=_LATTICE),
        ),
        EXACT,
    ),
    "Fill lattice": Row((Fill((), 1, stencil=_LATTICE),), EXACT),
    "Tiles": Row((Tiles(((0, 0, 10, 10, 10, 10), (10, 10, 0, 0, 10, 10))), Tiles(())), EXACT),
    "Cast": Row(
        (Cast("float32", 1 / 58.0, -2.0), Cast("float32", 1 / 255.0, 0.5, steps=CURVES["chain"])),
        NUMBERS,
    ),
    "Cast by channel": Row(
        (
            Cast("float32", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), "CHW"),
            Cast("float32", 0.1, 1.0, "CHW", steps=CURVES["mean"]),
        ),
        NUMBERS,
        (3,),
    ),
    "Effect hsv": Row(
        tuple(Effect("hsv", (k * 7.0, k * 5.0 - 8, k * 9.0 - 20)) for k in range(4)), HUES, (3,)
    ),
    "Effect gray": Row(
        tuple(Effect("gray", (way, 3)) for way in ("max", "desaturation", "from_lab", "pca")),
        ROUNDED,
        (3,),
    ),
    "Effect normalize_stats": Row(
        tuple(
            Effect("normalize_stats", (way,))
            for way in ("image", "image_per_channel", "min_max", "min_max_per_channel")
        ),
        NUMBERS,
    ),
    "Effect equalize": Row(
        tuple(Effect("equalize", (mode, True, None)) for mode in ("cv", "pil", "below")),
        TABLES,
        smooth=False,
    ),
    "Effect equalize, luma": Row(
        (
            Effect("equalize", ("cv", False, None)),
            Effect("equalize", ("pil", False, None)),
            Effect("equalize", ("cv", False, _WHERE)),
            Effect("equalize", ("below", True, _WHERE)),
        ),
        LUMAS,
        (1, 3),
        smooth=False,
    ),
    "Effect autocontrast": Row(
        tuple(
            Effect("autocontrast", (cutoff, ignore, method))
            for cutoff in (0.0, 1.0, 20.0)
            for ignore, method in ((None, "pil"), (100, "pil"), (None, "cdf"))
        ),
        TABLES,
        smooth=False,
    ),
    "Effect light": Row(
        (
            Effect("light", ("linear", 0.2, 30.0)),
            Effect("light", ("corner", 0.2, 0)),
            Effect("light", ("corner", -0.2, 1)),
            Effect("light", ("corner", 0.3, 2)),
            Effect("light", ("corner", 0.3, 3)),
            Effect("light", ("gaussian", 0.3, 0.2, 0.7, 0.3)),
            Effect("light", ("vignette", -0.3, 0.4, 0.6)),
        ),
        ROUNDED,
    ),
    "Effect bias_field": Row(
        (
            Effect("bias_field", (0.2, 0.2, True), 5),
            Effect("bias_field", (0.2, 0.2, False), 6),
            Effect("bias_field", (0.3, 0.1, True), 7),
        ),
        ROUNDED,
    ),
    "Effect principal_shift": Row(
        tuple(Effect("principal_shift", (0.3, -2.0 * k, 4.0)) for k in range(3)), ROUNDED, (3,)
    ),
    "Effect zoom": Row(
        tuple(Effect("zoom", (3 + k // 2, 1.1 + 0.1 * k)) for k in range(3)), ROUNDED
    ),
    "Effect median": Row(tuple(Effect("median", (size,)) for size in (3, 5, 3, 7)), EXACT),
    "Effect sharpen": Row(
        tuple(Effect("sharpen", (0.3 * k, 3 + 2 * k, 0.5 * k)) for k in range(4)), ROUNDED
    ),
    "Effect unsharp": Row(
        tuple(Effect("unsharp", (0.3 * k, 3 + 2 * k, 0.5 * k, 3.0 * k)) for k in range(4)),
        ROUNDED,
        smooth=False,
    ),
}


def blends(channels, dtype):
    """Ops that hold pictures, for pictures of one kind."""
    others = [picture(SIZE, channels, dtype, seed) for seed in range(9, 12)]
    return tuple(Blend(0.2 + 0.3 * k, Picture.of(other)) for k, other in enumerate(others))


def tolerances():
    """The table as the page on batches shows it: levels of 255 that pixels may be off."""
    lines = ["| kernel | uint8 | uint16 | float32 |", "|---|---|---|---|"]
    for name, row in {**TABLE, "Blend": Row((), ROUNDED)}.items():
        told = (f"{row.off[dtype]:.2g}" for dtype in ("uint8", "uint16", "float32"))
        lines.append(f"| {name} | {' | '.join(told)} |")
    return "\n".join(lines)
