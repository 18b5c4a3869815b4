"""Encoders that need torch alone; their parameters have the names that torchvision gives them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar, Protocol, final

from torch import Tensor, nn


class Encoder(Protocol):
    """What turns a picture into maps of features, the finest first."""

    channels: tuple[int, ...]
    """Of the maps."""
    strides: tuple[int, ...]
    """Pixels of the picture a pixel of the map."""

    def __call__(self, pictures: Tensor) -> list[Tensor]:
        """N × channels × H × W to maps of the sizes that ``strides`` say."""
        ...


VGGS: dict[str, tuple[tuple[int, ...], ...]] = {
    "vgg11": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "vgg16": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
}
"""Name → the channels of its convolutions, between poolings."""


@final
class VGG(nn.Module):
    """The convolutions of a VGG network without batch normalization (arXiv 1409.1556).

    Maps are taken before each pooling. Checkpoints of torchvision's ``vgg11`` and ``vgg16`` fit
    but for ``classifier``, which is left over.

    >>> import torch
    >>> [tuple(m.shape) for m in VGG("vgg11")(torch.zeros(1, 3, 32, 32))][::2]
    [(1, 64, 32, 32), (1, 256, 8, 8), (1, 512, 2, 2)]
    """

    strides: ClassVar[tuple[int, ...]] = (1, 2, 4, 8, 16)

    def __init__(self, name: str, in_channels: int = 3) -> None:
        super().__init__()
        stages = VGGS[name]
        self.channels: tuple[int, ...] = tuple(stage[-1] for stage in stages)
        self.features: nn.Sequential = nn.Sequential(*_vgg_layers(stages, in_channels))
        _start(self)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        maps = []
        x = pictures
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
                if len(maps) == len(self.strides):
                    break
            x = layer(x)
        return maps


def _vgg_layers(stages: tuple[tuple[int, ...], ...], channels: int) -> Iterator[nn.Module]:
    for stage in stages:
        for before, after in pairwise((channels, *stage)):
            yield nn.Conv2d(before, after, 3, padding=1)
            yield nn.ReLU(inplace=False)  # the map before it may be asked for
        yield nn.MaxPool2d(2, 2)
        channels = stage[-1]


class BasicBlock(nn.Module):
    """Two convolutions and what goes past them (arXiv 1512.03385, figure 2)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1: nn.Conv2d = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1: nn.BatchNorm2d = nn.BatchNorm2d(after)
        self.conv2: nn.Conv2d = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2: nn.BatchNorm2d = nn.BatchNorm2d(after)
        self.relu: nn.ReLU = nn.ReLU()
        changes = stride != 1 or before != after
        conv = nn.Conv2d(before, after, 1, stride, bias=False)
        self.downsample: nn.Sequential | None = (
            nn.Sequential(conv, nn.BatchNorm2d(after)) if changes else None
        )

    def forward(self, x: Tensor) -> Tensor:
        past = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(y)) + past)
        return out


@final
class ResNet34(nn.Module):
    """ResNet-34 without its head (arXiv 1512.03385).

    Checkpoints of torchvision's ``resnet34`` fit but for ``fc``, which is left over.

    >>> import torch
    >>> [tuple(m.shape) for m in ResNet34()(torch.zeros(1, 3, 64, 64))][:2]
    [(1, 64, 16, 16), (1, 128, 8, 8)]
    """

    channels: ClassVar[tuple[int, ...]] = (64, 128, 256, 512)
    strides: ClassVar[tuple[int, ...]] = (4, 8, 16, 32)

    def __init__(self, in_channels: int = 3, *, pool: int = 3) -> None:
        """Build it with random weights.

        Args:
            in_channels: of pictures.
            pool: side of the first pooling's window: 3 as published, 2 as AlbuNet34 has it.
        """
        super().__init__()
        self.conv1: nn.Conv2d = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1: nn.BatchNorm2d = nn.BatchNorm2d(64)
        self.relu: nn.ReLU = nn.ReLU()
        self.maxpool: nn.MaxPool2d = nn.MaxPool2d(pool, 2, (pool - 1) // 2)
        self.layer1: Any = _layer(64, 64, 3, 1)
        self.layer2: Any = _layer(64, 128, 4, 2)
        self.layer3: Any = _layer(128, 256, 6, 2)
        self.layer4: Any = _layer(256, 512, 3, 2)
        _start(self)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return maps


def _layer(before: int, after: int, depth: int, stride: int) -> nn.Sequential:
    rest = (BasicBlock(after, after, 1) for _ in range(depth - 1))
    return nn.Sequential(BasicBlock(before, after, stride), *rest)


def _start(network: nn.Module) -> None:
    """Random weights that keep the variance of gradients (He et al., arXiv 1502.01852)."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
