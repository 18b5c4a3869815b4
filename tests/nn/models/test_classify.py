"""Classifiers and their poolings."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from anamorph.core.errors import DataError, ParameterError, ParameterTypeError, UnknownNameError
from anamorph.nn.models import POOLINGS, GeM, classifier
from anamorph.nn.models.pooling import Attention


def gradcheck(pool: torch.nn.Module, maps: torch.Tensor) -> bool:
    return torch.autograd.gradcheck(pool, maps.double().requires_grad_())


@pytest.mark.parametrize("name", POOLINGS)
def test_poolings(name):
    pool = POOLINGS[name](5)
    maps = torch.rand(2, 5, 3, 4)
    assert pool(maps).shape == (2, 5 * pool.factor)
    flat = torch.full((2, 5, 3, 4), 0.7)
    torch.testing.assert_close(pool(flat), torch.full((2, 5 * pool.factor), 0.7))
    assert pool(torch.rand(1, 5, 1, 1)).isfinite().all()
    assert gradcheck(pool.double(), maps)


@pytest.mark.parametrize("name", ["avg", "max", "avgmax", "catavgmax"])
def test_poolings_are_timm_s(name):
    layers = pytest.importorskip("timm.layers")
    maps = torch.randn(2, 5, 3, 4)
    theirs = layers.SelectAdaptivePool2d(pool_type=name, flatten=True)
    torch.testing.assert_close(POOLINGS[name](5)(maps), theirs(maps))


def test_gem_lies_between_mean_and_maximum():
    maps = torch.rand(2, 3, 8, 8)
    means = [GeM(3, power)(maps) for power in (1.0, 3.0, 20.0, 400.0)]
    torch.testing.assert_close(means[0], maps.mean((2, 3)))
    assert all((a < b).all() for a, b in pairwise(means))
    torch.testing.assert_close(means[-1], maps.amax((2, 3)), rtol=0.02, atol=0)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e4, 1e18])
@pytest.mark.parametrize("power", [0.5, 3.0, 30.0])
def test_gem_neither_overflows_nor_vanishes(scale, power):
    pool = GeM(2, power)
    maps = (torch.rand(1, 2, 6, 6) * scale).requires_grad_()
    pool(maps).sum().backward()
    assert pool(maps).isfinite().all()
    assert maps.grad.isfinite().all()
    assert pool.power.grad.isfinite().all()


def test_gem_of_what_is_negative():
    maps = -torch.rand(1, 2, 4, 4)
    maps.requires_grad_()
    out = GeM(2)(maps)
    torch.testing.assert_close(out, torch.full((1, 2), 1e-6))
    out.sum().backward()
    assert maps.grad.isfinite().all()


def test_gem_keeps_halves_and_computes_wide():
    maps = torch.full((1, 2, 4, 4), 300.0, dtype=torch.float16)
    out = GeM(2)(maps)  # 300³ is no half
    assert out.dtype == torch.float16
    torch.testing.assert_close(out, torch.full((1, 2), 300.0, dtype=torch.float16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(GeM(2)(maps.bfloat16()).float(), torch.full((1, 2), 300.0))


def test_attention_starts_as_the_mean_and_looks():
    pool, maps = Attention(2), torch.rand(1, 2, 4, 4)
    torch.testing.assert_close(pool(maps), maps.mean((2, 3)))
    maps[0, 0, 1, 2] = 5
    torch.nn.init.constant_(pool.look.weight[:, :1], 100)
    torch.testing.assert_close(pool(maps), maps[:, :, 1, 2])


# ------------------------------------------------------------------------------------ the whole

timm = pytest.importorskip("timm")


def test_average_and_one_layer_are_timm_s_own():
    ours = classifier("resnet10t", 4).eval()
    theirs = timm.create_model("resnet10t", num_classes=4).eval()
    state = {k.removeprefix("encoder."): v for k, v in ours.state_dict().items()}
    state |= {"fc.weight": state.pop("head.last.weight"), "fc.bias": state.pop("head.last.bias")}
    theirs.load_state_dict(state)
    x = torch.rand(2, 3, 64, 48)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_native_is_what_the_network_was_published_with(name):
    ours = (
        classifier(name, 4, pooling="native", img_size=64, window_size=2)
        if "swin" in name
        else (classifier(name, 4, pooling="native", img_size=64))
    )
    x = torch.rand(1, 3, 64, 64)
    ours.eval()
    torch.testing.assert_close(ours.features(x), ours.encoder(x))


def test_tokens_are_pooled_without_the_class_token():
    model = classifier("vit_tiny_patch16_224", 2, depth=1).eval()
    x = torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(model.features(x), model.encoder(x)[:, 1:].mean(1))


def test_several_dropouts_are_averaged_in_training_only():
    model = classifier("resnet10t", 3, dropout=0.5, samples=4)
    asked = []
    model.head.drop.register_forward_hook(lambda *_: asked.append(1))
    x = torch.rand(2, 3, 32, 32)
    model.train()(x)
    assert len(asked) == 4
    model.eval()(x)
    assert len(asked) == 5
    assert torch.equal(model(x), model(x))


def test_pictures_that_the_encoder_does_not_take():
    model = classifier("swin_tiny_patch4_window7_224", 2, depths=(1, 1, 1, 1)).eval()
    with pytest.raises(DataError, match=r"pictures are 65×64: .*patch"):
        model(torch.rand(1, 3, 65, 64))


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"encoder": "resnet10"}, UnknownNameError, "did you mean"),
        ({"classes": 0}, ParameterError, "classifier.classes = 0"),
        ({"in_channels": 0}, ParameterError, "classifier.in_channels = 0"),
        ({"samples": 0}, ParameterError, "classifier.samples = 0"),
        ({"dropout": 1.0}, ParameterError, "classifier.dropout = 1.0"),
        ({"pooling": "gen"}, UnknownNameError, "did you mean gem"),
        ({"head": "mlpp"}, UnknownNameError, "did you mean mlp"),
        ({"drop_pth": 0.1}, ParameterTypeError, "drop_pth"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        classifier(**{"encoder": "resnet10t", "classes": 2, **arguments})
