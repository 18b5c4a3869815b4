"""Pictures of any number of channels and of any size, for networks that were made for fewer."""

from __future__ import annotations

from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from anamorph.core.errors import DataError, ParameterError, sides


def adapt_weight(weight: Tensor, channels: int) -> Tensor:
    """Make the weights of a first convolution fit another number of channels.

    For one channel they are summed; for more they are repeated in order, cut, and scaled by old / new,
    so that a picture with equal channels makes the output it made before. This is timm's rule.

    Args:
        weight: out × in × height × width.
        channels: how many there shall be, one or more.
    """
    old = weight.shape[1]
    if channels == old:
        return weight
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeated = weight.repeat(1, ceil(channels / old), 1, 1)[:, :channels]
    return repeated * (old / channels)


def adapt_input(conv: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Make a convolution like this one for pictures of so many channels; its weights are kept.

    They are repeated or summed as `adapt_weight` says. The one that is passed stays as it is.

    >>> first = torch.nn.Conv2d(3, 8, 3)
    >>> adapt_input(first, 5).weight.shape
    torch.Size([8, 5, 3, 3])

    Raises:
        ParameterError: fewer than one channel, or a convolution in groups.
    """
    if channels < 1:
        raise ParameterError(f"channels = {channels}: it must be 1 or more")
    if conv.groups != 1:
        raise ParameterError(f"conv has {conv.groups} groups: one without groups is wanted")
    made = nn.Conv2d(
        channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        stride=conv.stride,  # type: ignore[arg-type]
        padding=conv.padding,  # type: ignore[arg-type]
        dilation=conv.dilation,  # type: ignore[arg-type]
        bias=conv.bias is not None,
        padding_mode=conv.padding_mode,
        device=conv.weight.device,
        dtype=conv.weight.dtype,
    )
    with torch.no_grad():
        made.weight.copy_(adapt_weight(conv.weight, channels))
        if conv.bias is not None and made.bias is not None:
            made.bias.copy_(conv.bias)
    made.weight.requires_grad_(conv.weight.requires_grad)
    return made.train(conv.training)


def first_conv(network: nn.Module) -> str | None:
    """The name of the first convolution of a network, or ``None`` if it has none."""
    convs = (name for name, part in network.named_modules() if isinstance(part, nn.Conv2d))
    return next(convs, None)


class AnySize(nn.Module):
    """A network for dense prediction that takes pictures of any size.

    Their borders are repeated up to the next multiple, as much on each side, and cut off what the
    network says. Pictures that fit go through as they are.
    """

    def __init__(
        self, net: nn.Module, multiple: int, *, channels: int, smallest: int = 1, pad: bool = True
    ) -> None:
        """Wrap a network.

        Args:
            net: maps N × channels × H × W to N × classes × H × W, H and W divisible by ``multiple``.
            multiple: what sides must be divisible by.
            channels: of pictures.
            smallest: least side that the network can look at.
            pad: whether other sizes are padded; else they are refused.
        """
        super().__init__()
        self.net = net
        self.multiple = multiple
        self.channels = channels
        self.smallest = smallest
        self.pad = pad

    @property
    def encoder(self) -> nn.Module:
        """The part that looks at the picture."""
        found: nn.Module = self.net.encoder  # type: ignore[assignment]
        return found

    def forward(self, pictures: Tensor) -> Any:
        """Predict.

        Raises:
            DataError: another number of channels or axes, no pixels, or sizes that do not fit.
        """
        check_input(pictures, self.channels)
        return run_padded(self.net, pictures, self.multiple, smallest=self.smallest, pad=self.pad)

    def extra_repr(self) -> str:
        return f"multiple={self.multiple}, channels={self.channels}, pad={self.pad}"


def check_input(pictures: Tensor, channels: int) -> None:
    """Refuse what is no batch of pictures with so many channels.

    Raises:
        DataError: it is not.
    """
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[1] != channels:
        raise DataError(f"pictures have shape {shape}: N × {channels} × H × W is wanted")
    if not shape[2] or not shape[3]:
        raise DataError(f"pictures have shape {shape}: they have no pixels")


def run_padded(net: Any, pictures: Tensor, multiple: int, *, smallest: int = 1, pad: bool) -> Any:
    """Run a network on pictures whose sides are made to fit, and cut its maps to what they were.

    Maps that are not of the size of the picture, such as labels beside a map, are passed on.

    Raises:
        DataError: the sides do not fit, and ``pad`` is off.
    """
    height, width = pictures.shape[-2:]
    wanted = [-(-max(side, smallest) // multiple) * multiple for side in (height, width)]
    extra = (wanted[0] - height, wanted[1] - width)
    if not any(extra):
        return net(pictures)
    if not pad:
        raise DataError(
            f"pictures are {sides((height, width))}: sides divisible by {multiple} are wanted"
            f"{f' and of {smallest} at least' if smallest > 1 else ''}, or pad=True, which pads and crops"
        )
    top, left = extra[0] // 2, extra[1] // 2
    borders = (left, extra[1] - left, top, extra[0] - top)
    padded = functional.pad(pictures, borders, mode="replicate")
    size = padded.shape[-2:]

    def cut(out: Any) -> Any:
        if isinstance(out, Tensor):
            fits = out.dim() >= 3 and out.shape[-2:] == size
            return out[..., top : top + height, left : left + width] if fits else out
        return type(out)(map(cut, out)) if isinstance(out, (tuple, list)) else out

    return cut(net(padded))
