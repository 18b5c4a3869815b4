"""Masks of instances, and COCO's run lengths of one mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.data import rle
from anamorph.data.submissions.runs import mask_of


def to_coco(mask: NDArray[Any], *, packed: bool = True) -> dict[str, Any]:
    """A mask as COCO has it: size, and counts as a string or plain.

    >>> from anamorph.data.submissions import to_coco
    >>> to_coco(np.array([[0, 1], [0, 1]]))
    {'size': [2, 2], 'counts': '22'}
    """
    array = np.asarray(mask)
    if array.ndim != 2:
        raise DataError(f"a mask has shape {array.shape}: H×W is wanted")
    counts = rle.encode(array != 0)
    return {"size": list(array.shape), "counts": rle.pack(counts) if packed else counts}


def from_coco(value: Mapping[str, Any]) -> NDArray[np.bool_]:
    """The mask that COCO's run lengths stand for.

    Raises:
        DataError: they do not fit their size.
    """
    try:
        height, width = value["size"]
        return rle.decode(value["counts"], (int(height), int(width)))
    except KeyError as error:
        raise DataError(
            f"run lengths without {error.args[0]!r}: size and counts are wanted"
        ) from None
    except ValueError as error:
        raise DataError(f"a mask {error}") from error


def instances_of(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """(n, H, W) masks of a picture of numbered objects, in the order of their numbers; 0 is none.

    >>> from anamorph.data.submissions import instances_of
    >>> instances_of(np.array([[0, 7], [3, 7]])).astype(int).tolist()
    [[[0, 0], [1, 0]], [[0, 1], [0, 1]]]
    """
    array = np.asarray(labels)
    if array.ndim != 2:
        raise DataError(f"numbered objects have shape {array.shape}: H×W is wanted")
    numbers = np.unique(array)
    masks: NDArray[np.bool_] = array[None] == numbers[numbers != 0][:, None, None]
    return masks


def labels_of(masks: Any, size: tuple[int, int] | None = None, **how: Any) -> NDArray[np.int32]:
    """A picture of numbered objects, from 1, of masks that do not overlap.

    Args:
        masks: (n, H, W), or run lengths in text, one an object, for which size is needed.
        size: height and width.
        how: order and start of run lengths, as :func:`mask_of` has them.

    Raises:
        DataError: two masks overlap.
    """
    if size is None:
        stack = np.asarray(masks)
        if stack.ndim != 3:
            raise DataError(f"masks have shape {stack.shape}: (n, H, W) is wanted")
        given: Sequence[NDArray[Any]] = list(stack != 0)
        size = (int(stack.shape[1]), int(stack.shape[2]))
    else:
        given = [mask_of(text, size, **how) for text in masks]
    labels = np.zeros(size, np.int32)
    for number, mask in enumerate(given, start=1):
        clash = labels[mask]
        if clash.any():
            other = int(clash[clash > 0][0])
            raise DataError(
                f"objects {other - 1} and {number - 1} share a pixel: without_overlaps makes them apart"
            )
        labels[mask] = number
    return labels


def without_overlaps(
    masks: NDArray[Any], scores: Sequence[float] | NDArray[Any] | None = None
) -> NDArray[np.bool_]:
    """Masks that share no pixel: each pixel stays with the best, where scores tie with the first.

    Args:
        masks: (n, H, W).
        scores: (n,); None prefers small objects, which would else vanish below great ones.

    Raises:
        DataError: shapes do not agree.
    """
    stack: NDArray[np.bool_] = np.asarray(masks) != 0
    if stack.ndim != 3:
        raise DataError(f"masks have shape {stack.shape}: (n, H, W) is wanted")
    worth = -stack.sum((1, 2)) if scores is None else np.asarray(scores, np.float64)
    if worth.shape != (len(stack),) or np.isnan(worth).any():
        raise DataError(
            f"scores have shape {worth.shape}: a number for each of {len(stack)} masks is wanted"
        )
    free = np.ones(stack.shape[1:], np.bool_)
    apart: NDArray[np.bool_] = np.zeros(stack.shape, np.bool_)
    for at in np.argsort(-worth, kind="stable").tolist():
        apart[at] = stack[at] & free
        free &= ~stack[at]
    return apart
