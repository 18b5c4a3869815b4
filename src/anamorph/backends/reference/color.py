"""Mixing channels, pixel by pixel in double precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.tone import Floats, Image, intensities, store
from anamorph.core.errors import DataError, UndefinedError
from anamorph.ir.ops import IMAGE, ColorMatrix, Effect, Op, Target
from anamorph.ir.principal import sampled, shift_along_axes


def color_matrix(op: ColorMatrix, image: Image) -> Image:
    """Mix channels on intensities."""
    rows = np.array(op.rows, np.float64)
    if rows.shape[1] - 1 != image.shape[2]:
        raise DataError(
            f"a color matrix mixes {rows.shape[1] - 1} channels "
            f"and the picture has {image.shape[2]}"
        )
    return store(intensities(image) @ rows[:, :-1].T + rows[:, -1], image.dtype)


# -------------------------------------------------------------------------------------- HSV


def hsv(op: Effect, image: Image) -> Image:
    """Shift hue, saturation and value; 8-bit pictures through HSV rounded to 8 bits.

    Grey stays grey, whatever the shift of saturation.
    """
    if image.shape[2] != 3:
        raise UndefinedError(
            f"a shift of hue needs 3 channels and the picture has {image.shape[2]}"
        )
    hue, saturation, value = op.params
    h, s, v = rgb_to_hsv(intensities(image))
    if image.dtype == np.uint8:
        h = np.rint(h * 180.0) % 180.0
        h = np.rint(h + hue) % 180.0 / 180.0
        s = np.rint(s * 255.0)
        s = np.where(s == 0, 0.0, np.clip(np.rint(s + saturation), 0, 255)) / 255.0
        v = np.clip(np.rint(np.rint(v * 255.0) + value), 0, 255) / 255.0
    else:
        h = (h + hue / 180.0) % 1.0
        s = np.where(s == 0, 0.0, np.clip(s + saturation / 255.0, 0, 1))
        v = np.clip(v + value / 255.0, 0, 1)
    return store(hsv_to_rgb(h, s, v), image.dtype)


def rgb_to_hsv(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Bring RGB to hue in turns, saturation and value (A. R. Smith, 1978)."""
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    value = x.max(axis=2)
    span = value - x.min(axis=2)
    safe = np.where(span == 0, 1.0, span)
    sector = np.where(
        value == r, (g - b) / safe, np.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    hue = np.where(span == 0, 0.0, sector / 6.0 % 1.0)
    saturation = np.where(value == 0, 0.0, span / np.where(value == 0, 1.0, value))
    return hue, saturation, value


def hsv_to_rgb(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    """Bring HSV back to RGB."""

    def channel(n: int) -> Floats:
        k = (n + hue * 6.0) % 6.0
        shade: Floats = value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
        return shade

    return np.stack([channel(5), channel(3), channel(1)], axis=-1)


# ------------------------------------------------------------------------------------- grey


def gray(op: Effect, image: Image) -> Image:
    """Make grey, and repeat it over the channels."""
    method, count = op.params
    plane = _WAYS_TO_GRAY[method](intensities(image))
    return store(np.repeat(plane[:, :, None], count, axis=2), image.dtype)


def _brightest(x: Floats) -> Floats:
    high: Floats = x.max(axis=2)
    return high


def _desaturated(x: Floats) -> Floats:
    middle: Floats = (x.max(axis=2) + x.min(axis=2)) / 2.0
    return middle


def _lightness(x: Floats) -> Floats:
    light: Floats = rgb_to_lab(x)[..., 0] / 100.0
    return light


def _principal(x: Floats) -> Floats:
    points = x.reshape(-1, x.shape[2])
    centered = points - points.mean(axis=0)
    axis = np.linalg.eigh(centered.T @ centered)[1][:, -1]
    score = centered @ (-axis if axis.sum() < 0 else axis)
    span = np.ptp(score)
    light = points.mean(axis=1) if span < 1e-6 else (score - score.min()) / span
    plane: Floats = light.reshape(x.shape[:2])
    return plane


_WAYS_TO_GRAY: Mapping[str, Callable[[Floats], Floats]] = {
    "max": _brightest,
    "desaturation": _desaturated,
    "from_lab": _lightness,
    "pca": _principal,
}

# -------------------------------------------------------------------------------------- Lab

_TO_XYZ: npt.NDArray[np.float64] = np.array([
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
])  # fmt: skip
_WHITE_D65 = np.array([0.950456, 1.0, 1.088754])
_CUBE = (6.0 / 29.0) ** 3


def rgb_to_lab(x: Floats) -> Floats:
    """Bring sRGB to CIE L*a*b* under D65: L in [0, 100]."""
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE_D65
    f = np.where(ratio > _CUBE, np.cbrt(ratio), ratio * (841.0 / 108.0) + 4.0 / 29.0)
    fx, fy, fz = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1)


def lab_to_rgb(lab: Floats) -> Floats:
    """Bring CIE L*a*b* back to sRGB, clipped to [0, 1]."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    ratio = np.where(f > 6.0 / 29.0, f**3, (f - 4.0 / 29.0) * (108.0 / 841.0))
    linear = np.clip((ratio * _WHITE_D65) @ np.linalg.inv(_TO_XYZ).T, 0.0, 1.0)
    bent: Floats = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, bent)


# --------------------------------------------------------------------------- principal axes


def principal_shift(op: Effect, image: Image) -> Image:
    """Shift along the principal axes of the picture's colours: params are a number an axis."""
    x = intensities(image)
    return store(x + np.array(shift_along_axes(sampled(x), op.params)), image.dtype)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(ColorMatrix, IMAGE): color_matrix}
EFFECTS: Mapping[str, Kernel] = {"hsv": hsv, "gray": gray, "principal_shift": principal_shift}
