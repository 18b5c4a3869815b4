"""Sequences whose items are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final


@final
class Lazy(Sequence[Any]):
    """Items by number, each made anew when it is asked for: more of them than memory can hold.

    >>> from anamorph.tasks.lazy import Lazy
    >>> list(Lazy(3, lambda at: at * at))
    [0, 1, 4]
    """

    def __init__(self, count: int, read: Callable[[int], Any]) -> None:
        self._count, self._read = count, read

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[k] for k in range(*at.indices(len(self)))]
        if not -self._count <= at < self._count:
            raise IndexError(at)
        return self._read(at % self._count)
