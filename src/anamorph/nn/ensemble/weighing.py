"""What all ensembles ask of weights and of what is merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anamorph.core.errors import ParameterError, UnknownNameError, nearest
from anamorph.core.params import Number, plain
from anamorph.nn.tta.merges import MERGES, Merge, as_merge

_WEIGHT = Number(0)


def weights_of(place: str, given: Any, count: int) -> tuple[float, ...]:
    """Weights that add up to 1, equal ones for None.

    Raises:
        ParameterError: there is not one for each, one is negative, or all are 0.
    """
    if count < 1:
        raise ParameterError(f"{place} got nothing to merge: one or more are wanted")
    if given is None:
        return (1 / count,) * count
    weights = [_WEIGHT.check(f"{place}.weights", weight) for weight in _listed(place, given)]
    if len(weights) != count or not 0 < sum(weights) < float("inf"):
        raise ParameterError(
            f"{place}.weights = {plain(given)!r}: {count} numbers of 0 or more, not all 0, are wanted"
        )
    return tuple(weight / sum(weights) for weight in weights)


def merge_of(place: str, given: Any, also: Sequence[str] = ()) -> Merge | str:
    """A merge by name, or one that is made; names that only the place itself knows stay names.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if isinstance(given, str):
        if given in also:
            return given
        if given not in MERGES:
            known = (*MERGES, *also)
            raise UnknownNameError(
                f"{place} = {given!r}: it must be one of {', '.join(known)}{nearest(given, known)}"
            )
    return as_merge(given)


def _listed(place: str, given: Any) -> list[Any]:
    try:
        return list(plain(given))
    except TypeError:
        raise ParameterError(f"{place}.weights = {given!r}: a list of numbers is wanted") from None
