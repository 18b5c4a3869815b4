"""Pictures that know where each of their pixels came from, and pipelines for one transform."""

from __future__ import annotations

from typing import Any

import numpy as np

import anamorph as A
from contracts.table import build, extras

H, W = 96, 128


def places(h: int = H, w: int = W) -> Any:
    """Make a picture whose channels are x, y and 1: wherever it is shown, it tells its place."""
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([x / w, y / h, np.ones((h, w))], -1).astype(np.float32)


def origin(picture: Any, point: Any, size: tuple[int, int] = (H, W)) -> Any:
    """Tell which place of the source a warped `places` shows at a keypoint, None if none."""
    x, y = float(point[0]), float(point[1])
    j, i = int(np.floor(x)), int(np.floor(y))
    if not (1 <= j < picture.shape[1] - 2 and 1 <= i < picture.shape[0] - 2):  # a resize ends early
        return None
    corners = picture[i : i + 2, j : j + 2].astype(np.float64)
    if corners[..., 2].min() < 0.9999 or np.ptp(corners[..., :2], axis=(0, 1)).max() > 0.2:
        return None
    u, v = x - j, y - i
    row = corners[:, 0] * (1 - u) + corners[:, 1] * u
    value = row[0] * (1 - v) + row[1] * v
    return value[0] * size[1], value[1] * size[0]


def numbered(h: int, w: int) -> Any:
    """Make a picture in which every pixel has a number of its own, from 1."""
    return np.arange(1, h * w + 1, dtype=np.uint16).reshape(h, w)


def piped(*transforms: Any, seed: int | None = 0, **options: Any) -> Any:
    """Make a pipeline that knows boxes with kinds and keypoints with names."""
    boxes = {"format": "pascal_voc", "label_fields": ["kinds"], **options.pop("boxes", {})}
    points = {"format": "xy", "label_fields": ["ids"], **options.pop("points", {})}
    return A.Compose(
        list(transforms), bbox_params=boxes, keypoint_params=points, seed=seed, **options
    )


def moved(name: str, variant: int, seed: int, **data: Any) -> Any:
    """Run one row of the table of transforms on a picture of H×W."""
    fixed = {"remove_invisible": False, **data.pop("points", {})}
    pipe = piped(build(name, H, W, variant), seed=seed, points=fixed, boxes=data.pop("boxes", {}))
    empty = {"bboxes": [], "kinds": [], "keypoints": [], "ids": []}
    mask = np.ones((H, W), np.uint8)
    return pipe(**empty | {"mask": mask} | data | extras(name, H, W))
