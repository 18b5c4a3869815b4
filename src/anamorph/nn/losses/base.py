"""What all losses have in common: frozen values that are called with logits and a target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_type_hints

import torch
from torch import Tensor, nn

from anamorph.core.errors import ParameterError, ParameterTypeError
from anamorph.core.params import Choice, Listed, Number, Rule
from anamorph.nn.losses.reading import Batch, Mode, read

Reduction = Annotated[Literal["mean", "sum", "none"], Choice(("mean", "sum", "none"))]
AnyMode = Annotated[Mode, Choice(("binary", "multiclass", "multilabel"))]
Weights = Annotated[tuple[float, ...] | None, Listed(Number(0), optional=True, empty=False)]
Share = Annotated[float, Number(0, 1)]
Positive = Annotated[float, Number(0, above=True)]
AtLeastZero = Annotated[float, Number(0)]


@dataclass(frozen=True)
class Loss(nn.Module, ABC):
    """A loss: equal by content, without state, and a module of torch that has no parameters.

    Losses can be added and multiplied by numbers: ``BCE() + 0.5 * Dice()``.
    """

    def __post_init__(self) -> None:
        nn.Module.__init__(self)
        hints = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            for rule in getattr(hints[field.name], "__metadata__", ()):
                if isinstance(rule, Rule):
                    place = f"{type(self).__name__}.{field.name}"
                    checked = rule.check(place, getattr(self, field.name))
                    object.__setattr__(self, field.name, checked)

    if TYPE_CHECKING:

        def __call__(self, logits: Any, target: Any) -> Tensor: ...

    @abstractmethod
    def forward(self, logits: Any, target: Any) -> Tensor:
        """Say how far the logits are from the target."""

    def __add__(self, other: object) -> Sum:
        return Sum(((1.0, self), (1.0, other))) if isinstance(other, Loss) else NotImplemented

    def __mul__(self, factor: object) -> Sum:
        return Sum(((factor, self),)) if isinstance(factor, int | float) else NotImplemented

    __rmul__ = __mul__

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's signature
        """Do nothing: a loss is the same in training and evaluation."""
        return self


def expect(place: str, value: Any, kind: type[Any] = Loss) -> None:
    """Refuse what is no loss, or none of a kind."""
    if not isinstance(value, kind):
        wanted = "a loss" if kind is Loss else "a loss of elements, as BCE or Focal"
        raise ParameterTypeError(f"{place} = {value!r}: it must be {wanted}")


@dataclass(frozen=True)
class Sum(Loss):
    """A weighted sum of losses, all called with the same.

    >>> from anamorph.nn.losses import BCE, Dice
    >>> Sum(((1.0, BCE()), (0.5, Dice()))) == BCE() + 0.5 * Dice()
    True
    """

    terms: tuple[tuple[float, Loss], ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.terms:
            raise ParameterError("Sum.terms = (): there must be one at least")
        flat: list[tuple[float, Loss]] = []
        for number, (weight, loss) in enumerate(self.terms):
            factor = Number().check(f"Sum.terms[{number}]", weight)
            expect(f"Sum.terms[{number}]", loss)
            inner = loss.terms if isinstance(loss, Sum) else ((1.0, loss),)
            flat += [(factor * own, term) for own, term in inner]
        object.__setattr__(self, "terms", tuple(flat))

    def forward(self, logits: Any, target: Any) -> Tensor:
        first, *rest = (weight * loss(logits, target) for weight, loss in self.terms)
        return sum(rest, first)

    def parts(self, logits: Any, target: Any) -> dict[str, Tensor]:
        """Say what each term is, unweighted, by the names of the losses: for logs."""
        names = [type(loss).__name__ for _, loss in self.terms]
        keys = [f"{n}-{i}" if names.count(n) > 1 else n for i, n in enumerate(names)]
        return {k: loss(logits, target) for k, (_, loss) in zip(keys, self.terms, strict=True)}


@dataclass(frozen=True, kw_only=True)
class TargetLoss(Loss):
    """A loss of logits beside a target.

    Logits are what a model gives before any sigmoid or softmax. They may be half precision (the
    loss is then computed in float32), float32 or float64. There is no need for a picture: (N, C)
    of a classifier is as good as (N, C, H, W) or (N, C, D, H, W).

    Args:
        mode: "binary": logits and targets (N, 1, ...) or (N, ...), targets in [0, 1].
            "multiclass": logits (N, C, ...); targets (N, ...) whole numbers of classes, or
            (N, C, ...) shares, as MixUp makes them. "multilabel": both (N, C, ...), targets in
            [0, 1].
        ignore_index: elements of the target with this value count for nothing: neither in sums
            nor in what means are divided by, and their logits have no gradient. None: all count.
            If nothing counts, the loss is zero.
    """

    mode: AnyMode = "binary"
    ignore_index: Annotated[int | None, Number(whole=True, optional=True)] = None

    modes: ClassVar[tuple[str, ...]] = ("binary", "multiclass", "multilabel")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in self.modes:
            place = f"{type(self).__name__}.mode = {self.mode!r}"
            raise ParameterError(f"{place}: it must be one of {', '.join(map(repr, self.modes))}")

    def read(self, logits: Tensor, target: Tensor) -> Batch:
        """Bring what the loss is called with to one form."""
        return read(logits, target, self.mode, self.ignore_index)


def of_classes(weights: tuple[float, ...], like: Tensor, place: str) -> Tensor:
    """Weights of classes as a tensor; `like` is (N, C, P).

    Raises:
        ParameterError: there are not as many as classes.
    """
    if len(weights) != like.shape[1]:
        wanted = f"one for each of {like.shape[1]} classes"
        raise ParameterError(f"{place} = {weights}: there must be {wanted}")
    return torch.tensor(weights, dtype=like.dtype, device=like.device)


def mean(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean, and zero (with a gradient of zero) of nothing."""
    total = weight.sum()
    return (values * weight).sum() / torch.where(total > 0, total, 1)


@dataclass(frozen=True, kw_only=True)
class Pointwise(TargetLoss):
    """A loss that every element has for itself.

    Args:
        weights: how much each class counts; a mean is divided by the weights of what was counted.
        reduction: "mean", "sum", or "none": one number an element, shaped as the target (as
            (N, ...) for targets that are shares of classes), zero where nothing counts.
    """

    weights: Weights = None
    reduction: Reduction = "mean"

    @abstractmethod
    def elements(self, batch: Batch) -> Tensor:
        """Losses of elements: (N, 1, P) of classes, else (N, C, P)."""

    def counted(self, batch: Batch) -> Tensor:
        """How much each element counts, shaped as what `elements` gives."""
        if self.weights is None:
            return batch.valid.to(batch.logits.dtype)
        each = of_classes(self.weights, batch.logits, f"{type(self).__name__}.weights")
        if batch.mode != "multiclass":
            return each[:, None] * batch.valid
        if batch.numbered:
            return each[batch.labels][:, None] * batch.valid
        return (each[:, None] * batch.target).sum(1, keepdim=True) * batch.valid

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        batch = self.read(logits, target)
        values, weight = self.elements(batch), self.counted(batch)
        if self.reduction == "mean":
            return mean(values, weight)
        weighted = values * weight
        return weighted.sum() if self.reduction == "sum" else weighted.reshape(batch.shape)
