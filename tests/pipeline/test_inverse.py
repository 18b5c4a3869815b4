"""Predictions come home: `Compose.inverse`."""

import numpy as np
import pytest
import torch

import anamorph as A
from anamorph.core.errors import MissingDataError, NotInvertibleError, UnknownNameError

RNG = np.random.default_rng(11)
SIZE = 37, 53
IMAGE = RNG.integers(0, 256, (*SIZE, 3), np.uint8)
LABELS = RNG.integers(1, 200, SIZE).astype(np.int64) * 2**34
BOXES = np.array([[2.0, 3.0, 20.0, 11.0], [30.0, 8.0, 51.0, 36.0], [0.0, 0.0, 53.0, 37.0]])
POINTS = np.array([[4.0, 5.0], [50.25, 2.5], [17.0, 33.0]])

LATTICE = {
    "flip": [A.HorizontalFlip(p=1)],
    "turn": [A.RandomRotate90(p=1), A.Transpose(p=1)],
    "group": [A.D4(p=1)],
    "pad": [A.PadIfNeeded(64, 80, border_mode=2, p=1), A.VerticalFlip(p=1)],
    "pad mirrored": [A.Pad(padding=(5, 3), border_mode=4, p=1)],
    "shuffle": [A.Resize(36, 54), A.RandomGridShuffle((3, 3), p=1)],
}
SCALED = {
    "resize": [A.Resize(74, 106)],
    "letterbox": [A.LetterBox((160, 128))],
    "longest": [A.LongestMaxSize(120), A.PadIfNeeded(120, 120)],
    "rotate": [A.Affine(scale=2, rotate=20, fit_output=True, p=1)],
    "perspective": [
        A.Resize(111, 159),
        A.Perspective(scale=0.05, fit_output=True, keep_size=False, p=1),
    ],
}


def made(transforms, **options):
    return A.Compose(
        transforms,
        bbox_params=A.BboxParams("pascal_voc", label_fields=["names"]),
        keypoint_params=A.KeypointParams("xy", remove_invisible=False),
        save_plan=True,
        seed=4,
        **options,
    )


def scene():
    return {
        "image": IMAGE,
        "mask": LABELS,
        "bboxes": BOXES,
        "names": ["a", "b", "c"],
        "keypoints": POINTS,
        "polygons": [np.array([[3.0, 3.0], [30.0, 4.0], [25.0, 30.0]])],
    }


@pytest.mark.parametrize("name", [k for k in LATTICE if k != "shuffle"])
def test_what_falls_on_pixels_comes_home_exactly(name):
    pipeline = made(LATTICE[name])
    out = pipeline(**scene())
    home = pipeline.inverse(out, image=out["image"])
    np.testing.assert_array_equal(home["mask"], LABELS)
    assert home["mask"].dtype == np.int64
    np.testing.assert_array_equal(home["image"], IMAGE)
    np.testing.assert_allclose(np.asarray(home["bboxes"])[:3], BOXES, atol=1e-4)
    np.testing.assert_allclose(np.asarray(home["keypoints"])[:3], POINTS, atol=1e-5)
    assert home["names"][:3] == ["a", "b", "c"]


def test_tiles_go_back_to_their_places():
    pipeline = made(LATTICE["shuffle"])
    given = np.arange(36 * 54).reshape(36, 54)
    out = pipeline(image=np.zeros((36, 54, 3), np.uint8), mask=given)
    assert (out["mask"] != given).any()
    np.testing.assert_array_equal(pipeline.inverse(out)["mask"], given)


