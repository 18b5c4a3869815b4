"""Polygons, polylines, depth, normals and flow in a pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.core.shapes import Shapes
from anamorph.ir.ops import Remap, Tiles
from anamorph.ir.tiling import patches

H, W = 100, 200
PICTURE = np.zeros((H, W, 3), np.uint8)
SQUARE = [(20.0, 20.0), (60.0, 20.0), (60.0, 60.0), (20.0, 60.0)]
FAR = [(150.0, 20.0), (190.0, 20.0), (190.0, 60.0)]


def flow_of(x: float, y: float) -> Any:
    return np.full((H, W, 2), (x, y), np.float32)


def moved(flow: Any, *transforms: Any) -> Any:
    return A.Compose(list(transforms))(image=PICTURE, flow=flow)["flow"]


@pytest.mark.parametrize(
    ("transform", "wanted"),
    [
        (A.HorizontalFlip(p=1), (-3, 2)),
        (A.VerticalFlip(p=1), (3, -2)),
        (A.Transpose(p=1), (2, 3)),
        (A.Resize(50, 400), (6, 1)),
        (A.Crop(10, 10, 90, 90), (3, 2)),
        (A.Affine(rotate=90, p=1), (2, -3)),
        (A.CoarseDropout(p=1), (3, 2)),
        (A.GaussNoise(p=1), (3, 2)),
        (A.Normalize(), (3, 2)),
    ],
)
def test_flow_by_hand(transform, wanted):
    out = moved(flow_of(3, 2), transform)
    middle = out[out.shape[0] // 2, out.shape[1] // 2]
    assert middle.tolist() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("transform", "wanted"),
    [
        (A.HorizontalFlip(p=1), (-0.6, 0, 0.8)),
        (A.Transpose(p=1), (0, 0.6, 0.8)),
        (A.Resize(200, 400), (0.6, 0, 0.8)),
        (A.Resize(100, 400), (0.3 / np.hypot(0.3, 0.8 / np.sqrt(2)), 0, None)),
        (A.Affine(rotate=90, p=1), (0, -0.6, 0.8)),
    ],
)
def test_normals_by_hand(transform, wanted):
    normals = np.zeros((H, W, 3))
    normals[:] = (0.6, 0, 0.8)
    out = A.Compose([transform])(image=PICTURE, normals=normals)["normals"]
    middle = out[out.shape[0] // 2, out.shape[1] // 2]
    assert np.linalg.norm(middle) == pytest.approx(1)
    assert out.dtype == np.float64
    for found, value in zip(middle, wanted, strict=True):
        assert value is None or found == pytest.approx(value, abs=1e-9)


def test_borders_were_not_measured():
    pad = A.Pad(5, border_mode=4, fill_mask=9, p=1)
    ones = np.ones((H, W), np.float32)
    out = A.Compose([pad])(image=PICTURE, mask=ones, depth=ones, flow=flow_of(3, 2))
    assert out["mask"].all()
    assert out["depth"].shape == (H + 10, W + 10)
    assert not out["depth"][:5].any()
    assert not out["flow"][:, :5].any()


def test_grey_depth_keeps_its_axes():
    for shape in ((H, W), (H, W, 1)):
        depth = np.ones(shape, np.uint16)
        out = A.Compose([A.RandomCrop(20, 30), A.HorizontalFlip(p=1)])(image=PICTURE, depth=depth)
        assert out["depth"].shape == (20, 30, *shape[2:])
        assert out["depth"].dtype == np.uint16


def test_flow_across_shuffled_tiles():
    swap = Tiles(((0, 0, 100, 0, 100, 100), (100, 0, 0, 0, 100, 100)))
    flow = flow_of(0, 0)
    flow[50, 50] = 60, 0  # ends in the other tile
    flow[50, 20] = 30, 0
    flow[50, 10] = -30, 0  # ends outside, where nothing moves
    plan = A.Plan((swap,), (H, W))
    out = A.Compose([A.NoOp()]).render(plan, image=PICTURE, flow=flow)["flow"]
    assert out[50, 150].tolist() == [60 - 200, 0]
    assert out[50, 120].tolist() == [30, 0]
    assert out[50, 110].tolist() == [-130, 0]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("flow", np.zeros((H, W, 3), np.float32), "it must be H×W×2 of floating point"),
        ("flow", np.zeros((H, W, 2), np.uint16), "it must be H×W×2 of floating point"),
        ("normals", np.zeros((H, W), np.float32), "it must be H×W×3 of floating point"),
        ("depth", np.zeros((H, W, 3), np.float32), "it must be H×W or H×W×1 of numbers"),
        ("depth", np.zeros((H, W + 1), np.float32), "heights and widths must agree"),
    ],
)
def test_wrong_measurements_are_refused(key, value, reason):
    with pytest.raises(A.AnamorphError, match=reason):
        A.Compose([A.NoOp()])(image=PICTURE, **{key: value})


def test_tensors_of_measurements():
    pytest.importorskip("torch")
    data = {
        "depth": np.ones((H, W), np.float32), "flow": flow_of(1, 2), "normals": np.ones((H, W, 3))
    }  # fmt: skip
    out = A.Compose([A.HorizontalFlip(p=1), A.ToTensorV2()])(image=PICTURE, **data)
    assert [tuple(out[key].shape) for key in data] == [(1, H, W), (2, H, W), (3, H, W)]
    assert out["flow"][0, 3, 3].item() == -1


def test_an_inverse_brings_measurements_and_shapes_home():
    pipeline = A.Compose([A.Rotate((20, 20), p=1), A.RandomScale((0.3, 0.3), p=1), A.D4()], seed=3)
    data = {"flow": flow_of(3, 2), "polygons": [SQUARE]}
    plan = pipeline.plan(image=PICTURE, **data)
    there = pipeline.render(plan, image=PICTURE, **data)
    back = pipeline.render(
        plan.inverse(), image=there["image"], flow=there["flow"], polygons=there["polygons"]
    )
    assert np.allclose(back["flow"][20:80, 40:160], (3, 2), atol=1e-5)
    assert np.allclose(back["polygons"], [SQUARE], atol=1e-9)


def test_further_keys_may_be_like_the_new_targets():
    pipeline = A.Compose(
        [A.HorizontalFlip(p=1)],
        additional_targets={"back": "flow", "lanes": "polylines", "roofs": "polygons"},
        polygon_params=A.PolygonParams(label_fields=["names"]),
    )
    out = pipeline(
        image=PICTURE, back=flow_of(1, 0), lanes=[SQUARE], roofs=[SQUARE], names=["roof"]
    )
    assert out["back"][0, 0, 0] == -1
    assert out["lanes"][0][0] == out["roofs"][0][0] == (180.0, 20.0)
    assert out["names"] == ["roof"]


def test_names_of_the_new_targets_may_mean_something_else():
    mask = np.arange(H * W, dtype=np.int64).reshape(H, W)
    pipeline = A.Compose([A.HorizontalFlip(p=1)], additional_targets={"depth": "mask"})
    assert np.array_equal(pipeline(image=PICTURE, depth=mask)["depth"], mask[:, ::-1])


def test_instances_vanish_with_their_polygons():
    pipeline = A.Compose(
        [A.Crop(0, 0, 100, 100)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["names"]),
        instance_binding=["polygons", "bboxes", "polylines"],
    )
    out = pipeline(
        image=PICTURE,
        polygons=[SQUARE, FAR, SQUARE],
        bboxes=[(20, 20, 60, 60), (90, 20, 190, 60), (20, 20, 60, 60)],
        polylines=[SQUARE, FAR, FAR],
        names=["here", "far", "line far"],
    )
    assert out["names"] == ["here"]
    assert [len(out[key]) for key in ("polygons", "bboxes", "polylines")] == [1, 1, 1]


def test_boxes_of_instances_are_tight_around_turned_polygons():
    pipeline = A.Compose(
        [A.Rotate((45, 45), p=1)],
        bbox_params=A.BboxParams("pascal_voc"),
        instance_binding=["polygons", "bboxes"],
    )
    diamond = [(100.0, 30.0), (120.0, 50.0), (100.0, 70.0), (80.0, 50.0)]
    out = pipeline(image=PICTURE, polygons=[diamond], bboxes=[(80, 30, 120, 70)])
    side = np.sqrt(200)
    assert np.allclose(out["bboxes"][0], (100 - side, 50 - side, 100 + side, 50 + side))


def test_instances_must_be_as_many():
    pipeline = A.Compose([A.NoOp()], instance_binding=["polygons", "polylines"])
    with pytest.raises(A.AnamorphError, match="1 polygons, 2 polylines"):
        pipeline(image=PICTURE, polygons=[SQUARE], polylines=[SQUARE, FAR])
    with pytest.raises(A.AnamorphError, match="names flow, which holds no objects"):
        A.Compose([A.NoOp()], instance_binding=["polygons", "flow"])(
            image=PICTURE, polygons=[SQUARE], flow=flow_of(1, 1)
        )


def test_mirrored_copies_of_polygons_have_the_labels_of_what_they_copy():
    params = A.PolygonParams(label_fields=["names"])
    pad = A.Compose([A.Pad((0, 30, 0, 0), border_mode=2, p=1)], polygon_params=params)
    given = [[(50, 0), (90, 0), (90, 10), (50, 10)], [(50, 40), (90, 40), (90, 50)]]
    out = pad(image=PICTURE, polygons=given, names=["a", "b"])
    assert out["names"] == ["a", "b", "a"]
    assert sorted(out["polygons"][2]) == [(50, 20), (50, 30), (90, 20), (90, 30)]


def test_shuffled_tiles_cut_polygons_and_keep_them_one():
    shuffle = A.Compose([A.RandomGridShuffle((2, 2), p=1)], seed=2)
    out = shuffle(image=PICTURE, polygons=[[(80, 30), (120, 30), (120, 70), (80, 70)]])
    (rings,) = out["polygons"]
    areas = [abs(np.ptp([p[0] for p in r]) * np.ptp([p[1] for p in r])) for r in rings]
    assert sum(areas) == 1600
    assert 2 <= len(areas) <= 4


def test_tiles_that_move_alike_are_one_and_what_no_tile_covers_stays():
    moves = ((0, 0, 0, 50, 100, 50), (100, 0, 100, 50, 100, 50))
    assert sorted(patches(moves, (100, 200))) == [(0, 0, 200, 50, 0, 0), (0, 0, 200, 50, 0, 50)]
    assert patches(moves, None) == [(0, 0, 200, 50, 0, 50)]


def test_replays_serializes_and_explains():
    data = {"image": PICTURE, "polygons": [SQUARE], "flow": flow_of(1, 2)}
    replay = A.ReplayCompose(
        [A.Perspective(p=1)], polygon_params=A.PolygonParams(min_area=1), seed=1
    )
    first = replay(**data)
    again = A.ReplayCompose.replay(first["replay"], **data)
    assert again["polygons"] == first["polygons"]
    assert np.array_equal(again["flow"], first["flow"])
    assert "Perspective" in str(replay.explain(**data))


def test_a_transform_by_itself_takes_them():
    out = A.HorizontalFlip(p=1)(image=PICTURE, polygons=[SQUARE], polylines=[FAR])
    assert out["polygons"][0][0] == (180, 20)
    assert out["polylines"][0][0] == (50, 20)


def test_other_sizes_show_the_whole_scene():
    half = np.full((H // 2, W // 2, 2), (3, 2), np.float32)
    flip = A.Compose([A.HorizontalFlip(p=1), A.Crop(0, 0, 100, 100)], is_check_shapes=False)
    out = flip(image=PICTURE, flow=half)["flow"]
    assert np.allclose(out[20, 20], (-3 * 2, 2 * 2))  # the crop gives it the picture's pixels


# ----------------------------------------------------------------- transforms of the user's own


class Shift(A.DualTransform):
    """Moves everything by ten pixels."""

    def apply(self, img: Any, **params: Any) -> Any:
        return np.roll(img, 10, axis=1)

    def apply_to_polygons(self, polygons: Any, **params: Any) -> Any:
        return [[ring + np.array((10, 0)) for ring in rings] for rings in polygons]

    def apply_to_flow(self, flow: Any, **params: Any) -> Any:
        return np.roll(flow, 10, axis=1)


def test_a_users_transform_is_handed_shapes_and_measurements():
    pipeline = A.Compose([Shift(p=1), A.HorizontalFlip(p=1)])
    out = pipeline(image=PICTURE, polygons=[SQUARE], flow=flow_of(1, 0))
    assert out["polygons"][0][0] == (170, 20)
    assert out["flow"][0, 0].tolist() == [-1, 0]
    with pytest.raises(A.AnamorphError, match=r"Shift must define apply_to_depth\(depth"):
        pipeline(image=PICTURE, depth=np.ones((H, W)))
    with pytest.raises(A.AnamorphError, match=r"Shift must define apply_to_polylines"):
        pipeline(image=PICTURE, polylines=[SQUARE])


def test_functions_leave_what_they_are_not_for():
    brighten = A.Lambda(image=lambda x, **_: x + 1)
    out = A.Compose([brighten])(image=PICTURE, polygons=[SQUARE], depth=np.ones((H, W)))
    assert out["polygons"] == [SQUARE]
    assert out["depth"].all()
    assert out["image"].all()


# ---------------------------------------------------------------------------- bent shapes


@pytest.mark.parametrize(
    "transform", [A.ThinPlateSpline((0.3, 0.3), p=1), A.OpticalDistortion((-0.6, -0.6), p=1)]
)
def test_boxes_of_bent_objects_end_where_the_canvas_does(transform):
    """The bounds of a bent outline are of what is in sight of it."""
    worst = 0.0
    for seed in (3, 12, 28, 36):
        g = np.random.default_rng(seed)
        x0, y0 = int(g.integers(0, 120)), int(g.integers(0, 60))
        x1, y1 = x0 + int(g.integers(30, 80)), y0 + int(g.integers(20, 40))
        mask = np.zeros((H, W), np.uint8)
        mask[y0:y1, x0:x1] = 1
        bend = A.Compose([transform], bbox_params=A.BboxParams("pascal_voc"), seed=seed)
        out = bend(image=PICTURE, mask=mask, bboxes=[(x0, y0, x1, y1)])
        rows, columns = np.nonzero(out["mask"])
        if len(out["bboxes"]) == 0 or len(rows) < 50:
            continue
        tight = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        worst = max(worst, float(np.abs(np.subtract(out["bboxes"][0], tight)).max()))
    assert worst < 2.0


def test_a_bent_box_counts_as_seen_what_is_in_sight_of_it():
    squeezed = A.OpticalDistortion((-0.6, -0.6), p=1)
    box = (0, 0, 40, 100)
    for least, count in ((0.1, 1), (0.9, 0)):
        params = A.BboxParams("pascal_voc", min_visibility=least)
        out = A.Compose([squeezed], bbox_params=params)(image=PICTURE, bboxes=[box])
        assert len(out["bboxes"]) == count


def test_bent_edges_have_as_many_corners_as_they_need():
    op = Remap("fisheye", (0.4,), (H, W))
    from anamorph.backends import BACKENDS
    from anamorph.ir.ops import POLYGONS

    kernel = BACKENDS["opencv"].kernel(op, POLYGONS)
    middle = np.array([[90, 49.9], [110, 49.9], [110, 50.1], [90, 50.1]])
    wide = np.array([[5, 5], [195, 5], [195, 95], [5, 95.0]])
    few, many = (
        len(kernel(op, Shapes.of([[ring]], np.array([0]))).points) for ring in (middle, wide)
    )
    assert few <= 12
    assert 20 < many < 300
