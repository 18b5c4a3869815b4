"""TernausNet and its relatives: U-Nets on encoders that know ImageNet.

Iglovikov and Shvets, arXiv 1801.05746; Shvets et al., arXiv 1803.01207 and 1804.08024 (UNet16,
AlbuNet34, LinkNet34). Built with random weights; `anamorph.nn.models.build` loads those of an
encoder.
"""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor, nn

from anamorph.nn.models.blocks import ConvReLU, Grow, LinkBlock
from anamorph.nn.models.dense import Dense
from anamorph.nn.models.encoders import VGG, ResNet34

_VGG_NAMES = ((r"conv\d\w*\.", None), (r"encoder\.(?=\d)", "encoder.features."))
_RESNET_NAMES = ((r"conv\d\.", None), (r"encoder\.fc\.", None))
_LINK_NAMES = (
    (r"firstconv\.", "encoder.conv1."),
    (r"firstbn\.", "encoder.bn1."),
    (r"encoder(\d)\.", r"encoder.layer\1."),
)


def _joined(maps: tuple[Tensor, Tensor]) -> Tensor:
    return torch.cat(maps, 1)


class _TernausNet(Dense):
    """A VGG encoder, five steps down and five up."""

    multiple: ClassVar[int] = 32
    published: ClassVar[tuple[tuple[str, str | None], ...]] = _VGG_NAMES

    def __init__(
        self, encoder: VGG, classes: int, in_channels: int, widths: tuple[int, ...], *,
        upsampling: str, pad: bool,
    ) -> None:  # fmt: skip
        """Put a decoder on an encoder.

        Args:
            encoder: with five maps.
            classes: channels of the output.
            in_channels: channels of pictures.
            widths: channels that center, dec5, dec4, dec3, dec2 and dec1 give.
            upsampling: a name in `anamorph.nn.models.blocks.UPSAMPLINGS`.
            pad: whether sizes that do not fit are padded.
        """
        super().__init__(classes, in_channels, pad=pad)
        self.encoder = encoder
        self.pool = nn.MaxPool2d(2, 2)
        skips = encoder.channels
        center, dec5, dec4, dec3, dec2, dec1 = widths
        middle = 2 * center
        self.center = Grow(skips[4], middle, center, upsampling)
        self.dec5 = Grow(skips[4] + center, middle, dec5, upsampling)
        self.dec4 = Grow(skips[3] + dec5, middle, dec4, upsampling)
        self.dec3 = Grow(skips[2] + dec4, middle // 2, dec3, upsampling)
        self.dec2 = Grow(skips[1] + dec3, 2 * dec3, dec2, upsampling)
        self.dec1 = ConvReLU(skips[0] + dec2, dec1)
        self.final = nn.Conv2d(dec1, classes, 1)

    def logits(self, pictures: Tensor) -> Tensor:
        maps = self.encoder(pictures)
        x = self.center(self.pool(maps[-1]))
        steps = (self.dec5, self.dec4, self.dec3, self.dec2, self.dec1)
        for step, skip in zip(steps, reversed(maps), strict=True):
            x = step(_joined((x, skip)))
        out: Tensor = self.final(x)
        return out


@final
class UNet11(_TernausNet):
    """TernausNet: a U-Net on VGG11 (arXiv 1801.05746).

    ``upsampling="deconv3"`` is the package's, of 22,927,393 parameters; ``"deconv4"`` that of the
    robot surgery code, of 25,364,513. Checkpoints of both are understood.

    >>> UNet11()(torch.zeros(1, 3, 50, 70)).shape
    torch.Size([1, 1, 50, 70])
    """

    def __init__(
        self, classes: int = 1, in_channels: int = 3, *,
        filters: int = 32, upsampling: str = "deconv3", pad: bool = True,
    ) -> None:  # fmt: skip
        widths = tuple(filters * n for n in (8, 8, 4, 2, 1, 1))
        encoder = VGG("vgg11", in_channels)
        super().__init__(encoder, classes, in_channels, widths, upsampling=upsampling, pad=pad)


@final
class UNet16(_TernausNet):
    """TernausNet on VGG16 (arXiv 1803.01207).

    ``upsampling="bilinear"`` is the package's, ``"deconv4"`` that of the robot surgery code.
    """

    def __init__(
        self, classes: int = 1, in_channels: int = 3, *,
        filters: int = 32, upsampling: str = "bilinear", pad: bool = True,
    ) -> None:  # fmt: skip
        widths = tuple(filters * n for n in (8, 8, 8, 2, 1, 1))
        encoder = VGG("vgg16", in_channels)
        super().__init__(encoder, classes, in_channels, widths, upsampling=upsampling, pad=pad)


@final
class AlbuNet34(Dense):
    """A U-Net on ResNet-34 by A. Buslaev (arXiv 1804.08024); its finest skip is a quarter of the size.

    ``upsampling="deconv4"`` is the other one that was published.
    """

    multiple: ClassVar[int] = 64
    published: ClassVar[tuple[tuple[str, str | None], ...]] = _RESNET_NAMES

    def __init__(
        self, classes: int = 1, in_channels: int = 3, *,
        filters: int = 32, upsampling: str = "bilinear", pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(classes, in_channels, pad=pad)
        self.encoder: ResNet34 = ResNet34(in_channels, pool=2)
        self.pool: nn.MaxPool2d = nn.MaxPool2d(2, 2)
        n, skips = filters, self.encoder.channels
        self.center: Grow = Grow(skips[3], 16 * n, 8 * n, upsampling)
        self.dec5: Grow = Grow(skips[3] + 8 * n, 16 * n, 8 * n, upsampling)
        self.dec4: Grow = Grow(skips[2] + 8 * n, 16 * n, 8 * n, upsampling)
        self.dec3: Grow = Grow(skips[1] + 8 * n, 8 * n, 2 * n, upsampling)
        self.dec2: Grow = Grow(skips[0] + 2 * n, 4 * n, 4 * n, upsampling)
        self.dec1: Grow = Grow(4 * n, 4 * n, n, upsampling)
        self.dec0: ConvReLU = ConvReLU(n, n)
        self.final: nn.Conv2d = nn.Conv2d(n, classes, 1)

    def logits(self, pictures: Tensor) -> Tensor:
        maps = self.encoder(pictures)
        x = self.center(self.pool(maps[-1]))
        steps = (self.dec5, self.dec4, self.dec3, self.dec2)
        for step, skip in zip(steps, reversed(maps), strict=True):
            x = step(_joined((x, skip)))
        out: Tensor = self.final(self.dec0(self.dec1(x)))
        return out


@final
class LinkNet34(Dense):
    """LinkNet on ResNet-34: skips are added, not joined (arXiv 1707.03718, 1803.01207)."""

    multiple: ClassVar[int] = 32
    published: ClassVar[tuple[tuple[str, str | None], ...]] = _LINK_NAMES

    def __init__(self, classes: int = 1, in_channels: int = 3, *, pad: bool = True) -> None:
        super().__init__(classes, in_channels, pad=pad)
        self.encoder: ResNet34 = ResNet34(in_channels)
        c = self.encoder.channels
        self.decoder4: LinkBlock = LinkBlock(c[3], c[2])
        self.decoder3: LinkBlock = LinkBlock(c[2], c[1])
        self.decoder2: LinkBlock = LinkBlock(c[1], c[0])
        self.decoder1: LinkBlock = LinkBlock(c[0], c[0])
        self.finaldeconv1: nn.ConvTranspose2d = nn.ConvTranspose2d(c[0], 32, 3, stride=2)
        self.finalrelu1: nn.ReLU = nn.ReLU(inplace=True)
        self.finalconv2: nn.Conv2d = nn.Conv2d(32, 32, 3)
        self.finalrelu2: nn.ReLU = nn.ReLU(inplace=True)
        self.finalconv3: nn.Conv2d = nn.Conv2d(32, classes, 2, padding=1)

    def logits(self, pictures: Tensor) -> Tensor:
        e1, e2, e3, e4 = self.encoder(pictures)
        d3 = self.decoder4(e4) + e3
        d2 = self.decoder3(d3) + e2
        d1 = self.decoder2(d2) + e1
        x = self.finalrelu1(self.finaldeconv1(self.decoder1(d1)))
        out: Tensor = self.finalconv3(self.finalrelu2(self.finalconv2(x)))
        return out