@pytest.mark.parametrize("name", SCALED)
def test_what_is_resampled_comes_home_to_its_place(name):
    pipeline = made(SCALED[name])
    rows, columns = np.mgrid[:37, :53].astype(np.float32)
    smooth = np.dstack([rows / 40, columns / 60, (rows + columns) / 100])
    data = {**scene(), "image": smooth, "mask": np.kron(np.arange(4).reshape(2, 2), np.ones((19, 27), np.uint8))[:37, :53].astype(np.uint8)}  # fmt: skip
    out = pipeline(**data)
    home = pipeline.inverse(out, maps=out["image"])
    inner = (slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(home["maps"][inner], smooth[inner], atol=0.02)
    assert home["maps"].shape == smooth.shape
    assert (home["mask"][inner] != data["mask"][inner]).mean() < 0.03
    np.testing.assert_allclose(np.asarray(home["keypoints"]), POINTS, atol=1e-3)
    loose = name in {"rotate", "perspective"}  # a box about a turned box is larger
    if not loose:
        np.testing.assert_allclose(np.asarray(home["bboxes"]), BOXES, atol=1e-3)


def test_what_a_crop_cut_off_is_zero_and_no_copy_of_anything():
    pipeline = A.Compose(
        [A.Crop(10, 5, 40, 30, pad_if_needed=False), A.HorizontalFlip(p=1)], save_plan=True
    )
    out = pipeline(image=IMAGE, mask=np.ones(SIZE, np.uint8))
    home = pipeline.inverse(out)["mask"]
    want = np.zeros(SIZE, np.uint8)
    want[5:30, 10:40] = 1
    np.testing.assert_array_equal(home, want)
    turned = A.Compose([A.Rotate((20, 20), border_mode=4, fill=200, p=1)], save_plan=True)
    out = turned(image=IMAGE, maps=None)
    home = turned.inverse(out, maps=np.ones(SIZE, np.float32))["maps"]
    assert home[0, 0] == 0.0  # was outside of the turned picture
    assert home[18, 26] == pytest.approx(1.0)


def test_maps_of_a_network_at_a_quarter_of_the_size():
    pipeline = A.Compose([A.LetterBox((128, 128)), A.HorizontalFlip(p=1)], save_plan=True)
    out = pipeline(image=IMAGE)
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))
    home = pipeline.inverse(out, maps=ramp)["maps"]
    assert home.shape == SIZE
    steps = np.diff(home[18, 2:-2])
    assert (steps < 0).all()  # mirrored back
    np.testing.assert_allclose(steps, steps.mean(), atol=0.01)


def test_tensors_come_home_as_tensors():
    pipeline = A.Compose([A.LetterBox((64, 64)), A.Normalize(), A.ToTensorV2()], save_plan=True)
    out = pipeline(image=IMAGE, mask=np.ones(SIZE, np.uint8))
    logits = torch.rand(5, 64, 64)
    home = pipeline.inverse(out, maps=logits)
    assert isinstance(home["mask"], torch.Tensor)
    assert home["mask"].all()
    assert home["mask"].shape == SIZE
    assert home["maps"].shape == (5, *SIZE)


def test_oriented_boxes_come_home():
    pipeline = A.Compose([A.Rotate((30, 30), p=1)], bbox_params=A.BboxParams("obb"), save_plan=True)
    given = np.array([[20.0, 15.0, 30.0, 22.0, 10.0]])
    out = pipeline(image=IMAGE, bboxes=given)
    np.testing.assert_allclose(np.asarray(pipeline.inverse(out)["bboxes"]), given, atol=1e-3)


def test_predictions_out_of_the_picture_are_clipped_and_small_ones_kept():
    pipeline = A.Compose(
        [A.HorizontalFlip(p=1)],
        bbox_params=A.BboxParams("pascal_voc", min_area=500),
        save_plan=True,
    )
    plan = pipeline.plan(image=IMAGE)
    home = pipeline.inverse(plan, bboxes=[[-3.0, 2.0, 5.0, 9.0, 0.75], [1.0, 1.0, 2.0, 2.0, 0.5]])
    assert [tuple(box) for box in home["bboxes"]] == [
        (48.0, 2.0, 53.0, 9.0, 0.75),
        (51.0, 1.0, 52.0, 2.0, 0.5),
    ]


def test_a_plan_or_a_replay_says_how_too():
    pipeline = A.ReplayCompose([A.D4(p=1)], save_plan=True)
    out = pipeline(image=IMAGE, mask=LABELS)
    np.testing.assert_array_equal(pipeline.inverse(out)["mask"], LABELS)
    np.testing.assert_array_equal(pipeline.inverse(out["plan"], mask=out["mask"])["mask"], LABELS)


def test_what_cannot_be_said_is_refused():
    plain = A.Compose([A.HorizontalFlip(p=1)])
    with pytest.raises(MissingDataError, match="save_plan"):
        plain.inverse(plain(image=IMAGE))
    bent = A.Compose([A.ElasticTransform(p=1)], save_plan=True)
    with pytest.raises(NotInvertibleError, match="dense"):
        bent.inverse(bent(image=IMAGE, mask=LABELS))
    with pytest.raises(UnknownNameError, match="mask"):
        plain.inverse(plain.plan(image=IMAGE), msk=LABELS)


def test_a_saved_pipeline_keeps_the_option():
    pipeline = A.Compose([A.HorizontalFlip(p=1)], save_plan=True)
    assert A.from_dict(A.to_dict(pipeline)).save_plan
    assert "plan" in A.from_dict(A.to_dict(pipeline))(image=IMAGE)
