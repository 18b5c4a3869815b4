"""Losses of numbers: keypoints, heatmaps, depths."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from anamorph.core.errors import DataError
from anamorph.core.params import Number
from anamorph.nn.losses.base import Loss, Positive, Reduction, mean


@dataclass(frozen=True, kw_only=True)
class Regression(Loss):
    """Abstract base of losses of what is said less what is there, of any shape.

    Args:
        ignore_index: elements of the target with this value count for nothing: keypoints that
            were not seen, say.
        reduction: "mean" and "sum" over what counts, "none" for a number an element.
    """

    ignore_index: Annotated[float | None, Number(optional=True)] = None
    reduction: Reduction = "mean"

    @abstractmethod
    def elements(self, off: Tensor, target: Tensor) -> Tensor:
        """Losses by the distance of what is said from what is there."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.shape != target.shape:
            have = f"{tuple(logits.shape)} is said and {tuple(target.shape)} is there"
            raise DataError(f"{type(self).__name__}: {have}: the shapes must be equal")
        said = logits if logits.dtype == torch.float64 else logits.float()
        everywhere = torch.ones_like(target, dtype=torch.bool)
        valid = everywhere if self.ignore_index is None else target != self.ignore_index
        known = torch.where(valid, target, 0).to(said.dtype)
        off = (torch.where(valid, said, 0) - known).abs()
        values, weight = self.elements(off, known), valid.to(said.dtype)
        if self.reduction == "mean":
            return mean(values, weight)
        return (values * weight).sum() if self.reduction == "sum" else values * weight


@dataclass(frozen=True, kw_only=True)
class LogCosh(Regression):
    """ln cosh(x): x²/2 near zero, |x| − ln 2 far away.

    >>> LogCosh()(torch.tensor([1e4]), torch.tensor([0.0]))
    tensor(9999.3066)
    """

    def elements(self, off: Tensor, target: Tensor) -> Tensor:
        return off + functional.softplus(-2 * off) - math.log(2)


@dataclass(frozen=True, kw_only=True)
class Wing(Regression):
    """w·ln(1 + |x|/ε) up to |x| = w, |x| − c beyond: small errors of landmarks count.

    Feng et al. 2018 (arXiv 1711.06753); in pixels.

    Args:
        width: w.
        curvature: ε.

    >>> Wing()(torch.tensor([3.0]), torch.tensor([3.0]))
    tensor(0.)
    """

    width: Positive = 10.0
    curvature: Positive = 2.0

    def elements(self, off: Tensor, target: Tensor) -> Tensor:
        near = self.width * torch.log1p(off / self.curvature)
        beyond = self.width - self.width * math.log1p(self.width / self.curvature)
        return torch.where(off < self.width, near, off - beyond)


@dataclass(frozen=True, kw_only=True)
class AdaptiveWing(Regression):
    """omega·ln(1 + |x/epsilon|^(alpha−y)) up to |x| = theta, then a line: for heatmaps y in [0, 1].

    Wang et al. 2019 (arXiv 1904.07399): bright places are treated as Wing does, the dark
    ground by squares.

    Args:
        alpha: above 2, so that the slope is smooth at zero.
        theta: where the line begins.

    >>> AdaptiveWing()(torch.tensor([0.5]), torch.tensor([0.5]))
    tensor(0.)
    """

    alpha: Annotated[float, Number(2, 10)] = 2.1
    omega: Positive = 14.0
    epsilon: Positive = 1.0
    theta: Positive = 0.5

    def elements(self, off: Tensor, target: Tensor) -> Tensor:
        power = self.alpha - target.clamp(0, 1)
        edge = torch.pow(self.theta / self.epsilon, power)
        slope = self.omega * power * edge / (self.theta * (1 + edge))
        inner = off.clamp_max(self.theta) / self.epsilon
        near = self.omega * torch.log1p(inner.pow(power))
        far = slope * (off - self.theta) + self.omega * torch.log1p(edge)
        return torch.where(off < self.theta, near, far)
