"""Colours through different lenses: red and blue are resampled, green is left alone."""

from __future__ import annotations

from collections.abc import Mapping

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.color import needs_channels
from anamorph.backends.opencv.planes import Image, join, lent_planes
from anamorph.backends.opencv.remap import remap_image
from anamorph.core.constants import BORDER_REPLICATE
from anamorph.ir.ops import Effect, Remap, Sampling


def aberration(op: Effect, image: Image) -> Image:
    """Distort red and blue radially.

    params: two coefficients for red, two for blue, and the interpolation.
    """
    needs_channels(image, (3,), "chromatic aberration")
    *factors, interpolation = op.params
    sampling = Sampling(interpolation, border=BORDER_REPLICATE)
    parts = list(lent_planes(image))
    for channel, lens in ((0, factors[:2]), (2, factors[2:])):
        if any(lens):
            field = Remap("camera", tuple(lens), image.shape[:2], sampling)
            parts[channel] = remap_image(field, parts[channel][:, :, None])
    return join(parts)


EFFECTS: Mapping[str, Kernel] = {"aberration": aberration}
