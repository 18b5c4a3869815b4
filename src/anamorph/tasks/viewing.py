"""Models seen as one that gives probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "binary": torch.sigmoid,
    "multiclass": lambda logits: torch.softmax(logits, 1),
    "multilabel": torch.sigmoid,
    "ordinal": torch.sigmoid,
}
"""Mode → what makes probabilities of logits."""


@final
class MapViewer(nn.Module):
    """The weighted mean of what models say, as probabilities in float32."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        weights: Sequence[float],
        activation: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.models: nn.ModuleList = nn.ModuleList(models)
        self.weights: list[float] = [weight / sum(weights) for weight in weights]
        self.activation = activation

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities of a batch."""
        said: Any = 0
        for model, weight in zip(self.models, self.weights, strict=True):
            said = said + self.activation(model(images).float()) * weight
        return torch.as_tensor(said)
