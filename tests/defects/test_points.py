"""Keypoints where other libraries put them beside the mark, turn them wrongly, or lose them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import MOVING, ROWS
from defects.scene import H, W, moved, numbered, origin, piped, places

moving = pytest.mark.parametrize(("name", "variant"), MOVING)
DENSE = [(name, variant) for name, variant in MOVING if ROWS[name].moves == "dense"]
GRID = [(float(x), float(y)) for x in range(8, W - 4, 16) for y in range(6, H - 4, 14)]


@moving
def test_points_lie_where_the_picture_shows_their_place(name: str, variant: int) -> None:
    missed = []
    for seed in range(4):
        out = moved(name, variant, seed, image=places(), keypoints=GRID, ids=[*range(len(GRID))])
        for point, wanted in zip(out["keypoints"], GRID, strict=True):
            shown = origin(out["image"], point)
            if shown is not None:
                missed.append(math.dist(shown, wanted))
    tolerance = {"lattice": 1e-3, "matrix": 0.1, "dense": 0.35}[ROWS[name].moves]
    assert len(missed) >= 20
    assert max(missed) < tolerance
    assert np.mean(missed) < tolerance / 2


@moving
def test_angles_turn_as_what_they_point_at(name: str, variant: int) -> None:
    far = 0.25 if ROWS[name].moves == "dense" else 1.0
    checked = 0
    for seed in range(4):
        g = np.random.default_rng(seed)
        rows = []
        for x, y in g.uniform((W / 3, H / 3), (2 * W / 3, 2 * H / 3), (8, 2)).tolist():
            angle = float(g.uniform(0, 360))
            a = math.radians(angle)
            rows += [(x + s * far * math.cos(a), y - s * far * math.sin(a), angle) for s in (-1, 1)]
            rows.append((x, y, angle))
        ids = [*range(len(rows))]
        out = moved(
            name, variant, seed, image=places(), keypoints=rows, ids=ids, points={"format": "xya"}
        )
        found = np.asarray(out["keypoints"]).reshape(-1, 3, 3)
        for tail, head, middle in found:
            step = head[:2] - tail[:2]
            if not np.hypot(*step) > 0.2 * far:
                continue
            seen = math.degrees(math.atan2(-step[1], step[0]))
            off = abs((middle[2] - seen + 180) % 360 - 180)
            assert off < {"lattice": 1e-6, "matrix": 2.0, "dense": 12.0}[ROWS[name].moves]
            checked += 1
    assert checked >= 16


@pytest.mark.parametrize("angle", [0.0, 37.0, 250.0])
def test_one_quarter_turn_by_six_names_gives_one_angle(angle: float) -> None:
    image, row = numbered(24, 24), (5, 9, angle)
    quarter = [
        A.Rotate((90, 90), p=1),
        A.SafeRotate((90, 90), p=1),
        A.Affine(rotate=(90, 90), p=1),
        A.ShiftScaleRotate(
            shift_limit=(0, 0), scale_limit=(0, 0), rotate_limit=(90, 90), border_mode=0, p=1
        ),
        A.Sequential([A.Transpose(p=1), A.VerticalFlip(p=1)]),
        A.Sequential([A.HorizontalFlip(p=1), A.Transpose(p=1)]),
    ]
    for transform in quarter:
        out = piped(transform, points={"format": "xya"})(
            image=image, bboxes=[], kinds=[], keypoints=[row], ids=["a"]
        )
        x, y, turned = out["keypoints"][0]
        assert np.array_equal(out["image"], np.rot90(image))
        assert (x, y) == pytest.approx((9, 18), abs=1e-9)
        assert turned == pytest.approx((angle + 90) % 360, abs=1e-9)


# -------------------------------------------------------------------- mirrored copies

BORDERS = {1: "edge", 2: "symmetric", 4: "reflect"}
POINTS = [(0, 0), (3, 2), (10, 0), (13, 9), (7, 4)]
PADS = {
    "Pad": lambda b: A.Pad((9, 4, 3, 11), border_mode=b, p=1),
    "PadIfNeeded": lambda b: A.PadIfNeeded(25, 31, border_mode=b, p=1),
    "CropAndPad": lambda b: A.CropAndPad(px=6, keep_size=False, border_mode=b, p=1),
    "Affine": lambda b: A.Affine(translate_px={"x": (5, 5), "y": (-3, -3)}, border_mode=b, p=1),
    "ShiftScaleRotate": lambda b: A.ShiftScaleRotate(
        shift_limit_x=(5 / 14, 5 / 14), shift_limit_y=(-0.3, -0.3), scale_limit=(0, 0),
        rotate_limit=(0, 0), border_mode=b, p=1,
    ),
    "Rotate": lambda b: A.Rotate((180, 180), border_mode=b, p=1),
    "larger than itself": lambda b: A.Pad((23, 37, 40, 31), border_mode=b, p=1),
}  # fmt: skip


@pytest.mark.parametrize("border", [2, 4])
@pytest.mark.parametrize("name", PADS)
def test_mirrored_points_are_where_their_pixels_are(name: str, border: int) -> None:
    image = numbered(10, 14)
    out = piped(PADS[name](border))(
        image=image, bboxes=[], kinds=[], keypoints=POINTS, ids=[*"abcde"]
    )
    wanted = []
    for (x, y), label in zip(POINTS, "abcde", strict=True):
        rows, columns = np.nonzero(out["image"] == image[y, x])
        wanted += [(float(c), float(r), label) for r, c in zip(rows, columns, strict=True)]
    found = [(*point, label) for point, label in zip(out["keypoints"], out["ids"], strict=True)]
    assert sorted((round(x, 6), round(y, 6), n) for x, y, n in found) == sorted(wanted)


@pytest.mark.parametrize("border", [2, 4])
@pytest.mark.parametrize("name", PADS)
def test_mirrored_boxes_are_where_their_pixels_are(name: str, border: int) -> None:
    cv2 = pytest.importorskip("cv2")
    mask = np.zeros((10, 14), np.uint8)
    mask[3:7, 4:9] = 1
    out = piped(PADS[name](border))(
        image=mask, mask=mask, bboxes=[(4, 3, 9, 7)], kinds=["a"], keypoints=[], ids=[]
    )
    count, _, stats, _ = cv2.connectedComponentsWithStats(out["image"], connectivity=4)
    wanted = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:].tolist()]
    assert len(wanted) == count - 1
    found = [tuple(round(v, 6) for v in box) for box in out["bboxes"]]
    assert sorted(found) == sorted(wanted)
    assert out["kinds"] == ["a"] * len(wanted)


@pytest.mark.parametrize("border", [2, 4])
@pytest.mark.parametrize("degrees", [17, 45, -120])
def test_every_mirrored_point_of_a_turned_picture_is_at_its_blob(border: int, degrees: int) -> None:
    yy, xx = np.mgrid[0:60, 0:80]
    x, y = 61, 17
    image = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 8).astype(np.float32)
    for transform in (
        A.Rotate((degrees, degrees), border_mode=border, p=1),
        A.Affine(rotate=(degrees, degrees), scale=0.5, border_mode=border, p=1),
    ):
        out = piped(transform)(image=image, bboxes=[], kinds=[], keypoints=[(x, y)], ids=["a"])
        shown = out["image"]
        rows, columns = np.nonzero(shown > 0.8)
        for c, r in zip(columns, rows, strict=True):
            assert min(math.dist((c, r), point) for point in out["keypoints"]) < 1.5
        for u, v in out["keypoints"]:
            if 1 < u < 78 and 1 < v < 58:
                near = shown[int(v) - 1 : int(v) + 3, int(u) - 1 : int(u) + 3]
                assert near.max() > 0.7


def test_replicated_and_constant_borders_make_no_copies() -> None:
    for border in (0, 1):
        out = piped(A.Pad(9, border_mode=border, p=1))(
            image=numbered(10, 14), bboxes=[], kinds=[], keypoints=POINTS, ids=[*"abcde"]
        )
        assert out["ids"] == [*"abcde"]


# ---------------------------------------------------------------------- kept and lost


@moving
def test_all_points_come_back_where_the_caller_counts_on_them(name: str, variant: int) -> None:
    rows = [(0, 0), (W - 1, 0), (W - 1, H - 1), (-30, 500), (float("nan"), 3.0), (40, 40)]
    for seed in range(3):
        out = moved(name, variant, seed, image=places(), keypoints=rows, ids=[*"abcdef"])
        assert out["ids"] == [*"abcdef"]
        assert len(out["keypoints"]) == 6
        assert math.isnan(out["keypoints"][4][0])
        assert not math.isnan(out["keypoints"][5][0])


@pytest.mark.parametrize(("name", "variant"), [("CoarseDropout", 0), ("GridDropout", 0)])
def test_dropping_parts_of_the_picture_keeps_points_that_are_counted_on(
    name: str, variant: int
) -> None:
    out = moved(name, variant, 0, image=places(), keypoints=GRID, ids=[*range(len(GRID))])
    assert out["ids"] == [*range(len(GRID))]
    assert out["keypoints"] == [list(point) for point in GRID]


@moving
def test_nan_is_dropped_and_harms_no_other(name: str, variant: int) -> None:
    rows = [(50.0, 50.0), (float("nan"), 3.0), (60.0, 40.0), (math.nan, math.nan)]
    points = {"remove_invisible": True}
    image = places()
    out = moved(name, variant, 1, image=image, keypoints=rows, ids=[0, 1, 2, 3], points=points)
    clean = moved(name, variant, 1, image=image, keypoints=rows[::2], ids=[0, 2], points=points)
    assert out["ids"] == clean["ids"]
    assert np.allclose(out["keypoints"] or 0, clean["keypoints"] or 0)


TURNS = [
    A.HorizontalFlip(p=1), A.VerticalFlip(p=1), A.Transpose(p=1), A.Rotate((90, 90), p=1),
    A.Rotate((180, 180), p=1), A.Rotate((270, 270), p=1), A.NoOp(p=1), A.Resize(20, 20, p=1),
]  # fmt: skip


@pytest.mark.parametrize("transform", TURNS, ids=repr)
@pytest.mark.parametrize("x", [18.5, 18.5001, 18.999, 19.0, 19.4, 19.5, 19.9999])
def test_points_between_the_last_centre_and_the_side_stay(transform: Any, x: float) -> None:
    pipe = piped(transform)
    image = np.zeros((20, 20), np.uint8)
    for point in ((x, 4.0), (4.0, x), (x, x)):
        out = pipe(image=image, bboxes=[], kinds=[], keypoints=[point], ids=["a"])
        assert out["ids"] == ["a"]
        again = pipe(image=image, bboxes=[], kinds=[], keypoints=out["keypoints"], ids=["a"])
        assert again["ids"] == ["a"]


# ---------------------------------------------------------------------- left and right

LEFT, RIGHT = (15, 55), (90, 57)
SWAP = {"flip_labels": {"ids": {"left": "right"}}}


@pytest.mark.parametrize("rows", [[LEFT, RIGHT], [RIGHT], [LEFT]])
@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_left_and_right_are_exchanged_with_both_points_and_with_one(rows: Any, kind: Any) -> None:
    names = {LEFT: "left", RIGHT: "right"}
    other = {"left": "right", "right": "left"}
    labels = kind([names[row] for row in rows])
    image = np.zeros((120, 120, 3), np.uint8)
    for transform, mirrors in (
        (A.HorizontalFlip(p=1), True), (A.VerticalFlip(p=1), True), (A.Transpose(p=1), True),
        (A.Rotate((180, 180), p=1), False), (A.Rotate((20, 20), p=1), False),
        (A.Sequential([A.HorizontalFlip(p=1), A.VerticalFlip(p=1)]), False),
        (A.Affine(scale={"x": (0.9, 0.9), "y": (0.9, 0.9)}, shear=(9, 9), p=1), False),
    ):  # fmt: skip
        out = piped(transform, points=SWAP)(
            image=image, bboxes=[], kinds=[], keypoints=rows, ids=labels
        )
        assert type(out["ids"]) is type(labels)
        wanted = [other[n] if mirrors else n for n in labels]
        assert list(out["ids"]) == wanted
    flipped = piped(A.HorizontalFlip(p=1), points=SWAP)(
        image=image, bboxes=[], kinds=[], keypoints=rows, ids=labels
    )
    assert flipped["keypoints"] == [[119 - x, y] for x, y in rows]


def test_visibility_follows_what_is_seen() -> None:
    rows = [(10, 10, 2), (0, 0, 0), (70, 30, 1), (90, 10, 2)]
    pipe = piped(A.Crop(0, 0, 80, 40, p=1), points={"format": "xyv", "remove_invisible": False})
    out = pipe(
        image=np.zeros((40, 120), np.uint8), bboxes=[], kinds=[], keypoints=rows, ids=[*"abcd"]
    )
    assert [row[2] for row in out["keypoints"]] == [2, 0, 1, 0]
    assert out["keypoints"][1] == [0, 0, 0]
