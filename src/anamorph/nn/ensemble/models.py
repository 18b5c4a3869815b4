"""Several models in one module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor, nn

from anamorph.core.errors import (
    DataError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
    nearest,
)
from anamorph.nn.ensemble.weighing import merge_of, weights_of
from anamorph.nn.tta.merges import Merge, Merging
from anamorph.nn.tta.outputs import ACTIVATIONS, Activation, kind_of


@final
class Ensemble(nn.Module):
    """Models that are asked one after the other, and what they say merged.

    Outputs may be tensors, or mappings, sequences and dataclasses of such, alike for all models.
    One model's output is held at a time, except for merges that are functions. For
    detectors see the fusions in `anamorph.nn.boxes`.

    >>> import torch
    >>> from anamorph.nn.ensemble import Ensemble
    >>> double, triple = (torch.nn.Linear(1, 1, bias=False) for _ in range(2))
    >>> for model, factor in ((double, 2.0), (triple, 3.0)):
    ...     _ = torch.nn.init.constant_(model.weight, factor)
    >>> with torch.no_grad():
    ...     Ensemble([double, triple], weights=(3, 1))(torch.ones(1, 1)).item()
    2.25
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        *,
        weights: Sequence[float] | None = None,
        merge: Any = "mean",
        activation: str | None = None,
    ) -> None:
        """Take models.

        Args:
            models: of the same inputs and outputs.
            weights: one a model, whatever the sum; a model of weight 0 is not asked.
            merge: a name in ``anamorph.nn.tta.MERGES``, a merge, or f(values (M, …), weights).
            activation: a name in ``anamorph.nn.tta.ACTIVATIONS``: what makes the outputs
                probabilities, or that they are such. None merges them as they are.

        Raises:
            ParameterError: weights do not fit, or a merge of probabilities without activation.
            UnknownNameError: there is no such merge or activation.
        """
        super().__init__()
        if not all(isinstance(model, nn.Module) for model in models):
            raise ParameterTypeError("Ensemble.models must be modules")
        self.models: nn.ModuleList = nn.ModuleList(models)
        self.weights: tuple[float, ...] = weights_of("Ensemble", weights, len(models))
        found = merge_of("Ensemble.merge", merge)
        self.merge: Merge = found if isinstance(found, Merge) else merge
        self.activation: Activation | None = _activation(activation)
        if self.merge.probabilities and self.activation is None:
            raise ParameterError(
                f"Ensemble.merge = {merge!r}: it has a meaning only for probabilities; say with "
                f"activation what makes them: one of {', '.join(ACTIVATIONS)}"
            )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the models say of these arguments together."""
        gathered: _Gathered | None = None
        for number, (model, weight) in enumerate(zip(self.models, self.weights, strict=True)):
            if weight > 0:
                said = model(*args, **kwargs)
                gathered = _Gathered(said, self) if gathered is None else gathered
                gathered.add(said, weight, number)
        return None if gathered is None else gathered.result()

    def extra_repr(self) -> str:
        """The weights."""
        return "weights=(" + ", ".join(f"{weight:.4g}" for weight in self.weights) + ")"


class _Gathered:
    """A tree of merges like the models' output."""

    def __init__(self, like: Any, ensemble: Ensemble, path: str = "") -> None:
        self.like, self.path, self.activation = like, path, ensemble.activation
        self.kind = kind_of(like)
        self.sums = self.activation is not None and self.activation.sums
        self.merging: Merging = ensemble.merge.begin()
        members = {} if self.kind is None else self.kind.members(like)
        self.members = {
            key: _Gathered(value, ensemble, f"{path}[{key!r}]") for key, value in members.items()
        }

    def add(self, said: Any, weight: float, number: int) -> None:
        if self.kind is not None:
            found = self.kind.members(said) if self.kind.holds(said) else {}
            if found.keys() != self.members.keys():
                raise DataError(
                    f"model {number} gives another kind of output{self.path} than the first"
                )
            for key, member in self.members.items():
                member.add(found[key], weight, number)
            return
        if not isinstance(said, Tensor) or said.shape != getattr(self.like, "shape", None):
            wanted = tuple(self.like.shape) if isinstance(self.like, Tensor) else "a tensor"
            given = tuple(said.shape) if isinstance(said, Tensor) else type(said).__name__
            raise DataError(f"model {number}'s output{self.path} is {given}: {wanted} is wanted")
        values = said if self.activation is None else self.activation.apply(said)
        self.merging.add(values, weight, number)

    def result(self) -> Any:
        if self.kind is not None:
            merged = {key: member.result() for key, member in self.members.items()}
            return self.kind.remade(self.like, merged)
        value = self.merging.result()
        value = value / value.sum(1, keepdim=True) if self.sums else value
        return value.to(self.like.dtype)


def _activation(given: str | None) -> Activation | None:
    if given is None:
        return None
    if given not in ACTIVATIONS:
        raise UnknownNameError(
            f"Ensemble.activation = {given!r}: it must be one of {', '.join(ACTIVATIONS)} or None"
            f"{nearest(str(given), ACTIVATIONS)}"
        )
    return ACTIVATIONS[given]
