"""A U-Net without a pretrained encoder: what TernausNet was compared with."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from anamorph.nn.models.blocks import ConvReLU
from anamorph.nn.models.dense import Dense


class _Stage(nn.Module):
    """Two convolutions; parameters are named as they were published."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.l1 = ConvReLU(before, after)
        self.l2 = ConvReLU(after, after)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.l2(self.l1(x))
        return out


@final
class PlainUNet(Dense):
    """A U-Net (arXiv 1505.04597) as K. Lopuhin wrote it: its last step is of four, not of two.

    >>> PlainUNet(filters=4)(torch.zeros(1, 3, 33, 50)).shape
    torch.Size([1, 1, 33, 50])
    """

    multiple: ClassVar[int] = 32
    published: ClassVar[tuple[tuple[str, str | None], ...]] = ((r"conv_final\.", "final."),)

    def __init__(
        self, classes: int = 1, in_channels: int = 3, *, filters: int = 32, pad: bool = True
    ) -> None:
        super().__init__(classes, in_channels, pad=pad)
        widths = tuple(filters * factor for factor in (1, 2, 4, 8, 16))
        self.down: nn.ModuleList = nn.ModuleList(
            _Stage(a, b) for a, b in pairwise((in_channels, *widths))
        )
        self.up: nn.ModuleList = nn.ModuleList(
            _Stage(fine + coarse, fine) for fine, coarse in pairwise(widths)
        )
        self.steps: tuple[int, ...] = (2, 2, 2, 4)
        self.final: nn.Conv2d = nn.Conv2d(filters, classes, 1)

    @property
    def encoder(self) -> nn.Module:
        """The way down."""
        return self.down

    def logits(self, pictures: Tensor) -> Tensor:
        x = self.down[0](pictures)
        maps = []
        for down, step in zip(self.down[1:], self.steps, strict=True):
            maps.append(x)
            x = down(nn.functional.max_pool2d(x, step))
        rising = zip(reversed(self.up), reversed(self.steps), reversed(maps), strict=True)
        for up, step, skip in rising:
            x = up(torch.cat((nn.functional.interpolate(x, scale_factor=step), skip), 1))
        out: Tensor = self.final(x)
        return out
