"""What puts pixels onto pixels loses nothing: pixels, boxes and points agree to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import anamorph as A
from defects.scene import numbered

H, W = 20, 26
STEPS = {
    "h": lambda _: A.HorizontalFlip(p=1),
    "v": lambda _: A.VerticalFlip(p=1),
    "t": lambda _: A.Transpose(p=1),
    "q": lambda _: A.RandomRotate90(p=1),
    "d": lambda _: A.D4(p=1),
    "r": lambda _: A.Affine(rotate=(90, 90), fit_output=True, p=1),
    "s": lambda k: A.Rotate((180, 180), border_mode=k % 2, p=1),
    "m": lambda k: A.Affine(translate_px={"x": (k, k), "y": (-k, -k)}, p=1),
    "p": lambda k: A.Pad((k, 0, 1, k), border_mode=0, p=1),
    "c": lambda k: A.RandomCrop(max(1, 16 - k), max(1, 13 - k), pad_if_needed=True, p=1),
    "b": lambda _: A.RandomCropFromBorders(p=1),
    "f": lambda k: A.CropAndPad(px=(-3, k), keep_size=False, p=1),
}


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 6)), max_size=5),
    corner=st.tuples(st.integers(0, W - 2), st.integers(0, H - 2)),
    side=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 10**6),
    fuse=st.sampled_from(["all", "exact", "none"]),
)
def test_boxes_and_points_are_where_their_pixels_are(
    steps: Any, corner: Any, side: Any, seed: int, fuse: str
) -> None:
    x0, y0 = corner
    x1, y1 = min(W, x0 + side[0]), min(H, y0 + side[1])
    image, mask = numbered(H, W), np.zeros((H, W), np.int64)
    mask[y0:y1, x0:x1] = 2**41
    pipe = A.Compose(
        [STEPS[name](k) for name, k in steps],
        bbox_params=A.BboxParams("coco", ["kinds"]),
        keypoint_params=A.KeypointParams("xy", ["ids"]),
        seed=seed,
        fuse=fuse,
    )
    points = [(x0, y0), (x1 - 1, y1 - 1), (0, 0), (W - 1, H - 1)]
    out = pipe(
        image=image, mask=mask, bboxes=[(x0, y0, x1 - x0, y1 - y0)], kinds=["a"],
        keypoints=points, ids=[0, 1, 2, 3],
    )  # fmt: skip
    ys, xs = np.nonzero(out["mask"])
    if len(xs) == 0:
        assert out["bboxes"] == out["kinds"] == []
    else:
        low, size = (xs.min(), ys.min()), (np.ptp(xs) + 1, np.ptp(ys) + 1)
        assert out["bboxes"] == [[*low, *size]]
    found = dict(zip(out["ids"], out["keypoints"], strict=True))
    for i, (x, y) in enumerate(points):
        rows, columns = np.nonzero(out["image"] == image[y, x])
        assert (i in found) == (len(rows) > 0)
        if i in found:
            assert found[i] == [columns[0], rows[0]]
