"""Sizes and numbers of channels at which other libraries fall over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import MOVING, ROWS, build, extras, label_mask, picture
from defects.scene import piped

moving = pytest.mark.parametrize(("name", "variant"), MOVING)

LONG = 36_000


@pytest.mark.parametrize("tall", [False, True])
@pytest.mark.parametrize(
    ("name", "variant"),
    [c for c in MOVING if "Size" not in c[0] and c[0] not in {"LetterBox", "RandomResizedCrop"}],
)
def test_sides_beyond_the_limit_of_opencv(name: str, variant: int, tall: bool) -> None:  # noqa: FBT001
    h, w = (LONG, 16) if tall else (16, LONG)
    image = (np.indices((h, w)).sum(0) % 251).astype(np.uint8)
    mask = image.astype(np.int32)
    nearest = {"interpolation": 0} if "interpolation" in getattr(A, name).fields else {}
    out = A.Compose([build(name, h, w, variant, **nearest)], seed=0)(
        image=image, mask=mask, **extras(name, h, w)
    )
    assert out["image"].shape == out["mask"].shape
    assert np.array_equal(out["image"], out["mask"])
    assert np.count_nonzero(out["image"]) > 200


@pytest.mark.parametrize("border", [0, 1, 2, 4])
@pytest.mark.parametrize(
    "make",
    [
        lambda b: A.Affine(rotate=(0.02, 0.02), translate_px=(2, 2), border_mode=b, p=1),
        lambda b: A.OpticalDistortion((0.05, 0.05), border_mode=b, p=1),
        lambda b: A.ElasticTransform(alpha=50, sigma=8, border_mode=b, p=1),
        lambda b: A.Perspective((0.001, 0.001), border_mode=b, p=1),
    ],
)
def test_long_sides_are_warped_as_short_ones_are(make: Any, border: int) -> None:
    """Far beyond the limit a mark is where its keypoint is."""
    image = np.zeros((200, LONG), np.uint8)
    rows = [(x, 100.0) for x in (500.0, 20_000.0, 32_766.0, 33_000.0, 35_500.0)]
    for x, y in rows:
        image[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5] = 255
    pipe = piped(make(border), points={"remove_invisible": False})
    out = pipe(image=image, bboxes=[], kinds=[], keypoints=rows, ids=[*range(5)])
    checked = 0
    for x, y in out["keypoints"]:
        if 20 < x < LONG - 20 and 20 < y < 180:
            j, i = round(x), round(y)
            part = out["image"][i - 14 : i + 15, j - 14 : j + 15].astype(np.float64)
            yy, xx = np.mgrid[i - 14 : i + 15, j - 14 : j + 15]
            assert part.max() > 200
            assert (xx * part).sum() / part.sum() == pytest.approx(x, abs=0.6)
            assert (yy * part).sum() / part.sum() == pytest.approx(y, abs=0.6)
            checked += 1
    assert checked >= 2


@pytest.mark.parametrize("channels", [129, 200, 513])
@moving
def test_more_channels_than_opencv_takes(name: str, variant: int, channels: int) -> None:
    one = picture(30, 40, None)
    image = np.repeat(one[..., None], channels, 2)
    data = extras(name, 30, 40)
    data["mask"] = label_mask(30, 40)
    out, alone = (
        A.Compose([build(name, 30, 40, variant)], seed=0)(image=given, **data)["image"]
        for given in (image, one)
    )
    assert out.shape == (*alone.shape, channels)
    assert np.abs(out.astype(int) - alone[..., None].astype(int)).max() <= 1
    assert (out == out[..., :1]).all()


@pytest.mark.parametrize("channels", [130, 600])
@pytest.mark.parametrize(
    "name", [n for n, row in ROWS.items() if not row.moves and 5 in row.colors and n != "Lambda"]
)
def test_values_of_more_channels_than_opencv_takes(name: str, channels: int) -> None:
    image = np.repeat(picture(30, 40, 5), channels // 5, 2)
    data = {"mask": label_mask(30, 40), **extras(name, 30, 40)}
    out = A.Compose([build(name, 30, 40)], seed=0)(image=image, **data)["image"]
    assert sorted(out.shape) == sorted(image.shape)


TINY = [(1, 1), (1, 6), (6, 1), (2, 2), (2, 1)]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_smallest_pictures(name: str, dtype: str) -> None:
    for (h, w), channels in ((s, c) for s in TINY for c in (None, 1, 3)):
        if (channels or 1) not in ROWS[name].colors or (name, dtype) == ("FromFloat", "uint16"):
            continue
        transform = A.Lambda(image=lambda x, **_: x, p=1) if name == "Lambda" else build(name, h, w)
        out = piped(transform)(
            image=picture(h, w, channels, dtype), mask=np.ones((h, w), np.uint8),
            bboxes=[[0, 0, w, h]], kinds=["a"], keypoints=[(0, 0)], ids=["b"], **extras(name, h, w),
        )  # fmt: skip
        assert min(out["image"].shape) >= 1
        assert len(out["bboxes"]) == len(out["kinds"])
        assert len(out["keypoints"]) == len(out["ids"])


@pytest.mark.parametrize("name", sorted(set(ROWS) - {name for name, _ in MOVING} - {"Lambda"}))
def test_long_sides_of_what_does_not_move(name: str) -> None:
    h, w = 4, 70_001
    image = picture(h, w)
    more = {"mask": image[..., 0] % 2, **extras(name, h, w)}
    out = A.Compose([build(name, h, w)], seed=0)(image=image, **more)
    assert sorted(out["image"].shape) == [3, h, w]


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_codecs_take_sides_beyond_their_own_limit(codec: str) -> None:
    image = np.repeat(picture(9, 70_001, 1), 3, 2)  # grey: codecs keep few colors
    out = A.Compose([A.ImageCompression(codec, (90, 90), p=1)], seed=0)(image=image)["image"]
    assert out.shape == image.shape
    assert np.abs(out.astype(int) - image).mean() < 5
