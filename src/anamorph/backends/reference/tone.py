"""Curves, evaluated in double precision at every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.core.constants import GRAY_WEIGHTS, WHITE
from anamorph.ir import tone
from anamorph.ir.ops import IMAGE, Curve, Op, Target
from anamorph.ir.tone import Step

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

LEVELS: Mapping[str, int] = {"uint8": 255, "uint16": 65535, "float32": 0}


def curve(op: Curve, image: Image) -> Image:
    """Apply tone steps."""
    return store(toned(op.steps, image), image.dtype)


def toned(steps: tuple[Step, ...], image: Image) -> Floats:
    """Give the intensities after some steps, not yet brought to the picture's dtype."""
    x = intensities(image)
    levels = LEVELS[image.dtype.name]

    def mean(done: tuple[Step, ...], of: str) -> float:
        so_far = tone.evaluate(done, x, levels)
        if of == "gray" and image.shape[2] == 3:
            return float((so_far @ np.array(GRAY_WEIGHTS)).mean())
        return float(so_far.mean())

    return tone.evaluate(tone.resolve(steps, mean), x, levels)


def intensities(image: Image) -> Floats:
    """Bring stored values to [0, 1]."""
    return image.astype(np.float64) / WHITE[image.dtype.name]


def store(x: Floats, dtype: np.dtype[Any]) -> Image:
    """Bring intensities to a picture's dtype: clipped, and rounded to the nearest level."""
    values = np.clip(x, 0.0, 1.0) * WHITE[dtype.name]
    return (np.rint(values) if dtype.kind == "u" else values).astype(dtype)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {(Curve, IMAGE): curve}
