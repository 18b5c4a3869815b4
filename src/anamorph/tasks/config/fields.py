"""Frozen sections of options: each field carries its rule and one sentence about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from anamorph.core.errors import ParameterTypeError, UnknownNameError, nearest
from anamorph.core.params import Number, Rule, refuse

S = TypeVar("S")
Plain = Mapping[str, Any]


def about(sentence: str, rule: Rule | None = None) -> dict[str, Any]:
    """What a field is for, and what it may be, as its metadata."""
    return {"about": sentence} if rule is None else {"about": sentence, "rule": rule}


def option(default: Any, rule: Rule, sentence: str) -> Any:
    """A field of a section: its default, what it may be, and what it is for."""
    return field(default=default, metadata=about(sentence, rule))


@dataclass(frozen=True)
class Section:
    """A group of options; a wrong one is refused when the section is built."""

    def __post_init__(self) -> None:
        """Check all fields that have a rule, and store them in their one form."""
        for each in dataclasses.fields(self):
            rule = each.metadata.get("rule")
            if rule is not None:
                place = f"{type(self).__name__}.{each.name}"
                object.__setattr__(self, each.name, checked(rule, place, getattr(self, each.name)))


def checked(rule: Rule, place: str, value: Any) -> Any:
    """Check a value; numbers that YAML reads as text (1e-3) are numbers."""
    if isinstance(rule, Number) and isinstance(value, str):
        try:
            value = float(value)
        except ValueError as error:
            raise refuse(place, value, rule.describe()) from error
    if not isinstance(rule, Number) and isinstance(value, list):
        value = tuple(value)
    return rule.check(place, value)


def kinds(kind: type[Any]) -> dict[str, type[Section] | None]:
    """Name of each field → the section that it is, or None for a plain value."""
    hints = get_type_hints(kind)
    found: dict[str, type[Section] | None] = {}
    for each in dataclasses.fields(kind):
        hint = hints[each.name]
        is_section = isinstance(hint, type) and issubclass(hint, Section)
        found[each.name] = hint if is_section else None
    return found


def build(kind: type[S], given: Any, place: str = "") -> S:
    """Make a section of plain data.

    Args:
        kind: the section.
        given: its options by name; those that are missing have their defaults.
        place: where it stands, for errors: ``train``.

    Raises:
        UnknownNameError: there is no such option; the nearest right one is named.
        AnamorphError: an option is not what it may be.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise ParameterTypeError(f"{place or 'config'} = {given!r}: options by name are wanted")
    known = kinds(kind)
    values: dict[str, Any] = {}
    for name, value in given.items():
        at = f"{place}.{name}" if place else str(name)
        if name not in known:
            where = f" in {place}" if place else ""
            raise UnknownNameError(
                f"{at}: there is no such option{where}{nearest(str(name), known)}"
            )
        inner = known[name]
        values[name] = value if inner is None else build(inner, value, at)
        rule = _rule(kind, name)
        if rule is not None:
            values[name] = checked(rule, at, value)
    return kind(**values)


def _rule(kind: Any, name: str) -> Rule | None:
    found = {each.name: each.metadata.get("rule") for each in dataclasses.fields(kind)}
    return found[name]


def plain(value: Any) -> Any:
    """A section as dictionaries, lists, numbers and texts."""
    if isinstance(value, Section):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return value
