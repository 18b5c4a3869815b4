"""Values of depth, normals and flow follow the picture, for every transform that moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import MOVING, ROWS, VARIANTS, build, extras

H, W = 120, 160
moving = pytest.mark.parametrize(("name", "variant"), MOVING)
CLOSE = {"lattice": 1e-4, "matrix": 0.15, "dense": 0.8}
"""Pixels by which a flow may differ at the centre of the pixel that a point is in."""
ANGLE = {"lattice": 1e-4, "matrix": 0.05, "dense": 0.25}


def measured(h: int = H, w: int = W) -> dict[str, Any]:
    """Make measurements that vary slowly."""
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float64)
    flow = np.stack([5 + 2 * np.sin(yy / 40), -4 + 2 * np.cos(xx / 50)], axis=-1)
    normals = np.stack([0.6 + 0.1 * np.sin(xx / 40), 0.3 * np.cos(yy / 50), 0 * xx + 0.9], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    depth = (1000 + 7 * xx + 3 * yy).astype(np.uint16)
    return {
        "depth": depth, "normals": normals.astype(np.float32), "flow": flow.astype(np.float32)
    }  # fmt: skip


def run(name: str, variant: int, seed: int, size: tuple[int, int] = (H, W), **data: Any) -> Any:
    """Run one transform on measurements and keypoints that all come back."""
    h, w = size
    options = {k: data.pop(k) for k in ("backend", "mask_interpolation") if k in data}
    pipe = A.Compose(
        [build(name, h, w, variant)],
        bbox_params=A.BboxParams("pascal_voc"),
        keypoint_params=A.KeypointParams("xya", remove_invisible=False),
        seed=seed,
        **options,
    )
    call = {
        "image": np.zeros((h, w, 3), np.uint8), "mask": np.ones((h, w), np.uint8),
        "bboxes": [(w // 8, h // 8, w // 2, h // 2)], "keypoints": [],
    }  # fmt: skip
    return pipe(**call | data | extras(name, h, w))


def pixels(points: Any, like: Any) -> tuple[Any, Any, Any]:
    """Rows and columns of the pixels that points are in, and which are well inside the picture."""
    height, width = like.shape[:2]
    near = np.nan_to_num(points, nan=-9.0)
    inside = ((near > 2) & (near < (width - 3, height - 3))).all(axis=1)
    x, y = np.rint(near).astype(int).T
    return y.clip(0, height - 1), x.clip(0, width - 1), inside


@moving
def test_flow_joins_keypoints(name: str, variant: int) -> None:
    data = measured()
    yy, xx = np.mgrid[8 : H - 8 : 9, 8 : W - 8 : 9]
    starts = np.stack([xx.ravel(), yy.ravel()], axis=1).astype(np.float64)
    ends = starts + data["flow"][yy.ravel(), xx.ravel()]
    points = np.concatenate([starts, ends])
    points = np.column_stack([points, np.zeros(len(points))])
    checked = 0
    for seed in range(3):
        result = run(name, variant, seed, flow=data["flow"], keypoints=points)
        moved = np.asarray(result["keypoints"])[:, :2]
        begin, end = moved[: len(starts)], moved[len(starts) :]
        rows, columns, inside = pixels(begin, result["flow"])
        inside &= np.isfinite(end).all(axis=1)
        found, wanted = result["flow"][rows, columns], end - begin
        off = np.abs(found - wanted).max(axis=1)[inside]
        checked += len(off)
        # where a distortion has creases a pixel may show the other side
        assert np.quantile(off, 0.97) < CLOSE[ROWS[name].moves] if len(off) else True
        if ROWS[name].moves == "lattice":
            assert off.max(initial=0) < 1e-4
    assert checked >= 20


@moving
def test_normals_stay_across_their_level_lines(name: str, variant: int) -> None:
    data = measured()
    yy, xx = np.mgrid[8 : H - 8 : 9, 8 : W - 8 : 9]
    starts = np.stack([xx.ravel(), yy.ravel()], axis=1).astype(np.float64)
    across = data["normals"][yy.ravel(), xx.ravel(), :2].astype(np.float64)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    level = np.degrees(np.arctan2(-across[:, 0], -across[:, 1]))  # along (-y, x), y downwards
    ends = starts + 0.5 * across
    points = np.concatenate([np.column_stack([p, level]) for p in (starts, ends)])
    checked = 0
    for seed in range(3):
        result = run(name, variant, seed, normals=data["normals"], keypoints=points)
        normals = result["normals"]
        length = np.linalg.norm(normals, axis=-1)
        assert np.abs(length[length > 0] - 1).max() < 1e-5
        moved = np.asarray(result["keypoints"])
        begin, end = moved[: len(starts)], moved[len(starts) :]
        rows, columns, inside = pixels(begin[:, :2], normals)
        inside &= np.isfinite(end).all(axis=1)
        found = normals[rows, columns][:, :2].astype(np.float64)
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        turned = np.radians(begin[:, 2])
        along = np.stack([np.cos(turned), -np.sin(turned)], axis=1)
        off = np.abs((found * along).sum(axis=1))[inside]
        ahead = ((end - begin)[:, :2] * found).sum(axis=1)[inside]
        checked += len(off)
        if len(off):
            assert np.quantile(off, 0.9) < ANGLE[ROWS[name].moves]
            assert (ahead > 0).mean() > 0.97
    assert checked >= 20


@moving
def test_depth_is_where_labels_are(name: str, variant: int) -> None:
    depth = measured()["depth"]
    for seed in range(2):
        result = run(name, variant, seed, depth=depth, mask=depth)
        assert result["depth"].dtype == depth.dtype
        known = result["depth"] > 0
        assert known.any()
        assert np.array_equal(result["depth"][known], result["mask"][known])


@moving
def test_what_was_not_measured_stays_so(name: str, variant: int) -> None:
    data = measured()
    holes = np.zeros((H, W), bool)
    holes[20:90:7, 15:140:5] = True
    for key in ("flow", "normals"):
        data[key] = np.where(holes[..., None], np.nan, data[key])
    data["depth"] = np.where(holes, np.nan, data["depth"]).astype(np.float32)
    result = run(name, variant, 4, **data, mask=holes.astype(np.uint8) + 1)
    for key in ("flow", "normals", "depth"):
        value = result[key] if result[key].ndim == 2 else result[key][..., 0]
        shown = result["mask"] == 2
        assert np.isnan(value[shown & (value != 0)]).all()
        assert np.isfinite(value[~shown]).mean() > 0.999
    zeros = run(name, variant, 4, flow=np.zeros((H, W, 2), np.float32))["flow"]
    assert not zeros.any()


@moving
def test_interpolation_of_masks_does_not_mix_them(name: str, variant: int) -> None:
    data = measured()
    one = run(name, variant, 3, **data)
    other = run(name, variant, 3, mask_interpolation=1, **data)
    assert all(np.array_equal(one[key], other[key]) for key in data)


@moving
def test_both_backends_agree(name: str, variant: int) -> None:
    size = (26, 34)
    data = measured(*size)
    fast, slow = (run(name, variant, 6, size, backend=b, **data) for b in ("opencv", "reference"))
    assert np.array_equal(fast["depth"], slow["depth"])
    off = np.abs(fast["flow"] - slow["flow"]).max(axis=-1)
    assert np.quantile(off, 0.98) < (0.05 if ROWS[name].moves == "dense" else 2e-3)
    off = np.abs(fast["normals"] - slow["normals"]).max(axis=-1)
    # in dense distortions the fast one looks a pixel far, beyond creases too
    assert np.quantile(off, 0.9) < (0.06 if ROWS[name].moves == "dense" else 1e-5)
    assert np.median(off) < 0.01


STAYING = [(name, i) for name, i in VARIANTS if getattr(getattr(A, name), "kind", "") == "image"]


@pytest.mark.parametrize(("name", "variant"), STAYING)
def test_what_does_not_move_leaves_them(name: str, variant: int) -> None:
    if name == "ToTensorV2":
        pytest.importorskip("torch")
    data = measured() | {"polygons": [[5.0, 5.0, 50.0, 5.0, 50.0, 70.0]]}
    image = np.full(
        (H, W, ROWS[name].colors[-1] if 3 not in ROWS[name].colors else 3), 99, np.uint8
    )
    result = run(name, variant, 1, image=image, **data)
    assert result["polygons"] == data["polygons"]
    for key in ("depth", "normals", "flow"):
        value = np.asarray(result[key])
        if name == "ToTensorV2":
            value = value.transpose(1, 2, 0).reshape(data[key].shape)
        assert np.array_equal(value, data[key])
