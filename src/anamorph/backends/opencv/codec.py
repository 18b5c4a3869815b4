"""What is lost when a picture is written and read back, or made small and large again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.lattice import CHANNEL_LIMIT
from anamorph.backends.opencv.linear import clipped, in_groups
from anamorph.core.errors import DataError
from anamorph.ir.ops import IMAGE, Effect, Encode, Op, Target

Image = npt.NDArray[Any]

_CODECS: Mapping[str, tuple[str, int, int]] = {
    "jpeg": (".jpg", cv2.IMWRITE_JPEG_QUALITY, 65_488),
    "webp": (".webp", cv2.IMWRITE_WEBP_QUALITY, 16_368),
}
"""Codec → file ending, number of its quality setting, longest side (in whole blocks of 16)."""

_TO_8_BITS: Mapping[str, float] = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0}


def encode(op: Encode, image: Image) -> Image:
    """Write and read back with a codec of 8 bits.

    Three channels are coded together in the order in which they lie, others singly; 16-bit and
    float pictures are brought to 8 bits and back.
    """
    scale = _TO_8_BITS[image.dtype.name]
    small = image if scale == 1.0 else np.rint(image * np.float32(scale)).astype(np.uint8)
    out = _coded(op, np.ascontiguousarray(small))
    if scale == 1.0:
        return out
    return (out * np.float32(1.0 / scale)).astype(image.dtype).reshape(image.shape)


def _coded(op: Encode, image: Image) -> Image:
    channels = image.shape[2]
    limit = _CODECS[op.codec][2]
    if max(image.shape[:2]) > limit:
        return _in_blocks(op, image, limit)
    if channels in {1, 3}:
        return _once(op, image)
    out = np.empty(image.shape, image.dtype)
    whole = channels - channels % 3
    for start in range(0, whole, 3):
        out[:, :, start : start + 3] = _once(
            op, np.ascontiguousarray(image[:, :, start : start + 3])
        )
    for i in range(whole, channels):
        out[:, :, i] = _once(op, np.ascontiguousarray(image[:, :, i : i + 1]))
    return out


def _in_blocks(op: Encode, image: Image, limit: int) -> Image:
    """Code a picture that is larger than the format allows as several."""
    out = np.empty(image.shape, image.dtype)
    for y in range(0, image.shape[0], limit):
        for x in range(0, image.shape[1], limit):
            part = np.ascontiguousarray(image[y : y + limit, x : x + limit])
            out[y : y + limit, x : x + limit] = _coded(op, part).reshape(part.shape)
    return out


def _once(op: Encode, image: Image) -> Image:
    ending, quality, _ = _CODECS[op.codec]
    done, data = cv2.imencode(ending, image, (quality, op.quality))
    gray = image.shape[2] == 1
    out = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR) if done else None
    if out is None:
        raise DataError(f"this build of OpenCV cannot write and read {op.codec}")
    return out


_WITHIN = frozenset({cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT, cv2.INTER_LINEAR, cv2.INTER_AREA})
"""Interpolations that give nothing beyond what they read."""


def downscale(op: Effect, image: Image) -> Image:
    """Make the picture small and large again: params are a scale and two interpolations."""
    scale, down, up = op.params
    height, width = image.shape[:2]
    small = max(1, round(width * scale)), max(1, round(height * scale))
    if small == (width, height):
        return image
    exact = round(width * scale) >= 1 <= round(height * scale)  # else no side may come to nothing

    def there_and_back(part: Image) -> Image:
        part = (
            cv2.resize(part, None, fx=scale, fy=scale, interpolation=down)
            if exact
            else cv2.resize(part, small, interpolation=down)
        )
        return cv2.resize(part, (width, height), interpolation=up)

    averages = cv2.INTER_AREA in (down, up)  # of more than four channels OpenCV averages none
    done = in_groups(image, 4 if averages else CHANNEL_LIMIT, there_and_back)
    return done if {down, up} <= _WITHIN else clipped(done)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(Encode, IMAGE): encode}
EFFECTS: Mapping[str, Kernel] = {"downscale": downscale}
