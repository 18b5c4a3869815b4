"""Losses of outlines: how far from the true boundary what is said lies."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from anamorph.core.errors import DataError
from anamorph.nn.losses.base import Positive, TargetLoss, Weights, mean, of_classes
from anamorph.nn.losses.distances import distance_inside, signed_distance
from anamorph.nn.losses.reading import Batch


@dataclass(frozen=True, kw_only=True)
class Outline(TargetLoss):
    """Abstract base of losses of pictures by distances; targets are rounded to 0 or 1.

    Distances are exact, in pixels, and are computed where the tensors are. What is ignored is taken
    for background when distances are measured.

    Args:
        weights: how much each class counts.
    """

    weights: Weights = None

    @abstractmethod
    def elements(self, batch: Batch, masks: Tensor) -> Tensor:
        """Losses (N, C, P), by the target (N, C, P) as a mask."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        batch = self.read(logits, target)
        if not batch.space:
            raise DataError(
                f"{type(self).__name__}: logits of shape {tuple(logits.shape)} are no pictures: "
                "they must be (N, C, H, W)"
            )
        values = self.elements(batch, batch.target > 0.5)
        weight = batch.valid.to(values.dtype).expand_as(values)
        if self.weights is not None:
            each = of_classes(self.weights, values, f"{type(self).__name__}.weights")
            weight = weight * each[:, None]
        return mean(values, weight)

    def pictures(self, batch: Batch, masks: Tensor) -> Tensor:
        """Rows of pictures of (N, C, P)."""
        return masks.reshape(-1, *batch.space)


@dataclass(frozen=True, kw_only=True)
class Boundary(Outline):
    """Mean of |φ|·|p − t|, of the signed distance φ to the true boundary.

    Kervadec et al. 2021 (arXiv 1812.07032), Σ φ·p, plus the constant that makes it zero where
    p = t. Pictures without a boundary, empty or full, add nothing: add a loss of regions.

    >>> target = torch.zeros(1, 1, 8, 8); target[..., 2:6, 2:6] = 1
    >>> Boundary()((target * 2 - 1) * 200, target)
    tensor(0.)
    """

    def elements(self, batch: Batch, masks: Tensor) -> Tensor:
        far = signed_distance(self.pictures(batch, masks)).reshape(masks.shape)
        off = batch.probabilities - masks.to(far.dtype)
        return far.to(off.dtype) * off


@dataclass(frozen=True, kw_only=True)
class Hausdorff(Outline):
    """Mean of (p − t)²·(d_t^alpha + d_p^alpha), of distances to the true and the predicted edge.

    Karimi & Salcudean 2019 (arXiv 1904.10030), the variant by distance transforms. d_p is
    that of p > 0.5, and has no gradient.

    Args:
        alpha: 2 in the paper.

    >>> target = torch.zeros(1, 1, 8, 8); target[..., 2:6, 2:6] = 1
    >>> Hausdorff()((target * 2 - 1) * 200, target)
    tensor(0.)
    """

    alpha: Positive = 2.0

    def elements(self, batch: Batch, masks: Tensor) -> Tensor:
        off = batch.probabilities - masks.to(batch.logits.dtype)
        said = batch.probabilities.detach() > 0.5
        far = sum(
            (self._far(batch, m).pow(self.alpha) for m in (masks, said)), torch.zeros(()).to(off)
        )
        return off.square() * far

    def _far(self, batch: Batch, masks: Tensor) -> Tensor:
        rows = self.pictures(batch, masks)
        both = distance_inside(rows) + distance_inside(~rows)
        return both.reshape(masks.shape).to(batch.logits.dtype)
