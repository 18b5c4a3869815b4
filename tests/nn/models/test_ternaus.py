"""TernausNet and its relatives are what was published: sizes, strides, encoders of torchvision."""

from __future__ import annotations

import pytest
import torch

from anamorph.nn import models
from anamorph.nn.models.blocks import Grow
from anamorph.nn.models.encoders import VGGS

COUNTS = {
    "package's UNet11": (models.UNet11, 22_927_393),
    "robot surgery's UNet11": (lambda: models.UNet11(upsampling="deconv4"), 25_364_513),
    "package's UNet16": (models.UNet16, 29_306_465),
    "robot surgery's UNet16": (lambda: models.UNet16(upsampling="deconv4"), 32_202_337),
    # Published with the unused last layer of its encoder: 513,000 more, 35.1 million in all.
    "AlbuNet34": (models.AlbuNet34, 35_117_897 - 513_000),
    "LinkNet34": (models.LinkNet34, 21_794_721),
    "PlainUNet": (models.PlainUNet, 7_846_657),
    "encoder of UNet11": (lambda: models.VGG("vgg11"), 9_220_480),
}


@pytest.mark.parametrize(("make", "count"), COUNTS.values(), ids=COUNTS)
def test_parameters_are_as_many_as_published(make, count):
    assert sum(p.numel() for p in make().parameters()) == count


@pytest.mark.parametrize("name", VGGS)
def test_vgg_is_torchvision_s(name):
    torchvision = pytest.importorskip("torchvision")
    theirs = getattr(torchvision.models, name)(weights=None).eval()
    ours = models.VGG(name).eval()
    fit = models.load_weights(theirs.state_dict(), ours, leftovers=True)
    assert {key.split(".")[0] for key in fit.unexpected} == {"classifier"}
    x = torch.rand(1, 3, 64, 96)
    pooled = torch.nn.functional.max_pool2d(ours(x)[-1], 2)
    assert torch.equal(pooled, theirs.features(x))


def test_resnet34_is_torchvision_s():
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.models.resnet34(weights=None).eval()
    ours = models.ResNet34().eval()
    fit = models.load_weights(theirs.state_dict(), ours, leftovers=True)
    assert set(fit.unexpected) == {"fc.weight", "fc.bias"}
    x = torch.rand(1, 3, 64, 96)
    wanted = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(
        theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
    ))))  # fmt: skip
    assert torch.equal(ours(x)[-1], wanted)


@pytest.mark.parametrize("name", ["unet11", "unet16", "albunet34", "linknet34"])
def test_maps_have_the_strides_and_channels_they_say(name):
    encoder = models.encoder_of(models.build(name))
    maps = encoder(torch.rand(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == list(encoder.channels)
    assert [64 // m.shape[2] for m in maps] == list(encoder.strides)


@pytest.mark.parametrize("upsampling", ["deconv3", "deconv4", "bilinear"])
def test_blocks_double(upsampling):
    assert Grow(3, 4, 5, upsampling)(torch.rand(1, 3, 7, 9)).shape == (1, 5, 14, 18)


def test_parameters_of_the_published_code_find_their_places():
    """It lists those of the encoder twice: under its own name and under that of a step."""
    model = models.UNet11(filters=4)
    theirs = {}
    for name, value in model.state_dict().items():
        old = name.replace("encoder.features.", "encoder.")
        theirs[f"module.{old}"] = value
    theirs["module.conv1.0.weight"] = theirs["module.encoder.0.weight"]
    theirs["module.conv3s.0.weight"] = theirs["module.encoder.6.weight"]
    other = models.UNet11(filters=4)
    assert str(models.load_weights(theirs, other)).endswith("none left over")
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(other(x), model(x))


def test_resnets_of_the_published_code_find_their_places():
    albu = models.AlbuNet34(filters=4)
    theirs = dict(albu.state_dict())
    theirs |= {"encoder.fc.weight": torch.zeros(1), "conv2.0.conv1.weight": torch.zeros(1)}
    assert str(models.load_weights(theirs, models.AlbuNet34(filters=4))).endswith("none left over")
    link = models.LinkNet34()
    theirs = {}
    for name, value in link.state_dict().items():
        old = name.replace("encoder.conv1.", "firstconv.").replace("encoder.bn1.", "firstbn.")
        theirs[old.replace("encoder.layer", "encoder")] = value
    assert str(models.load_weights(theirs, models.LinkNet34())).endswith("none left over")


def test_there_is_no_sigmoid():
    torch.manual_seed(0)
    model = models.UNet11(filters=4)
    torch.nn.init.constant_(model.final.bias, 7.0)
    assert model(torch.rand(1, 3, 32, 32)).min() > 1


def test_padding_repeats_borders_and_is_cut():
    model = models.UNet11(filters=4).eval()
    x = torch.rand(1, 3, 40, 64)
    padded = torch.nn.functional.pad(x, (0, 0, 12, 12), mode="replicate")
    with torch.inference_mode():
        assert torch.equal(model(x), model(padded)[:, :, 12:52])
