"""Scores of masks, boundaries and instances beside plain loops."""

from __future__ import annotations

import math
from itertools import product

import cv2
import numpy as np
import pytest
import torch

from anamorph.core.errors import DataError, ParameterError
from anamorph.nn.metrics import (
    InstanceScores,
    SegmentationScores,
    boundary,
    boundary_f,
    boundary_iou,
    drop_small,
    overlaps,
)

RNG = np.random.default_rng(5)


def blobs(*size, seed=0):
    noise = np.random.default_rng(seed).random(size).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 2) > 0.5


def dice(p, t):
    total = p.sum() + t.sum()
    return 2 * (p & t).sum() / total if total else math.nan


def test_scores_by_picture_are_plain_ones():
    p, t = RNG.random((5, 3, 8, 9)), RNG.random((5, 3, 8, 9)) > 0.7
    t[0, 1], p[0, 1] = False, 0.0
    scores = SegmentationScores(["a", "b", "c"], mode="multilabel", threshold=(0.3, 0.5, 0.9))
    scores.update(range(5), p, t)
    said = p >= np.array([0.3, 0.5, 0.9])[:, None, None]
    each = np.array([[dice(said[n, c], t[n, c]) for c in range(3)] for n in range(5)])
    out = scores.compute()
    assert math.isnan(each[0, 1])
    assert out["dice"] == pytest.approx(np.nanmean(each, 0).mean())
    assert out["dice/b"] == pytest.approx(np.nanmean(each[:, 1]))
    assert out["dice_pixels"] == pytest.approx(
        np.mean([dice(said[:, c], t[:, c]) for c in range(3)])
    )
    assert scores.pictures()[2] == pytest.approx(each[2].mean())
    for empty in (0, 1):
        other = SegmentationScores(3, mode="multilabel", threshold=(0.3, 0.5, 0.9), empty=empty)
        other.update(range(5), p, t)
        assert other.compute()["dice"] == pytest.approx(np.nan_to_num(each, nan=empty).mean())


@pytest.mark.parametrize("mode", ["binary", "multilabel", "multiclass"])
def test_tiles_batches_and_ranks_change_nothing(mode):
    channels = 1 if mode == "binary" else 3
    p = RNG.random((4, channels, 8, 12))
    t = RNG.integers(0, 3, (4, 8, 12)) if mode == "multiclass" else RNG.integers(0, 2, p.shape)
    t[..., 3] = 255
    make = lambda: SegmentationScores(channels, mode=mode, ignore_index=255, scores=("dice", "f2"))  # noqa: E731
    whole, tiles, rank = make(), make(), make()
    whole.update("abcd", p, t)
    for n, x, y in product(range(4), (0, 4, 8), (0, 5)):
        part = (slice(n, n + 1), ..., slice(y, y + 5), slice(x, x + 4))
        (tiles if (n + x) % 3 else rank).update(
            ["abcd"[n]], torch.from_numpy(p[part]), torch.from_numpy(t[part])
        )
    tiles.merge(rank)
    assert tiles.compute() == whole.compute()
    assert tiles.pictures() == whole.pictures()


def test_classes_by_number_or_by_probability():
    p, t = RNG.random((2, 3, 6, 6)), RNG.integers(0, 3, (2, 6, 6))
    one, two = (SegmentationScores(3, mode="multiclass", boundary=1) for _ in range(2))
    one.update([0, 1], p, t)
    two.update([0, 1], p.argmax(1), t)
    assert one.compute() == two.compute()
    want = np.mean([[dice(p[n].argmax(0) == c, t[n] == c) for c in range(3)] for n in range(2)])
    assert one.compute()["dice"] == pytest.approx(want)


def test_what_is_refused():
    masks = np.zeros((2, 4, 4))
    scores = SegmentationScores()
    with pytest.raises(DataError, match="not logits"):
        scores.update([0, 1], masks - 3.0, masks)
    with pytest.raises(DataError, match="1 ids of 2"):
        scores.update([0], masks, masks)
    with pytest.raises(DataError, match="shape"):
        scores.update([0, 1], masks, masks[:, :3])
    with pytest.raises(ParameterError, match="empty"):
        SegmentationScores(empty=2)
    with pytest.raises(ParameterError, match="one is for binary"):
        SegmentationScores(3)
    edges = SegmentationScores(boundary=2)
    edges.update([0, 1], masks, masks)
    with pytest.raises(DataError, match="whole pictures"):
        edges.update([0, 1], masks, masks)
    assert math.isnan(SegmentationScores().compute()["dice"])


