"""Masks as "start length start length …": pixels counted column by column from 1, or otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.core.params import Choice
from anamorph.data import rle

Runs = NDArray[np.int64]
"""(n, 2): place of the first pixel of a run, counted from 0 in the order at hand, and its length."""

ORDERS = Choice(("columns", "rows"))
STARTS = Choice((0, 1))
EMPTIES = frozenset({"", "-1", "-1 1", "1 0", "nan", "none"})
"""What stands for a mask of no pixel, in small letters; all are read."""


def runs_of(mask: NDArray[Any], *, order: str = "columns", start: int = 1, empty: str = "") -> str:
    """Write a mask as run lengths.

    Args:
        mask: H×W; what is not 0 is inside.
        order: "columns" goes down each column, from left to right; "rows" along each row.
        start: number of the first pixel, 1 or 0.
        empty: what stands for a mask of no pixel; competitions differ: "", "-1", "-1 1".

    Raises:
        DataError: the mask has not two dimensions.

    >>> from anamorph.data.submissions import runs_of
    >>> runs_of(np.array([[0, 1, 1], [0, 1, 0]]))
    '3 3'
    >>> runs_of(np.array([[0, 1, 1], [0, 1, 0]]), order="rows")
    '2 2 5 1'
    """
    ORDERS.check("runs_of.order", order)
    STARTS.check("runs_of.start", start)
    array = np.asarray(mask)
    if array.ndim != 2:
        raise DataError(f"a mask has shape {array.shape}: H×W is wanted")
    found = spans(rle.encode(array != 0 if order == "columns" else (array != 0).T))
    if not len(found):
        return empty
    found[:, 0] += start
    return " ".join(map(str, found.ravel().tolist()))


def mask_of(
    text: Any, size: tuple[int, int], *, order: str = "columns", start: int = 1
) -> NDArray[np.bool_]:
    """Read a mask from run lengths; whatever stands for an empty one is understood.

    Args:
        text: run lengths; None and NaN are empty, as a table's cells may be.
        size: height and width.
        order: as in :func:`runs_of`.
        start: as in :func:`runs_of`.

    Raises:
        DataError: there is a fault in the run lengths, the one sentence says which.

    >>> from anamorph.data.submissions import mask_of
    >>> mask_of("3 3", (2, 3)).astype(int).tolist()
    [[0, 1, 1], [0, 1, 0]]
    """
    ORDERS.check("mask_of.order", order)
    STARTS.check("mask_of.start", start)
    height, width = size
    found = parsed(text, start)
    wrong = fault(found, height * width)
    if wrong:
        raise DataError(f"run lengths {shortened(text)!r} {wrong}")
    counts = np.empty(2 * len(found) + 1, np.int64)
    ends = found.sum(axis=1)
    counts[0::2] = np.append(found[:, 0], height * width) - np.insert(ends, 0, 0)
    counts[1::2] = found[:, 1]
    plain = counts.tolist()
    return rle.decode(plain, size) if order == "columns" else rle.decode(plain, size[::-1]).T


def parsed(text: Any, start: int) -> Runs:
    """Runs as they stand in the text, right or wrong, counted from 0.

    Raises:
        DataError: it is no even count of whole numbers.
    """
    if is_empty(text):
        return np.empty((0, 2), np.int64)
    words = str(text).split()
    try:
        numbers = np.array([int(word) for word in words], np.int64)
    except (ValueError, OverflowError):
        raise DataError(f"run lengths {shortened(text)!r} are not whole numbers") from None
    if len(numbers) % 2:
        raise DataError(
            f"run lengths {shortened(text)!r} are {len(numbers)} numbers: pairs are wanted"
        )
    found = numbers.reshape(-1, 2)
    found[:, 0] -= start
    return found


def fault(runs: Runs, pixels: int | None) -> str:
    """What is wrong with runs, as the end of a sentence; empty if nothing is."""
    starts, lengths = runs[:, 0], runs[:, 1]
    ends = starts + lengths
    last, shortest = int(ends.max(initial=0)), int(lengths.min(initial=1))
    found = {
        f"have a run of length {shortest}: at least 1 is wanted": shortest < 1,
        "start before the first pixel": bool((starts < 0).any()),
        f"end at pixel {last} of {pixels}": pixels is not None and last > pixels,
        "are not sorted": bool((np.diff(starts) < 0).any()),
        "overlap each other": bool((starts[1:] < ends[:-1]).any()),
    }
    return next((sentence for sentence, wrong in found.items() if wrong), "")


def spans(counts: list[int]) -> Runs:
    """Runs of ones, of lengths of zeros and ones in turn."""
    ends = np.cumsum(np.asarray(counts, np.int64))
    lengths = np.asarray(counts[1::2], np.int64)
    return np.stack([ends[1::2] - lengths, lengths], axis=1)


def is_empty(text: Any) -> bool:
    """Tell whether it stands for a mask of no pixel."""
    if text is None or (isinstance(text, float) and np.isnan(text)):
        return True
    return isinstance(text, str) and " ".join(text.lower().split()) in EMPTIES


def shortened(text: Any) -> str:
    """The beginning of what may be very long."""
    whole = str(text)
    return whole if len(whole) <= 40 else whole[:37] + "…"
