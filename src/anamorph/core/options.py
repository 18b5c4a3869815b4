"""Arguments of the classes that say how annotations are written: other spellings, and checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anamorph.core.errors import ParameterError, ParameterTypeError, nearest


def translate(
    owner: str, given: dict[str, Any], others: Mapping[str, Any], renamed: Mapping[str, str]
) -> None:
    """Put arguments that go by another name to their place in ``given``.

    Args:
        owner: the class, for messages.
        given: arguments by their right name, one of them ``format``.
        others: arguments by names that the class does not have.
        renamed: another spelling → the right name.

    Raises:
        ParameterTypeError: a name means nothing, or the format is missing.
    """
    for name, value in others.items():
        if name not in renamed:
            hint = nearest(name, given) or f"; its parameters are {', '.join(given)}"
            raise ParameterTypeError(f"{owner} has no parameter {name!r}{hint}")
        given[renamed[name]] = value
    if given["format"] is None:
        raise ParameterTypeError(f"{owner}.format is missing: it says how a row is written")


def names(place: str, value: Any) -> tuple[str, ...]:
    """Check the names of label fields; a lone name is one of them."""
    if value is None:
        return ()
    found = (value,) if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(name, str) for name in found):
        raise ParameterError(f"{place} = {value!r}: it must be a list of names of label fields")
    return tuple(found)
