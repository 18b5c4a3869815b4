"""Picture, mask, boxes and keypoints agree on where things are, for every transform that moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import MOVING, ROWS, build, extras

H, W = 120, 160
TOLERANCE = {"lattice": 0.01, "matrix": 0.5, "dense": 1.0}
moving = pytest.mark.parametrize(("name", "variant"), MOVING)


def run(
    name: str, variant: int, seed: int, extra: dict[str, Any] | None = None, **data: Any
) -> Any:
    """Run one transform on data that has boxes and keypoints."""
    pipe = A.Compose(
        [build(name, H, W, variant, **(extra or {}))],
        bbox_params=A.BboxParams("pascal_voc"),
        keypoint_params=A.KeypointParams("xy", label_fields=["ids"]),
        seed=seed,
    )
    return pipe(**{"bboxes": [], "keypoints": [], "ids": []} | data | extras(name, H, W))


def blobs(points: list[tuple[float, float]], sigma: float = 2.5) -> Any:
    """Draw a Gaussian a channel at each point."""
    yy, xx = np.mgrid[0:H, 0:W].astype(np.float64)
    planes = [np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sigma**2)) for x, y in points]
    return np.stack(planes, -1).astype(np.float32)


def centre(plane: Any) -> tuple[float, float] | None:
    """Find a blob that is wholly visible and of one piece."""
    weights = np.where(plane > 0.02 * plane.max(), plane, 0).astype(np.float64)
    total = weights.sum()
    if plane.max() < 0.6 or total < 8:
        return None
    yy, xx = np.mgrid[0 : plane.shape[0], 0 : plane.shape[1]]
    x, y = float((xx * weights).sum() / total), float((yy * weights).sum() / total)
    spread = np.sqrt((((xx - x) ** 2 + (yy - y) ** 2) * weights).sum() / total / 2)
    margin = 3.5 * spread
    inside = margin < x < plane.shape[1] - 1 - margin and margin < y < plane.shape[0] - 1 - margin
    return (x, y) if inside and spread < 7 else None


@moving
def test_keypoints_follow_blobs(name: str, variant: int) -> None:
    checked = 0
    for seed in range(6):
        g = np.random.default_rng(seed)
        points = [(float(g.uniform(20, W - 20)), float(g.uniform(20, H - 20))) for _ in range(4)]
        mask = np.ones((H, W), np.uint8)
        result = run(
            name, variant, seed, image=blobs(points), mask=mask, keypoints=points, ids=[*range(4)]
        )
        found: dict[int, list[Any]] = {}
        for i, point in zip(result["ids"], result["keypoints"], strict=True):
            found.setdefault(i, []).append(point)
        for i in range(4):
            seen = centre(result["image"][..., i])
            if seen is None:
                continue
            assert i in found, f"seed {seed}: point {points[i]} was dropped, its blob is at {seen}"
            distance = min(np.hypot(p[0] - seen[0], p[1] - seen[1]) for p in found[i])
            assert distance <= TOLERANCE[ROWS[name].moves], (
                f"seed {seed}: blob at {seen}, point at {found[i]}, {distance:.2f} px apart"
            )
            checked += 1
    assert checked >= 4


@moving
def test_boxes_hold_masks(name: str, variant: int) -> None:
    checked = 0
    for seed in range(6):
        g = np.random.default_rng(seed + 50)
        x, y = int(g.integers(30, W - 70)), int(g.integers(25, H - 60))
        box = (x, y, x + int(g.integers(12, 40)), y + int(g.integers(12, 35)))
        mask = np.zeros((H, W), np.uint8)
        mask[box[1] : box[3], box[0] : box[2]] = 1
        result = run(
            name, variant, seed, image=np.zeros((H, W, 3), np.uint8), mask=mask, bboxes=[box]
        )
        ys, xs = np.nonzero(result["mask"])
        if len(xs) < 12:
            continue
        checked += 1
        tight = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        boxes = np.asarray(result["bboxes"], np.float64)
        assert len(boxes) >= 1, f"seed {seed}: the box was lost, {len(xs)} pixels are visible"
        union = (*boxes[:, :2].min(0), *boxes[:, 2:4].max(0))
        slack = {"lattice": 1e-6, "matrix": 1.0, "dense": 1.5}[ROWS[name].moves]
        assert union[0] <= tight[0] + slack
        assert union[1] <= tight[1] + slack
        assert union[2] >= tight[2] - slack
        assert union[3] >= tight[3] - slack
        if ROWS[name].moves == "lattice":
            assert np.abs(np.subtract(union, tight)).max() < 1e-6
    assert checked >= 2


@moving
def test_masks_equal_nearest_pictures(name: str, variant: int) -> None:
    yy, xx = np.mgrid[0:H, 0:W]
    labels = (((yy // 9) * 3 + (xx // 9) * 5) % 7 + 1).astype(np.uint8)
    nearest = {"interpolation": 0} if "interpolation" in getattr(A, name).fields else {}
    for seed in range(4):
        result = run(name, variant, seed, nearest, image=np.dstack([labels] * 3), mask=labels)
        assert result["image"].shape[:2] == result["mask"].shape
        assert np.array_equal(result["image"][..., 1], result["mask"])


@pytest.mark.parametrize("name", [n for n, row in ROWS.items() if row.moves == "lattice"])
def test_lattice_transforms_lose_no_box_width(name: str) -> None:
    result = run(
        name,
        0,
        3,
        image=np.zeros((H, W, 3), np.uint8),
        mask=np.ones((H, W), np.uint8),
        bboxes=[(70, 55, 90, 67)],
    )
    for box in result["bboxes"]:
        sides = sorted((box[2] - box[0], box[3] - box[1]))
        visible = box[0] > 0 and box[2] < result["image"].shape[1]
        if visible and box[1] > 0 and box[3] < result["image"].shape[0]:
            assert sides == [12, 20]
