"""First convolutions for any number of channels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from anamorph.core.errors import ParameterError
from anamorph.nn.models import AnySize, adapt_input


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
def test_equal_channels_give_what_they_gave(channels):
    """Where the number is a multiple, or one; in between the sum of weights is kept on the average."""
    conv = nn.Conv2d(3, 8, 5, stride=2, padding=2)
    made = adapt_input(conv, channels)
    assert made.weight.shape == (8, channels, 5, 5)
    plane = torch.rand(2, 1, 16, 16)
    if channels % 3 == 0 or channels == 1:
        torch.testing.assert_close(
            made(plane.expand(-1, channels, -1, -1)), conv(plane.expand(-1, 3, -1, -1))
        )
    if channels > 1:
        torch.testing.assert_close(made.weight[:, 0], conv.weight[:, 0] * 3 / channels)


@pytest.mark.parametrize("channels", [1, 2, 4, 6, 11])
def test_the_rule_is_timm_s(channels):
    timm = pytest.importorskip("timm.models")
    conv = nn.Conv2d(3, 8, 3)
    torch.testing.assert_close(
        adapt_input(conv, channels).weight, timm.adapt_input_conv(channels, conv.weight)
    )


def test_all_else_is_kept():
    conv = nn.Conv2d(3, 4, (3, 5), (2, 1), (1, 2), 2, bias=False, padding_mode="reflect").double()
    conv.eval().weight.requires_grad_(False)
    before = conv.weight.clone()
    made = adapt_input(conv, 2)
    for name in (
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "padding_mode",
        "bias",
        "training",
    ):
        assert getattr(made, name) == getattr(conv, name), name
    assert made.weight.dtype == torch.float64
    assert not made.weight.requires_grad
    assert torch.equal(conv.weight, before)


def test_what_cannot_be_adapted_is_refused():
    with pytest.raises(ParameterError, match="channels = 0"):
        adapt_input(nn.Conv2d(3, 4, 3), 0)
    with pytest.raises(ParameterError, match="2 groups"):
        adapt_input(nn.Conv2d(4, 4, 3, groups=2), 3)


def test_maps_beside_others_are_cut_and_the_rest_is_passed_on():
    class Two(nn.Module):
        def forward(self, x):
            return x[:, :1], x.mean((2, 3)), [x]

    model = AnySize(Two(), 8, channels=2)
    x = torch.rand(1, 2, 5, 11)
    first, labels, (maps,) = model(x)
    assert torch.equal(first, x[:, :1])
    assert labels.shape == (1, 2)
    assert torch.equal(maps, x)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 8), (23, 31)])
def test_sides_are_made_to_fit(size):
    seen = []

    class Look(nn.Module):
        def forward(self, x):
            seen.append(tuple(x.shape[2:]))
            return x

    x = torch.rand(1, 1, *size)
    assert torch.equal(AnySize(Look(), 8, channels=1)(x), x)
    assert torch.equal(AnySize(Look(), 8, channels=1, smallest=20)(x), x)
    fit = [-(-side // 8) * 8 for side in size]
    assert seen == [tuple(fit), tuple(max(side, 24) for side in fit)]
