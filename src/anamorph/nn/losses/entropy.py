"""Cross-entropies: plain, smoothed, balanced, bi-tempered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from anamorph.core.params import Number
from anamorph.nn.losses.base import (
    AnyMode,
    Pointwise,
    Share,
    TargetLoss,
    Weights,
    mean,
    of_classes,
)
from anamorph.nn.losses.reading import Batch, log_losses


def smoothed(batch: Batch, share: float) -> Tensor:
    """Labels of which a share is spread evenly over the classes (Szegedy, arXiv 1512.00567)."""
    if not share:
        return batch.labels
    ways = batch.logits.shape[1] if batch.mode == "multiclass" else 2
    return batch.target * (1 - share) + share / ways


@dataclass(frozen=True, kw_only=True)
class BCE(Pointwise):
    """Binary cross-entropy: −w·t·ln p − (1 − t)·ln(1 − p), of p = sigmoid(z).

    Args:
        smoothing: this share of each target is spread evenly: t(1 − s) + s/2.
        positive: the weight w of positives, one for each channel; None: 1.

    >>> BCE()(torch.zeros(2, 1), torch.tensor([[1], [0]]))
    tensor(0.6931)
    """

    smoothing: Share = 0.0
    positive: Weights = None

    modes: ClassVar[tuple[str, ...]] = ("binary", "multilabel")

    def elements(self, batch: Batch) -> Tensor:
        labels = smoothed(batch, self.smoothing)
        losses = log_losses(batch, labels)
        if self.positive is None:
            return losses
        heavy = of_classes(self.positive, batch.logits, "BCE.positive")[:, None]
        return losses + (heavy - 1) * labels * functional.softplus(-batch.logits)


@dataclass(frozen=True, kw_only=True)
class CE(Pointwise):
    """Cross-entropy of classes: −Σ t·ln softmax(z); with smoothing, the label-smoothed NLL.

    Args:
        smoothing: this share of each target is spread evenly: t(1 − s) + s/C.

    >>> CE()(torch.zeros(1, 3), torch.tensor([2]))
    tensor(1.0986)
    """

    mode: AnyMode = "multiclass"
    smoothing: Share = 0.0

    modes: ClassVar[tuple[str, ...]] = ("multiclass",)

    def elements(self, batch: Batch) -> Tensor:
        return log_losses(batch, smoothed(batch, self.smoothing))


@dataclass(frozen=True, kw_only=True)
class BalancedBCE(TargetLoss):
    """Half of the mean BCE of positives and half of that of negatives, by channel.

    The class-balanced cross-entropy of HED (Xie & Tu 2015, arXiv 1504.06375), scaled so that it
    is 1 where each element loses 1. Where a channel has only positives or only negatives, their
    mean is the loss: a batch without an object still teaches.

    >>> BalancedBCE()(torch.zeros(4), torch.tensor([1, 0, 0, 0]))
    tensor(0.6931)
    """

    modes: ClassVar[tuple[str, ...]] = ("binary", "multilabel")

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        batch = self.read(logits, target)
        yes = batch.target * batch.valid
        no = (1 - batch.target) * batch.valid
        sides = torch.stack(
            (yes * functional.softplus(-batch.logits), no * functional.softplus(batch.logits))
        )
        sums, counts = sides.sum((1, 3)), torch.stack((yes, no)).sum((1, 3))
        there = counts > 0
        each = sums / torch.where(there, counts, 1)
        channels = each.sum(0) / there.sum(0).clamp_min(1)
        return mean(channels, there.any(0).to(channels.dtype))


# ------------------------------------------------------------------------------ bi-tempered


def tempered_log(values: Tensor, temperature: float) -> Tensor:
    """The logarithm of a temperature: (x^(1−t) − 1)/(1 − t); ln x at 1."""
    if temperature == 1:
        return values.log()
    return (values.pow(1 - temperature) - 1) / (1 - temperature)


def _tempered_exp(values: Tensor, temperature: float) -> Tensor:
    """The exponential of a temperature of at least 1, for values of at most 0."""
    if temperature == 1:
        return values.exp()
    return (1 + (1 - temperature) * values).pow(1 / (1 - temperature))


def _settled(total: Tensor) -> bool:
    """Whether shares sum to 1; on a device, where asking means to wait, all steps are taken."""
    if total.device.type != "cpu" or torch.compiler.is_compiling() or not total.numel():
        return False
    return bool((total - 1).abs().amax() <= 4 * torch.finfo(total.dtype).eps)


def tempered_softmax(logits: Tensor, temperature: float, steps: int = 12) -> Tensor:
    """Shares of classes exp_t(z − λ), with λ such that they sum to 1; classes are in dimension 1.

    Amid et al. 2019 (arXiv 1906.03361). λ is found by Newton steps on (Σ exp_t(z − λ))^(1−t) = 1,
    which is linear in λ where all logits are equal; its gradient is exact (by the implicit
    function: the escort distribution), and not that of the steps.
    """
    if temperature == 1:
        return logits.softmax(1)
    power = 1 - temperature
    with torch.no_grad():
        top = logits.amax(1, keepdim=True)
        shift = top
        for _ in range(steps):
            shares = _tempered_exp(logits - shift, temperature)
            total = shares.sum(1, keepdim=True)
            if _settled(total):
                break
            slope = power * total.pow(-temperature) * -shares.pow(temperature).sum(1, keepdim=True)
            shift = torch.maximum(shift - (total.pow(power) - 1) / slope, top)
        escort = _tempered_exp(logits - shift, temperature).pow(temperature)
        escort = escort / escort.sum(1, keepdim=True)
    shift = shift + (escort * (logits - logits.detach())).sum(1, keepdim=True)
    return _tempered_exp((logits - shift).clamp_max(0), temperature)


@dataclass(frozen=True, kw_only=True)
class BiTempered(Pointwise):
    """The bi-tempered logistic loss, for labels that are wrong now and then.

    Amid et al. 2019 (arXiv 1906.03361): the Bregman divergence
    Σ t·(log₁ t − log₁ p) − (t^(2−t₁) − p^(2−t₁))/(2 − t₁), of p = exp₂(z − λ), where the logarithm
    and the exponential have the temperatures t₁ and t₂. t₁ < 1 bounds the loss of outliers, t₂ > 1
    gives heavy tails. At t₁ = t₂ = 1 it is cross-entropy less the entropy of the target.

    Args:
        bound: t₁.
        tail: t₂.
        smoothing: this share of each target is spread evenly.

    >>> BiTempered(bound=0.2, tail=4.0)(torch.tensor([40.0]), torch.tensor([0])) < 1.3
    tensor(True)
    """

    bound: Annotated[float, Number(0, 1)] = 0.8
    tail: Annotated[float, Number(1, 10)] = 1.4
    smoothing: Share = 0.0

    def elements(self, batch: Batch) -> Tensor:
        labels = smoothed(batch, self.smoothing)
        if batch.mode == "multiclass":
            shares = batch.target if labels is batch.labels else labels
            return self._divergence(batch.logits, shares)
        pair = torch.stack((batch.logits, torch.zeros_like(batch.logits)), 1)
        return self._divergence(pair, torch.stack((labels, 1 - labels), 1))[:, 0]

    def _divergence(self, logits: Tensor, shares: Tensor) -> Tensor:
        said = tempered_softmax(logits, self.tail).clamp_min(torch.finfo(logits.dtype).tiny)
        known = shares.clamp_min(torch.finfo(logits.dtype).tiny)
        power = 2 - self.bound
        gap = tempered_log(known, self.bound) - tempered_log(said, self.bound)
        bregman = shares * gap - (shares.pow(power) - said.pow(power)) / power
        return bregman.sum(1, keepdim=True)
