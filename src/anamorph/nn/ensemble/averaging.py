"""The moving average of a model's weights while it is trained."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from anamorph.core.params import Flag, Number


@final
class EMA(AveragedModel):
    """An exponential moving average, on torch's ``AveragedModel``; buffers are those of the model.

    After the t-th update the weights have moved by 1 − d to the model's, with d the decay; with
    ``warmup`` the lesser of decay and (1 + t) / (10 + t), so that the first, random weights are
    soon forgotten. ``module`` is the averaged model.

    >>> import torch
    >>> from anamorph.nn.ensemble import EMA
    >>> model = torch.nn.Linear(2, 1)
    >>> average = EMA(model, decay=0.99)
    >>> average.update(model)
    >>> bool((average.module.weight == model.weight).all())
    True
    """

    def __init__(
        self,
        model: nn.Module,
        decay: float = 0.999,
        *,
        warmup: bool = True,
        device: torch.device | str | None = None,
    ) -> None:
        """Copy a model.

        Args:
            model: stays as it is.
            decay: in [0, 1).
            warmup: begin with a shorter average.
            device: where the average lies; None is the model's.

        Raises:
            ParameterError: the decay is outside.
        """
        Number(0, 0.9999999).check("EMA.decay", decay)
        Flag().check("EMA.warmup", warmup)
        at: Any = device

        def move(averages: Any, values: Any, count: Tensor | int) -> None:
            done = float(count)
            rate = min(decay, (1 + done) / (10 + done)) if warmup else decay
            torch._foreach_lerp_(averages, values, 1 - rate)

        super().__init__(model, at, multi_avg_fn=move, use_buffers=False)
        self.requires_grad_(requires_grad=False)

    def update(self, model: nn.Module) -> None:
        """Take in the weights of the model, after a step of the optimizer."""
        self.update_parameters(model)
