"""Detectors: one contract for all, on several backbones."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from anamorph.core.errors import ParameterError, ParameterTypeError, UnknownNameError
from anamorph.nn import models
from anamorph.nn.models import detector

pytest.importorskip("torchvision")
pytest.importorskip("timm")

NAMES = models.names("detect")
each = pytest.mark.parametrize("name", NAMES)
SMALL = "resnet10t"


def made(name: str, backbone: str = SMALL, **options):
    torch.manual_seed(0)
    return detector(name, backbone, **{"classes": 2, "width": 64, "score": 0.0, **options})


def targets():
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    two = {
        "boxes": torch.tensor([[4.0, 4, 36, 40], [50, 20, 70, 60]]),
        "labels": torch.tensor([1, 2]),
    }
    return [two, none]


@each
@pytest.mark.parametrize("channels", [1, 5])
def test_training_gives_losses_and_gradients(name, channels):
    model = made(name, in_channels=channels).train()
    pictures = [torch.rand(channels, 75, 90), torch.rand(channels, 64, 50)]
    before, wanted = copy.deepcopy(pictures), targets()
    losses = model(pictures, wanted)
    assert len(losses) >= 2
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    assert all(torch.equal(a, b) for a, b in zip(pictures, before, strict=True))
    assert torch.equal(wanted[0]["boxes"], targets()[0]["boxes"])


@each
def test_a_batch_without_boxes_is_no_trouble(name):
    losses = made(name).train()([torch.rand(3, 64, 64)] * 2, [targets()[1]] * 2)
    assert all(loss.isfinite() for loss in losses.values())


@each
def test_predictions(name):
    model = made(name, most=7).eval()
    pictures = [torch.rand(3, 75, 90), torch.rand(3, 33, 128)]
    with torch.inference_mode():
        first, second = model(pictures), model(pictures)
    for picture, one, two in zip(pictures, first, second, strict=True):
        height, width = picture.shape[1:]
        assert len(one["boxes"]) <= 7
        assert all(torch.equal(one[key], two[key]) for key in ("boxes", "labels", "scores"))
        assert set(one["labels"].tolist()) <= {1, 2}
        assert (one["boxes"] >= 0).all()
        assert (one["boxes"] <= torch.tensor([width, height, width, height])).all()


@each
def test_pictures_stay_as_they_are_unless_told(name):
    model = made(name).eval()
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[2:]))
    with torch.inference_mode():
        model([torch.rand(3, 64, 96)])
        made_small = made(name, size=(32, 64))
        made_small.backbone.register_forward_pre_hook(lambda _, g: seen.append(g[0].shape[2:]))
        found = made_small.eval()([torch.rand(3, 64, 96)])[0]["boxes"]
    assert seen[0] == (64, 96)
    assert seen[1] == (32, 64)
    assert found.numel() == 0 or found[:, 2].max() > 64  # in pixels of the picture that was given


@each
def test_the_state_goes_home_and_copies_are_the_same(name):
    model, other = made(name).eval(), detector(name, SMALL, classes=2, width=64, score=0.0).eval()
    other.load_state_dict(model.state_dict())
    picture = [torch.rand(3, 64, 64)]
    with torch.inference_mode():
        wanted = model(picture)[0]["boxes"]
        for twin in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert torch.equal(twin(picture)[0]["boxes"], wanted)


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("fasterrcnn", "convnext_atto"),
        ("retinanet", "mobilenet_v3_small"),
        ("fcos", "tu-swin_tiny_patch4_window7_224"),
        ("ssd", "timm/mobilenetv3_small_050"),
    ],
)
def test_backbones_are_swapped(name, backbone):
    options = {"depths": (1, 1, 1, 1)} if "swin" in backbone else {}
    model = made(name, backbone, backbone_options=options).train()
    losses = model([torch.rand(3, 70, 90), torch.rand(3, 64, 64)], targets())
    assert all(loss.isfinite() for loss in losses.values())


@pytest.mark.parametrize("name", ["retinanet", "fcos", "ssd"])
def test_losses_fall(name):
    model = made(name).train()
    picture = torch.zeros(3, 64, 64)
    picture[:, 4:40, 4:36] = 1
    wanted = {"boxes": torch.tensor([[4.0, 4, 36, 40]]), "labels": torch.tensor([2])}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    told = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = sum(model([picture] * 2, [wanted] * 2).values())
        loss.backward()
        optimizer.step()
        told.append(loss.item())
    assert told[-1] < 0.8 * told[0]


def test_anchors_of_an_ssd_do_not_depend_on_the_batch():
    model = made("ssd").eval()
    small, large = torch.rand(3, 64, 64), torch.rand(3, 128, 192)
    with torch.inference_mode():
        alone = model.anchor_generator(*_seen(model, [small]))[0]
        beside = model.anchor_generator(*_seen(model, [small, large]))[0]
    assert _sizes(alone) == _sizes(beside)


def _sizes(boxes):
    return {tuple(size) for size in (boxes[:, 2:] - boxes[:, :2]).tolist()}


def _seen(model, pictures):
    images, _ = model.transform(pictures)
    return images, list(model.backbone(images.tensors).values())


def test_frozen_norms_have_no_statistics_to_move():
    model = made("fcos", frozen_norms=True)
    encoder = models.encoder_of(model)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in encoder.modules())
    before = {k: v.clone() for k, v in encoder.state_dict().items() if "running" in k}
    assert before
    model.train()([torch.rand(3, 64, 64)], targets()[:1])
    assert all(torch.equal(encoder.state_dict()[k], v) for k, v in before.items())


def test_normalization_is_the_pipeline_s_unless_told():
    plain, told = made("fcos"), made("fcos", mean=(0.5,), std=(0.25, 0.25, 0.5))
    assert (plain.transform.image_mean, plain.transform.image_std) == ([0.0] * 3, [1.0] * 3)
    assert told.transform.image_mean == [0.5] * 3
    assert told.transform.image_std == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"name": "fasterrcn"}, UnknownNameError, "did you mean fasterrcnn"),
        ({"backbone": "resnet81"}, UnknownNameError, "did you mean"),
        ({"backbone": "vit_tiny_patch16_224"}, ParameterError, "strides 16, 16"),
        ({"classes": 0}, ParameterError, "detector.classes = 0"),
        ({"in_channels": 0}, ParameterError, "detector.in_channels = 0"),
        ({"score": 1.5}, ParameterError, "detector.score = 1.5"),
        ({"nms": -1}, ParameterError, "detector.nms = -1"),
        ({"anchors": (8, 16)}, ParameterError, "5 levels"),
        ({"anchors": (8, 16, 32, 64, 0)}, ParameterError, "above 0"),
        ({"anchors": ()}, ParameterError, "5 levels"),
        ({"mean": (0.1, 0.2)}, ParameterError, "each of 3 channels"),
        ({"std": (0.0,)}, ParameterError, "detector.std"),
        ({"name": "fcos", "width": 32}, ParameterError, "64 or more"),
        ({"name": "fcos", "width": 80}, ParameterError, "divisible"),
        ({"nosuch": 1}, ParameterTypeError, "nosuch"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        detector(**{"name": "fasterrcnn", "backbone": SMALL, "width": 64, **arguments})