# -------------------------------------------------------------------------------- boundaries


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("size", [(1, 1), (3, 9), (33, 40)])
def test_boundaries_are_those_by_erosion(width, size):
    for mask in (blobs(*size), np.ones(size, bool), np.zeros(size, bool)):
        padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
        assert (boundary(mask, width) == (mask & (eroded == 0))).all()


def test_boundary_scores_see_what_iou_does_not():
    target = np.zeros((100, 100), bool)
    target[10:90, 10:90] = True
    rough = target.copy()
    rough[10:14] = False
    assert boundary_iou(target, target) == boundary_f(target, target) == 1
    assert (target & rough).sum() / target.sum() == pytest.approx(0.95)
    assert boundary_iou(rough, target) < 0.75
    assert boundary_f(rough, target, 3) < 0.8
    assert boundary_f(rough, target, 4) == pytest.approx(1)
    assert math.isnan(boundary_iou(target & False, target & False))
    assert math.isnan(boundary_f(target & False, target & False))
    assert boundary_f(target, target & False) == boundary_iou(target, target & False) == 0
    with pytest.raises(DataError, match=r"\(H, W\)"):
        boundary(np.ones(3))


@pytest.mark.parametrize("width", [1, 2.9, 6])
def test_boundary_f_is_that_by_all_pairs(width):
    a, b = blobs(24, 30, seed=1), blobs(24, 30, seed=2)
    edges = [np.argwhere(boundary(m, 1)) for m in (a, b)]
    apart = np.sqrt(((edges[0][:, None] - edges[1]) ** 2).sum(-1))
    p, r = (apart.min(1) <= round(width)).mean(), (apart.min(0) <= round(width)).mean()
    assert boundary_f(a, b, width) == pytest.approx(2 * p * r / (p + r))


def test_boundaries_of_a_set():
    p, t = blobs(2 * 30, 30).reshape(2, 30, 30), blobs(60, 30, seed=4).reshape(2, 30, 30)
    scores = SegmentationScores(boundary=2, scores=("iou",))
    scores.update([0, 1], p, t)
    want = np.mean([boundary_iou(a, b, 2) for a, b in zip(p, t, strict=True)])
    assert scores.compute()["boundary_iou"] == pytest.approx(want)


# --------------------------------------------------------------------------------- instances


def objects(seed):
    _, numbered = cv2.connectedComponents(blobs(40, 50, seed=seed).astype(np.uint8))
    return numbered * 3  # any numbers will do


def test_overlaps_are_those_of_all_pairs():
    p, t = objects(1), objects(2)
    rows, columns = (np.unique(m[m > 0]) for m in (p, t))
    want = [
        [((p == a) & (t == b)).sum() / ((p == a) | (t == b)).sum() for b in columns] for a in rows
    ]
    np.testing.assert_allclose(overlaps(p, t), want)
    assert overlaps(p * 0, t).shape == (0, len(columns))


def test_instances_as_nuclei_are_scored():
    t = objects(3)
    shifted = np.roll(t, 1, 1)
    shifted[:, 0] = 0
    one, two, every = InstanceScores(), InstanceScores(), InstanceScores()
    one.update(["same"], [t], [t])
    two.update(["moved", "empty", "false"], [shifted, t * 0, t], [t, t * 0, t * 0])
    every.merge(one)
    every.merge(two)
    pictures = every.pictures()
    ratio = overlaps(shifted, t)
    want = []
    for k in range(10):
        hit = (ratio > round(0.5 + 0.05 * k, 2)).sum()
        want.append(hit / (len(ratio) + ratio.shape[1] - hit))
    assert pictures == {"same": 1, "empty": 1, "false": 0, "moved": pytest.approx(np.mean(want))}
    assert 0 < pictures["moved"] < 1
    out = every.compute()
    assert out["ap"] == pytest.approx(np.mean(list(pictures.values())))
    assert out["ap50"] == pytest.approx((1 + 1 + 0 + want[0]) / 4)
    assert out["pq"] == pytest.approx(out["sq"] * out["rq"])
    same = one.compute()
    assert same["pq"] == same["sq"] == same["rq"] == 1
    with pytest.raises(DataError, match="comes twice"):
        one.update(["same"], [t], [t])
    with pytest.raises(ParameterError, match="thresholds"):
        InstanceScores([0.3])
    assert math.isnan(InstanceScores().compute()["ap"])


def test_small_parts_are_dropped():
    mask = np.zeros((8, 8), bool)
    mask[0, 0] = mask[1, 1] = mask[5:7, 5:7] = True
    assert drop_small(mask, 3).sum() == 4
    assert drop_small(mask, 2).sum() == 6  # corners touch
    assert drop_small(mask, 0) is mask
    assert drop_small(np.zeros((0, 4), bool), 5).shape == (0, 4)
