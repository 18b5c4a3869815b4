"""Soups: the weights of several checkpoints of one architecture, averaged."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from anamorph.core.errors import DataError, DataTypeError
from anamorph.core.params import Choice, Number, Rule
from anamorph.nn.ensemble.weighing import weights_of
from anamorph.nn.models.weights import read_weights

State = Mapping[str, Tensor]
Given = State | nn.Module | str | os.PathLike[str]

MODE: Rule = Choice(("max", "min"))


@final
@dataclass(frozen=True, slots=True)
class Soup:
    """Averaged weights, which checkpoints are in them, and scores: the soup's and each one's."""

    state: dict[str, Tensor]
    chosen: tuple[int, ...]
    score: float
    singles: tuple[float, ...]


def uniform_soup(
    checkpoints: Sequence[Given], weights: Sequence[float] | None = None
) -> dict[str, Tensor]:
    """The mean of weights (Izmailov et al. 2018; Wortsman et al. 2022), one checkpoint in memory at a time.

    Sums are made in float64, results have the types of the first. Whole numbers, such as counts of
    batches, are those of the first. Running statistics of batch norms are averaged too: estimate
    them anew on training data (``torch.optim.swa_utils.update_bn``) if there are such.

    Args:
        checkpoints: parameters by name, modules, or files as ``anamorph.nn.models.read_weights``
            reads them.
        weights: one each, whatever the sum.

    Raises:
        DataError: names or shapes differ.
        ParameterError: weights that do not fit.

    >>> import torch
    >>> from anamorph.nn.ensemble import uniform_soup
    >>> uniform_soup([{"w": torch.tensor([0.0])}, {"w": torch.tensor([1.0])}])
    {'w': tensor([0.5000])}
    """
    shares = weights_of("uniform_soup", weights, len(checkpoints))
    mixture = _Mixture()
    for at, (given, share) in enumerate(zip(checkpoints, shares, strict=True)):
        mixture.add(state_of(given, at), share)
    return mixture.state()


def best_soup(
    checkpoints: Sequence[Given], scores: Sequence[float], k: int, *, mode: str = "max"
) -> dict[str, Tensor]:
    """The mean of the k best checkpoints by their scores; fewer, if there are no more."""
    MODE.check("best_soup.mode", mode)
    Number(1, whole=True).check("best_soup.k", k)
    if len(scores) != len(checkpoints):
        raise DataError(
            f"{len(checkpoints)} checkpoints have {len(scores)} scores: one each is wanted"
        )
    order = _best_first(scores, mode)[:k]
    return uniform_soup([checkpoints[at] for at in order])


def greedy_soup(
    checkpoints: Sequence[Given], score: Callable[[dict[str, Tensor]], float], *, mode: str = "max"
) -> Soup:
    """Add checkpoints, the best first, while a validation score does not sink (Wortsman et al. 2022).

    The soup is never worse than the best checkpoint, on the data that ``score`` looks at.

    Args:
        checkpoints: as in :func:`uniform_soup`.
        score: says how good parameters are, on held-out data.
        mode: whether "max" or "min" of it is good.

    Raises:
        DataError: names or shapes differ, or a score is not a number.
    """
    MODE.check("greedy_soup.mode", mode)
    weights_of("greedy_soup", None, len(checkpoints))
    sign = 1 if mode == "max" else -1
    singles = [
        _number(score(_copied(state_of(given, at))), at) for at, given in enumerate(checkpoints)
    ]
    order = _best_first(singles, mode)
    mixture = _Mixture()
    mixture.add(state_of(checkpoints[order[0]], order[0]))
    chosen, best = [order[0]], singles[order[0]]
    for at in order[1:]:
        tried = mixture.copy()
        tried.add(state_of(checkpoints[at], at))
        reached = _number(score(tried.state()), at)
        if sign * reached >= sign * best:
            mixture, best = tried, reached
            chosen.append(at)
    return Soup(mixture.state(), tuple(chosen), best, tuple(singles))


def state_of(given: Given, at: int) -> State:
    """The parameters that are meant.

    Raises:
        DataTypeError: there are none.
    """
    if isinstance(given, nn.Module):
        return given.state_dict()
    if isinstance(given, str | os.PathLike):
        return read_weights(given)
    found: Any = given
    if isinstance(found, Mapping) and all(isinstance(value, Tensor) for value in found.values()):
        return found
    raise DataTypeError(
        f"checkpoints[{at}] is {type(found).__name__}: parameters by name are wanted"
    )


class _Mixture:
    """Sums of parameters, and what they are to be divided by."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.first: dict[str, Tensor] = {}
        self.total = 0.0
        self.count = 0

    def copy(self) -> _Mixture:
        other = _Mixture()
        other.first, other.total, other.count = self.first, self.total, self.count
        other.sums = {name: value.clone() for name, value in self.sums.items()}
        return other

    def add(self, state: State, weight: float = 1.0) -> None:
        if not self.first:
            self.first = _copied(state)
        if state.keys() != self.first.keys():
            name = min(state.keys() ^ self.first.keys())
            raise DataError(
                f"checkpoint {self.count} differs from the first: {name!r} is in one only"
            )
        for name, value in state.items():
            like = self.first[name]
            if value.shape != like.shape:
                raise DataError(
                    f"{name!r} of checkpoint {self.count} has shape {tuple(value.shape)}: "
                    f"{tuple(like.shape)} is wanted"
                )
            if like.is_floating_point():
                added = value.detach().to("cpu", torch.float64) * weight
                self.sums[name] = added if name not in self.sums else self.sums[name] + added
        self.total += weight
        self.count += 1

    def state(self) -> dict[str, Tensor]:
        return {
            name: (self.sums[name] / self.total).to(like) if name in self.sums else like.clone()
            for name, like in self.first.items()
        }


def _copied(state: State) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}


def _best_first(scores: Sequence[float], mode: str) -> list[int]:
    sign = -1 if mode == "max" else 1
    return sorted(range(len(scores)), key=lambda at: sign * _number(scores[at], at))


def _number(score: Any, at: int) -> float:
    value = float(score)
    if value != value:  # noqa: PLR0124 - NaN
        raise DataError(f"the score of checkpoint {at} is not a number")
    return value
