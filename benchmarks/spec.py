"""The vocabulary in which cases are written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Near:
    """A narrow range about a value."""

    middle: float
    reach: float

    def ends(self, *, pinned: bool) -> tuple[float, float]:
        reach = type(self.reach)(0) if pinned else self.reach
        return (self.middle - reach, self.middle + reach)


@dataclass(frozen=True)
class Step:
    """A class of the library by name, with its children and arguments."""

    name: str
    children: tuple["Step", ...]
    arguments: dict[str, Any]


Build = Callable[[int], tuple[Step, ...]]


@dataclass(frozen=True)
class Case:
    """One row of the results."""

    group: str
    name: str
    steps: Build
    kind: str = "photo"
    """What goes in: see `pictures.inputs`."""
    check: str = "exact"
    """How agreement with 2.0.8 is judged: `exact`, `members` or `drawn`."""
    tolerance: float = 0.5
    """`exact`: mean difference in grey levels; `drawn`: bias of any statistic in its own unit."""
    scale: float | None = None
    """Grey levels per unit of the output; None: 1 for integers, 255 for floats."""
    needs: str = ""
    """A module without which the case cannot run."""
    sized: bool = True
    """Whether the case follows the sizes asked for, or has its own."""
    notes: dict[str, str] = field(default_factory=dict)
    """Per library: why another result is right."""


def near(middle: float, reach: float) -> Near:
    return Near(middle, reach)


def t(name: str, /, *children: Step, **arguments: Any) -> Step:
    """One transform, applied always unless `p` says otherwise."""
    return Step(name, children, {"p": 1.0} | arguments)


def resolve(value: Any, *, pinned: bool) -> Any:
    """Replace every `Near` inside an argument by its two ends."""
    if isinstance(value, Near):
        return value.ends(pinned=pinned)
    if isinstance(value, dict):
        return {key: resolve(item, pinned=pinned) for key, item in value.items()}
    return value
