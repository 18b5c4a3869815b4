"""The fusions beside plain loops, which are their specification."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.nn.boxes import NMS, NonMaximumWeighted, SoftNMS, WeightedBoxesFusion, clusters
from anamorph.nn.boxes.pairs import overlapping, regions

near = {"rtol": 1e-9, "atol": 1e-12}


def iou(a, b):
    width, height = (max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0.0) for i in (0, 1))
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return width * height / (sum(areas) - width * height)


def ranked(boxes, scores):
    return sorted(range(len(boxes)), key=lambda i: -scores[i])


def nms(boxes, scores, labels, thr):
    kept = []
    for i in ranked(boxes, scores):
        same = [k for k in kept if labels[k] == labels[i]]
        if all(iou(boxes[k], boxes[i]) <= thr for k in same):
            kept.append(i)
    return {i: (boxes[i], scores[i]) for i in kept}


def soft(boxes, scores, labels, factor):
    left = dict(enumerate(scores))
    out = {}
    while left:
        best = max(left, key=lambda i: (left[i], -ranked(boxes, scores).index(i)))
        out[best] = (boxes[best], left.pop(best))
        for i in left:
            if labels[i] == labels[best]:
                left[i] *= factor(iou(boxes[best], boxes[i]))
    return {i: found for i, found in out.items() if found[1] >= 0.001}


def mean(boxes, weights):
    return np.average(boxes, axis=0, weights=weights) if sum(weights) else np.array(boxes[0])


def nmw(boxes, scores, labels, thr):
    clusters = {}
    for i in ranked(boxes, scores):
        same = {k: iou(boxes[k], boxes[i]) for k in clusters if labels[k] == labels[i]}
        best = max(same, key=same.get, default=None)
        if best is not None and same[best] > thr:
            clusters[best].append(i)
        else:
            clusters[i] = [i]
    return {
        k: (
            mean([boxes[i] for i in m], [scores[i] * iou(boxes[k], boxes[i]) for i in m]),
            scores[k],
        )
        for k, m in clusters.items()
    }


def wbf(boxes, scores, labels, thr):
    clusters, means = {}, {}
    for i in ranked(boxes, scores):
        same = {k: iou(means[k], boxes[i]) for k in clusters if labels[k] == labels[i]}
        best = max(same, key=same.get, default=None)
        if best is None or same[best] <= thr:
            best = i
            clusters[i] = []
        clusters[best].append(i)
        members = clusters[best]
        means[best] = mean([boxes[j] for j in members], [scores[j] for j in members])
    return {k: (means[k], sum(scores[i] for i in m) / max(1, len(m))) for k, m in clusters.items()}


def agrees(found, wanted):
    """The same boxes and scores for the same of the caller's boxes."""
    assert sorted(found["index"].tolist()) == sorted(wanted)
    rows = [wanted[i] for i in found["index"].tolist()]
    if rows:
        np.testing.assert_allclose(found["boxes"], [row[0] for row in rows], **near)
        np.testing.assert_allclose(found["scores"], [row[1] for row in rows], **near)
    assert (np.diff(found["scores"]) <= 0).all()


@st.composite
def scenes(draw):
    """Boxes on a small lattice, so that many are equal, touch, or lie on the threshold."""
    corner, side = st.integers(0, 6), st.integers(1, 4)
    rows = draw(st.lists(st.tuples(corner, corner, side, side, st.integers(0, 2)), max_size=24))
    boxes = [[float(x), float(y), float(x + w), float(y + h)] for x, y, w, h, _ in rows]
    score = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0])
    scores = draw(st.lists(score, min_size=len(rows), max_size=len(rows)))
    return boxes, scores, [row[4] for row in rows]


thresholds = st.sampled_from([0.0, 0.2, 1 / 3, 0.5, 0.55, 1.0])


def view(scene):
    return dict(zip(("boxes", "scores", "labels"), scene, strict=True))


@given(scenes(), thresholds)
def test_nms(scene, thr):
    agrees(NMS(iou=thr)(view(scene)), nms(*scene, thr))


@given(scenes(), thresholds)
def test_soft_linear(scene, thr):
    found = SoftNMS(iou=thr, decay="linear")(view(scene))
    agrees(found, soft(*scene, lambda x: 1 - x if x > thr else 1.0))


@given(scenes(), st.sampled_from([0.1, 0.5, 2.0]))
def test_soft_gaussian(scene, sigma):
    found = SoftNMS(sigma=sigma)(view(scene))
    agrees(found, soft(*scene, lambda x: math.exp(-(x**2) / sigma)))


@given(scenes(), thresholds)
def test_non_maximum_weighted(scene, thr):
    agrees(NonMaximumWeighted(iou=thr)(view(scene)), nmw(*scene, thr))


ROADS = {"alone": {"_FEW": 100}, "in step": {"_FEW": -1, "_COMPANY": 0}}


@pytest.mark.parametrize("road", ROADS)
@given(scene=scenes(), thr=st.sampled_from([0.0, 0.2, 0.45, 0.55, 0.7, 1.0]))
def test_weighted_boxes_fusion(road, scene, thr):
    with mock.patch.multiple(clusters, **ROADS[road]):
        agrees(WeightedBoxesFusion(iou=thr)(view(scene)), wbf(*scene, thr))


def crowd(seed, count, classes, side):
    rng = np.random.default_rng(seed)
    center, size = rng.uniform(0, 1, (count, 2)), rng.uniform(side / 4, side, (count, 2))
    boxes = np.concatenate([center - size / 2, center + size / 2], axis=1)
    return (
        boxes.tolist(),
        rng.uniform(0, 1, count).tolist(),
        rng.integers(0, classes, count).tolist(),
    )


CROWDS = [(0, 300, 1, 0.9), (1, 400, 4, 0.3), (2, 400, 1, 0.05), (3, 150, 40, 0.5)]


def test_crowds():
    """Hundreds of boxes, in one knot or far apart, take every road through the code."""
    for about in CROWDS:
        scene = crowd(*about)
        agrees(NMS(iou=0.4)(view(scene)), nms(*scene, 0.4))
        agrees(SoftNMS()(view(scene)), soft(*scene, lambda x: math.exp(-(x**2) / 0.5)))
        agrees(NonMaximumWeighted()(view(scene)), nmw(*scene, 0.55))
        agrees(WeightedBoxesFusion()(view(scene)), wbf(*scene, 0.55))


@given(scenes(), thresholds)
def test_pairs_are_all_and_no_more(scene, thr):
    boxes, _, labels = scene
    found = overlapping(np.array(boxes).reshape(-1, 4), np.array(labels, np.int64), thr)
    wanted = {
        (i, j): iou(boxes[i], boxes[j])
        for j in range(len(boxes))
        for i in range(j)
        if labels[i] == labels[j] and iou(boxes[i], boxes[j]) > thr
    }
    pairs = list(zip(found.better.tolist(), found.worse.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert dict(zip(pairs, found.iou.tolist(), strict=True)) == wanted


@given(scenes())
def test_regions_part_no_two_that_overlap(scene):
    boxes, _, labels = scene
    parts = regions(np.array(boxes).reshape(-1, 4), np.array(labels, np.int64))
    for j in range(len(boxes)):
        for i in range(j):
            if parts[i] == parts[j]:
                assert labels[i] == labels[j]
            elif labels[i] == labels[j]:
                assert iou(boxes[i], boxes[j]) == 0.0
