"""Stains of histology: densities, concentrations and back, in double precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.tone import Image, intensities, store
from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.core.errors import UndefinedError
from anamorph.ir import stains
from anamorph.ir.ops import Effect
from anamorph.ir.principal import sampled


def stain(op: Effect, image: Image) -> Image:
    """Scale and shift the concentrations of two stains."""
    if image.shape[2] != 3:
        raise UndefinedError(
            f"a stain of hematoxylin and eosin needs 3 channels and the picture has {image.shape[2]}"
        )
    found, scales, shifts, everywhere = op.params
    x = intensities(image)
    densities = -np.log(np.maximum(x, stains.DARKEST))
    pair = stains.find(found, sampled(x)) if isinstance(found, str) else np.array(found)
    amounts = np.linalg.solve(pair @ pair.T + 1e-6 * np.eye(2), pair @ densities.reshape(-1, 3).T).T
    changed = amounts * scales + shifts
    glass = (x @ np.array(GRAY_WEIGHTS) >= stains.GLASS).reshape(-1, 1)
    if not everywhere:
        changed = np.where(glass, amounts, changed)
    return store(np.exp(-(changed @ pair)).reshape(x.shape), image.dtype)


EFFECTS: Mapping[str, Kernel] = {"stain": stain}
