"""Cross-entropy of probabilities as a metric, which torchmetrics lacks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from anamorph.core.errors import DataError


class LogLoss(Metric):
    """Mean of −ln p of what is there, as scikit-learn's log_loss; added up over batches and ranks.

    Probabilities are clipped to [ε, 1 − ε] of float64.

    Args:
        kind: "binary" and "multilabel": probabilities and targets of equal shapes. "multiclass":
            probabilities (N, C), which are made to sum to 1, and classes (N,).
        ignore_index: targets of this value count for nothing.
    """

    ignore_index: int | None
    kind: str

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(
        self, kind: str = "binary", ignore_index: int | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.kind, self.ignore_index = kind, ignore_index
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take a batch."""
        said = preds.double()
        if said.numel() and not (said.min() >= 0 and said.max() <= 1 + 1e-6):
            raise DataError("LogLoss: predictions must be probabilities in [0, 1], not logits")
        valid = torch.ones_like(target, dtype=torch.bool)
        if self.ignore_index is not None:
            valid = target != self.ignore_index
        known = torch.where(valid, target, 0)
        if self.kind == "multiclass":
            share = said / said.sum(1, keepdim=True)
            right = share.gather(1, known.long()[:, None])[:, 0]
        else:
            right = torch.where(known > 0, said, 1 - said)
        least = torch.finfo(torch.float64).eps
        self.total += -(right.clamp(least, 1 - least).log() * valid).sum()
        self.count += valid.sum()

    def compute(self) -> Tensor:
        """The mean of all."""
        return self.total / self.count
