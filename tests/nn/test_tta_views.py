"""Sets of views as values, the ways of one view, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import anamorph as A
from anamorph.core.errors import (
    CropSizeError,
    DataError,
    DataTypeError,
    MissingDataError,
    NotInvertibleError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
)
from anamorph.ir.ops import Warp
from anamorph.ir.plan import Plan
from anamorph.nn.tta import (
    TTA,
    Drawn,
    FiveCrop,
    Output,
    Padded,
    Scales,
    Symmetries,
    TenCrop,
    View,
    as_views,
)


def peak(batch):
    """The brightest pixel (N, 1, 2)."""
    place = batch[:, 0].flatten(1).argmax(1)
    return torch.stack([place % batch.shape[3], place // batch.shape[3]], -1).float()[:, None]


def test_views_of_a_seed_are_the_same_and_of_a_list_apart():
    size = (40, 60)
    pipeline = A.Affine(rotate=(-30, 30), p=1)
    assert Drawn((pipeline,), 5).plans(size) == Drawn((pipeline,), 5).plans(size)
    assert Drawn((pipeline,), 5).plans(size) != Drawn((pipeline,), 6).plans(size)
    assert len(set(as_views([pipeline, pipeline, "hflip", pipeline]).plans(size))) == 5


# --------------------------------------------------------------------------- one view


def test_keypoints_of_a_quarter_turn():
    """The point (15.5, 2.5) of a picture of 10 × 20 comes home from all eight."""
    for plan in Symmetries("d4").plans((10, 20)):
        view = View(plan)
        picture = torch.zeros(1, 1, 10, 20)
        picture[0, 0, 2, 15] = 1
        seen = peak(view.render(picture))
        assert view.points(seen).tolist() == [[[15, 2]]]
        assert view.points(seen + 0.5, "continuous").tolist() == [[[15.5, 2.5]]]
        shares = (seen + 0.5) / torch.tensor(view.size[::-1])
        home = view.points(shares, "normalized") * torch.tensor([20, 10])
        torch.testing.assert_close(home, torch.tensor([[[15.5, 2.5]]]))


def test_further_columns_of_keypoints_are_kept():
    view = View(Symmetries("hflip").plans((4, 10))[1])
    assert view.points(torch.tensor([[1, 2, 9]])).tolist() == [[8, 2, 9]]


def test_boxes_are_cut_to_the_picture():
    view = View(Padded(16).plans((10, 20))[0])
    assert view.size == (16, 32)
    home = view.boxes(torch.tensor([[0, 0, 32, 16], [0, 0, 6, 16], [8, 4, 10, 6]]))
    assert home.tolist() == [[0, 0, 20, 10], [0, 0, 0, 10], [2, 1, 4, 3]]


def test_a_tilted_view_is_read_in_perspective():
    plan = A.Compose([A.Perspective(scale=(0.2, 0.2), p=1)], seed=3).plan(
        image=torch.zeros(60, 80, 3).numpy()
    )
    view = View(plan)
    corners = torch.tensor([[10.0, 12.0], [50.0, 40.0]])
    x, y = (corners + 0.5).unbind(-1)
    a, b, c, d, e, f, g, h, i = plan.ops[0].matrix
    w = g * x + h * y + i
    seen = torch.stack([(a * x + b * y + c) / w, (d * x + e * y + f) / w], -1) - 0.5
    torch.testing.assert_close(view.points(seen), corners, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------------------- refusals

REFUSED = {
    "an unknown name": (lambda: TTA(nn.Identity(), "d5"), UnknownNameError, "it must be one of identity, hflip"),
    "no views": (lambda: TTA(nn.Identity(), []), ParameterError, "at least one view"),
    "views of nothing": (lambda: TTA(nn.Identity(), 4), ParameterTypeError, "it must be a name"),
    "no model": (lambda: TTA(3, "d4"), ParameterError, "a module or a function"),
    "no factor": (Scales, ParameterError, "at least one factor"),
    "a factor of 0": (lambda: Scales(1, 0), ParameterError, r"Scales\.factors = 0"),
    "crops of 0": (lambda: FiveCrop(0), ParameterError, r"FiveCrop\.size = 0"),
    "crops of three": (lambda: TenCrop((1, 2, 3)), ParameterError, r"TenCrop\.size = \(1, 2, 3\)"),
    "a border": (lambda: Padded(32, 9), ParameterError, r"Padded\.border = 9"),
    "a multiple": (lambda: Padded(0), ParameterError, r"Padded\.multiple_of = 0"),
    "pipelines": (lambda: Drawn(("d4",)), ParameterTypeError, r"Drawn\.pipelines holds 'd4'"),
    "too few weights": (
        lambda: TTA(nn.Identity(), "d2", weights=(1, 2)), ParameterError, "must be 4, one a view",
    ),
    "no weight": (lambda: TTA(nn.Identity(), "hflip", weights=(0, 0)), ParameterError, "all zero"),
    "a weight below 0": (
        lambda: TTA(nn.Identity(), "hflip", weights=(1, -1)), ParameterError, r"TTA\.weights = -1",
    ),
    "weights of a maximum": (
        lambda: TTA(nn.Identity(), "hflip", weights=(1, 2), merge="max"),
        ParameterError, "mean nothing to merge = 'max'",
    ),
    "views at once": (
        lambda: TTA(nn.Identity(), "d2", batch_views=0), ParameterError, r"TTA\.batch_views = 0",
    ),
    "a task": (lambda: TTA(nn.Identity(), "d2", "denze"), UnknownNameError, "did you mean dense"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "error", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_when_made(make, error, words):
    with pytest.raises(error, match=words):
        make()


BATCH = torch.zeros(2, 3, 10, 20)
REFUSED_WHEN_RUN = {
    "crops too large": (FiveCrop(11), BATCH, CropSizeError, "11×11: it must fit"),
    "another plan": (
        A.Compose([]).plan(image=torch.zeros(9, 9, 3).numpy()), BATCH, DataError, "9×9 was given",
    ),
    "a distortion": (A.ElasticTransform(p=1), BATCH, NotInvertibleError, "no exact inverse"),
    "a shuffled grid": (A.RandomGridShuffle((2, 2), p=1), BATCH, NotInvertibleError, "Tiles"),
    "a picture": ("d4", BATCH[0], DataTypeError, r"of shape \(3, 10, 20\)"),
    "an array": ("d4", BATCH.numpy(), DataTypeError, r"ndarray"),
    "a list": ("d4", list(BATCH), DataTypeError, "the batch is a list"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("views", "batch", "error", "words"), REFUSED_WHEN_RUN.values(), ids=REFUSED_WHEN_RUN.keys()
)
def test_refused_when_run(views, batch, error, words):
    with pytest.raises(error, match=words):
        TTA(nn.Identity(), views, "dense")(batch)


def test_views_are_decided_before_pixels_are_seen():
    class Bright(A.ImageOnlyTransform):
        p: float = 1

        def draw(self, rng, scene):
            scene.image.max()
            return ()

    with pytest.raises(MissingDataError, match="looks at pixels before it decides"):
        TTA(nn.Identity(), Bright(), "dense")(BATCH)


def test_an_output_is_a_value():
    assert Output("dense", "softmax") == Output("dense", "softmax")
    assert eval(repr(Output("dense", "softmax", "gmean", ((1, 2),)))) == Output(
        "dense", "softmax", "gmean", ((1, 2),)
    )
    for views in (Symmetries("d4"), Scales(0.5, 1, multiple_of=8), TenCrop(4), Padded(8, fill=1)):
        assert eval(repr(views)) == views
        assert hash(views) == hash(eval(repr(views)))


def test_a_turned_view_has_its_scales_turned():
    """A net that keeps every second row and every fourth column of a transposed picture."""
    view = View(A.Compose([A.Transpose(p=1)]).plan(image=torch.zeros(12, 20, 3).numpy()))
    assert view.size == (20, 12)
    assert view.home((10, 3)) == (3, 10)
    assert View(Symmetries("d2").plans((12, 20))[3]).home((6, 5)) == (6, 5)


def test_what_lies_behind_the_horizon_was_not_seen():
    """There the map turns over, and places would come to lie on the canvas again."""
    tilted = Warp((-1.0, 0.0, 5.0, 0.0, -1.0, 2.0, -0.1, 0.0, 1.0), (32, 32))
    coverage = View(Plan((tilted,), (20, 20))).coverage((20, 20), (32, 32))
    assert (coverage[:2, :5] > 0).all()
    assert (coverage[:, 10:] == 0).all()


def test_masks_of_enlarged_crops_end_where_the_crop_ends():
    plans = (FiveCrop((5, 7)) * Scales(2)).plans((8, 12))
    said = [{"boxes": torch.tensor([[0.0, 0, 14, 10]]), "masks": torch.ones(1, 1, 10, 14)}]
    tta = TTA(lambda _: said, [*plans], "detection", merge=lambda views: views)
    (views,) = tta(torch.zeros(1, 3, 8, 12))
    for view, plan in zip(views, plans, strict=True):
        x, y = -int(plan.ops[0].matrix[2]), -int(plan.ops[0].matrix[5])
        want = torch.zeros(8, 12)
        want[y : y + 5, x : x + 7] = 1
        assert torch.equal(view["masks"][0, 0], want)
