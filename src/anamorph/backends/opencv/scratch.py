"""Scratch memory: fresh memory of a picture's size costs as much as what fills it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

_LENDABLE = 1 << 23
"""Bytes that a thread keeps of one array at most."""


class _Lent(threading.local):
    """What a thread keeps, by use."""

    def __init__(self) -> None:
        self.arrays: dict[str, npt.NDArray[Any]] = {}


_LENT = _Lent()


def lent(use: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Give memory to write to, lent until the thread asks for the same use again.

    What is lent must neither be returned from a kernel nor asked for again by what the kernel
    calls while it is in use.
    """
    kept = _LENT.arrays.get(use)
    if kept is None or kept.shape != shape or kept.dtype != dtype:
        kept = np.empty(shape, dtype)
        if kept.nbytes <= _LENDABLE:
            _LENT.arrays[use] = kept
    return kept
