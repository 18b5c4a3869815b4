"""Folds in the order of time: what is validated comes after, or well apart from, what is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, ParameterError
from anamorph.data.folds.strata import one_each


@dataclass(frozen=True)
class Scheme:
    """Whether the first block only trains, and which folds a fold trains on."""

    first_trains: bool
    seen: Callable[[int, int], tuple[int, ...]]


SCHEMES: Mapping[str, Scheme] = {
    "expanding": Scheme(True, lambda k, _: tuple(range(-1, k))),
    "rolling": Scheme(True, lambda k, _: (k - 1,)),
    "blocked": Scheme(False, lambda k, n: tuple(fold for fold in range(n) if fold != k)),
}
"""Expanding trains on all that came before, rolling on the block before, blocked on all others."""


def blocks(times: NDArray[Any], n: int, *, first_trains: bool) -> NDArray[np.int64]:
    """Number of the block of each sample, in equal parts; equal times stay together.

    Raises:
        DataError: there are too few different times.
    """
    parts = n + first_trains
    values, numbers, counts = np.unique(times, return_inverse=True, return_counts=True)
    if len(values) < parts:
        raise DataError(f"{len(values)} different times cannot be cut into {parts} blocks")
    middle = np.cumsum(counts) - counts / 2
    wanted = np.minimum((middle * parts / counts.sum()).astype(np.int64), parts - 1)
    # A frequent time may leave a block empty: each block begins at a time of its own all the same.
    begins = np.searchsorted(wanted, np.arange(parts))
    for part in range(1, parts):
        begins[part] = max(begins[part], begins[part - 1] + 1)
    for part in range(parts - 1, 0, -1):
        begins[part] = min(begins[part], len(values) - parts + part)
    of_value = np.searchsorted(begins, np.arange(len(values)), "right") - 1
    return (of_value[numbers] - first_trains).astype(np.int64)


def apart(times: NDArray[Any], numbers: NDArray[np.int64], k: int, gap: Any) -> NDArray[np.bool_]:
    """Which samples lie nearer than the gap to the validated ones of fold k."""
    valid = numbers == k
    first, last = times[valid].min(), times[valid].max()
    near: NDArray[np.bool_] = (times > first - gap) & (times < last + gap) & ~valid
    return near


def as_times(given: Any, count: int) -> NDArray[Any]:
    """Numbers or dates, one a sample; text is read as ISO dates.

    Raises:
        DataError: it is neither.
    """
    times = one_each("times", given, count)
    if times.dtype.kind not in "iufM":
        try:
            times = times.astype("datetime64[us]")
        except ValueError as error:
            raise DataError(f"times must be numbers or dates: {error}") from error
    return times.astype(np.int64) if times.dtype.kind == "u" else times


def as_gap(given: Any, times: NDArray[Any]) -> Any:
    """The gap in the unit of times.

    Raises:
        ParameterError: it is negative, or a number where dates want a timedelta.
    """
    dates = times.dtype.kind == "M"
    span = isinstance(given, timedelta | np.timedelta64)
    if given == 0 and not span:
        return np.timedelta64(0, "us") if dates else 0
    if dates != span or given < (timedelta(0) if isinstance(given, timedelta) else type(given)(0)):
        wanted = "a timedelta of 0 or more" if dates else "a number of 0 or more"
        raise ParameterError(f"make_folds.gap = {given!r}: it must be {wanted}")
    return np.timedelta64(given) if isinstance(given, timedelta) else given
