"""The Lovász extension of the Jaccard loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from anamorph.core.params import Flag
from anamorph.nn.losses.base import TargetLoss, Weights, mean, of_classes
from anamorph.nn.losses.reading import Batch


def jaccard_slopes(labels: Tensor, valid: Tensor) -> Tensor:
    """By how much the Jaccard loss grows with each further error, of elements sorted by error.

    Args:
        labels: (R, P), 0 or 1, the greatest error first.
        valid: (R, P), what counts.

    >>> jaccard_slopes(torch.tensor([[1, 0, 1]]), torch.ones(1, 3))
    tensor([[0.5000, 0.1667, 0.3333]])
    """
    there, counts = labels.bool() & valid.bool(), valid.bool()
    # whole numbers: sums in float32 stop growing at 2²⁴ pixels
    found = there.long().cumsum(1)
    total = found[:, -1:]
    union = total + (counts & ~there).long().cumsum(1)
    kind = valid.dtype if valid.is_floating_point() else torch.float32
    loss = 1 - (total - found).to(kind) / union.clamp_min(1).to(kind)
    loss = torch.where(union > 0, loss, 0)
    return torch.diff(loss, dim=1, prepend=torch.zeros_like(loss[:, :1]))


@dataclass(frozen=True, kw_only=True)
class Lovasz(TargetLoss):
    """Lovász hinge of binary logits, Lovász softmax of classes: they stand in for 1 − Jaccard.

    Berman et al. 2018 (arXiv 1705.08790). It always takes logits. Targets are hard: shares are
    rounded to 0 or 1.

    Args:
        per_image: the index of each picture; else of all of the batch together.
        skip_empty: classes that are not there do not count.
        weights: how much each class counts.

    >>> Lovasz()(torch.tensor([[2.0, -2.0]]), torch.tensor([[1, 0]]))
    tensor(0.)
    """

    per_image: Annotated[bool, Flag()] = False
    skip_empty: Annotated[bool, Flag()] = False
    weights: Weights = None

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        batch = self.read(logits, target)
        labels = (batch.target > 0.5).to(batch.logits.dtype)
        errors = self._errors(batch, labels)
        valid = batch.valid.expand_as(errors)
        errors, labels, valid = (self._rows(v) for v in (errors, labels, valid))
        values = _extended(errors, labels, valid)
        weight = torch.ones_like(values)
        if self.weights is not None:
            each = of_classes(self.weights, batch.logits, "Lovasz.weights")
            weight = weight * each.repeat(len(values) // len(each))
        return mean(values, weight * (labels.sum(1) > 0) if self.skip_empty else weight)

    def _errors(self, batch: Batch, labels: Tensor) -> Tensor:
        if batch.mode == "multiclass":
            return (labels - batch.logits.softmax(1)).abs()
        return 1 - batch.logits * (2 * labels - 1)

    def _rows(self, values: Tensor) -> Tensor:
        """(N, C, P) as one row for each index: (N·C, P), or (C, N·P)."""
        if self.per_image:
            return values.flatten(0, 1)
        return values.transpose(0, 1).flatten(1)


def _extended(errors: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    if not errors.shape[1]:
        return errors.sum(1)
    # what does not count comes last, where its slope is zero
    order = errors.detach().masked_fill(~valid, -torch.inf).argsort(1, descending=True)
    slopes = jaccard_slopes(labels.gather(1, order), valid.gather(1, order).to(errors.dtype))
    return (errors.gather(1, order).relu() * slopes).sum(1)
