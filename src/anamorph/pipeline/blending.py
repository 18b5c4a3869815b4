"""Pictures, masks and labels of a batch mixed: NumPy arrays, torch tensors, and lists of them.

Nothing here imports torch: tensors are asked to do what they can, and where there are tensors,
torch is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends import BACKENDS, DEFAULT
from anamorph.core.errors import DataError, DataTypeError
from anamorph.ir.ops import IMAGE, Blend, Picture

Array = npt.NDArray[Any]
Window = tuple[int, int, int, int]
"""x0, y0, x1, y1."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How one sample is mixed: with which other, its own weight, and where the other is seen."""

    partner: int
    weight: float
    window: Window | None


def is_tensor(value: Any) -> bool:
    """Tell whether something is a torch tensor."""
    return hasattr(value, "new_tensor")


# --------------------------------------------------------------------------------- pictures


def size_of(key: str, batch: Any, layout: str | None) -> tuple[int, int]:
    """Height and width of the pictures of a batch.

    Raises:
        DataError: they differ, or have no such sides.
        DataTypeError: they are no pictures.
    """
    if len(batch) == 0:
        return 1, 1
    sizes = {_sides(key, picture, layout) for picture in (batch if _is_list(batch) else batch[:1])}
    if len(sizes) > 1:
        raise DataError(
            f"{key} holds pictures of different sizes {sorted(sizes)}: what is mixed must be of one"
        )
    return sizes.pop()


def _is_list(batch: Any) -> bool:
    return isinstance(batch, list | tuple)


def _sides(key: str, picture: Any, layout: str | None) -> tuple[int, int]:
    if not isinstance(picture, np.ndarray) and not is_tensor(picture):
        raise DataTypeError(
            f"{key} holds a {type(picture).__name__}: it must be NumPy arrays or torch tensors"
        )
    shape = tuple(picture.shape)
    if len(shape) not in (2, 3):
        raise DataError(f"{key} holds pictures of shape {shape}: they must have 2 or 3 axes")
    h, w = shape[1:] if len(shape) == 3 and channels_first(picture, layout) else shape[:2]
    return int(h), int(w)


def channels_first(picture: Any, layout: str | None) -> bool:
    """Tell whether the first axis is that of channels."""
    return is_tensor(picture) if layout is None else layout == "NCHW"


def mixed_pictures(key: str, batch: Any, mixes: Sequence[Mix], layout: str | None) -> Any:
    """Mix pictures or masks with each other.

    Args:
        key: how messages call them.
        batch: an array or tensor of them, or a list.
        mixes: one a picture.
        layout: "NHWC", "NCHW", or None for that of their type.
    """
    size_of(key, batch, layout)
    last = len(batch[0].shape) == 3 and not channels_first(batch[0], layout)
    if not _is_list(batch) and len({(mix.weight, mix.window) for mix in mixes}) == 1:
        partners = batch[[mix.partner for mix in mixes]]  # all alike: at once, where they are
        return _mixed(key, (batch, partners), mixes[0], last=last)
    pairs = [(batch[i], batch[mix.partner]) for i, mix in enumerate(mixes)]
    done = [_mixed(key, pair, mix, last=last) for pair, mix in zip(pairs, mixes, strict=True)]
    return gathered(batch, done)


def _mixed(key: str, pair: tuple[Any, Any], mix: Mix, *, last: bool) -> Any:
    """Mix two pictures, or two batches of them; ``last`` says that their last axis is no side."""
    own, other = pair
    if own.dtype != other.dtype or own.shape != other.shape:
        raise DataError(
            f"{key} holds pictures of {own.dtype} {tuple(own.shape)} and {other.dtype} "
            f"{tuple(other.shape)}: what is mixed must be alike"
        )
    if mix.window is None:
        return _weighed(own, other, mix.weight)
    x0, y0, x1, y1 = mix.window
    place: Any = (..., slice(y0, y1), slice(x0, x1), *((slice(None),) if last else ()))
    out = own.clone() if is_tensor(own) else own.copy()
    out[place] = other[place]
    return out


def _weighed(own: Any, other: Any, weight: float) -> Any:
    """Give weight·own + (1 - weight)·other, rounded where whole numbers are held."""
    if is_tensor(own):
        if own.is_floating_point():
            return own.mul(weight).add(other, alpha=1.0 - weight)
        return (
            own.double().mul(weight).add(other.double(), alpha=1.0 - weight).round().to(own.dtype)
        )
    if own.dtype.kind == "f":
        out = own * own.dtype.type(weight)
        out += other * own.dtype.type(1.0 - weight)
        return out
    if own.dtype.name not in ("uint8", "uint16"):
        raise DataError(f"pictures of {own.dtype} cannot be mixed: use uint8, uint16 or floats")
    op = Blend(1.0 - weight, Picture.of(other))
    flat = np.ascontiguousarray(own).reshape(own.shape[0], -1, 1)
    mixed: Array = BACKENDS[DEFAULT].kernel(op, IMAGE)(op, flat)
    return mixed.reshape(own.shape)


