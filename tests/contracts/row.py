"""The vocabulary of the contract's rows.

A row gives arguments to build it with for a picture of a given size, and says what it is allowed:
which channel counts it may refuse, whether it changes dtype or size, what else the call must hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Arguments = Callable[[int, int], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """One transform's entry in the contract.

    ``moves``: "lattice" (pixels onto pixels), "matrix", "dense", "drop" (erases), or "" for none.
    ``colors``: channel counts that it must take; others may be refused in one clear sentence.
    """

    make: Arguments = lambda *_: {}
    moves: str = ""
    colors: tuple[int, ...] = (1, 3, 5)
    keeps_dtype: bool = True
    extras: Arguments = lambda *_: {}  # what else the call must hold
    bad: tuple[dict[str, Any], ...] = ()
    own_labels: bool = True  # boxes and points follow the picture
    more: tuple[Arguments, ...] = field(default=())


def given(**arguments: Any) -> Arguments:
    """Make arguments that do not depend on the picture."""
    return lambda *_: arguments


def part(h: int, w: int) -> dict[str, Any]:
    """A crop of two thirds."""
    return {"height": max(1, 2 * h // 3), "width": max(1, 2 * w // 3)}


def fit(side: Callable[..., int]) -> Arguments:
    """Make a side a little smaller than it is."""
    return lambda h, w: {"max_size": max(1, side(h, w) * 5 // 6)}


def wide(h: int, w: int) -> dict[str, Any]:
    """A box in the middle."""
    return {
        "x_min": w // 4,
        "y_min": h // 4,
        "x_max": w // 4 + max(1, w // 2),
        "y_max": h // 4 + max(1, h // 2),
    }


RGB = (3,)
