"""Memory that is used again: fresh pages of a picture's size cost as much as what fills them."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

_KEPT = 1 << 24
"""Bytes that a thread keeps of one use at most."""


class _Lent(threading.local):
    def __init__(self) -> None:
        self.blocks: dict[str, npt.NDArray[np.uint8]] = {}


_LENT = _Lent()


def lent(use: str, count: int) -> npt.NDArray[np.uint8]:
    """Give ``count`` bytes, lent until the thread asks for the same use again."""
    kept = _LENT.blocks.get(use)
    if kept is None or kept.size < count:
        kept = np.empty(count, np.uint8)
        if count <= _KEPT:
            _LENT.blocks[use] = kept
    return kept[:count]
