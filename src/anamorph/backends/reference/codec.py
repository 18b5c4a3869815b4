"""What is lost in a JPEG, by the definition of its lossy steps; low resolution.

Only the steps that lose something are here: color, subsampling, cosine transform, quantisation
(ITU-T T.81). The entropy coding between them is lossless. There is no reference for WebP.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.filter import stored
from anamorph.backends.reference.resize import resized
from anamorph.core.constants import INTER_LINEAR
from anamorph.core.errors import BackendError
from anamorph.ir.ops import IMAGE, Effect, Encode, Op, Target

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_LUMA: Final = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56], [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
], np.float64)  # fmt: skip
_CHROMA: Final = np.full((8, 8), 99.0)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
"""Tables K.1 and K.2 of the standard."""

_TO_YCC: Final = np.array([
    [0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312],
])  # fmt: skip
_COSINES: Final = np.array([
    [math.sqrt((1 if u == 0 else 2) / 8) * math.cos((2 * x + 1) * u * math.pi / 16)
     for x in range(8)] for u in range(8)
])  # fmt: skip
_TO_8_BITS: Final = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0}


def encode(op: Encode, image: Image) -> Image:
    """Lose what a JPEG of that quality loses, in 8 bits; three channels together, others singly."""
    if op.codec != "jpeg":
        raise BackendError(f"backend reference has no kernel for Encode by {op.codec!r}")
    scale = _TO_8_BITS[image.dtype.name]
    small = np.rint(image * scale)
    out = np.empty(image.shape)
    channels = image.shape[2]
    whole = channels - channels % 3
    for i in range(0, whole, 3):
        bgr = small[:, :, i : i + 3]
        out[:, :, i : i + 3] = _color(bgr[:, :, ::-1], op.quality)[:, :, ::-1]
    for i in range(whole, channels):
        out[:, :, i] = _plane(small[:, :, i], _LUMA, op.quality)
    return stored(np.clip(np.rint(out), 0, 255) / scale, image.dtype)


def _color(rgb: Floats, quality: int) -> Floats:
    ycc = np.rint(rgb @ _TO_YCC.T)
    luma = _plane(ycc[..., 0], _LUMA, quality)
    blue, red = (_subsampled(ycc[..., i], quality) for i in (1, 2))
    return np.stack([luma, blue, red], -1) @ np.linalg.inv(_TO_YCC).T


def _subsampled(plane: Floats, quality: int) -> Floats:
    """Code the means of 2 × 2 pixels, and interpolate back between their centres."""
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    small = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean((1, 3))
    small = np.rint(small)
    small = _plane(small + 128.0, _CHROMA, quality) - 128.0
    large = resized(small, (even.shape[0], even.shape[1]), INTER_LINEAR)
    return large[:height, :width]


def _plane(plane: Floats, table: Floats, quality: int) -> Floats:
    """Round the cosine coefficients of blocks of 8 × 8 to multiples of the scaled table."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = np.clip((table * percent + 50) // 100, 1, 255)
    height, width = plane.shape
    padded = np.pad(plane - 128.0, ((0, -height % 8), (0, -width % 8)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 8, 8, -1, 8).transpose(0, 2, 1, 3)
    rounded = np.rint(_COSINES @ blocks @ _COSINES.T / steps) * steps
    back = (_COSINES.T @ rounded @ _COSINES).transpose(0, 2, 1, 3).reshape(padded.shape)
    out: Floats = np.clip(np.rint(back + 128.0), 0, 255)[:height, :width]
    return out


# ------------------------------------------------------------------------- low resolution


def downscale(op: Effect, image: Image) -> Image:
    """Make the picture small and large again, one axis after the other."""
    scale, down, up = op.params
    size = image.shape[:2]
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    if small == size:
        return image
    exact = round(size[0] * scale) >= 1 <= round(size[1] * scale)
    once = resized(image.astype(np.float64), small, down, scale if exact else None)
    if image.dtype.kind != "f":
        once = stored(once, image.dtype).astype(np.float64)
    return stored(resized(once, (size[0], size[1]), up, None), image.dtype)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(Encode, IMAGE): encode}
EFFECTS: Mapping[str, Kernel] = {"downscale": downscale}
