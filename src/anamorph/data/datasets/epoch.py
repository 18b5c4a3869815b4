"""The number of the current epoch, one for all the workers of a dataset."""

from __future__ import annotations

import operator
from multiprocessing.context import get_spawning_popen
from multiprocessing.sharedctypes import RawValue
from typing import Any, final

from anamorph.core.errors import ParameterError, ParameterTypeError


@final
class Epoch:
    """A whole number that worker processes see change.

    Workers that outlive an epoch have the dataset as it was when they began. So the number lies in
    memory that they share with their parent, forked or spawned; a copy made by other means, as
    with ``pickle`` or ``copy``, has a number of its own.
    """

    __slots__ = ("_shared",)

    def __init__(self, number: int = 0, shared: Any = None) -> None:
        """Begin with a number, or share that of another process."""
        self._shared = RawValue("q", number) if shared is None else shared

    def __reduce__(self) -> tuple[type[Epoch], tuple[Any, ...]]:
        if get_spawning_popen() is None:
            return Epoch, (self.number,)
        return Epoch, (0, self._shared)

    @property
    def number(self) -> int:
        """The number now."""
        return int(self._shared.value)

    @number.setter
    def number(self, number: Any) -> None:
        self._shared.value = whole("epoch", number)


def whole(name: str, number: Any) -> int:
    """A whole number from 0 on, of any integer type."""
    try:
        found = operator.index(number)
    except TypeError as error:
        raise ParameterTypeError(f"{name} = {number!r}: it must be a whole number") from error
    if found < 0:
        raise ParameterError(f"{name} = {number!r}: it must be 0 or more")
    return found
