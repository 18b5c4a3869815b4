"""Merges: how what several views say becomes one, a view at a time in bounded memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from anamorph.core.errors import UnknownNameError, nearest
from anamorph.core.params import Number

Weight: TypeAlias = float | Tensor
"""Weight of a view; or of each place of it, zero where the view does not see it."""
Map = Callable[[Tensor], Tensor]


class Merge(ABC):
    """Abstract base of merges by name."""

    probabilities: bool = False
    """Whether it has a meaning only for probabilities."""
    weighted: bool = True
    """Whether weights of views mean anything to it."""

    @abstractmethod
    def begin(self) -> Merging:
        """Start to merge."""


class Merging(ABC):
    """A merge in progress."""

    @abstractmethod
    def add(self, values: Tensor, weight: Weight, number: int = 0) -> None:
        """Take what one more view says, the one of that number."""

    @abstractmethod
    def result(self) -> Tensor:
        """Say what all views together say."""


# --------------------------------------------------------------------------------- means


@dataclass(frozen=True)
class Mean(Merge):
    """A quasi-arithmetic mean (Kolmogorov 1930): back(Σ wᵢ·there(xᵢ) / Σ wᵢ)."""

    there: Map | None = None
    back: Map | None = None
    probabilities: bool = False

    def begin(self) -> Merging:
        return _Averaging(self)


@dataclass(frozen=True)
class Power(Merge):
    """The power mean (Σ wᵢ·xᵢᵏ / Σ wᵢ)^(1/k) of probabilities.

    Below 1 it trusts low values more than the mean does, above 1 high ones.

    >>> merging = Power(2).begin()
    >>> merging.add(torch.tensor([0.6]), 1.0)
    >>> merging.add(torch.tensor([0.8]), 1.0)
    >>> round(merging.result().item(), 4)
    0.7071
    """

    exponent: float = 0.5
    probabilities = True

    def __post_init__(self) -> None:
        Number(0, 100, above=True).check("Power.exponent", self.exponent)

    def begin(self) -> Merging:
        k = self.exponent
        return _Averaging(Mean(lambda x: x.clamp_min(0) ** k, lambda x: x ** (1 / k)))


class _Averaging(Merging):
    """A running mean, which leaves equal values exactly as they are."""

    def __init__(self, mean: Mean) -> None:
        self.mean = mean
        self.value: Tensor | None = None
        self.total: Weight = 0.0

    def add(self, values: Tensor, weight: Weight, number: int = 0) -> None:
        new = _wide(values)
        if self.mean.there is not None:
            new = self.mean.there(new)
        self.total = self.total + weight
        if self.value is None:
            self.value = new
            return
        if isinstance(self.total, Tensor):
            share = (weight / self.total.clamp_min(1e-12)).to(new)
            self.value = torch.lerp(self.value, new, share)
        else:
            self.value = torch.lerp(self.value, new, _number(weight) / self.total)

    def result(self) -> Tensor:
        value = _there(self.value)
        return value if self.mean.back is None else self.mean.back(value)


def _number(weight: Weight) -> float:
    return float(weight)


def _positive(values: Tensor) -> Tensor:
    return values.clamp_min(torch.finfo(values.dtype).tiny)


def _logit(values: Tensor) -> Tensor:
    return torch.logit(values, eps=torch.finfo(values.dtype).eps)


# ------------------------------------------------------------------------------ extremes


@dataclass(frozen=True)
class Extreme(Merge):
    """The greatest or the least of what the views say that see a place."""

    choose: Callable[[Tensor, Tensor], Tensor]
    worst: float
    weighted = False

    def begin(self) -> Merging:
        return _Choosing(self)


class _Choosing(Merging):
    def __init__(self, extreme: Extreme) -> None:
        self.extreme = extreme
        self.value: Tensor | None = None

    def add(self, values: Tensor, weight: Weight, number: int = 0) -> None:
        if isinstance(weight, Tensor):
            values = torch.where(weight > 0, values, self.extreme.worst)
        self.value = values if self.value is None else self.extreme.choose(self.value, values)

    def result(self) -> Tensor:
        return _there(self.value)


# ------------------------------------------------------------------------------ a user's


@dataclass(frozen=True)
class Custom(Merge):
    """A function of a user's: f(values (V, …), weights) → merged.

    The weights add up to 1 over V, wherever any view sees a place, and can be multiplied with the
    values. All views are held until the last is there, and come in
    their order.
    """

    function: Callable[[Tensor, Tensor], Tensor]

    def begin(self) -> Merging:
        return _Collecting(self.function)


class _Collecting(Merging):
    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.function = function
        self.views: list[tuple[int, Tensor, Weight]] = []

    def add(self, values: Tensor, weight: Weight, number: int = 0) -> None:
        self.views.append((number, values, weight))

    def result(self) -> Tensor:
        views = sorted(self.views, key=lambda view: view[0])
        values = torch.stack([found for _, found, _ in views])
        each = [torch.as_tensor(weight).to(values) for *_, weight in views]
        each = [w.reshape((1,) * (values.dim() - 1 - w.dim()) + w.shape) for w in each]
        largest = max(each, key=Tensor.numel)  # one a place where any view sees but a part
        weights = torch.stack([w.expand_as(largest) for w in each])
        return self.function(values, weights / weights.sum(0).clamp_min(1e-12))


# ----------------------------------------------------------------------------- the table

MERGES: Mapping[str, Merge] = {
    "mean": Mean(),
    "gmean": Mean(lambda x: _positive(x).log(), torch.exp, probabilities=True),
    "hmean": Mean(lambda x: 1 / _positive(x), torch.reciprocal, probabilities=True),
    "logit_mean": Mean(_logit, torch.sigmoid, probabilities=True),
    "power": Power(),
    "max": Extreme(torch.maximum, -torch.inf),
    "min": Extreme(torch.minimum, torch.inf),
}


def as_merge(given: Any) -> Merge:
    """Read a merge: a name, a merge, or a function f(values (V, …), weights) → merged.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if isinstance(given, Merge):
        return given
    if callable(given):
        function: Any = given
        return Custom(function)
    if given not in MERGES:
        hint = nearest(str(given), MERGES)
        raise UnknownNameError(
            f"TTA.merge = {given!r}: it must be one of {', '.join(MERGES)}, or a function{hint}"
        )
    return MERGES[given]


def _wide(values: Tensor) -> Tensor:
    """Half precision is merged in single."""
    return values.float() if values.dtype in {torch.float16, torch.bfloat16} else values


def _there(value: Tensor | None) -> Tensor:
    if value is None:
        raise RuntimeError("nothing was merged")  # a defect here, no mistake of the user's
    return value
