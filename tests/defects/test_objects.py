"""Objects that grow, are erased or left outside: every target says the same of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from defects.scene import piped


@pytest.mark.parametrize("operation", ["dilation", "erosion"])
@pytest.mark.parametrize("width", [128, 129, 400])
def test_boxes_and_masks_grow_in_wide_pictures_as_in_narrow_ones(
    operation: str, width: int
) -> None:
    mask = np.zeros((40, width), np.uint8)
    mask[10:20, 30:60] = 1
    out = piped(A.Morphological(scale=(3, 3), operation=operation, p=1))(
        image=mask * 200, mask=mask, masks=[mask, mask], bboxes=[[30, 10, 60, 20]], kinds=["a"],
        keypoints=[], ids=[],
    )  # fmt: skip
    rows, columns = np.nonzero(out["image"])
    grown = {"dilation": 1, "erosion": -1}[operation]
    assert (columns.min(), rows.min()) == (30 - grown, 10 - grown)
    assert (columns.max(), rows.max()) == (59 + grown, 19 + grown)
    for found in (out["mask"], *out["masks"]):
        assert np.array_equal(found > 0, out["image"] > 0)
    assert out["bboxes"] == [[30 - grown, 10 - grown, 60 + grown, 20 + grown]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: A.MaskDropout(max_objects=(1, 1), fill=0, fill_mask=0, p=1),
        lambda: A.ConstrainedCoarseDropout(mask_indices=[1, 2], fill=0, fill_mask=0, p=1),
    ],
)
def test_holes_of_objects_are_in_every_target(make: Any) -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[10:30, 10:30], mask[40:55, 50:70] = 1, 2
    image = np.full((60, 80), 9, np.uint8)
    out = A.Compose([make()], seed=0)(
        image=image, images=np.stack([image] * 2), mask=mask, masks=[mask, mask],
        volume=np.stack([image] * 3),
    )  # fmt: skip
    hole = out["image"] == 0
    assert hole.any()
    for frame in (*out["images"], *out["volume"]):
        assert np.array_equal(frame == 0, hole)
    for found in (out["mask"], *out["masks"]):
        assert not found[hole].any()
        assert np.array_equal(found[~hole], mask[~hole])


def test_points_outside_of_a_crop_of_a_volume_are_dropped() -> None:
    volume = np.zeros((8, 30, 40), np.uint8)
    points = [(x, y, z) for x in (2, 20, 37) for y in (2, 15, 27) for z in (0, 4, 7)]
    for seed in range(30):
        pipe = A.Compose(
            [A.RandomCrop3D(size=(4, 12, 16), p=1)],
            keypoint_params=A.KeypointParams("xyz", label_fields=["ids"]), seed=seed,
        )  # fmt: skip
        out = pipe(volume=volume, keypoints=points, ids=[*range(len(points))])
        assert len(out["keypoints"]) == len(out["ids"]) < len(points)
        for x, y, z in out["keypoints"]:
            assert 0 <= x < 16
            assert 0 <= y < 12
            assert 0 <= z < 4
