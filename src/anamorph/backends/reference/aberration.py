"""Colours through different lenses, from the definition."""

from __future__ import annotations

from collections.abc import Mapping

from anamorph.backends.base import Kernel
from anamorph.backends.reference.remap import remap_image
from anamorph.backends.reference.tone import Image
from anamorph.core.constants import BORDER_REPLICATE
from anamorph.core.errors import UndefinedError
from anamorph.ir.ops import Effect, Remap, Sampling


def aberration(op: Effect, image: Image) -> Image:
    """Distort red and blue radially: params are two coefficients each, and the interpolation."""
    if image.shape[2] != 3:
        raise UndefinedError(
            f"chromatic aberration needs 3 channels and the picture has {image.shape[2]}"
        )
    *factors, interpolation = op.params
    sampling = Sampling(interpolation, border=BORDER_REPLICATE)
    out = image.copy()
    for channel, lens in ((0, factors[:2]), (2, factors[2:])):
        field = Remap("camera", tuple(lens), image.shape[:2], sampling)
        out[:, :, channel] = remap_image(field, image[:, :, channel : channel + 1])[:, :, 0]
    return out


EFFECTS: Mapping[str, Kernel] = {"aberration": aberration}
