"""The focal family: cross-entropies that look away from what is known already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from anamorph.core.params import Number
from anamorph.nn.losses.base import AnyMode, AtLeastZero, Pointwise
from anamorph.nn.losses.reading import Batch, log_losses


@dataclass(frozen=True, kw_only=True)
class Focal(Pointwise):
    """Focal loss: −alpha·(1 − p)^gamma·ln p of the true side (Lin 2017, arXiv 1708.02002).

    Of classes it is −Σ t·(1 − p)^gamma·ln p over the softmax, which is cross-entropy at gamma = 0.
    Any gamma is safe: the gradient is finite at p = 1 and where elements are ignored.

    Args:
        gamma: the greater, the less easy elements count.
        alpha: weight of positives, 1 − alpha being that of negatives; None: both 1. Not for
            "multiclass", which has `weights`.
        threshold: reduced focal loss (Sergievskiy & Ponamarev 2019, arXiv 1903.01347): elements
            with p below it count in full, others ((1 − p)/(1 − threshold))^gamma. None: the plain
            one.

    >>> Focal(gamma=2.0)(torch.zeros(2, 1), torch.tensor([[1], [0]]))
    tensor(0.1733)
    """

    gamma: AtLeastZero = 2.0
    alpha: Annotated[float | None, Number(0, 1, optional=True)] = None
    threshold: Annotated[float | None, Number(0, 0.99, optional=True)] = None

    def elements(self, batch: Batch) -> Tensor:
        if batch.mode == "multiclass":
            return self._of_classes(batch)
        # the other side's probability, by logarithms: exact where 1 − p would be rounded to 0
        log_yes, log_no = functional.logsigmoid(batch.logits), functional.logsigmoid(-batch.logits)
        alpha = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)
        yes = batch.labels * self._looks(log_no) * log_yes * alpha[0]
        no = (1 - batch.labels) * self._looks(log_yes) * log_no * alpha[1]
        return -(yes + no)

    def _of_classes(self, batch: Batch) -> Tensor:
        logs = batch.logits.log_softmax(1)
        least = torch.finfo(logs.dtype).eps
        if batch.numbered:
            logs = logs.gather(1, batch.labels[:, None])
            shares = torch.ones_like(logs)
        else:
            shares = batch.labels
        wrong = (-torch.expm1(logs)).clamp_min(least).log()
        return -(shares * self._looks(wrong) * logs).sum(1, keepdim=True)

    def _looks(self, log_wrong: Tensor) -> Tensor:
        """How much an element counts whose probability of being wrong is exp of this."""
        if self.threshold is None:
            return (self.gamma * log_wrong).exp()
        easy = torch.tensor(1 - self.threshold, dtype=log_wrong.dtype, device=log_wrong.device)
        return (self.gamma * (log_wrong - easy.log())).clamp_max(0).exp()


@dataclass(frozen=True, kw_only=True)
class QualityFocal(Pointwise):
    """Quality focal loss: |t − sigmoid(z)|^beta·BCE(z, t): targets say how good a box is.

    Li et al. 2020 (arXiv 2006.04388). For targets of 0 and 1 it is the focal loss.

    >>> QualityFocal()(torch.zeros(1), torch.tensor([0.5]))
    tensor(0.)
    """

    beta: Annotated[float, Number(1)] = 2.0

    modes: ClassVar[tuple[str, ...]] = ("binary", "multilabel")

    def elements(self, batch: Batch) -> Tensor:
        off = (batch.labels - batch.logits.sigmoid()).abs()
        return off.pow(self.beta) * log_losses(batch)


@dataclass(frozen=True, kw_only=True)
class FocalCosine(Pointwise):
    """1 − cos(z, t) + x·FL(z/|z|, t): classes by the direction of the logits.

    For classifiers on few samples (Barz & Denzler 2020, arXiv 1901.09054), with a focal
    cross-entropy of the normalized logits. The two terms are least at
    slightly different directions: only at x = 0 is the target itself the minimum.

    >>> FocalCosine(entropy=0.0)(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    tensor(0.)
    """

    mode: AnyMode = "multiclass"
    gamma: AtLeastZero = 2.0
    entropy: AtLeastZero = 0.1

    modes: ClassVar[tuple[str, ...]] = ("multiclass",)

    def elements(self, batch: Batch) -> Tensor:
        direction = functional.normalize(batch.logits, dim=1, eps=1e-6)
        aim = functional.normalize(batch.target, dim=1, eps=1e-6)
        apart = 1 - (direction * aim).sum(1, keepdim=True)
        logs = direction.log_softmax(1)
        focal = -(batch.target * (-torch.expm1(logs)).pow(self.gamma) * logs)
        return apart + self.entropy * focal.sum(1, keepdim=True)
