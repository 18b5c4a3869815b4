"""Views are looked at and come home: every set of views with every task."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import anamorph as A
from anamorph.core import constants as K
from anamorph.core.errors import (
    DataError,
)
from anamorph.nn.boxes import NMS
from anamorph.nn.tta import (
    SETS,
    TASKS,
    TTA,
    FiveCrop,
    Given,
    Padded,
    Scales,
    Symmetries,
    TenCrop,
)

SIZES = ((1, 1), (1, 7), (9, 9), (10, 20), (31, 50))
TILTED = A.Compose([A.Rotate((20, 20), p=1), A.HorizontalFlip(p=1)])

LATTICE = {
    **{name: name for name in SETS},
    "padded": Padded(32),
    "padded and turned": Padded(8, K.BORDER_REPLICATE) * "d4",
    "turned and padded": "d4" * Padded(8),
    "one pipeline": A.HorizontalFlip(p=1),
    "pipelines": [A.VerticalFlip(p=1), A.Transpose(p=1), A.Compose([A.RandomRotate90(p=1)])],
    "plans": [Given((A.Compose([]).plan(image=torch.zeros(10, 20, 3).numpy()),)), "hflip"],
    "doubled": "d2" * Symmetries("rot90"),
}
"""Views in which pixels fall on pixels and nothing is lost."""
CROPS = {
    "five crops": FiveCrop((7, 12)),
    "ten crops": TenCrop((7, 12)),
    "crops of turns": "rot90" * FiveCrop((6, 7)) + Symmetries("identity"),
}
"""Views in which pixels fall on pixels, each of a part of the picture; together of all of it."""
SCALED = {
    "scales": Scales(0.75, 1, 1.5),
    "scales of turns": "d4" * Scales(1, 2),
    "letterbox": A.LetterBox((96, 96)),
    "tilted": ["identity", TILTED],
    "perspective": ["identity", A.Perspective(scale=(0.1, 0.1), p=1, fit_output=True)],
}
"""Views that are resampled."""
ALL = {**LATTICE, **CROPS, **SCALED}


# --------------------------------------------------- models that move as their input does


def peak(batch):
    """Keypoint: the brightest pixel (N, 1, 2)."""
    place = batch[:, 0].flatten(1).argmax(1)
    return torch.stack([place % batch.shape[3], place // batch.shape[3]], -1).float()[:, None]


def blobs(batch):
    """Detection: the rectangle around what is bright, with its mask."""
    found = []
    for picture in batch:
        bright = (picture[0] > 0.5).nonzero()
        low, high = (bright.amin(0), bright.amax(0) + 1) if len(bright) else (0, 0)
        rows = torch.cat([low.flip(0), high.flip(0)]).float()[None] if len(bright) else []
        count = len(rows)
        found.append(
            {
                "boxes": torch.as_tensor(rows).reshape(-1, 4),
                "scores": torch.full((count,), 0.75),
                "labels": torch.full((count,), 3),
                "masks": (picture[None, :1] > 0.5).float()[:count],
            }
        )
    return found


MODELS = {
    "classification": lambda batch: batch.mean((2, 3)),
    "dense": lambda batch: batch,
    "heatmaps": lambda batch: batch,
    "keypoints": peak,
    "detection": blobs,
}


def scene(size=(10, 20)):
    """Two pictures, each with a bright rectangle and one brightest pixel, the rest smooth."""
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    batch = (0.2 + 0.2 * torch.sin(x / 5.0 + y / 7.0)).expand(2, 3, *size).clone()
    batch[0, :, 2:6, 3:12] = 0.9
    batch[1, :, 4:9, 8:18] = 0.8
    batch[0, :, 4, 5] = batch[1, :, 6, 12] = 1.0
    return batch


def test_the_table_of_models_is_complete():
    assert set(MODELS) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("views", ALL.values(), ids=ALL.keys())
def test_every_view_with_every_task(views, task):
    """The shape of what comes out is that of the model's own output; one at a time or at once."""
    batch, model = scene(), MODELS[task]
    merge = NMS(iou=0.3) if task == "detection" else None
    plain = model(batch)
    outputs = [
        TTA(model, views, task, merge=merge, batch_views=count, uncovered=None)(batch)
        for count in (1, 3, 100)
    ]
    for output in outputs:
        if task == "detection":
            assert [set(found) for found in output] == [set(found) for found in plain]
            assert all(found["boxes"].shape[1:] == (4,) for found in output)
            assert all(found["masks"].shape[1:] == (1, 10, 20) for found in output)
        else:
            assert output.shape == plain.shape
            assert output.dtype == plain.dtype
            torch.testing.assert_close(output, outputs[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("task", ["dense", "heatmaps", "keypoints"])
@pytest.mark.parametrize("views", LATTICE.values(), ids=LATTICE.keys())
def test_pixels_that_fall_on_pixels_are_exact(views, task):
    batch, model = scene(), MODELS[task]
    assert torch.equal(TTA(model, views, task)(batch), model(batch))


@pytest.mark.parametrize("views", LATTICE.values(), ids=LATTICE.keys())
def test_boxes_on_pixels_are_exact(views):
    batch = scene()
    for found, own in zip(TTA(blobs, views, "detection")(batch), blobs(batch), strict=True):
        torch.testing.assert_close(found, own, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", SETS)
def test_labels_that_do_not_depend_on_the_view_are_kept(name):
    batch = scene()
    means = TTA(MODELS["classification"], name)(batch)
    torch.testing.assert_close(means, batch.mean((2, 3)), rtol=1e-6, atol=0)
    tops = TTA(lambda b: b.amax((2, 3)), name)(batch)
    assert torch.equal(tops, batch.amax((2, 3)))


@pytest.mark.parametrize("task", ["dense", "heatmaps"])
@pytest.mark.parametrize("views", CROPS.values(), ids=CROPS.keys())
def test_crops_do_not_dilute(views, task):
    batch = scene()
    assert torch.equal(TTA(nn.Identity(), views, task)(batch), batch)


@pytest.mark.parametrize("views", SCALED.values(), ids=SCALED.keys())
def test_resampled_views_are_near(views):
    """A smooth picture twice interpolated differs by less than its slope a pixel."""
    y, x = torch.meshgrid(torch.arange(10.0), torch.arange(20.0), indexing="ij")
    batch = torch.stack([x / 20, y / 10])[None] + 0.1
    output = TTA(nn.Identity(), views, "dense")(batch)
    assert (output - batch).abs().max() < 0.1
    assert (output - batch)[..., 2:-2, 2:-2].abs().max() < 0.02


@pytest.mark.parametrize("views", SCALED.values(), ids=SCALED.keys())
def test_resampled_keypoints_and_boxes_are_near(views):
    batch = scene((40, 80))
    points = TTA(peak, views, "keypoints")(batch)
    assert (points - peak(batch)).abs().max() <= 1
    for found, own in zip(TTA(blobs, views, "detection")(batch), blobs(batch), strict=True):
        assert (found["boxes"][0] - own["boxes"][0]).abs().max() < 3


# ------------------------------------------------------------------ sizes and resolutions


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_symmetries_of_any_size_and_dtype_are_exact(name, size, dtype):
    batch = torch.randn(2, 3, *size).to(dtype)
    output = TTA(nn.Identity(), name, "dense", batch_views=3)(batch)
    assert output.dtype == dtype
    assert torch.equal(output, batch)


def symmetrical_net():
    """A convolutional net whose kernels have the symmetries of the square."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 4, 3, padding=1)
    ).double()
    with torch.no_grad():
        for conv in (net[0], net[3]):
            turns = [torch.rot90(conv.weight, k, (2, 3)) for k in range(4)]
            conv.weight.copy_(sum(turns + [t.flip(3) for t in turns]) / 8)
    return net.eval()


@pytest.mark.parametrize("size", [(8, 8), (10, 20), (32, 6)])
@pytest.mark.parametrize("name", SETS)
def test_a_symmetrical_net_says_what_it_says_without(name, size):
    net, batch = symmetrical_net(), torch.randn(2, 3, *size, dtype=torch.float64)
    output = TTA(net, name, "dense", activation="softmax")(batch)
    torch.testing.assert_close(output, net(batch).softmax(1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [(8, 16), (12, 20), (10, 21)])
@pytest.mark.parametrize("name", SETS)
def test_maps_of_another_resolution(name, stride, size):
    """Of the pooled map, be it cut or completed, all symmetries are exact."""
    batch = torch.randn(1, 2, *size)
    for sized in (
        lambda b: nn.functional.adaptive_avg_pool2d(b, [-(-s // stride) for s in b.shape[2:]]),
        lambda b: nn.functional.interpolate(b, scale_factor=stride),
    ):
        output = TTA(sized, name, "dense")(batch)
        torch.testing.assert_close(output, sized(batch), rtol=1e-6, atol=1e-6)


def test_any_net_is_made_equivariant():
    """Turned input gives turned output, which is what d4 is for."""
    torch.manual_seed(0)
    net = nn.Conv2d(3, 2, 3, padding=1).double()
    tta, batch = TTA(net, "d4", "dense"), torch.randn(1, 3, 9, 14, dtype=torch.float64)
    turned = tta(batch.rot90(1, (2, 3)))
    torch.testing.assert_close(turned, tta(batch).rot90(1, (2, 3)), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(net(batch.rot90(1, (2, 3))), net(batch).rot90(1, (2, 3)))


def test_scales_have_exact_sizes_and_come_home():
    """101 pixels by 1.5 are 152, and 101 again; nothing is off by one."""
    seen = []
    model = lambda batch: seen.append(tuple(batch.shape[2:])) or batch  # noqa: E731
    output = TTA(model, Scales(0.5, 1, 1.5), "dense")(torch.ones(1, 1, 101, 67))
    assert seen == [(51, 34), (101, 67), (152, 101)]
    torch.testing.assert_close(output, torch.ones(1, 1, 101, 67))


def test_the_first_view_decides_the_resolution():
    batch = torch.zeros(1, 1, 10, 20)
    assert TTA(nn.Identity(), Scales(1, 2), "dense")(batch).shape == (1, 1, 10, 20)
    assert TTA(nn.Identity(), FiveCrop((6, 11)), "dense")(batch).shape == (1, 1, 10, 20)


# ------------------------------------------------------------------------------- coverage


def test_gaps_are_refused_or_filled():
    batch = torch.ones(1, 2, 10, 20)
    with pytest.raises(DataError, match=r"the views see 40% of the picture: add a view"):
        TTA(nn.Identity(), FiveCrop((4, 4)), "dense")(batch)
    output = TTA(nn.Identity(), FiveCrop((4, 4)), "dense", uncovered=-1.0)(batch)
    assert output.unique().tolist() == [-1, 1]
    assert (output[0, 0] == 1).sum() == 5 * 16


def test_what_was_never_seen_has_no_say():
    """A turned view knows nothing of corners; its frame must not darken them."""
    batch = torch.ones(1, 1, 20, 20)
    views = ["identity", A.Rotate((45, 45), p=1)]
    output = TTA(nn.Identity(), views, "dense")(batch)
    torch.testing.assert_close(output, batch, rtol=0, atol=1e-3)
    only = TTA(nn.Identity(), A.Rotate((45, 45), p=1), "dense", uncovered=0.0)(batch)
    assert only[0, 0, 0, 0] == 0
    assert only[0, 0, 10, 10] == pytest.approx(1)


def test_pixels_of_maps_that_hold_frame_and_picture_have_little_say():
    """Of a padded picture's pooled map the outer pixels are half frame; another view knows more."""
    pool, batch = nn.AvgPool2d(4), torch.ones(1, 1, 8, 16)
    padded = A.PadIfNeeded(12, 22, p=1)
    alone = TTA(pool, padded, "dense")(batch)
    assert alone.shape == (1, 1, 2, 4)
    assert alone.min() < 0.9
    output = TTA(pool, ["identity", padded], "dense")(batch)
    torch.testing.assert_close(output, torch.ones(1, 1, 2, 4), rtol=0, atol=2e-3)


def test_content_cut_on_the_way_stays_cut():
    crop = A.Compose([A.Crop(0, 0, 5, 10, p=1), A.PadIfNeeded(10, 20, position="top_left", p=1)])
    output = TTA(lambda b: b + 1, ["identity", crop], "dense", weights=(1, 3))(
        torch.ones(1, 1, 10, 20)
    )
    assert torch.equal(output, torch.full((1, 1, 10, 20), 2.0))
    shifted = TTA(nn.Identity(), crop, "dense", uncovered=-1)(torch.ones(1, 1, 10, 20))
    assert torch.equal(shifted[0, 0] == 1, torch.arange(20).expand(10, 20) < 5)
