"""What all models owe, one row a model: shapes, gradients, determinism, a state that goes home."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from anamorph.core.errors import DataError, ParameterError, ParameterTypeError, UnknownNameError
from anamorph.nn import models

pytest.importorskip("segmentation_models_pytorch")

CLASSES = 2
SMALL = "resnet10t"  # the smallest of timm's with five steps and standard blocks


@dataclass(frozen=True)
class Row:
    """How a model is built for these tests, and what it gives."""

    make: Callable[[int], nn.Module]
    dense: bool = True
    size: tuple[int, int] = (65, 33)

    def run(self, model: nn.Module, pictures: torch.Tensor) -> torch.Tensor:
        return model(pictures)


def segmenter(name: str, encoder: str | None = None, **options: Any) -> Row:
    return Row(lambda channels: models.build(name, encoder, channels, CLASSES, **options))


def classifier(encoder: str, **options: Any) -> Row:
    return Row(lambda c: models.classifier(encoder, CLASSES, c, **options), dense=False)


ROWS: dict[str, Row] = {
    "unet11": segmenter("unet11", filters=4),
    "unet16": segmenter("unet16", filters=4),
    "albunet34": segmenter("albunet34", filters=4),
    "linknet34": segmenter("linknet34"),
    "plain_unet": segmenter("plain_unet", filters=4),
    "unet": segmenter("unet", SMALL),
    "unetplusplus": segmenter("unetplusplus", SMALL),
    "manet": segmenter("manet", SMALL),
    "linknet": segmenter("linknet", SMALL),
    "fpn": segmenter("fpn", SMALL),
    "pspnet": segmenter("pspnet", "resnet18"),
    "deeplabv3": segmenter("deeplabv3", SMALL),
    "deeplabv3plus": segmenter("deeplabv3plus", SMALL),
    "pan": segmenter("pan", SMALL),
    "upernet": segmenter("upernet", SMALL),
    "segformer": segmenter("segformer", SMALL),
    "dpt": segmenter("dpt"),
    "unet of its own encoder": segmenter("unet", "resnet18"),
    "fpn on swin": segmenter("fpn", "timm/swin_tiny_patch4_window7_224", depths=(1, 1, 1, 1)),
    "resnet": classifier(SMALL),
    "convnext": classifier("convnext_atto", pooling="gem", dropout=0.2, samples=3),
    "mobilenet": classifier("mobilenet_v3_small", pooling="catavgmax", head="mlp"),
    "vit": classifier("vit_tiny_patch16_224", pooling="native", depth=2),
    "vit, its tokens": classifier("vit_tiny_patch16_224", pooling="attention", depth=2),
}
"""Name → row. Detectors have other inputs: test_detect.py."""

each_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


def pictures(row: Row, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, channels, *row.size, generator=generator)


def made(row: Row, channels: int = 3, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return row.make(channels)


@pytest.fixture(scope="module", params=ROWS.values(), ids=ROWS)
def built(request: pytest.FixtureRequest) -> tuple[Row, nn.Module]:
    """A row and its model in eval mode, shared by the tests that leave its parameters alone."""
    return request.param, made(request.param).eval()


def test_the_table_has_all_models():
    assert set(models.names("segment")) <= set(ROWS)


def test_the_names_are_the_library_s():
    import segmentation_models_pytorch as smp

    from anamorph.nn.models.smp import ARCHITECTURES

    there = {name: kind.__name__ for name, kind in smp.MODEL_ARCHITECTURES_MAPPING.items()}
    assert {name: entry.kind for name, entry in ARCHITECTURES.items()} == there


@each_row
@pytest.mark.parametrize("channels", [1, 5])
def test_channels_sizes_and_gradients(row, channels):
    model = made(row, channels).train()
    x = pictures(row, channels)
    before = x.clone()
    out = model(x)
    assert out.shape == ((2, CLASSES, *row.size) if row.dense else (2, CLASSES))
    out.square().mean().backward()
    assert torch.equal(x, before)
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert [name for name, g in gradients.items() if g is None] == []
    assert all(g.isfinite().all() for g in gradients.values())


def test_eval_is_deterministic_and_the_state_goes_home(built):
    row, first = built
    second = made(row, seed=1).eval()
    x = pictures(row)
    with torch.no_grad():
        first.train()(x)  # statistics move
    first.eval()
    held = io.BytesIO()
    torch.save(first.state_dict(), held)
    held.seek(0)
    second.load_state_dict(torch.load(held, weights_only=True))
    with torch.inference_mode():
        a, b, c = first(x), first(x), second(x)
        single = first(x[:1])
    assert torch.equal(a, b)
    assert torch.equal(a, c)
    torch.testing.assert_close(single, a[:1], rtol=1e-3, atol=1e-4)


def test_the_smallest_picture_and_a_long_one(built):
    row, model = built
    if not row.dense:
        pytest.skip("classifiers see pictures that the pipeline made of one size")
    with torch.inference_mode():
        for size in ((1, 1), (7, 130)):
            out = model(torch.rand(1, 3, *size))
            assert out.shape == (1, CLASSES, *size)
            assert out.isfinite().all()


def test_what_is_no_picture_is_refused(built):
    _, model = built
    for shape in ((1, 4, 32, 32), (3, 32, 32), (1, 3, 0, 32)):
        with pytest.raises(DataError, match="pictures have shape"):
            model(torch.rand(*shape))


def test_the_encoder_is_a_part(built):
    _, model = built
    encoder = models.encoder_of(model)
    inside = {id(p) for p in encoder.parameters()}
    assert inside < {id(p) for p in model.parameters()}


@pytest.mark.parametrize("name", ["unet11", "albunet34", "unet"])
def test_without_padding_other_sizes_are_refused(name):
    model = models.build(name, pad=False).eval()
    with pytest.raises(DataError, match=r"pictures are 250×260: sides divisible by (32|64)"):
        model(torch.rand(1, 3, 250, 260))
    assert model(torch.rand(1, 3, 64, 128)).shape == (1, 1, 64, 128)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: models.build("unet12"), UnknownNameError, "did you mean unet1"),
        (lambda: models.build("unet", "resnet81"), UnknownNameError, "did you mean resnet"),
        (lambda: models.build("unet11", "resnet18"), ParameterError, "unet11 has vgg11"),
        (lambda: models.build("plain_unet", "vgg11"), ParameterError, "one of its own"),
        (lambda: models.build("unet", classes=0), ParameterError, "0 classes"),
        (lambda: models.build("unet11", in_channels=0), ParameterError, "0 channels"),
        (lambda: models.UNet11(classes=0), ParameterError, "UNet11.classes = 0"),
        (lambda: models.UNet11(upsampling="deconv5"), UnknownNameError, "did you mean deconv"),
        (lambda: models.build("unet11", depth=3), ParameterTypeError, "depth"),
        (lambda: models.build("unet", SMALL, depht=3), ParameterTypeError, "depht"),
        (lambda: models.build("unet", encoder_weights="imagenet"), ParameterTypeError, "weights"),
        (lambda: models.build("unet", SMALL, encoder_depth=9), ParameterError, "unet on"),
        (lambda: models.names("track"), UnknownNameError, "segment, detect"),
        (lambda: models.encoder_of(nn.Linear(1, 1)), ParameterTypeError, "no encoder"),
    ],
)
def test_what_cannot_be_built_is_refused(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


def test_encoders_have_one_name_for_all():
    from anamorph.nn.models.smp import encoder_name

    assert {
        encoder_name(n) for n in ("convnext_atto", "timm/convnext_atto", "tu-convnext_atto")
    } == {"tu-convnext_atto"}
    assert encoder_name("resnet18") == "resnet18"
    assert encoder_name("resnet18", shallow=True) == "tu-resnet18"
    assert encoder_name("efficientnet_lite0") == "tu-tf_efficientnet_lite0"


def test_nothing_is_fetched_unless_told(monkeypatch):
    import huggingface_hub

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("something was fetched")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    models.build("unet", "resnet18")
    models.build("unet", "convnext_atto.d2_in1k")
    models.classifier("resnet10t.c3_in1k", 2)
    models.detector("fcos", SMALL, width=64)


@pytest.mark.parametrize("name", ["unet11", "linknet34", "unet"])
def test_exported_models_say_the_same(name):
    row = ROWS[name]
    model, x = made(row).eval(), torch.rand(1, 3, 64, 32)
    program = torch.export.export(model, (x,))
    with torch.inference_mode():
        torch.testing.assert_close(program.module()(x), model(x), rtol=1e-4, atol=1e-5)
