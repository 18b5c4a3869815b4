"""Labels and rows of other pictures appended to the caller's, whose container keeps its type."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, DataTypeError

Array = npt.NDArray[Any]

_NUMBERS = "biuf"
_TEXT = "US"


def appended(name: str, container: Any, items: Sequence[Any]) -> Any:
    """Make a longer container of the same type, in which every label keeps its value.

    Args:
        name: key of the container, for messages.
        container: labels, or rows of boxes or keypoints (then items are rows too).
        items: what comes after them.

    Raises:
        DataError: items do not go with what is there.
        DataTypeError: nothing can be appended to such a container.

    >>> appended("names", ("cat",), ["dog"])
    ('cat', 'dog')
    """
    if isinstance(container, np.ndarray):
        return _longer(name, container, items)
    if isinstance(container, list):
        return [*container, *items]
    if isinstance(container, tuple):
        return (*container, *items)
    if hasattr(container, "iloc"):
        more = type(container)(items)
        return sys.modules["pandas"].concat([container, more], ignore_index=True)
    if hasattr(container, "new_tensor"):
        return sys.modules["torch"].cat([container, container.new_tensor(items)])
    raise DataTypeError(
        f"{name} is a {type(container).__name__}, to which labels of other pictures cannot be "
        "added: it must be a list, tuple or array"
    )


def _longer(name: str, container: Array, items: Sequence[Any]) -> Array:
    more = _as_array(container, items)
    if container.ndim > 1 and container.size == 0:
        container = np.empty((0, *more.shape[1:]), container.dtype)
    if container.shape[1:] != more.shape[1:]:
        raise DataError(
            f"{name} has {container.shape[1:]} values a row and what other pictures bring "
            f"{more.shape[1:]}: they must be the same"
        )
    if len(container) == 0 and container.dtype.kind != "O":
        container = container.astype(more.dtype)  # what an empty array was meant for, nobody knows
    elif container.ndim == 1:
        more = _alike(name, more, container.dtype)
    elif container.dtype.kind == "f":
        more = more.astype(container.dtype)  # rows go out in the dtype they came in
    return np.concatenate([container, more])


def _as_array(container: Array, items: Sequence[Any]) -> Array:
    if container.dtype.kind != "O":
        return np.array(items)
    width = (len(items[0]),) if container.ndim == 2 else ()
    out = np.empty((len(items), *width), object)
    for i, item in enumerate(items):
        out[i] = item
    return out


def _alike(name: str, more: Array, dtype: Any) -> Array:
    """Bring labels to a dtype that can be joined with the container's without changing a value."""
    kinds = dtype.kind + more.dtype.kind
    if dtype.kind == "O" or all(kind in _TEXT for kind in kinds):
        return more
    if all(kind in _NUMBERS for kind in kinds):
        broken = more.dtype.kind == "f"
        if dtype.kind == "f" if broken else _fits(more, dtype):
            return more.astype(dtype)
        wide = np.result_type(dtype, more.dtype)
        if not broken and (dtype.kind == "f" or wide.kind != "f") and _fits(more, wide):
            return more
    raise DataError(
        f"{name} is an array of {dtype} and other pictures bring {more.tolist()!r}: they must be "
        "labels of one kind"
    )


def _fits(values: Array, dtype: Any) -> bool:
    """Tell whether a dtype of whole numbers holds whole numbers."""
    return bool(np.array_equal(values.astype(dtype), values))
