"""Pictures whose values have a declared range: into [0, 1] when they come in, and back.

A CT in Hounsfield units or a sensor of 12 bits has another black and white than its dtype. With
``Compose(value_range=(black, white))`` pictures become float32 in which 0 is black and 1 is white;
transforms act on these, and results return to the dtype and units that came in. Values outside of
the range survive whatever only moves pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anamorph.core.errors import DataError, ParameterError
from anamorph.ir.ops import IMAGE, Cast

Range = tuple[float, float]


def check_range(value: Any) -> Range | None:
    """Check ``value_range``.

    Raises:
        ParameterError: it is no pair of numbers, the smaller first.
    """
    if value is None:
        return None
    pair = isinstance(value, Sequence | np.ndarray) and len(value) == 2
    numbers = pair and all(isinstance(v, int | float | np.number) for v in value)
    if not numbers or not (np.isfinite(value).all() and value[0] < value[1]):
        raise ParameterError(
            f"Compose.value_range = {value!r}: it must be None or (black, white), two numbers of "
            "which the smaller comes first"
        )
    return float(value[0]), float(value[1])


def ranged(data: Mapping[str, Any], kinds: Mapping[str, Any], declared: Range) -> dict[str, Any]:
    """Bring the pictures of a call to the range that transforms work in.

    Raises:
        DataError: one holds no real numbers.
    """
    pictures = {key for key, kind in kinds.items() if kind.target is IMAGE}
    return {k: into_range(k, v, declared) if k in pictures else v for k, v in data.items()}


def restore(sample: Any, out: dict[str, Any], declared: Range) -> None:
    """Bring pictures back to the units they came in, unless a transform converted them."""
    converted = any(type(op) is Cast for op in sample.ops)
    for key, entry in sample.entries.items():
        if entry.kind.target is IMAGE:
            if out[key] is entry.given:
                out[key] = sample.data[key]
            elif not converted:
                out[key] = from_range(out[key], sample.data[key], declared)


def into_range(place: str, value: Any, declared: Range) -> Any:
    """Bring a picture, stack or list of them to float32 in which the declared range is [0, 1].

    Raises:
        DataError: it holds no real numbers.
    """
    if isinstance(value, list | tuple):
        members = enumerate(value)
        return type(value)(into_range(f"{place}[{i}]", v, declared) for i, v in members)
    if not isinstance(value, np.ndarray):
        return value  # what it must be is said where pictures are taken in
    if value.dtype.kind not in "uif":
        raise DataError(f"{place} has dtype {value.dtype}: it must be of real numbers")
    black, white = declared
    wide = value.dtype.itemsize > 4 or value.dtype.kind == "i"  # differences need the room
    out: Any = value.astype(np.float64 if wide else np.float32)
    out -= black
    out *= 1.0 / (white - black)
    return out.astype(np.float32, copy=False)


def from_range(out: Any, given: Any, declared: Range) -> Any:
    """Bring a result back to the dtype and units of what was given.

    A result that is no float32 array any more was converted on purpose and stays as it is.
    """
    if isinstance(out, list | tuple):
        likes = given if len(given) == len(out) else [given[0]] * len(out)
        return type(out)(from_range(o, g, declared) for o, g in zip(out, likes, strict=True))
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:
        return out
    black, white = declared
    dtype = given.dtype
    back = out.astype(np.float64) if dtype.itemsize > 4 else out.copy()
    back *= white - black
    back += black
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        np.rint(back, out=back)
        np.clip(back, limits.min, limits.max, out=back)
    return back.astype(dtype, copy=False)
