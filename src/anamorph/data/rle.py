"""COCO's run-length masks: counts of zeros and ones, column by column, plain or as a string."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class RunLengthError(ValueError):
    """Counts that are no mask of the stated size; the message is the end of a sentence."""


def decode(counts: str | bytes | Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Make a mask from run lengths.

    Args:
        counts: lengths of runs of zeros and ones in turn, zeros first, or their string form.
        size: height and width.

    Raises:
        RunLengthError: when the runs do not add up to the size.
    """
    runs = unpack(counts) if isinstance(counts, (str, bytes)) else list(counts)
    height, width = size
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise RunLengthError(
            f"has runs that cover {sum(runs)} pixels where {height}x{width} are wanted"
        )
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def encode(mask: NDArray[Any]) -> list[int]:
    """Run lengths of a mask, zeros first, column by column."""
    flat = np.asarray(mask, np.bool_).T.ravel()
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = [0, *turns.tolist(), flat.size]
    runs = [after - before for before, after in itertools.pairwise(edges)]
    return [0, *runs] if flat.size and flat[0] else runs


def pack(runs: Sequence[int]) -> str:
    """Write run lengths as COCO's string: differences to the run before last, 5 bits a letter."""
    letters = []
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            piece = value & 0x1F
            value >>= 5
            more = value != (-1 if piece & 0x10 else 0)
            letters.append(chr(48 + (piece | (0x20 if more else 0))))
    return "".join(letters)


def unpack(text: str | bytes) -> list[int]:
    """Read run lengths from COCO's string form."""
    codes = text.encode("latin-1", "replace") if isinstance(text, str) else text
    runs: list[int] = []
    value = shift = 0
    for code in codes:
        piece = code - 48
        if not 0 <= piece < 64:
            raise RunLengthError(f"has the letter {chr(code)!r}, which no run length is made of")
        value |= (piece & 0x1F) << shift
        shift += 5
        if piece & 0x20:
            continue
        if piece & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise RunLengthError("has a string of run lengths that ends too early")
    return runs
