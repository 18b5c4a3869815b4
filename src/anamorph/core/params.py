"""The vocabulary of parameters: a type word carries unit and bounds.

A rule checks a value, brings it to its one stored form, and can say what it wants. The same words
feed error texts, documentation tables, command-line help and sliders.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from anamorph.core.constants import BORDERS, INTERPOLATIONS
from anamorph.core.errors import ParameterError, ParameterTypeError, nearest

INF = math.inf


def plain(value: Any) -> Any:
    """Bring NumPy scalars and arrays, lists and tuples to Python numbers and tuples."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(plain(v) for v in value)
    return value


def refuse(place: str, value: Any, wanted: str) -> ParameterError:
    """Say in one sentence what is wrong with a value."""
    return ParameterError(f"{place} = {value!r}: it must be {wanted}")


class Rule:
    """What a parameter may be. Subclasses are frozen values."""

    unit: str = ""

    def check(self, place: str, value: Any) -> Any:
        """Return the stored form of a value.

        Raises:
            ParameterError: the value is outside of what it may be.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """Say what is wanted, to stand after 'it must be'."""
        raise NotImplementedError


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


@dataclass(frozen=True, slots=True)
class Number(Rule):
    """A number in [low, high]; whole if asked; None if allowed."""

    low: float = -INF
    high: float = INF
    whole: bool = False
    unit: str = ""
    optional: bool = False
    above: bool = False  # low itself is excluded

    def check(self, place: str, value: Any) -> Any:
        value = plain(value)
        if value is None and self.optional:
            return None
        if not _number(value) or not self.holds(value):
            raise refuse(place, value, self.describe())
        return int(value) if self.whole else value

    def holds(self, value: float) -> bool:
        """Tell whether a number lies within the bounds and is whole where it must be."""
        inside = self.low <= value <= self.high and not (self.above and value == self.low)
        return inside and (not self.whole or float(value).is_integer())

    def describe(self) -> str:
        word = "a whole number" if self.whole else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        return f"{word}{unit}{self.bounds()}{' or None' if self.optional else ''}"

    def bounds(self) -> str:
        """Write the bounds as an interval, or nothing if there are none."""
        if self.low == -INF and self.high == INF:
            return ""
        if self.high == INF:
            return f" {'above' if self.above else 'of at least'} {self.low:g}"
        left = "(" if self.above or self.low == -INF else "["
        return f" in {left}{self.low:g}, {self.high:g}]"


@dataclass(frozen=True, slots=True)
class Span(Rule):
    """A range (low, high) of numbers; a lone number x is widened as ``lone`` says.

    ``lone``: "symmetric" means (-x, x), "point" means (x, x), "from" means (``start``, x), and
    "around" means (1-x, 1+x), not below ``low``.
    """

    low: float = -INF
    high: float = INF
    lone: Literal["symmetric", "point", "from", "around"] = "symmetric"
    start: float = 0
    whole: bool = False
    unit: str = ""
    optional: bool = False
    above: bool = False

    def check(self, place: str, value: Any) -> Any:
        value = plain(value)
        if value is None and self.optional:
            return None
        if _number(value):
            value = self.widen(value)
        if not isinstance(value, tuple) or len(value) != 2 or not all(map(_number, value)):
            raise refuse(place, value, self.describe())
        if not all(map(self.each.holds, value)):
            raise refuse(place, value, self.describe())
        if value[0] > value[1] and self.lone in {"symmetric", "from"}:
            value = value[::-1]  # a range from zero or about it means the same from either end
        if value[0] > value[1]:
            raise refuse(place, value, f"{self.describe()}, the smaller number first")
        return tuple(map(int, value)) if self.whole else value

    def widen(self, x: float) -> tuple[float, float]:
        """Make a range of a lone number."""
        ways: Mapping[str, Callable[[], tuple[float, float]]] = {
            "symmetric": lambda: (-abs(x), abs(x)),
            "point": lambda: (x, x),
            "from": lambda: (self.start, x) if self.start <= x else (x, self.start),
            "around": lambda: (max(self.low, 1 - x), 1 + x),
        }
        return ways[self.lone]()

    @property
    def each(self) -> Number:
        """The rule of each end."""
        return Number(self.low, self.high, self.whole, self.unit, above=self.above)

    def describe(self) -> str:
        lone = {
            "symmetric": "x for (-x, x)",
            "point": "x for (x, x)",
            "from": f"x for ({self.start:g}, x)",
            "around": "x for (1-x, 1+x)",
        }[self.lone]
        word = "whole numbers" if self.whole else "numbers"
        unit = f" of {self.unit}" if self.unit else ""
        end = " or None" if self.optional else ""
        return f"a pair (low, high) of {word}{unit}{self.each.bounds()}, or {lone}{end}"


@dataclass(frozen=True, slots=True)
class Choice(Rule):
    """One of a few values."""

    values: tuple[Any, ...]
    optional: bool = False
    names: tuple[str, ...] = ()

    def check(self, place: str, value: Any) -> Any:
        value = plain(value)
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or value not in self.values:
            hint = nearest(value, map(str, self.values)) if isinstance(value, str) else ""
            raise refuse(place, value, self.describe() + hint)
        return value

    def describe(self) -> str:
        words = [
            f"{v!r} ({n})" if n else repr(v)
            for v, n in zip(self.values, self.names or ("",) * len(self.values), strict=True)
        ]
        return f"one of {', '.join(words)}{' or None' if self.optional else ''}"


@dataclass(frozen=True, slots=True)
class Flag(Rule):
    """True or False."""

    def check(self, place: str, value: Any) -> Any:
        value = plain(value)
        if not isinstance(value, int | float) or value not in {0, 1}:
            raise refuse(place, value, self.describe())
        return bool(value)

    def describe(self) -> str:
        return "True or False"


@dataclass(frozen=True, slots=True)
class Fixed(Rule):
    """A tuple of a fixed length whose items follow one rule each or all the same."""

    item: Rule
    length: int
    optional: bool = False
    unit: str = ""

    def check(self, place: str, value: Any) -> Any:
        value = plain(value)
        if value is None and self.optional:
            return None
        if not isinstance(value, tuple) or len(value) != self.length:
            raise refuse(place, value, self.describe())
        return tuple(self.item.check(f"{place}[{i}]", v) for i, v in enumerate(value))

    def describe(self) -> str:
        end = " or None" if self.optional else ""
        return f"a tuple of {self.length} items, each {self.item.describe()}{end}"


@dataclass(frozen=True, slots=True)
class Listed(Rule):
    """A tuple of any length whose items follow one rule."""

    item: Rule
    optional: bool = False
    empty: bool = True

    def check(self, place: str, value: Any) -> Any:
        value = plain(value)
        if value is None and self.optional:
            return None
        if isinstance(value, set | frozenset | range):
            value = tuple(sorted(value))
        if not isinstance(value, tuple) or not (value or self.empty):
            raise refuse(place, value, self.describe())
        return tuple(self.item.check(f"{place}[{i}]", v) for i, v in enumerate(value))

    def describe(self) -> str:
        end = " or None" if self.optional else ""
        return f"a sequence of items, each {self.item.describe()}{end}"


@dataclass(frozen=True, slots=True)
class Either(Rule):
    """Any one of several forms, tried in order."""

    rules: tuple[Rule, ...]
    optional: bool = False

    def check(self, place: str, value: Any) -> Any:
        if value is None and self.optional:
            return None
        for rule in self.rules:
            try:
                return rule.check(place, value)
            except ParameterError:
                continue
        raise refuse(place, plain(value), self.describe())

    def describe(self) -> str:
        text = ", or ".join(rule.describe() for rule in self.rules)
        return f"{text}{' or None' if self.optional else ''}"


@dataclass(frozen=True, slots=True)
class Keyed(Rule):
    """A mapping with some of the given keys, stored as a tuple of pairs in the given order."""

    keys: tuple[str, ...]
    item: Rule

    def check(self, place: str, value: Any) -> Any:
        if isinstance(value, Mapping) and value and set(value) <= set(self.keys):
            return {
                k: self.item.check(f"{place}[{k!r}]", value[k]) for k in self.keys if k in value
            }
        raise refuse(place, value, self.describe())

    def describe(self) -> str:
        return f"a dictionary with keys among {self.keys}, each {self.item.describe()}"


@dataclass(frozen=True, slots=True)
class Words(Rule):
    """A string, or None if allowed."""

    optional: bool = False

    def check(self, place: str, value: Any) -> Any:
        if (value is None and self.optional) or isinstance(value, str):
            return value
        raise refuse(place, value, self.describe())

    def describe(self) -> str:
        return f"a string{' or None' if self.optional else ''}"


@dataclass(frozen=True, slots=True)
class Function(Rule):
    """Something that can be called, or None."""

    optional: bool = True

    def check(self, place: str, value: Any) -> Any:
        if (value is None and self.optional) or callable(value):
            return value
        raise refuse(place, value, self.describe())

    def describe(self) -> str:
        return f"a function{' or None' if self.optional else ''}"


@dataclass(frozen=True, slots=True)
class Open(Rule):
    """Anything; the transform itself checks it."""

    words: str = "any value"

    def check(self, place: str, value: Any) -> Any:
        return plain(value)

    def describe(self) -> str:
        return self.words


# ------------------------------------------------------------------------------- the words

Probability = Annotated[float, Number(0, 1)]
Boolean = Annotated[bool, Flag()]
Pixels = Annotated[int, Number(1, whole=True, unit="pixels")]
OptionalPixels = Annotated[Any, Number(1, whole=True, unit="pixels", optional=True)]
Fraction = Annotated[float, Number(0, 1)]
SymmetricDegrees = Annotated[Any, Span(unit="degrees")]
DegreeRange = Annotated[Any, Span(lone="point", unit="degrees")]
Size = Annotated[Any, Fixed(Number(1, whole=True, unit="pixels"), 2, unit="pixels")]
FractionRange = Annotated[Any, Span(0, 1, lone="point")]
Interpolation = Annotated[int, Choice(tuple(INTERPOLATIONS), names=tuple(INTERPOLATIONS.values()))]
Border = Annotated[int, Choice(tuple(BORDERS), names=tuple(BORDERS.values()))]
_COLOR = Either((Number(), Listed(Number(), empty=False)))
Fill = Annotated[Any, _COLOR]
"""A value for all channels or one value a channel, in the units of the picture."""
MaskFill = Annotated[Any, Either((Number(), Listed(Number(), empty=False)), optional=True)]
RANDOM_FILLS = ("random", "random_uniform", "inpaint_telea", "inpaint_ns")
DropFill = Annotated[Any, Either((Number(), Listed(Number(), empty=False), Choice(RANDOM_FILLS)))]
BoxMethod = Annotated[str, Choice(("largest_box", "ellipse"))]


PLAIN_TYPES: Mapping[Any, Rule] = {
    float: Number(),
    int: Number(whole=True),
    bool: Flag(),
    str: Words(),
}
"""What a parameter may be that is annotated with nothing but a type."""


def rule_of(annotation: Any, place: str) -> Rule:
    """Find the rule that an ``Annotated`` word carries, or that a plain type stands for."""
    if annotation in PLAIN_TYPES:
        return PLAIN_TYPES[annotation]
    for item in getattr(annotation, "__metadata__", ()):
        if isinstance(item, Rule):
            return item
    msg = f"{place} is annotated with {annotation!r}: a parameter's type must carry a rule"
    raise ParameterTypeError(msg)


def per_channel(value: float | Sequence[float], channels: int, place: str) -> tuple[float, ...]:
    """Spread a value over the channels.

    Raises:
        ParameterError: there are several values, and not one a channel.
    """
    if isinstance(value, int | float):
        return (float(value),) * channels
    if len(value) == 1:
        return (float(value[0]),) * channels
    if len(value) != channels:
        raise refuse(place, tuple(value), f"one value, or one for each of the {channels} channels")
    return tuple(map(float, value))
