"""Ours beside ensemble-boxes 1.0.9, whose results `benchmarks/boxes.py` has written down."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from anamorph.nn import boxes

KEPT = json.loads((Path(__file__).parent / "ensemble_boxes.json").read_text())
ROUNDED = 3e-5
"""It works in single precision, and five digits are kept."""


def in_order(rows):
    """Rows sorted by class and place."""
    return rows[np.lexsort((*rows[:, :4].T.round(3), rows[:, 5]))]


def told(case):
    """Whatever the two mean by weights of suppressed boxes, brought to one scale."""
    rows = np.array(case["rows"]).reshape(-1, 6)
    weights = case["options"].get("weights")
    if case["call"] == "nms" and weights:
        rows[:, 4] *= sum(weights) / max(weights)
    return in_order(rows)


@pytest.mark.parametrize("case", KEPT["cases"], ids=lambda c: f"{c['call']}-{c['scene']}")
def test_same_result(case):
    scene = KEPT["scenes"][case["scene"]]
    found = in_order(np.column_stack(getattr(boxes, case["call"])(*scene, **case["options"])))
    wanted = told(case)
    columns = [0, 1, 2, 3, 4, 5]
    if case["call"] == "soft_nms":  # it decides by lowered scores, but gives the old ones
        columns.remove(4)
        assert (found[:, 4] <= wanted[:, 4] + ROUNDED).all()
    np.testing.assert_allclose(found[:, columns], wanted[:, columns], atol=ROUNDED)


def test_the_cases_are_worth_it():
    """They cover every call, and most put something together."""
    calls = {case["call"] for case in KEPT["cases"]}
    assert calls == {"nms", "soft_nms", "non_maximum_weighted", "weighted_boxes_fusion"}
    given = [sum(map(len, KEPT["scenes"][case["scene"]][1])) for case in KEPT["cases"]]
    fewer = [len(case["rows"]) < n for case, n in zip(KEPT["cases"], given, strict=True)]
    assert sum(fewer) > 0.8 * len(fewer)


def test_duplicates_of_a_heavy_model_stay_below_one():
    """It says 1.333 here."""
    twice = [[0.1, 0.1, 0.5, 0.5]] * 2
    far = [[0.6, 0.6, 0.9, 0.9]]
    _, scores, _ = boxes.weighted_boxes_fusion(
        [twice, far], [[1.0, 1.0], [0.5]], [[0, 0], [1]], weights=[2, 1]
    )
    np.testing.assert_allclose(scores, [1.0, 0.5 / 3])


def test_pixels_are_not_clipped():
    """It clips to 1 and finds nothing."""
    found, _, _ = boxes.weighted_boxes_fusion([[[10, 10, 50, 50]]], [[0.9]], [[0]])
    assert found.tolist() == [[10, 10, 50, 50]]


def test_a_weight_of_zero_leaves_a_model_out():
    """It gives NaN."""
    views = [[[0, 0, 10, 10]], [[0, 0, 10, 8]]], [[0.5], [0.9]], [[1], [1]]
    found, scores, labels = boxes.weighted_boxes_fusion(*views, weights=[1, 0])
    assert found.tolist() == [[0, 0, 10, 10]]
    assert scores.tolist() == [0.5]
    assert labels.tolist() == [1]
