"""Elements laid over pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

import anamorph as A

IMAGE = np.full((100, 120, 3), 10, np.uint8)
MASK = np.full((100, 120), 7, np.uint8)
ELEMENT = np.random.default_rng(0).integers(100, 256, (20, 30, 3), dtype=np.uint8)


def laid(metadata: Any, seed: int = 0, **data: Any) -> Any:
    pipe = A.Compose([A.OverlayElements(p=1)], seed=seed)
    return pipe(**{"image": IMAGE, "mask": MASK} | data, overlay_metadata=metadata)


def test_without_a_box_it_keeps_its_size_and_goes_anywhere() -> None:
    seen = set()
    for seed in range(60):
        out = laid({"image": ELEMENT, "mask_id": 3}, seed)
        ys, xs = np.nonzero(out["mask"] == 3)
        place = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
        assert np.array_equal(out["image"][place], ELEMENT)
        assert (out["image"][out["mask"] == 7] == 10).all()
        seen.add((int(ys.min()), int(xs.min())))
    assert len(seen) > 40


def test_a_box_scales_it() -> None:
    out = laid({"image": ELEMENT, "bbox": [0.1, 0.2, 0.5, 0.8], "mask_id": 3})
    wanted = cv2.resize(ELEMENT, (48, 60), interpolation=cv2.INTER_AREA)
    assert np.array_equal(out["image"][20:80, 12:60], wanted)
    assert (out["mask"] == 3).sum() == 48 * 60


def test_too_large_elements_are_scaled_into_the_picture() -> None:
    large = np.full((300, 60, 3), 200, np.uint8)
    assert (laid({"image": large})["image"] == 200).all()


def test_a_mask_says_where_it_lies() -> None:
    lies = np.zeros((20, 30), np.uint8)
    lies[5:15, 5:25] = 255
    out = laid({"image": ELEMENT, "bbox": [0, 0, 0.25, 0.2], "mask": lies, "mask_id": 4})
    assert np.array_equal(out["mask"][:20, :30] == 4, lies > 0)
    assert np.array_equal(out["image"][5:15, 5:25], ELEMENT[5:15, 5:25])
    assert (out["image"][out["mask"] == 7] == 10).all()
    without = laid({"image": ELEMENT, "bbox": [0, 0, 0.25, 0.2], "mask": lies})
    assert (without["mask"] == 7).all()


def test_opacity() -> None:
    opacity = np.full((20, 30), 255, np.uint8)
    opacity[:, :10] = 0
    opacity[:, 10:20] = 51
    element = {"image": np.dstack([ELEMENT, opacity]), "bbox": [0, 0, 0.25, 0.2], "mask_id": 4}
    out = laid(element)
    assert (out["image"][:20, :10] == 10).all()
    wanted = 10 + (ELEMENT[:, 10:20].astype(float) - 10) * 0.2
    assert np.abs(out["image"][:20, 10:20] - wanted).max() <= 1
    assert np.array_equal(out["image"][:20, 20:30], ELEMENT[:, 20:])
    assert (out["mask"][:20, :20] == 7).all()
    assert (out["mask"][:20, 20:30] == 4).all()
    half = laid({"image": ELEMENT, "bbox": [0, 0, 0.25, 0.2], "mix": 0.5, "mask_id": 4})
    assert np.abs(half["image"][:20, :30] - (10 + ELEMENT.astype(float)) / 2).max() <= 1
    assert (half["mask"] == 4).sum() == 600


def test_what_is_transparent_has_no_color_to_mix() -> None:
    element = np.zeros((20, 20, 4), np.uint8)
    element[:, 10:] = (200, 200, 200, 255)
    out = laid(
        {"image": element, "bbox": [0, 0, 0.5, 0.5]}, image=np.full((100, 120, 3), 200, np.uint8)
    )
    assert (out["image"] == 200).all()


@pytest.mark.parametrize(("dtype", "white"), [("uint16", 65535), ("float32", 1)])
@pytest.mark.parametrize("channels", [1, 5])
def test_other_pictures(dtype: str, white: int, channels: int) -> None:
    image = np.zeros((40, 40, channels), dtype)
    element = np.full((10, 10, channels + 1), white, dtype)
    out = A.OverlayElements(p=1)(
        image=image, overlay_metadata={"image": element, "bbox": [0, 0, 0.5, 0.5]}
    )
    assert out["image"].dtype == dtype
    assert np.allclose(out["image"][:20, :20], white)
    assert (out["image"][20:] == 0).all()


def test_a_list_is_laid_in_order_and_labels_stay() -> None:
    pipe = A.Compose([A.OverlayElements(p=1)], bbox_params=A.BboxParams("pascal_voc"))
    first = {"image": ELEMENT, "bbox": [0, 0, 0.5, 0.5], "mask_id": 1}
    second = {"image": ELEMENT, "bbox": [0.25, 0.25, 0.75, 0.75], "mask_id": 2}
    out = pipe(image=IMAGE, mask=MASK, bboxes=[[1, 1, 20, 20]], overlay_metadata=[first, second])
    assert out["bboxes"] == [[1, 1, 20, 20]]
    assert out["mask"][10, 10] == 1
    assert out["mask"][40, 50] == 2
    nothing = pipe(image=IMAGE, bboxes=[], overlay_metadata=[])
    assert nothing["image"] is IMAGE


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (3, "overlay_metadata is a int: it must be a dictionary"),
        ({}, "overlay_metadata has no image"),
        (
            [{"image": ELEMENT, "bbox": [10, 20, 60, 80]}],
            r"overlay_metadata\[0\]: bbox .* in \[0, 1\]",
        ),
        ({"image": ELEMENT, "bbox": [0.5, 0, 0.2, 1]}, "bbox .* must be x_min"),
        ({"image": ELEMENT, "bbox": [0.5, 0, 0.501, 1]}, "holds no pixel of a picture 120 wide"),
        ({"image": ELEMENT, "mix": 2}, r"mix = 2: it must be a number in \[0, 1\]"),
        ({"image": ELEMENT, "mask": 3}, "mask is int: it must be a NumPy array"),
        ({"image": ELEMENT[:, :, 0]}, "has 1 channels and the one it joins 3"),
        ({"image": ELEMENT / np.float32(255)}, "is float32 and the one it joins uint8"),
        ({"image": ELEMENT, "mask_id": 300}, "a mask of uint8 cannot hold"),
    ],
)
def test_what_is_wrong_is_named(metadata: Any, message: str) -> None:
    with pytest.raises(A.AnamorphError, match=message):
        laid(metadata)
