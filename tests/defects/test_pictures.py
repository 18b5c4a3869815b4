"""Pixels where other libraries put wrong ones, lose an axis, or fall over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import MOVING, ROWS, build, extras, label_mask, picture
from defects.scene import numbered, piped

moving = pytest.mark.parametrize(("name", "variant"), MOVING)
SIZES = [(30, 50), (31, 50), (30, 51), (31, 51), (30, 30), (31, 31), (1, 1), (1, 7), (2, 2)]


def run(*transforms: Any, seed: int = 0, **data: Any) -> Any:
    return A.Compose(list(transforms), seed=seed)(**data)


# ------------------------------------------------------------------------ right angles


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_quarter_turns_that_fit_are_exact(size: tuple[int, int], turns: int, dtype: str) -> None:
    image = (numbered(*size) % 251).astype(dtype) / (1 if dtype == "uint8" else 251)
    image = image.astype(dtype)
    degrees = 90 * turns
    for interpolation in (0, 1, 2):
        out = run(
            A.Affine(rotate=(degrees, degrees), fit_output=True, interpolation=interpolation, p=1),
            image=image,
            mask=image,
        )
        assert np.array_equal(out["image"], np.rot90(image, turns))
        assert np.array_equal(out["mask"], np.rot90(image, turns))


@pytest.mark.parametrize("side", [1, 2, 30, 31])
@pytest.mark.parametrize("degrees", [90, 180, -90, 270])
def test_quarter_turns_of_squares_are_exact(side: int, degrees: int) -> None:
    image = numbered(side, side)
    limit = (degrees, degrees)
    for transform in (
        A.Rotate(limit, p=1), A.SafeRotate(limit, p=1), A.Affine(rotate=limit, p=1),
        A.Rotate(limit, crop_border=True, p=1), A.Rotate(limit, interpolation=4, p=1),
    ):  # fmt: skip
        assert np.array_equal(run(transform, image=image)["image"], np.rot90(image, degrees // 90))


@pytest.mark.parametrize("size", SIZES)
def test_half_turns_are_exact(size: tuple[int, int]) -> None:
    image = numbered(*size)
    for transform in (A.Rotate((180, 180), p=1), A.SafeRotate((180, 180), p=1)):
        assert np.array_equal(run(transform, image=image)["image"], image[::-1, ::-1])


def test_a_single_pixel_survives_a_turn() -> None:
    image = np.zeros((64, 64), np.uint8)
    image[17, 40] = 255
    for degrees in (90, 180, 270):
        out = run(A.SafeRotate((degrees, degrees), p=1), image=image)["image"]
        assert np.count_nonzero(out) == 1
        assert out.max() == 255


# --------------------------------------------------------------------- borders and fills


@pytest.mark.parametrize("size", [(60, 80), (61, 83), (7, 9), (100, 100)])
@pytest.mark.parametrize("steps", [1, 3, 5, 6])
def test_a_normalized_grid_shows_nothing_from_beyond(size: tuple[int, int], steps: int) -> None:
    image = np.full(size, 200, np.uint8)
    for seed in range(6):
        out = run(
            A.GridDistortion(num_steps=steps, distort_limit=(-0.9, 0.9), fill_mask=9, p=1),
            seed=seed,
            image=image,
            mask=image,
        )
        assert out["image"].min() == 200
        assert out["mask"].min() == 200


def test_a_perspective_that_fits_shows_all_corners_the_right_way_round() -> None:
    h, w = 40, 60
    ring = [(0, 0), (w - 1, 0), (w - 1, h - 1), (0, h - 1)]
    for keep in (True, False):
        pipe = piped(
            A.Perspective(scale=(0.3, 0.4), fit_output=True, keep_size=keep, p=1),
            points={"remove_invisible": False},
        )
        for _ in range(250):
            out = pipe(
                image=np.full((h, w), 9, np.uint8), bboxes=[], kinds=[], keypoints=ring,
                ids=[*"abcd"],
            )  # fmt: skip
            quad = np.array(out["keypoints"])
            high, wide = out["image"].shape
            assert (quad >= -0.5).all()
            assert (quad <= (wide - 0.5, high - 0.5)).all()
            sides = np.roll(quad, -1, 0) - quad
            after = np.roll(sides, -1, 0)
            assert (sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0] > 0).all()
            assert np.count_nonzero(out["image"]) > h * w / 50


FILLING = {
    "Perspective": lambda f: A.Perspective(scale=(0.2, 0.2), fit_output=True, fill=f, p=1),
    "Affine": lambda f: A.Affine(scale=0.5, fill=f, p=1),
    "Rotate": lambda f: A.Rotate((45, 45), fill=f, p=1),
    "SafeRotate": lambda f: A.SafeRotate((45, 45), fill=f, p=1),
    "Pad": lambda f: A.Pad(9, fill=f, p=1),
    "CropAndPad": lambda f: A.CropAndPad(px=9, fill=f, p=1),
    "LetterBox": lambda f: A.LetterBox((50, 90), fill=f, p=1),
    "RandomCrop": lambda f: A.RandomCrop(70, 90, pad_if_needed=True, fill=f, p=1),
    "OpticalDistortion": lambda f: A.OpticalDistortion((0.9, 0.9), fill=f, p=1),
    "CoarseDropout": lambda f: A.CoarseDropout((5, 5), fill=f, p=1),
    "PixelDropout": lambda f: A.PixelDropout(0.5, drop_value=f, p=1),
}


@pytest.mark.parametrize("channels", [1, 4, 5, 9, 130])
@pytest.mark.parametrize("name", FILLING)
def test_fills_reach_every_channel(name: str, channels: int) -> None:
    image = np.zeros((60, 80, channels), np.uint8)
    alike = run(FILLING[name](77), image=image)["image"]
    assert set(np.unique(alike[..., 0])) > {0} or set(np.unique(alike[..., 0])) == {77}
    assert 77 in alike[..., 0]
    assert all(np.array_equal(alike[..., k], alike[..., 0]) for k in range(channels))
    each = tuple(range(100, 100 + channels))
    own = run(FILLING[name](each), image=image)["image"]
    filled = alike[..., 0] == 77
    off = own[filled].astype(int) - np.array(each)
    assert np.abs(off).max() <= 1  # a hair of the picture's edge rounds away at 77, not at 229


# ------------------------------------------------------------------------ ranges, dtypes


@pytest.mark.parametrize("interpolation", [2, 4])
def test_cubic_and_lanczos_keep_floats_in_range(interpolation: int) -> None:
    image = (np.indices((64, 64)).sum(0) // 5 % 2).astype(np.float32)
    for transform in (
        A.Rotate((30, 30), interpolation=interpolation, p=1),
        A.Affine(scale=1.7, interpolation=interpolation, p=1),
        A.Resize(111, 97, interpolation=interpolation, p=1),
        A.Perspective(interpolation=interpolation, p=1),
        A.ElasticTransform(alpha=40, sigma=5, interpolation=interpolation, p=1),
        A.RandomResizedCrop((90, 90), interpolation=interpolation, p=1),
    ):
        out = run(transform, image=image)["image"]
        assert out.min() >= 0
        assert out.max() <= 1
        toned = run(transform, A.RandomGamma((60, 60), p=1), image=image)["image"]
        assert np.isfinite(toned).all()


@pytest.mark.parametrize("mode", ["image", "image_per_channel", "min_max", "min_max_per_channel"])
@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_normalizing_a_constant_picture_is_finite(mode: str, value: float) -> None:
    for image in (np.full((9, 9, 3), value, np.float32), np.full((9, 9, 3), value * 255, np.uint8)):
        out = run(A.Normalize(normalization=mode, p=1), image=image)["image"]
        assert np.isfinite(out).all()
        assert np.abs(out).max() < 1e-2


STACKS = [
    A.RandomResizedCrop((40, 44), scale=(0.2, 0.5), p=1),
    A.RandomSizedCrop((20, 30), (40, 44), p=1), A.Resize(91, 97, p=1), A.RandomScale(0.4, p=1),
    A.LongestMaxSize(100, p=1), A.SmallestMaxSize(77, p=1), A.Rotate((20, 20), p=1),
    A.Perspective(p=1), A.ElasticTransform(alpha=40, sigma=5, p=1), A.LetterBox((99, 99), p=1),
    A.CropAndPad(px=(-9, 9), p=1), A.RandomCrop(70, 90, pad_if_needed=True, p=1),
]  # fmt: skip


@pytest.mark.parametrize("key", ["mask", "masks", "mask3d", "masks3d"])
@pytest.mark.parametrize("transform", STACKS, ids=lambda t: type(t).__name__)
def test_no_mask_of_any_depth_is_interpolated(transform: Any, key: str) -> None:
    plane = label_mask().astype(np.int64) * 9
    mask = {"mask": plane, "masks": [plane] * 2}.get(key)
    if mask is None:
        mask = np.stack([plane] * 3) if key == "mask3d" else np.stack([np.stack([plane] * 3)] * 2)
    out = run(transform, image=picture(), **{key: mask})
    found = np.asarray(out[key])
    assert set(np.unique(found).tolist()) == {0, 9}
    assert found.dtype == np.int64
    assert out["image"].shape[:2] == found.shape[-2:]


def test_masks_in_depth_take_fills_and_dropped_pixels() -> None:
    depth = np.ones((3, 60, 80), np.uint8)
    padded = run(A.Pad(5, fill_mask=7, p=1), mask3d=depth)["mask3d"]
    assert padded.shape == (3, 70, 90)
    assert (padded[:, 0] == 7).all()
    each = run(A.Pad(5, fill_mask=(7, 8), p=1), mask3d=np.ones((3, 60, 80, 2), np.uint8))["mask3d"]
    assert (each[:, 0] == (7, 8)).all()
    dropped = run(A.PixelDropout(0.5, mask_drop_value=4, p=1), image=picture(), mask3d=depth)
    assert set(np.unique(dropped["mask3d"])) == {1, 4}
    assert (dropped["mask3d"][0] == dropped["mask3d"][2]).all()


@pytest.mark.parametrize("kind", ["bool", "int64", "uint64"])
@moving
def test_wide_and_boolean_masks_keep_every_bit(name: str, variant: int, kind: str) -> None:
    low = 2**63 if kind == "uint64" else 2**40
    mask = label_mask() > 0 if kind == "bool" else label_mask().astype(kind) * np.array(3, kind)
    if kind != "bool":
        mask += np.array(low + 2, kind)
    keep = {"mask": mask, "masks": [mask, mask]}
    out = run(build(name, variant=variant), image=picture(), **keep, **extras(name, 60, 80))
    for found in (out["mask"], *out["masks"]):
        assert found.dtype == mask.dtype
        assert set(np.unique(found).tolist()) <= set(np.unique(mask).tolist()) | {0}
        assert found.any()


# ---------------------------------------------------------------- everything goes along


@pytest.mark.parametrize("name", [n for n, row in ROWS.items() if row.moves])
def test_no_target_is_left_behind(name: str) -> None:
    image = numbered(60, 80)
    drops = ROWS[name].moves == "drop" and "fill_mask" in getattr(A, name).fields
    extra = {"fill_mask": 0} if drops else {}
    if "interpolation" in getattr(A, name).fields:
        extra["interpolation"] = 0
    pipe = piped(build(name, **extra), additional_targets={"far": "image", "depth": "mask"})
    for _ in range(4):
        out = pipe(
            image=image, images=np.stack([image] * 2), volume=np.stack([image] * 3), mask=image,
            masks=[image, image], mask3d=np.stack([image] * 3), far=image, depth=image,
            bboxes=[[20, 15, 50, 40]], kinds=["a"], keypoints=[], ids=[], **extras(name, 60, 80),
        )  # fmt: skip
        shown = out["image"]
        for key in ("far", "mask", "depth"):
            assert np.array_equal(out[key], shown), key
        for key, count in {"images": 2, "volume": 3, "masks": 2, "mask3d": 3}.items():
            assert len(out[key]) == count
            assert all(np.array_equal(frame, shown) for frame in out[key]), key


@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("name", [n for n in ROWS if n not in ("ToTensorV2", "Lambda")])
def test_what_comes_out_is_contiguous_and_its_own(name: str, channels: int | None) -> None:
    torch = pytest.importorskip("torch")
    image, mask = picture(40, 50, channels), label_mask(40, 50)
    if (channels or 1) not in ROWS[name].colors:
        return
    for seed in range(3):
        out = run(
            build(name, 40, 50), seed=seed, image=image, mask=mask, masks=[mask, mask],
            images=np.stack([image] * 2), **extras(name, 40, 50),
        )  # fmt: skip
        for value in (out["image"], out["mask"], out["images"], *out["masks"]):
            assert value.flags.c_contiguous
            assert min(value.strides) >= 0
            torch.from_numpy(value.copy() if value is mask else value)


def test_members_of_lists_are_no_views_of_the_callers() -> None:
    flat, deep = label_mask(), label_mask()[..., None]
    for transform in (A.Crop(0, 0, 80, 30, p=1), A.Crop(0, 20, 80, 60, p=1)):
        given = [flat, flat.copy(), deep, deep.copy()]
        out = run(transform, masks=given, images=(flat, deep))
        assert [m.ndim for m in out["masks"]] == [2, 2, 3, 3]
        assert [m.ndim for m in out["images"]] == [2, 3]
        for found in (*out["masks"], *out["images"]):
            assert not any(np.shares_memory(found, m) for m in given)


def test_nothing_keeps_its_form() -> None:
    for empty in (np.zeros((0, 60, 80), np.int64), np.zeros((0, 60, 80, 2), bool)):
        out = run(A.Crop(0, 0, 30, 20, p=1), image=picture(), masks=empty)["masks"]
        assert out.shape == (0, 20, 30, *empty.shape[3:])
        assert out.dtype == empty.dtype
    assert run(A.HorizontalFlip(p=1), image=picture(), masks=[])["masks"] == []


def test_views_come_in_as_they_are() -> None:
    base = picture(80, 100)
    for view in (
        base[::-1],
        base[:, ::-1],
        base[::2, ::3],
        base.transpose(1, 0, 2),
        base[..., ::-1],
    ):
        for transform in (A.Rotate((20, 20), p=1), A.HorizontalFlip(p=1), A.RandomGamma(p=1)):
            whole = run(transform, image=np.ascontiguousarray(view))["image"]
            assert np.array_equal(run(transform, image=view)["image"], whole)


# ---------------------------------------------------------------- particular transforms


@pytest.mark.parametrize(
    ("size", "scale"), [((40, 120), (0.2, 0.7)), ((60, 80), (0.3, 0.4)), ((3, 90), (0.5, 0.9))]
)
def test_erasing_erases_what_fits(size: tuple[int, int], scale: tuple[float, float]) -> None:
    for seed in range(40):
        out = run(A.Erasing(scale=scale, fill=9, p=1), seed=seed, image=np.zeros(size, np.uint8))[
            "image"
        ]
        share = np.count_nonzero(out) / out.size
        assert 0.8 * scale[0] <= share <= 1.2 * scale[1]


def test_pieces_that_do_not_move_change_nothing() -> None:
    image = numbered(40, 50)
    out = piped(A.PiecewiseAffine(scale=0, p=1))(
        image=image, mask=image, bboxes=[[3, 4, 9, 11]], kinds=["a"], keypoints=[(7, 8)], ids=["b"]
    )
    assert np.array_equal(out["image"], image)
    assert out["bboxes"] == [[3, 4, 9, 11]]
    assert out["keypoints"] == [[7, 8]]


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (1, 1)])
def test_grey_keeps_its_axes(size: tuple[int, int]) -> None:
    image = picture(*size)
    assert run(A.ToGray(p=1), image=image)["image"].shape == (*size, 3)
    assert run(A.ToGray(num_output_channels=1, p=1), image=image)["image"].shape[:2] == size


@pytest.mark.parametrize("shape", [(20, 30, 5), (1, 30), (1, 30, 3), (30, 1, 5), (20, 30, 1)])
def test_pixels_drop_in_pictures_of_any_shape(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 9, np.uint8)
    for per_channel in (False, True):
        out = run(A.PixelDropout(0.5, per_channel, drop_value=4, p=1), image=image)["image"]
        assert out.shape == shape
        assert set(np.unique(out)) == {4, 9}


def test_a_plain_mask_follows_a_grid_that_bends() -> None:
    mask = label_mask()
    out = run(A.GridElasticDeform((4, 4), 6, p=1), image=np.dstack([mask * 9] * 3), mask=mask)
    assert out["mask"].shape == mask.shape
    assert 0 < np.count_nonzero(out["mask"] != mask) < 1500


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (1, 1)])
def test_matched_histograms_keep_their_axes(size: tuple[int, int]) -> None:
    for channels in (None, 1, 3):
        image = picture(*size, channels)
        out = run(A.HistogramMatching(p=1), image=image, hm_metadata=[picture(20, 30, channels)])
        assert out["image"].shape == image.shape
