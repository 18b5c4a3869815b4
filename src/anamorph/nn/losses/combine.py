"""Losses made of losses: the hardest elements, several depths of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from anamorph.core.errors import DataError
from anamorph.core.params import Flag, Listed, Number
from anamorph.nn.losses.base import Loss, Pointwise, Share, expect


@dataclass(frozen=True)
class TopK(Loss):
    """The mean of a loss over its hardest elements: online hard example mining.

    Shrivastava et al. 2016 (arXiv 1604.03540), of elements, or pixels (Wu et al. 2016, arXiv
    1605.06457).

    Args:
        loss: the loss of an element; its `reduction` is not used.
        share: which share of what counts, of all the batch, is kept; one element at least.
        above: elements with a greater loss are kept too, whatever the share: −ln 0.7 = 0.36 keeps
            those that are predicted with less than 0.7. None: the share alone.

    >>> from anamorph.nn.losses import BCE
    >>> TopK(BCE(), share=0.5)(torch.tensor([0.0, 40.0]), torch.tensor([1, 1]))
    tensor(0.6931)
    """

    loss: Pointwise
    share: Share = 0.25
    above: Annotated[float | None, Number(optional=True)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        expect("TopK.loss", self.loss, Pointwise)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        batch = self.loss.read(logits, target)
        weight = self.loss.counted(batch).expand_as(values := self.loss.elements(batch))
        values, weight = (values * weight).flatten(), weight.flatten()
        counts = batch.valid.expand(batch.valid.shape).flatten()
        if not values.numel():
            return values.sum()
        ordered, places = values.masked_fill(~counts, -torch.inf).sort(descending=True)
        rank = torch.arange(len(ordered), device=values.device)
        # 0.3 of 90 is 27, whatever the rounding
        kept = rank < (counts.sum() * self.share - 1e-3).ceil().clamp_min(1)
        if self.above is not None:
            kept |= ordered > self.above
        kept &= counts[places]
        total = (weight[places] * kept).sum()
        return torch.where(kept, ordered, 0).sum() / torch.where(total > 0, total, 1)


@dataclass(frozen=True)
class DeepSupervision(Loss):
    """The weighted mean of a loss over the outputs of several depths of a model.

    Lee et al. 2015 (arXiv 1409.5185). Called with a list of logits (N, C, ...), the finest first,
    each of its own size, and one target. The target is brought to the size of each by picking the
    nearest: so labels stay labels and ignored places stay ignored. A lone tensor, as models give in
    evaluation, counts alone.

    Args:
        loss: of each output.
        weights: of each output, the finest first. There may be more than outputs.
        upsample: bring the logits to the size of the target instead, bilinearly.

    >>> from anamorph.nn.losses import BCE
    >>> deep = DeepSupervision(BCE())
    >>> deep([torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 4, 4)], torch.ones(1, 1, 8, 8))
    tensor(0.6931)
    """

    loss: Loss
    weights: Annotated[tuple[float, ...], Listed(Number(0), empty=False)] = (1, 0.5, 0.25, 0.125)
    upsample: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        expect("DeepSupervision.loss", self.loss)

    def forward(self, logits: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        if isinstance(logits, Tensor):
            return self.loss(logits, target)
        if not 0 < len(logits) <= len(self.weights):
            have = f"{len(logits)} outputs"
            raise DataError(f"DeepSupervision: {have}: there must be 1 to {len(self.weights)}")
        weights = self.weights[: len(logits)]
        losses = [self._of_one(output, target) for output in logits]
        total = sum(weights) or 1
        weighted = [w / total * loss for w, loss in zip(weights, losses, strict=True)]
        return sum(weighted[1:], weighted[0])

    def _of_one(self, logits: Tensor, target: Tensor) -> Tensor:
        sides = logits.ndim - 2
        size, wanted = (tuple(v.shape[v.ndim - sides :]) for v in (logits, target))
        if size == wanted:
            return self.loss(logits, target)
        if self.upsample:
            mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[sides]
            bigger = functional.interpolate(logits.float(), wanted, mode=mode)
            return self.loss(bigger, target)
        return self.loss(logits, nearest(target, size))


def nearest(target: Tensor, size: tuple[int, ...]) -> Tensor:
    """A target at another size, by picking what lies nearest to each new place's centre.

    >>> nearest(torch.arange(9).reshape(1, 3, 3), (1, 1))
    tensor([[[4]]])
    """
    for axis, (new, old) in enumerate(zip(size, target.shape[-len(size) :], strict=True)):
        centres = torch.arange(new, device=target.device, dtype=torch.float64) + 0.5
        picked = (centres * old / new).long().clamp_max(old - 1)
        target = target.index_select(axis - len(size), picked)
    return target
