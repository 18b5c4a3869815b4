"""Blocks of the decoders of TernausNet and its relatives; parameters have their published names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from torch import Tensor, nn

from anamorph.core.errors import UnknownNameError, nearest


@final
class ConvReLU(nn.Module):
    """A 3×3 convolution and what is positive of it."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv: nn.Conv2d = nn.Conv2d(before, after, 3, padding=1)
        self.activation: nn.ReLU = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.conv(x))
        return out


def _deconv3(before: int, middle: int, after: int) -> nn.Sequential:
    """As the TernausNet package has it: 3×3, one more row and column at the end."""
    deconv = nn.ConvTranspose2d(middle, after, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(ConvReLU(before, middle), deconv, nn.ReLU(inplace=True))


def _deconv4(before: int, middle: int, after: int) -> nn.Sequential:
    """As the robot surgery code has it: 4×4, which makes no checkerboard."""
    deconv = nn.ConvTranspose2d(middle, after, 4, stride=2, padding=1)
    return nn.Sequential(ConvReLU(before, middle), deconv, nn.ReLU(inplace=True))


def _bilinear(before: int, middle: int, after: int) -> nn.Sequential:
    """Interpolation first, then two convolutions."""
    grow = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    return nn.Sequential(grow, ConvReLU(before, middle), ConvReLU(middle, after))


UPSAMPLINGS: dict[str, Callable[[int, int, int], nn.Sequential]] = {
    "deconv3": _deconv3,
    "deconv4": _deconv4,
    "bilinear": _bilinear,
}
"""Name → what makes a map twice as large: (channels before, between, after)."""


@final
class Grow(nn.Module):
    """A block of a decoder: twice the height and width.

    Raises:
        UnknownNameError: there is no such upsampling.
    """

    def __init__(self, before: int, middle: int, after: int, upsampling: str) -> None:
        super().__init__()
        if upsampling not in UPSAMPLINGS:
            raise UnknownNameError(
                f"upsampling = {upsampling!r}: it must be one of {', '.join(UPSAMPLINGS)}"
                f"{nearest(upsampling, UPSAMPLINGS)}"
            )
        self.block: Any = UPSAMPLINGS[upsampling](before, middle, after)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


@final
class LinkBlock(nn.Module):
    """A block of LinkNet: narrow, twice as large, wide again (arXiv 1707.03718, figure 2)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        narrow = before // 4
        self.conv1: nn.Conv2d = nn.Conv2d(before, narrow, 1)
        self.norm1: nn.BatchNorm2d = nn.BatchNorm2d(narrow)
        self.deconv2: nn.ConvTranspose2d = nn.ConvTranspose2d(
            narrow, narrow, 4, stride=2, padding=1
        )
        self.norm2: nn.BatchNorm2d = nn.BatchNorm2d(narrow)
        self.conv3: nn.Conv2d = nn.Conv2d(narrow, after, 1)
        self.norm3: nn.BatchNorm2d = nn.BatchNorm2d(after)
        self.relu: nn.ReLU = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm1(self.conv1(x)))
        x = self.relu(self.norm2(self.deconv2(x)))
        out: Tensor = self.relu(self.norm3(self.conv3(x)))
        return out
