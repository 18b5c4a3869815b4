"""COCO's scores beside torchmetrics and by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

from anamorph.core.errors import DataError, MissingDataError
from anamorph.nn.metrics import DetectionScores

pytest.importorskip("faster_coco_eval")
RNG = np.random.default_rng(7)


def boxes(n):
    corner = (RNG.random((n, 2)) * 200).round()
    return np.concatenate((corner, corner + 5 + (RNG.random((n, 2)) * 150).round()), 1)


def scene(n=8, classes=3):
    said, there = [], []
    for _ in range(n):
        true = boxes(RNG.integers(1, 7))
        labels = RNG.integers(0, classes, len(true))
        moved = np.concatenate((true + RNG.normal(0, 2, true.shape).round(), boxes(2)))
        guessed = np.concatenate((labels, RNG.integers(0, classes, 2)))
        there.append({"boxes": torch.tensor(true), "labels": torch.tensor(labels)})
        said.append(
            {
                "boxes": torch.tensor(moved),
                "labels": torch.tensor(guessed),
                "scores": torch.tensor(RNG.random(len(moved)).round(2)),
            }
        )
    return said, there


def test_beside_torchmetrics():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detection = pytest.importorskip("torchmetrics.detection")
        peer = detection.MeanAveragePrecision(backend="faster_coco_eval", class_metrics=True)
        said, there = scene()
        peer.update(said, there)
        want = {k: v.tolist() for k, v in peer.compute().items()}
    scores = DetectionScores()
    scores.update(range(8), said, there)
    out = scores.compute()
    for ours, theirs in {
        "map": "map",
        "map50": "map_50",
        "map75": "map_75",
        "mar": "mar_100",
    }.items():
        assert out[ours] == pytest.approx(want[theirs], abs=1e-6)
    for area in ("small", "medium", "large"):
        assert out[f"map_{area}"] == pytest.approx(want[f"map_{area}"], abs=1e-6)
    assert [out[f"map/{k}"] for k in range(3)] == pytest.approx(want["map_per_class"], abs=1e-6)


def test_any_number_of_detections_counts():
    said, there = scene()
    few, many = DetectionScores(max_detections=1), DetectionScores(max_detections=500)
    for scores in (few, many):
        scores.update(range(8), said, there)
    usual = DetectionScores()
    usual.update(range(8), said, there)
    assert 0 < few.compute()["map"] < many.compute()["map"] == usual.compute()["map"]


def test_ranks_are_merged_and_classes_named():
    said, there = scene()
    names = ("tree", "car", "house")
    whole, first, second = (DetectionScores(names) for _ in range(3))
    whole.update(range(8), said, there)
    first.update(range(5), said[:5], there[:5])
    second.update(range(5, 8), said[5:], there[5:])
    first.merge(second)
    assert first.compute() == pytest.approx(whole.compute(), nan_ok=True)
    assert {"map/tree", "map50/car"} <= set(whole.compute())


def test_by_hand():
    """Two of three found, one false with a middling score: precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3."""
    there = {"boxes": [[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], "labels": [0, 0, 0]}
    said = {
        "boxes": [[0, 0, 10, 10], [70, 0, 80, 10], [20, 0, 30, 10]],
        "labels": [0, 0, 0],
        "scores": [0.9, 0.8, 0.7],
    }
    scores = DetectionScores()
    scores.update(["a"], [said], [there])
    want = (34 * 1 + 33 * 2 / 3) / 101
    assert scores.compute()["map50"] == pytest.approx(want)
    assert scores.compute()["mar"] == pytest.approx(2 / 3)


def test_nothing_found_nothing_there_and_crowds():
    box = {"boxes": np.array([[0, 0, 10, 10.0]]), "labels": np.array([0])}
    none = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, int)}
    empty = none | {"scores": np.zeros(0)}
    blind = DetectionScores()
    blind.update(["a"], [empty], [box])
    assert blind.compute()["map"] == 0
    bare = DetectionScores()
    bare.update(["a"], [empty], [none])
    assert math.isnan(bare.compute()["map"])
    assert math.isnan(DetectionScores().compute()["map"])
    crowd = DetectionScores()
    both = {k: np.concatenate((box[k], box[k] + (k == "boxes") * 50)) for k in box}
    found = {k: np.concatenate((v, v[1:], v[1:])) for k, v in both.items()}
    crowd.update(
        ["a"], [found | {"scores": np.full(4, 0.5)}], [both | {"iscrowd": np.array([0, 1])}]
    )
    assert crowd.compute()["map"] == pytest.approx(1)


def test_refused():
    box = {"boxes": np.array([[0, 0, 10, 10.0]]), "labels": np.array([5])}
    scores = DetectionScores(["a"])
    with pytest.raises(MissingDataError, match="lack scores"):
        scores.update(["x"], [box], [box])
    with pytest.raises(DataError, match="1 boxes and 2 scores"):
        scores.update(["x"], [box | {"scores": np.ones(2)}], [box])
    scores.update(["x"], [box | {"scores": np.ones(1)}], [box])
    with pytest.raises(DataError, match="label 5"):
        scores.compute()
    with pytest.raises(DataError, match="comes twice"):
        scores.update(["x"], [box | {"scores": np.ones(1)}], [box])
