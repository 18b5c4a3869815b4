"""Losses of regions: how well what is said covers what is there."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from torch import Tensor

from anamorph.core.errors import ParameterError
from anamorph.core.params import Choice, Flag, Listed, Number
from anamorph.nn.losses.base import (
    AtLeastZero,
    Pointwise,
    Positive,
    Reduction,
    TargetLoss,
    Weights,
    mean,
    of_classes,
)
from anamorph.nn.losses.reading import Batch, log_losses

Classes = Annotated[
    tuple[int, ...] | None, Listed(Number(0, whole=True), optional=True, empty=False)
]


@dataclass(frozen=True, slots=True)
class Counts:
    """Soft counts: what is both said and there, only said, only there."""

    both: Tensor
    said: Tensor
    missed: Tensor


@dataclass(frozen=True, kw_only=True)
class Overlap(TargetLoss):
    """Abstract base of losses by soft counts of a class, over the batch or over each picture.

    The intersection is Σ min(p, t): for targets of 0 and 1 that is Σ p·t; for soft ones, unlike
    Σ p·t, it is greatest where p = t (Wang et al. 2023, arXiv 2302.05666).

    Args:
        smooth: added to the numerator and the denominator of a score, in elements. So where a class
            neither is there nor said, the score is 1, and what is said falsely is taught away.
            Zero: an absent class scores 0 if anything of it is said.
        per_image: score each picture; else all of the batch together.
        classes: those that count; None: all.
        skip_empty: classes that are not there (in the batch, or picture) do not count.
        weights: how much each class counts.
        reduction: "mean" and "sum" over classes (and pictures); "none" gives (C,) or (N, C).
    """

    smooth: AtLeastZero = 1.0
    per_image: Annotated[bool, Flag()] = False
    classes: Classes = None
    skip_empty: Annotated[bool, Flag()] = False
    weights: Weights = None
    reduction: Reduction = "mean"

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        batch = self.read(logits, target)
        over = (2,) if self.per_image else (0, 2)
        counts, there = self._counts(batch, over)
        values = self.value(counts)
        weight = self._counted(batch, there)
        if self.reduction == "mean":
            return mean(values, weight)
        weighted = values * weight
        return weighted.sum() if self.reduction == "sum" else weighted

    @abstractmethod
    def value(self, counts: Counts) -> Tensor:
        """Losses of regions by their counts."""

    def _counts(self, batch: Batch, over: tuple[int, ...]) -> tuple[Counts, Tensor]:
        said, there = batch.probabilities, batch.target
        if self.classes is not None:
            known = batch.logits.shape[1]
            Number(0, known - 1).check(f"{type(self).__name__}.classes", max(self.classes))
            said, there = said[:, list(self.classes)], there[:, list(self.classes)]
        both = torch.minimum(said, there).sum(over)
        have, want = said.sum(over), there.sum(over)
        # rounding must not make what is only said negative
        return Counts(both, (have - both).clamp_min(0), (want - both).clamp_min(0)), want

    def _counted(self, batch: Batch, there: Tensor) -> Tensor:
        weight = torch.ones_like(there)
        if self.weights is not None:
            place = f"{type(self).__name__}.weights"
            every = of_classes(self.weights, batch.logits, place)
            weight = weight * (every if self.classes is None else every[list(self.classes)])
        return weight * (there > 0) if self.skip_empty else weight

    def ratio(self, part: Tensor, whole: Tensor) -> Tensor:
        """A smoothed share, and 1 of nothing."""
        bottom = whole + self.smooth
        some = bottom > 0
        return torch.where(some, (part + self.smooth) / torch.where(some, bottom, 1), 1)


@dataclass(frozen=True, kw_only=True)
class Dice(Overlap):
    """1 − (2·I + s)/(P + T + s), of the sums P and T of what is said and there.

    Milletari et al. 2016 (arXiv 1606.04797).

    >>> Dice()(torch.full((1, 1, 2, 2), 40.0), torch.ones(1, 1, 2, 2))
    tensor(0.)
    """

    def value(self, counts: Counts) -> Tensor:
        twice = 2 * counts.both
        return 1 - self.ratio(twice, twice + counts.said + counts.missed)


@dataclass(frozen=True, kw_only=True)
class Jaccard(Overlap):
    """1 − J, or −ln J, of J = (I + s)/(P + T − I + s) (Rahman & Wang 2016).

    Args:
        log: −ln J: steeper where little is right; `smooth` must then be above zero.

    >>> Jaccard()(torch.full((1, 1, 2, 2), 40.0), torch.ones(1, 1, 2, 2))
    tensor(0.)
    """

    log: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.log and not self.smooth:
            raise ParameterError(
                "Jaccard.smooth = 0: it must be above 0 with log, for −ln 0 teaches nothing"
            )

    def value(self, counts: Counts) -> Tensor:
        score = self.ratio(counts.both, counts.both + counts.said + counts.missed)
        return -score.log() if self.log else 1 - score


@dataclass(frozen=True, kw_only=True)
class Tversky(Overlap):
    """(1 − (I + s)/(I + alpha·FP + beta·FN + s))^gamma, of false positives and false negatives.

    Salehi et al. 2017 (arXiv 1706.05721). alpha = beta = 0.5 is Dice, with twice the smoothing;
    alpha = beta = 1 is Jaccard.

    Args:
        alpha: below beta, what is missed costs more than what is said falsely.
        gamma: below 1, regions that are nearly right count more.

    >>> Tversky(alpha=0.3, beta=0.7)(torch.full((1, 1, 2, 2), 40.0), torch.ones(1, 1, 2, 2))
    tensor(0.)
    """

    alpha: AtLeastZero = 0.5
    beta: AtLeastZero = 0.5
    gamma: Positive = 1.0

    def value(self, counts: Counts) -> Tensor:
        false = self.alpha * counts.said + self.beta * counts.missed
        off = 1 - self.ratio(counts.both, counts.both + false)
        if self.gamma == 1:
            return off
        least = torch.finfo(off.dtype).eps  # the slope of a root at zero is infinite
        return off.clamp_min(least).pow(self.gamma)


@dataclass(frozen=True, kw_only=True)
class FocalTversky(Tversky):
    """The Tversky loss as Abraham & Khan set it: 0.3, 0.7, 0.75 (2018, arXiv 1810.07842).

    >>> FocalTversky() == FocalTversky(alpha=0.3, beta=0.7, gamma=0.75)
    True
    """

    alpha: AtLeastZero = 0.3
    beta: AtLeastZero = 0.7
    gamma: Positive = 0.75


@dataclass(frozen=True, kw_only=True)
class SoftF1(Overlap):
    """1 − 2·TP/(2·TP + FP + FN) of soft counts, for classifiers that are scored by F1.

    Args:
        average: "macro": the mean over classes; "micro": counts of all classes put together.

    >>> SoftF1(mode="multilabel")(torch.full((4, 3), 40.0), torch.ones(4, 3))
    tensor(0.)
    """

    average: Annotated[Literal["macro", "micro"], Choice(("macro", "micro"))] = "macro"

    def value(self, counts: Counts) -> Tensor:
        both, false = 2 * counts.both, counts.said + counts.missed
        if self.average == "micro":
            both, false = (v.sum(-1, keepdim=True).expand_as(v) for v in (both, false))
        return 1 - self.ratio(both, both + false)


@dataclass(frozen=True, kw_only=True)
class _Entropy(Pointwise):
    """Cross-entropy, of whatever mode."""

    def elements(self, batch: Batch) -> Tensor:
        return log_losses(batch)


@dataclass(frozen=True, kw_only=True)
class BCEJaccard(TargetLoss):
    """TernausNet's loss: H − w·ln J, of cross-entropy H and the batch's Jaccard index J.

    Iglovikov & Shvets 2018 (arXiv 1801.05746). J is soft, one for each class over the whole batch,
    and ln J their mean. `smooth` is added to both areas, in pixels: a batch without an object has J
    = 1 if nothing is said, where the published code has −ln J = 35.

    Args:
        jaccard: w.
        smooth: pixels added to both areas.
        weights: how much each class counts, in both terms.

    >>> BCEJaccard()(torch.full((1, 1, 2, 2), -40.0), torch.zeros(1, 1, 2, 2))
    tensor(0.)
    """

    jaccard: AtLeastZero = 1.0
    smooth: Positive = 1.0
    weights: Weights = None

    _plain: _Entropy = field(init=False, repr=False, compare=False)
    _area: Jaccard = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        mode, ignored, weights = self.mode, self.ignore_index, self.weights
        plain = _Entropy(mode=mode, ignore_index=ignored, weights=weights)
        area = Jaccard(
            mode=mode, ignore_index=ignored, weights=weights, smooth=self.smooth, log=True
        )
        object.__setattr__(self, "_plain", plain)
        object.__setattr__(self, "_area", area)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self._plain(logits, target) + self.jaccard * self._area(logits, target)
