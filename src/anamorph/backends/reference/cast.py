"""Conversions, value by value in double precision."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Kernel
from anamorph.backends.reference.tone import Image, toned
from anamorph.core.constants import WHITE
from anamorph.core.errors import DataError
from anamorph.ir.ops import IMAGE, MASK, Cast, Color, Effect, Op, Target


def cast(op: Cast, image: Image) -> Any:
    """Convert a picture: tones, value·scale + offset, layout."""
    dtype = np.dtype(op.dtype or image.dtype)
    values = image.astype(np.float64)
    if op.steps:
        values = toned(op.steps, image) * WHITE[image.dtype.name]
    if dtype.kind == "u" and image.dtype.kind == "u" and dtype != image.dtype:
        raise DataError(
            f"FromFloat needs a float32 picture with values in [0, 1], not one of {image.dtype}"
        )
    values = values * _numbers(op.scale, image) + _numbers(op.offset, image)
    if dtype.kind == "u":
        values = np.clip(np.rint(values), 0, np.iinfo(dtype).max)
    array = values.astype(dtype)
    array = np.ascontiguousarray(array.transpose(2, 0, 1)) if op.layout == "CHW" else array
    return _tensor(array) if op.tensor else array


def _numbers(value: Color, image: Image) -> npt.NDArray[np.float64]:
    numbers = np.atleast_1d(np.asarray(value, np.float64))
    if len(numbers) not in (1, image.shape[2]):
        raise DataError(
            f"a conversion holds numbers for {len(numbers)} channels "
            f"and the picture has {image.shape[2]}"
        )
    return numbers


def mask_cast(op: Cast, mask: Image) -> Any:
    """Hand a mask out as a tensor of its own: (H, W), (H, W, C), or (C, H, W) if asked."""
    if not op.tensor:
        return mask
    if mask.shape[2] == 1:
        return _tensor(mask[:, :, 0].copy())
    return _tensor(np.array(mask.transpose(2, 0, 1) if op.transpose_mask else mask, order="C"))


def _tensor(array: npt.NDArray[Any]) -> Any:
    return import_module("torch").from_numpy(array)


def normalize_stats(op: Effect, image: Image) -> Image:
    """Normalise by mean and deviation, or by minimum and maximum, whole or a channel."""
    kind: str = op.params[0]
    x = image.astype(np.float64)
    axes = (0, 1) if kind.endswith("per_channel") else (0, 1, 2)
    if "image" in kind:
        out: Image = np.clip((x - x.mean(axes)) / (x.std(axes) + 1e-4), -20.0, 20.0)
    else:
        out = (x - x.min(axes)) / (x.max(axes) - x.min(axes) + 1e-4)
    return out.astype(np.float32)


KERNELS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Cast, IMAGE): cast,
    (Cast, MASK): mask_cast,
}
EFFECTS: Mapping[str, Kernel] = {"normalize_stats": normalize_stats}
