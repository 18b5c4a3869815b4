"""Left and right: what exchanges places and names in a mirror."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import ParameterError

Pairs = tuple[tuple[int, int], ...]
Swaps = tuple[tuple[str, tuple[tuple[Any, Any], ...]], ...]


def exchanged(labels: Any, rows: list[int], exchange: Mapping[Any, Any]) -> Any:
    """Exchange labels in some rows, in a container of the same type."""
    if not rows:
        return labels
    members = list(labels)
    for i in rows:
        members[i] = _other(members[i], exchange)
    if isinstance(labels, np.ndarray):
        return _as_array(members, labels)
    return tuple(members) if isinstance(labels, tuple) else members


def _other(label: Any, exchange: Mapping[Any, Any]) -> Any:
    key = label.item() if isinstance(label, np.generic) else label
    try:
        return exchange.get(key, label)
    except TypeError:  # what cannot be hashed is no name in the table
        return label


def _as_array(members: list[Any], like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Make an array again; strings may need more room than they had."""
    if like.dtype.kind in "US":
        return np.array(members, like.dtype.kind)
    out = np.empty(like.shape, like.dtype)
    for i, member in enumerate(members):
        out[i] = member
    return out


def pairs_of(place: str, value: Any) -> Pairs:
    """Check pairs of rows; no row may be in two of them."""
    wanted = "pairs of row numbers, each in one pair at most, such as ((1, 2), (3, 4))"
    try:
        pairs = tuple((int(a), int(b)) for a, b in value or ())
    except (TypeError, ValueError):
        raise ParameterError(f"{place} = {value!r}: it must be {wanted}") from None
    rows = [i for pair in pairs for i in pair]
    if len(set(rows)) < len(rows) or min(rows, default=0) < 0:
        raise ParameterError(f"{place} = {value!r}: it must be {wanted}")
    return pairs


def swaps_of(place: str, value: Any) -> Swaps:
    """Bring {field: {left: right}} to pairs, each once, whichever way round it was given."""
    wanted = 'a table such as {"name": {"left_eye": "right_eye"}}'
    try:
        tables = {str(field): dict(pairs) for field, pairs in dict(value or {}).items()}
    except (TypeError, ValueError):
        raise ParameterError(f"{place} = {value!r}: it must be {wanted}") from None
    out = []
    for field, table in tables.items():
        pairs: dict[Any, Any] = {}
        for a, b in table.items():
            if pairs.get(a, b) != b or pairs.get(b, a) != a:
                raise ParameterError(
                    f"{place}[{field!r}] gives {a!r} two partners: it must be {wanted}"
                )
            pairs[a], pairs[b] = b, a
        once = {frozenset((a, b)): (a, b) for a, b in reversed(table.items())}
        out.append((field, tuple(reversed(once.values()))))
    return tuple(out)
