"""Losses: one contract for all, made by class or by name and options.

``loss(logits, target)``: logits always, of any floating-point type; what is ignored counts for
nothing; what is empty is finite. Formulas and sources stand with each loss. Needs torch alone.
"""

from anamorph.nn.losses.base import Loss, Pointwise, Sum, TargetLoss
from anamorph.nn.losses.boundary import Boundary, Hausdorff
from anamorph.nn.losses.build import LOSSES, build
from anamorph.nn.losses.combine import DeepSupervision, TopK
from anamorph.nn.losses.entropy import BCE, CE, BalancedBCE, BiTempered
from anamorph.nn.losses.focal import Focal, FocalCosine, QualityFocal
from anamorph.nn.losses.lovasz import Lovasz
from anamorph.nn.losses.overlap import (
    BCEJaccard,
    Dice,
    FocalTversky,
    Jaccard,
    Overlap,
    SoftF1,
    Tversky,
)
from anamorph.nn.losses.regression import AdaptiveWing, LogCosh, Regression, Wing

__all__ = [
    "BCE",
    "CE",
    "LOSSES",
    "AdaptiveWing",
    "BCEJaccard",
    "BalancedBCE",
    "BiTempered",
    "Boundary",
    "DeepSupervision",
    "Dice",
    "Focal",
    "FocalCosine",
    "FocalTversky",
    "Hausdorff",
    "Jaccard",
    "LogCosh",
    "Loss",
    "Lovasz",
    "Overlap",
    "Pointwise",
    "QualityFocal",
    "Regression",
    "SoftF1",
    "Sum",
    "TargetLoss",
    "TopK",
    "Tversky",
    "Wing",
    "build",
]
