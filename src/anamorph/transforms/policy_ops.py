"""The ops of policies: how each is done with a magnitude.

Where an op means nothing for a picture it is left out: Color, unless there are three channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.ops import ColorMatrix, Convolve, Curve, Effect, Op, Sampling, Warp
from anamorph.transforms.base import Scene
from anamorph.transforms.policy_tables import Range

_DUST = 1e-6
"""What floating point may take off a whole number, or off a level."""
Make = Callable[[float, Scene, Sampling], Op | None]


def magnitude_of(rng: Rng, span: Range, number: int, count: int, scene: Scene) -> float:
    """Find the magnitude of a number, and draw its sign."""
    value = span.at(number, count)
    if span.of == "bits":
        return span.low - round((span.low - span.high) * number / (count - 1))
    if span.of == "width":
        value *= scene.size[1]
    elif span.of == "height":
        value *= scene.size[0]
    return -value if span.signed and rng.chance(0.5) else value


def op_of(name: str, magnitude: float, scene: Scene, sampling: Sampling) -> Op | None:
    """Make an op; None where it would leave the picture as it is."""
    return OPS[name](magnitude, scene, sampling)


# ------------------------------------------------------------------------------- geometry


def _shear_x(m: float, scene: Scene, sampling: Sampling) -> Op | None:
    """Lean about the top left corner; content moves to the left below it if m is positive."""
    return Warp((1.0, -m, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), scene.size, sampling) if m else None


def _shear_y(m: float, scene: Scene, sampling: Sampling) -> Op | None:
    return Warp((1.0, 0.0, 0.0, -m, 1.0, 0.0, 0.0, 0.0, 1.0), scene.size, sampling) if m else None


def _shift_x(m: float, scene: Scene, sampling: Sampling) -> Op | None:
    far = _whole(m)
    return Warp(mx.translation(far, 0), scene.size, sampling) if far else None


def _shift_y(m: float, scene: Scene, sampling: Sampling) -> Op | None:
    far = _whole(m)
    return Warp(mx.translation(0, far), scene.size, sampling) if far else None


def _whole(m: float) -> int:
    """Take whole pixels, towards zero."""
    return int(m + math.copysign(_DUST, m))


def _rotate(m: float, scene: Scene, sampling: Sampling) -> Op | None:
    return Warp.rotation(m, scene.size, sampling) if m else None


# ---------------------------------------------------------------------------------- tones


def _brightness(m: float, _: Scene, __: Sampling) -> Op | None:
    return Curve((("linear", 1.0 + m, 0.0),)) if m else None


def _contrast(m: float, scene: Scene, _: Sampling) -> Op | None:
    """About the mean of the luma, which is that of all channels where there are not three."""
    of = "gray" if scene.channels == 3 else "image"
    return Curve((("mean", 1.0 + m, -m, of),)) if m else None


def _color(m: float, scene: Scene, _: Sampling) -> Op | None:
    if scene.channels != 3 or not m:
        return None
    r, g, b = (-m * weight for weight in GRAY_WEIGHTS)
    f = 1.0 + m
    return ColorMatrix(((r + f, g, b, 0.0), (r, g + f, b, 0.0), (r, g, b + f, 0.0)))


def _sharpness(m: float, _: Scene, __: Sampling) -> Op | None:
    """Away from (positive) or towards the picture smoothed by 1 1 1, 1 5 1, 1 1 1, over 13."""
    if not m:
        return None
    side, center = -m / 13.0, 1.0 + m - 5.0 * m / 13.0
    row = (side, side, side)
    return Convolve("kernel", (3, 3), kernel=(row, (side, center, side), row))


def _posterize(m: float, _: Scene, __: Sampling) -> Op | None:
    return Curve((("posterize", m),)) if m < 8 else None


def _solarize(m: float, _: Scene, __: Sampling) -> Op | None:
    return Curve((("solarize", max(0.0, m - _DUST)),))


def _invert(_: float, __: Scene, ___: Sampling) -> Op | None:
    return Curve((("invert",),))


def _autocontrast(_: float, __: Scene, ___: Sampling) -> Op | None:
    return Effect("autocontrast", (0.0, None, "pil"))


def _equalize(_: float, __: Scene, ___: Sampling) -> Op | None:
    return Effect("equalize", ("below", True, None))


def _identity(_: float, __: Scene, ___: Sampling) -> Op | None:
    return None


GEOMETRY: Mapping[str, Make] = {
    "ShearX": _shear_x,
    "ShearY": _shear_y,
    "TranslateX": _shift_x,
    "TranslateY": _shift_y,
    "Rotate": _rotate,
}
OPS: Mapping[str, Make] = {
    **GEOMETRY,
    "Brightness": _brightness,
    "Contrast": _contrast,
    "Color": _color,
    "Sharpness": _sharpness,
    "Posterize": _posterize,
    "Solarize": _solarize,
    "Invert": _invert,
    "AutoContrast": _autocontrast,
    "Equalize": _equalize,
    "Identity": _identity,
}
"""Name → function(magnitude, scene, sampling) that makes the op."""
