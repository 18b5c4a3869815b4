"""What is gathered of a model's outputs, view by view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anamorph.core.errors import DataError
from anamorph.nn.tta.outputs import kind_of
from anamorph.nn.tta.view import View


@dataclass(frozen=True, slots=True)
class Look:
    """A view, what it weighs, and which of the views it is: they may be run in another order."""

    view: View
    weight: float
    number: int


class Gathering(ABC):
    """What is gathered of one output, or of a container of outputs."""

    @abstractmethod
    def add(self, value: Any, look: Look) -> None:
        """Take what one more view says."""

    @abstractmethod
    def result(self) -> Any:
        """Say what all views together say."""


class First(Gathering):
    """An output that is taken from the first view."""

    def __init__(self) -> None:
        self.held: list[Any] = []

    def add(self, value: Any, look: Look) -> None:
        if not self.held:
            self.held.append(value)

    def result(self) -> Any:
        return self.held[0]


class Members(Gathering):
    """A container of outputs, each with what is gathered of it."""

    def __init__(self, members: Mapping[Any, Gathering]) -> None:
        self.members = members
        self.like: Any = None

    def add(self, value: Any, look: Look) -> None:
        kind = kind_of(value)
        found = {} if kind is None else kind.members(value)
        if found.keys() != self.members.keys():
            raise DataError(
                f"the model gave {list(found)} for one view and {list(self.members)} for another"
            )
        self.like = value if self.like is None else self.like
        for key, member in self.members.items():
            member.add(found[key], look)

    def result(self) -> Any:
        kind = kind_of(self.like)
        merged = {key: member.result() for key, member in self.members.items()}
        return merged if kind is None else kind.remade(self.like, merged)
