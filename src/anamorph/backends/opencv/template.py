"""A template laid over the picture."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.linear import clipped
from anamorph.backends.opencv.planes import Image, flat
from anamorph.backends.opencv.warp import warp
from anamorph.core.constants import BORDER_REPLICATE, INTER_LINEAR, WHITE
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Effect


def template(op: Effect, image: Image) -> Image:
    """Add a template.

    params: weight of the picture, weight of the template, and the template.
    """
    weight, other_weight, other = op.params
    laid = _as(_fitted(other.array, image), image.dtype)
    out = cv2.addWeighted(flat(image), weight, flat(laid), other_weight, 0.0)
    return clipped(out).reshape(image.shape)


def _fitted(other: Image, image: Image) -> Image:
    """Bring a template to the size and the number of channels of the picture."""
    height, width, channels = image.shape
    if other.shape[:2] != (height, width):
        matrix = mx.scaling(width / other.shape[1], height / other.shape[0])
        other = warp(other, matrix, (height, width), (INTER_LINEAR, BORDER_REPLICATE, 0))
        other = other.reshape(height, width, -1)
    return other if other.shape[2] == channels else np.repeat(other, channels, axis=2)


def _as(other: Image, dtype: np.dtype[np.generic]) -> Image:
    """Bring values to another dtype by what is white in each."""
    if other.dtype == dtype:
        return other
    ratio = np.float32(WHITE[dtype.name] / WHITE[other.dtype.name])
    values = other * ratio
    return np.rint(values).astype(dtype) if dtype.kind == "u" else values


EFFECTS: Mapping[str, Kernel] = {"template": template}