def gathered(like: Any, members: Sequence[Any]) -> Any:
    """Put members together as they came: in a list, an array or a tensor."""
    if _is_list(like):
        return list(members)
    if is_tensor(like):
        return sys.modules["torch"].stack(list(members))
    return np.stack(members)


def chosen(batch: Any, places: Sequence[int]) -> Any:
    """Choose members of a batch by their places."""
    return gathered(batch, [batch[i] for i in places])


# ----------------------------------------------------------------------------------- labels


def mixed_labels(key: str, labels: Any, classes: int | None, mixes: Sequence[Mix] | None) -> Any:
    """Give float32 vectors over the classes (N, classes), mixed by weights.

    Args:
        key: how messages call them.
        labels: whole numbers or vectors; an array, a tensor or a list.
        classes: number of classes.
        mixes: one a label; None to leave them unmixed.
    """
    vectors = _vectors(key, labels, classes)
    if mixes is not None:
        weight = np.array([mix.weight for mix in mixes])[:, None]
        other = vectors[[mix.partner for mix in mixes]]
        vectors = weight * vectors + (1.0 - weight) * other
    out = vectors.astype(np.float32)
    if not _is_list(labels):
        return as_tensor(out, labels)
    return [as_tensor(row, label) for row, label in zip(out, labels, strict=True)]


def as_tensor(array: Array, like: Any) -> Any:
    """The array; a tensor of it, where another tensor is, if that is one."""
    if is_tensor(like):
        return sys.modules["torch"].from_numpy(np.ascontiguousarray(array)).to(like.device)
    return array


def as_numpy(value: Any) -> Any:
    """An array of what a tensor holds; anything else as it is."""
    return value.detach().cpu().numpy() if is_tensor(value) else value


def _vectors(key: str, labels: Any, classes: int | None) -> npt.NDArray[np.float64]:
    plain = [as_numpy(label) for label in labels] if _is_list(labels) else as_numpy(labels)
    try:
        array = np.asarray(plain)
    except ValueError:
        raise DataError(f"{key} holds labels of different lengths") from None
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise DataError(
            f"{key} has shape {array.shape} and dtype {array.dtype}: it must be one whole number a "
            "sample, or one vector of weights"
        )
    if array.ndim == 2:
        if classes is not None and array.shape[1] != classes:
            raise DataError(f"{key} has vectors of {array.shape[1]} for num_classes={classes}")
        return array.astype(np.float64)
    return one_hot(key, array, classes)


def one_hot(key: str, array: Array, classes: int | None) -> npt.NDArray[np.float64]:
    """Give a vector with one 1 for each whole number, in a further axis.

    Raises:
        DataError: they are no whole numbers, or none of a class.
    """
    if classes is None:
        raise DataError(f"{key} are whole numbers: say num_classes")
    whole = array.astype(np.int64)
    if not np.array_equal(whole, array) or (
        whole.size and not 0 <= whole.min() <= whole.max() < classes
    ):
        raise DataError(f"{key} must hold whole numbers from 0 to {classes - 1}")
    out = np.zeros((*array.shape, classes))
    np.put_along_axis(out, whole[..., None], 1.0, axis=-1)
    return out


def soft_masks(key: str, masks: Any, classes: int, mixes: Sequence[Mix] | None) -> Any:
    """Give masks as vectors over the classes (H, W, classes) of float32, mixed by weights.

    Those of tensors have the classes first.
    """
    vectors = [
        one_hot(key, _flat(key, as_numpy(mask)), classes).astype(np.float32) for mask in masks
    ]
    if mixes is not None:
        size_of(key, vectors, "NHWC")
        vectors = [
            _weighed(vectors[i], vectors[mix.partner], mix.weight) for i, mix in enumerate(mixes)
        ]
    done = [
        as_tensor(np.moveaxis(v, -1, 0) if is_tensor(mask) else v, mask)
        for v, mask in zip(vectors, masks, strict=True)
    ]
    return gathered(masks, done)


def _flat(key: str, mask: Array) -> Array:
    if mask.ndim == 3 and 1 in (mask.shape[0], mask.shape[2]):
        return mask.reshape(mask.shape[1:] if mask.shape[0] == 1 else mask.shape[:2])
    if mask.ndim != 2:
        raise DataError(f"{key} holds masks of shape {mask.shape}: soft masks are made of H×W")
    return mask
