"""Arrays of NumPy and tensors of torch alike: read as arrays, handed back as what they were.

Torch is loaded only where a tensor is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats, Ints


def is_tensor(value: Any) -> bool:
    """Tell a tensor of torch without loading torch."""
    return hasattr(value, "new_tensor") and hasattr(value, "detach")


def _tensor(value: Any, device: Any) -> Any:
    return import_module("torch").as_tensor(value, device=device)


def plain(value: Any) -> npt.NDArray[Any]:
    """Read numbers or labels as an array, not to be written to: it may be the caller's.

    Half floats of torch, of which NumPy lacks one, are widened.
    """
    if not is_tensor(value):
        return np.asarray(value)
    tensor = value.detach().cpu()
    return np.asarray(tensor.double() if tensor.is_floating_point() else tensor)


def joined(parts: Sequence[Any]) -> Any:
    """Put arrays, lists or tensors one after the other: a tensor if the first is one."""
    first = parts[0]
    if not is_tensor(first):
        return np.concatenate([plain(part) for part in parts])
    rest = [_tensor(part, first.device) for part in parts[1:]]
    return import_module("torch").cat([first, *rest]) if rest else first


def taken(column: Any, rows: Ints) -> Any:
    """Choose rows of an array or tensor."""
    return column[places(column, rows)]


def places(column: Any, rows: Ints) -> Any:
    """Bring places to the kind and device of a column."""
    return _tensor(rows, column.device) if is_tensor(column) else rows


def like(column: Any, values: Floats) -> Any:
    """Bring computed numbers to the kind, device and float type of a column; whole ones widen."""
    if is_tensor(column):
        return (column if column.is_floating_point() else column.double()).new_tensor(values)
    kind = column.dtype if column.dtype.kind == "f" else np.dtype(np.float64)
    return values.astype(kind, copy=False)
