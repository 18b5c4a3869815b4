"""A template laid over the picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.tone import Image, intensities, store
from anamorph.backends.reference.warp import warp_image
from anamorph.core.constants import BORDER_REPLICATE
from anamorph.ir.ops import Effect, Sampling, Warp


def template(op: Effect, image: Image) -> Image:
    """Sum both, weighted, the template resized to the picture."""
    weight, other_weight, other = op.params
    size = (image.shape[0], image.shape[1])
    sampling = Sampling(border=BORDER_REPLICATE)
    resized = warp_image(Warp.resize(other.shape[:2], size, sampling), other.array)
    laid = np.broadcast_to(intensities(resized), image.shape)
    return store(weight * intensities(image) + other_weight * laid, image.dtype)


EFFECTS: Mapping[str, Kernel] = {"template": template}
