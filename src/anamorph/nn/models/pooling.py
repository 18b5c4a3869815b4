"""Poolings that turn a map of features into one vector: N × channels × H × W to N × features."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional


class Pooling(nn.Module):
    """What turns a map into a vector."""

    factor: ClassVar[int] = 1
    """Features a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels


@final
class Average(Pooling):
    """The mean of each channel."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))


@final
class Maximum(Pooling):
    """The maximum of each channel."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.amax((2, 3))


@final
class AverageMaximum(Pooling):
    """The mean of both: timm's ``avgmax``."""

    def forward(self, maps: Tensor) -> Tensor:
        return (maps.mean((2, 3)) + maps.amax((2, 3))) / 2


@final
class Both(Pooling):
    """Mean and maximum, one after the other: timm's ``catavgmax``."""

    factor: ClassVar[int] = 2

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat((maps.mean((2, 3)), maps.amax((2, 3))), 1)


@final
class GeM(Pooling):
    """The generalized mean (Radenović et al., arXiv 1711.02512): (mean x^p)^(1/p), p learned from 3 on.

    1 is the mean, ∞ the maximum. What is below 1e-6 counts as 1e-6. It is computed in float32.

    >>> pool = GeM(2, power=1.0)
    >>> pool(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2).repeat(1, 2, 1, 1)).tolist()
    [[2.0, 2.0]]
    """

    floor: ClassVar[float] = 1e-6

    def __init__(self, channels: int, power: float = 3.0) -> None:
        super().__init__(channels)
        self.power: nn.Parameter = nn.Parameter(torch.tensor([power]))

    def forward(self, maps: Tensor) -> Tensor:
        # Halves have neither the range nor the digits for a third power.
        with torch.autocast(maps.device.type, enabled=False):
            wide = maps if maps.dtype == torch.float64 else maps.float()
            power = self.power.to(wide.dtype).clamp(min=1e-2)
            # Powers of what is divided by its maximum neither overflow nor vanish.
            scale = wide.detach().amax((2, 3), keepdim=True).clamp(min=self.floor)
            low = wide.clamp(min=self.floor) / scale
            mean = low.pow(power).mean((2, 3)).pow(1 / power)
            return (mean * scale.flatten(1)).to(maps.dtype)


@final
class Attention(Pooling):
    """A mean weighted by where a learned 1×1 convolution looks (softmax over places)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.look: nn.Conv2d = nn.Conv2d(channels, 1, 1)
        nn.init.zeros_(self.look.weight)  # it starts as the mean
        nn.init.zeros_(self.look.bias)  # type: ignore[arg-type]

    def forward(self, maps: Tensor) -> Tensor:
        weights = functional.softmax(self.look(maps).flatten(2), -1)
        return (maps.flatten(2) * weights).sum(-1)


POOLINGS: dict[str, Callable[[int], Pooling]] = {
    "avg": Average,
    "max": Maximum,
    "avgmax": AverageMaximum,
    "catavgmax": Both,
    "gem": GeM,
    "attention": Attention,
}
"""Name → what is built for so many channels."""
