"""Objects through whatever loses some of them: mask, box, points and labels go as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A

H, W = 90, 120
PLACES = [(4, 4, 24, 20), (90, 60, 116, 84), (50, 35, 76, 60), (6, 66, 20, 86), (95, 3, 110, 15)]


def objects() -> dict[str, Any]:
    """Five rectangles; everything of one carries its number, from 1."""
    masks = np.zeros((5, H, W), np.int64)
    for i, (x0, y0, x1, y1) in enumerate(PLACES):
        masks[i, y0:y1, x0:x1] = 2**40 + i
    return {
        "image": np.full((H, W, 3), 100, np.uint8),
        "masks": masks,
        "bboxes": [(*place, i) for i, place in enumerate(PLACES)],
        "kinds": [(i, f"object {i}") for i in range(5)],
        "keypoints": [p for x0, y0, x1, y1 in PLACES for p in ((x0 + 2, y0 + 2), (x1 - 3, y1 - 3))],
        "ids": [(i, k) for i in range(5) for k in "ab"],
    }


PIPES = {
    "crop": [A.RandomCrop(40, 60, p=1)],
    "rotate": [A.Rotate((-180, 180), p=1)],
    "dropout": [A.CoarseDropout((6, 12), (20, 30), (20, 40), fill_mask=0, p=1)],
    "dropout of the picture only": [A.CoarseDropout((6, 12), (20, 30), (20, 40), p=1)],
    "grid": [A.GridDropout(0.8, unit_size_range=(20, 60), fill_mask=0, p=1)],
    "perspective": [A.Perspective((0.2, 0.3), p=1)],
    "elastic": [A.ElasticTransform(alpha=60, sigma=6, p=1), A.RandomCrop(50, 70, p=1)],
    "all": [
        A.HorizontalFlip(p=0.5), A.Affine(scale=(0.7, 1.6), rotate=(-60, 60), shear=(-9, 9), p=1),
        A.RandomCrop(60, 60, p=1), A.CoarseDropout((3, 6), (20, 30), (20, 30), fill_mask=0, p=1),
        A.Resize(77, 91, p=1),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", PIPES)
@pytest.mark.parametrize("boxes", [{}, {"min_visibility": 0.5}, {"min_area": 200}])
def test_what_is_left_of_an_object_is_of_one_object(name: str, boxes: dict[str, Any]) -> None:
    pipe = A.Compose(
        PIPES[name],
        bbox_params=A.BboxParams("pascal_voc", ["kinds"], **boxes),
        keypoint_params=A.KeypointParams("xy", ["ids"]),
        instance_binding=["masks", "bboxes", "keypoints"],
        seed=1,
    )
    counts = set()
    for _ in range(25):
        out = pipe(**objects())
        left = [i for i, _ in out["kinds"]]
        counts.add(len(left))
        assert len(out["masks"]) == len(out["bboxes"]) == len(left)
        assert out["kinds"] == [(i, f"object {i}") for i in left]
        assert [row[4] for row in out["bboxes"]] == left
        assert {i for i, _ in out["ids"]} <= set(left)
        assert len(out["ids"]) == len(out["keypoints"])
        for i, mask, row in zip(left, out["masks"], out["bboxes"], strict=True):
            assert set(np.unique(mask).tolist()) <= {0, 2**40 + i}
            ys, xs = np.nonzero(mask)
            assert len(xs)
            if name != "dropout of the picture only":
                tight = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
                assert np.abs(np.subtract(row[:4], tight)).max() <= 1
    assert len(counts) > 1


def test_an_object_without_a_mask_of_its_own_is_not_lost() -> None:
    data = objects()
    data["masks"][2] = 0
    pipe = A.Compose(
        [A.Rotate((10, 10), p=1)],
        bbox_params=A.BboxParams("pascal_voc", ["kinds"]),
        keypoint_params=A.KeypointParams("xy", ["ids"]),
        instance_binding=["masks", "bboxes", "keypoints"],
    )
    assert (2, "object 2") in pipe(**data)["kinds"]
