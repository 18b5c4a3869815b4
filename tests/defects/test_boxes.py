"""Boxes where other libraries lose a pixel, keep a phantom, or refuse what was rounded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anamorph as A
from contracts.table import MOVING, ROWS
from defects.scene import H, W, moved, piped, places

PLAIN = ["pascal_voc", "albumentations", "coco", "yolo", "cxcywh"]


def boxed(*transforms: Any, size: tuple[int, int] = (60, 80), **data: Any) -> Any:
    """Run transforms on boxes, one kind each."""
    options = data.pop("boxes", {})
    kinds = [*range(len(data["bboxes"]))]
    return piped(*transforms, boxes=options)(
        image=np.zeros(size, np.uint8), kinds=kinds, keypoints=[], ids=[], **data
    )


def written(name: str, box: Any, size: tuple[int, int]) -> Any:
    """Write a box of pixels in a format, from the definition."""
    x0, y0, x1, y1 = box
    h, w = size
    return {
        "pascal_voc": [x0, y0, x1, y1],
        "albumentations": [x0 / w, y0 / h, x1 / w, y1 / h],
        "coco": [x0, y0, x1 - x0, y1 - y0],
        "yolo": [(x0 + x1) / 2 / w, (y0 + y1) / 2 / h, (x1 - x0) / w, (y1 - y0) / h],
        "cxcywh": [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0],
    }[name]


sides = st.integers(3, 4000)


@st.composite
def boxes_in_pictures(draw: Any) -> Any:
    h, w = draw(sides), draw(sides)
    x0, y0 = draw(st.integers(0, w - 1)), draw(st.integers(0, h - 1))
    box = x0, y0, draw(st.integers(x0 + 1, w)), draw(st.integers(y0 + 1, h))
    return (h, w), box


@settings(max_examples=120, deadline=None)
@given(case=boxes_in_pictures(), name=st.sampled_from(PLAIN))
def test_flips_there_and_back_give_the_same_float64(case: Any, name: str) -> None:
    size, box = case
    row = written(name, box, size)
    pipe = A.Compose([A.HorizontalFlip(p=1), A.VerticalFlip(p=1)], bbox_params={"format": name})
    mask = np.broadcast_to(np.zeros((1, 1), np.uint8), size)
    there = pipe(mask=mask, bboxes=[row])["bboxes"]
    back = pipe(mask=mask, bboxes=there)["bboxes"][0]
    if name in ("pascal_voc", "coco", "cxcywh"):
        x0, y0, x1, y1 = box
        turned = (size[1] - x1, size[0] - y1, size[1] - x0, size[0] - y0)
        assert there == [written(name, turned, size)]
        assert back == row
    else:
        assert back == pytest.approx(row, abs=1e-15)


@settings(max_examples=120, deadline=None)
@given(
    case=boxes_in_pictures(),
    name=st.sampled_from(PLAIN),
    dtype=st.sampled_from([np.float32, np.float64]),
    data=st.data(),
)
def test_no_crop_leaves_a_sliver(case: Any, name: str, dtype: Any, data: Any) -> None:
    size, box = case
    h, w = size
    x0, y0, x1, y1 = box
    cuts = [(x0, x1), (0, x0), (x1, w)], [(y0, y1), (0, y0), (y1, h)]
    (left, right), (top, bottom) = (
        data.draw(st.sampled_from([c for c in cut if c[0] < c[1]])) for cut in cuts
    )
    touches_only = left == x1 or right == x0 or top == y1 or bottom == y0
    rows = np.array([written(name, box, size)], dtype)
    pipe = A.Compose(
        [A.Crop(left, top, right, bottom, p=1)], bbox_params={"format": name, "label_fields": ["k"]}
    )
    out = pipe(mask=np.broadcast_to(np.zeros((1, 1), np.uint8), size), bboxes=rows, k=["a"])
    assert len(out["bboxes"]) == len(out["k"]) == (0 if touches_only else 1)


def test_the_crops_that_gave_phantoms() -> None:
    for width in range(20, 200):
        out = boxed(
            A.Crop(10, 0, width, 30, p=1),
            size=(30, width),
            bboxes=np.array([[3, 10, 10, 11], [0, 2, 10, 25]], np.float32),
        )
        assert len(out["bboxes"]) == 0
        assert out["kinds"] == []


def test_yolo_rounded_to_six_digits() -> None:
    """The very boxes that are refused elsewhere, and all others that six digits can make."""
    for row in (
        [0.5, 0.5, 1.0000003, 1],
        [0.052632, 0.5, 0.105265, 1.0],
        [0.5, 0.5, 1.0, 1.000001],
    ):
        out = boxed(A.HorizontalFlip(p=1), bboxes=[row], boxes={"format": "yolo"})
        assert out["bboxes"][0] == pytest.approx([1 - row[0], *row[1:]], abs=2e-6)
    g = np.random.default_rng(0)
    for h, w in ((60, 80), (1080, 1920), (333, 7001)):
        low = g.integers(0, 8, (40, 2))
        rows = [
            [round(v, 6) for v in written("yolo", (0, 0, w - x, h - y), (h, w))]
            for x, y in low.tolist()
        ]
        out = boxed(A.NoOp(p=1), size=(h, w), bboxes=rows, boxes={"format": "yolo"})
        assert len(out["bboxes"]) == 40


@pytest.mark.parametrize("name", PLAIN)
def test_boxes_seen_whole_pass_the_highest_threshold(name: str) -> None:
    box = (7, 11, 36, 48)
    for transform in (
        A.NoOp(p=1), A.HorizontalFlip(p=1), A.Transpose(p=1), A.Crop(7, 11, 36, 48, p=1),
        A.Resize(37, 53, p=1), A.Rotate((180, 180), p=1), A.Pad(3, p=1), A.D4(p=1),
    ):  # fmt: skip
        out = boxed(
            transform,
            bboxes=[written(name, box, (60, 80))],
            boxes={"format": name, "min_visibility": 1.0},
        )
        assert out["kinds"] == [0]
    cut = boxed(
        A.Crop(8, 0, 80, 60, p=1),
        bboxes=[written(name, box, (60, 80))],
        boxes={"format": name, "min_visibility": 1.0},
    )
    assert cut["kinds"] == []


class Hole(A.CoarseDropout):
    """A dropout whose hole is known."""

    def holes(self, rng: Any, scene: Any) -> Any:
        return [(30, 20, 40, 30)]


def test_holes_leave_boxes_that_they_do_not_touch() -> None:
    rows = [[10, 10, 28, 28], [40, 20, 50, 30], [30, 30, 40, 40], [24, 24, 28, 28]]
    out = boxed(Hole(p=1), bboxes=rows)
    assert out["bboxes"] == rows
    cut = boxed(Hole(p=1), bboxes=[[20, 20, 35, 30], [31, 21, 39, 29], [30, 15, 40, 30]])
    assert cut["bboxes"] == [[20, 20, 30, 30], [30, 15, 40, 20]]
    assert cut["kinds"] == [0, 2]


DROPS = [name for name, row in ROWS.items() if row.moves == "drop" and row.own_labels]


@pytest.mark.parametrize("name", DROPS)
def test_dropped_boxes_are_the_bounds_of_what_is_left(name: str) -> None:
    rows = [(4 + 20 * i, 6 + 12 * i, 22 + 20 * i, 17 + 12 * i) for i in range(4)]
    for seed in range(8):
        out = moved(
            name, 0, seed, image=np.full((H, W), 9, np.uint8), bboxes=rows, kinds=[0, 1, 2, 3]
        )
        assert "image" in out
        for box, kind in zip(out["bboxes"], out["kinds"], strict=True):
            x0, y0, x1, y1 = rows[kind]
            ys, xs = np.nonzero(out["image"][y0:y1, x0:x1])
            seen = [x0 + xs.min(), y0 + ys.min(), x0 + xs.max() + 1, y0 + ys.max() + 1]
            assert box == seen
        for kind in {0, 1, 2, 3} - set(out["kinds"]):
            x0, y0, x1, y1 = rows[kind]
            assert not out["image"][y0:y1, x0:x1].any()


# ------------------------------------------------------------------------ oriented boxes

OBB = {"format": "obb"}


def corners(row: Any) -> Any:
    """Corners of an oriented box as continuous places, from the definition."""
    x, y, w, h, angle = row[:5]
    a = math.radians(angle)
    along, down = np.array([math.cos(a), -math.sin(a)]), np.array([math.sin(a), math.cos(a)])
    return np.array([np.array([x, y]) + s * along * w / 2 + t * down * h / 2 for s, t in SIGNS])


SIGNS = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
RIGID = {
    "NoOp", "HorizontalFlip", "VerticalFlip", "Transpose", "D4", "SquareSymmetry",
    "RandomRotate90", "TimeReverse", "Rotate", "Crop", "CenterCrop", "RandomCrop",
    "Pad", "PadIfNeeded", "RandomCropFromBorders", "BBoxSafeRandomCrop", "RandomCropNearBBox",
    "AtLeastOneBBoxRandomCrop", "CropNonEmptyMaskIfExists",
}  # fmt: skip


@pytest.mark.parametrize(("name", "variant"), MOVING)
@pytest.mark.parametrize("angle", [0.0, 31.0, -75.0])
def test_corners_of_oriented_boxes_go_where_points_go(
    name: str, variant: int, angle: float
) -> None:
    cv2 = pytest.importorskip("cv2")
    row = [W / 2 - 3, H / 2 + 2, 30.0, 14.0, angle]
    quad = corners(row)
    parts = np.linspace(0, 1, 40, endpoint=False)[:, None]
    outline = np.concatenate(
        [a + (b - a) * parts for a, b in zip(quad, np.roll(quad, -1, 0), strict=True)]
    )
    checked = 0
    for seed in range(4):
        points = [*map(tuple, (outline - 0.5).tolist())]
        out = moved(
            name, variant, seed, image=places(), bboxes=[row], kinds=["a"], boxes=OBB,
            keypoints=points, ids=[*range(len(points))],
        )  # fmt: skip
        went = np.asarray(out["keypoints"]) + 0.5
        if "a" not in out["kinds"]:
            h, w = out["image"].shape[:2]
            inside = ((went > 0) & (went < (w, h))).all(1)
            assert not inside.any()
            continue
        checked += 1
        candidates = [corners(box) for box in out["bboxes"]]
        found = min(candidates, key=lambda c: np.abs(c.mean(0) - went.mean(0)).max())
        if name in RIGID:
            far = [np.abs(found - c).max(1).min() for c in went[::40]]
            assert max(far) < 1e-6
            continue
        least = cv2.minAreaRect(went.astype(np.float32))[1]
        slack = 0.3 if ROWS[name].moves == "dense" else 1e-3
        assert outside(found, went) < slack
        size = np.linalg.norm(found[1] - found[0]), np.linalg.norm(found[3] - found[0])
        assert math.prod(size) <= math.prod(least) * 1.02 + 2 * slack * sum(size)
    assert checked >= 2


def outside(quad: Any, points: Any) -> float:
    """By how much points stick out of a convex quadrilateral."""
    turn = np.sign(np.cross(np.append(quad[1] - quad[0], 0), np.append(quad[2] - quad[0], 0))[2])
    worst = 0.0
    for a, b in zip(quad, np.roll(quad, -1, 0), strict=True):
        side = (b - a) / np.linalg.norm(b - a)
        depth = turn * (side[0] * (points[:, 1] - a[1]) - side[1] * (points[:, 0] - a[0]))
        worst = max(worst, float(-depth.min()))
    return worst
