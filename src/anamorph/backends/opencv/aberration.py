"""Colours through different lenses: red and blue are resampled, green is left alone."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.color import needs_channels
from anamorph.backends.opencv.planes import Image
from anamorph.backends.opencv.remap import remap_image
from anamorph.core.constants import BORDER_REPLICATE
from anamorph.ir.ops import Effect, Op, Remap, Sampling, Target


def aberration(op: Effect, image: Image) -> Image:
    """Distort red and blue radially.

    params: two coefficients for red, two for blue, and the interpolation.
    """
    needs_channels(image, (3,), "chromatic aberration")
    *factors, interpolation = op.params
    sampling = Sampling(interpolation, border=BORDER_REPLICATE)
    out = image.copy()
    for channel, lens in ((0, factors[:2]), (2, factors[2:])):
        if any(lens):
            plane = cv2.extractChannel(image, channel)[:, :, None]
            field = Remap("camera", tuple(lens), image.shape[:2], sampling)
            cv2.insertChannel(np.ascontiguousarray(remap_image(field, plane)), out, channel)
    return out


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {}
EFFECTS: Mapping[str, Kernel] = {"aberration": aberration}
