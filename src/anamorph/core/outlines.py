"""How callers write polygons and polylines, and writing them back in the same way.

An object is a ring or a list of rings (of a polyline: a line or a list of lines). A ring is an
array (N, 2), a list of pairs, or a flat list x0, y0, x1, y1, …; all come back as they were given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anamorph.core.errors import DataError, DataTypeError
from anamorph.core.labels import Floats
from anamorph.core.shapes import Rings

_FLOATS = frozenset("f")


@dataclass(frozen=True, slots=True)
class Words:
    """What the shapes of a key are called in messages, and how few corners they may have."""

    ring: str
    least: int


RING = Words("ring", 3)
LINE = Words("line", 2)
_WANTED = "an array (N, 2), a list of (x, y), a flat list x0, y0, x1, y1, …, or a list of these"


def read(value: Any, place: str, words: Words) -> list[Rings]:
    """Bring the caller's objects to lists of rings, arrays (N, 2) of float64.

    Args:
        value: a list, tuple or array of objects.
        place: name of the objects in messages.
        words: whether they are rings or lines.

    Raises:
        DataTypeError: something is no container of numbers.
        DataError: a ring has too few corners, or one that has no place.
    """
    if _depth(value) == 0:
        raise DataTypeError(
            f"{place} is a {type(value).__name__}: it must be a list of objects, each {_WANTED}"
        )
    return [_object(entry, f"{place}[{i}]", words) for i, entry in enumerate(value)]


def _object(entry: Any, place: str, words: Words) -> Rings:
    if _is_ring(entry):
        return [_ring(entry, place, words)]
    if not isinstance(entry, list | tuple | np.ndarray) or len(entry) == 0:
        raise DataError(f"{place} = {entry!r}: it must be {_WANTED}")
    return [_ring(ring, f"{place}[{k}]", words) for k, ring in enumerate(entry)]


def _is_ring(entry: Any) -> bool:
    """Tell a ring from a list of rings: it holds numbers or pairs of numbers."""
    depth = _depth(entry)
    if depth == 2 and not isinstance(entry, np.ndarray):
        return len(entry[0]) == 2
    return depth in (1, 2)


def _depth(value: Any) -> int:
    """How many levels of containers there are; 0 for what is none, or holds nothing."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.ndim
    if isinstance(value, list | tuple | np.ndarray):
        return 1 + (_depth(value[0]) if len(value) else 0)
    return 0


def _ring(ring: Any, place: str, words: Words) -> Floats:
    try:
        found = np.array(ring, np.float64)
    except (TypeError, ValueError):
        raise DataTypeError(f"{place} = {ring!r}: it must be {_WANTED}") from None
    if found.ndim == 1 and len(found) % 2 == 0:
        found = found.reshape(-1, 2)
    if found.ndim != 2 or found.shape[1] != 2:
        raise DataError(f"{place} has shape {found.shape}: it must be {_WANTED}")
    if not math.isfinite(found.sum()):
        raise DataError(f"{place} = {ring!r}: all its corners must have a place")
    if words is RING and _ends_where_it_began(found):
        found = found[:-1]
    if len(found) < words.least:
        raise DataError(
            f"{place} = {ring!r}: a {words.ring} must have {words.least} corners or more"
        )
    return found


def _ends_where_it_began(ring: Floats) -> bool:
    return len(ring) > 3 and ring[0, 0] == ring[-1, 0] and bool(ring[0, 1] == ring[-1, 1])


# ------------------------------------------------------------------------------------ back


def write(objects: Sequence[Rings], index: Sequence[int], given: Any, words: Words) -> Any:
    """Write objects as the caller wrote them: each as the one that it was.

    An object that was one ring and is several now comes back as a list of rings. An array of
    objects comes back as an array where all have the same number of corners, else as a list.
    """
    members = [_written(rings, given[i], words) for rings, i in zip(objects, index, strict=True)]
    if isinstance(given, tuple):
        return tuple(members)
    if isinstance(given, np.ndarray) and given.dtype != object:
        return _stacked(members, given)
    return members


def _stacked(members: list[Any], given: Any) -> Any:
    if not members:
        return np.empty((0, *given.shape[1:]), _kept(given.dtype))
    alike = {np.shape(m) if isinstance(m, np.ndarray) else None for m in members}
    return np.stack(members) if len(alike) == 1 and None not in alike else members


def _kept(dtype: Any) -> Any:
    return dtype if dtype.kind in _FLOATS and dtype.itemsize >= 4 else np.float64


def _written(rings: Rings, like: Any, words: Words) -> Any:
    if _is_ring(like):
        form = _form(like, words)
        return form(rings[0]) if len(rings) == 1 else [form(ring) for ring in rings]
    forms = [_form(ring, words) for ring in like]
    same = len(rings) == len(forms)
    made = [(forms[k] if same else forms[0])(ring) for k, ring in enumerate(rings)]
    if isinstance(like, tuple):
        return tuple(made)
    if isinstance(like, np.ndarray) and like.dtype != object:
        return _stacked(made, like) if len({len(m) for m in made}) == 1 else made
    return made


def _form(like: Any, words: Words) -> Callable[[Floats], Any]:
    """Give the function that writes a ring as another is written."""
    flat = _depth(like) == 1
    first, last = (like[:2], like[-2:]) if flat else (like[0], like[-1])
    again = words is RING and first[0] == last[0] and first[1] == last[1]

    def form(ring: Floats) -> Any:
        if again:
            ring = np.concatenate([ring, ring[:1]])
        laid = ring.ravel() if flat else ring
        if isinstance(like, np.ndarray) and like.dtype != object:
            return np.array(laid, _kept(like.dtype))
        return _listed(laid, like, flat=flat)

    return form


def _listed(laid: Floats, like: Any, *, flat: bool) -> Any:
    outer = tuple if isinstance(like, tuple) else list
    if flat:
        return outer(laid.tolist())
    inner = type(like[0])
    if inner is list:
        return outer(laid.tolist())
    if inner is tuple:
        return outer(map(tuple, laid.tolist()))
    return outer(np.array(point, _kept(like[0].dtype)) for point in laid)
