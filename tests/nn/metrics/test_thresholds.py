"""Thresholds beside trying everything."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from anamorph.core.errors import DataError, ParameterError
from anamorph.nn.metrics import (
    SCORES,
    Counts,
    SegmentationScores,
    Thresholds,
    ThresholdSearch,
    cross_fitted_score,
    drop_small,
    score,
    search_thresholds,
)

RNG = np.random.default_rng(11)
T = RNG.integers(0, 2, (80, 3))
P = np.clip(0.3 * T + RNG.random((80, 3)) * 0.7, 0, 1).round(2)  # with ties


def reached(said, there, name):
    pairs = (said & there, said & ~there, ~said & there, ~said & ~there)
    return float(score(name, Counts.of(np.stack([p.sum(0) for p in pairs], -1))).mean())


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("per_class", [True, False])
def test_exact_is_the_best_of_all(name, per_class):
    found = search_thresholds(P, T, name, per_class=per_class)
    tries = np.concatenate((np.unique(P), [1.01]))
    there = T.astype(bool)
    if per_class:
        best = np.mean(
            [max(reached(P[:, c] >= t, there[:, c], name) for t in tries) for c in range(3)]
        )
    else:
        best = max(reached(t <= P, there, name) for t in tries)
        assert len(set(found.thresholds)) == 1
    assert found.score == pytest.approx(best)
    assert reached(found.apply(P), there, name) == pytest.approx(best)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 50])
def test_what_was_found_is_what_is_applied(dtype, n):
    """Scores that touch: the threshold must fall between them in their own type."""
    values = np.full(n, 0.3, dtype)
    for k in range(1, n):
        values[k] = np.nextafter(values[k - 1], dtype(1))
    truth = RNG.integers(0, 2, n)
    for name in ("f1", "accuracy"):
        found = search_thresholds(values, truth, name)
        assert reached(found.apply(values), truth.astype(bool), name) == pytest.approx(found.score)
        tensor = search_thresholds(torch.from_numpy(values), torch.from_numpy(truth), name)
        assert tensor == found


def test_ends_can_be_the_best():
    assert search_thresholds([0.2, 0.9, 1.0], [0, 0, 0], "accuracy").apply([1.0, 0.9]).sum() == 0
    assert search_thresholds([0.0, 0.9, 1.0], [1, 1, 1], "accuracy").apply([0.0]).all()


def test_equal_cuts_go_to_the_middle():
    assert search_thresholds([0.1, 0.3, 0.9], [0, 0, 1]).thresholds == (0.6,)
    grid = search_thresholds([0.1, 0.3, 0.9], [0, 0, 1], search="grid")
    assert grid.thresholds == (0.5,)


def test_ignored_labels():
    truth = T.copy()
    truth[:20] = -1
    found = search_thresholds(P, truth, ignore_index=-1)
    assert found == search_thresholds(P[20:], T[20:])


def test_a_searched_score_of_noise_is_not_to_be_believed():
    noise, truth = RNG.random((60, 8)), RNG.integers(0, 2, (60, 8))
    folds = np.arange(60) % 5
    told = search_thresholds(noise, truth, "mcc").score
    honest = cross_fitted_score(noise, truth, folds, "mcc")
    assert told > 0.15
    assert abs(honest) < told / 2
    decided = np.zeros(noise.shape, bool)
    for fold in range(5):
        out = folds == fold
        decided[out] = search_thresholds(noise[~out], truth[~out], "mcc").apply(noise[out])
    assert honest == pytest.approx(reached(decided, truth.astype(bool), "mcc"))


# ------------------------------------------------------------------------------------- masks


def pictures(n=6, classes=2):
    sizes = [(12, 15), (9, 9), (16, 11)]
    targets, said = [], []
    for k in range(n):
        target = np.zeros((classes, *sizes[k % 3]), int)
        if k % 4:
            target[:, 2:7, 3:8] = 1
        noise = RNG.random(target.shape)
        said.append(np.clip(0.5 * target + 0.6 * noise, 0, 1))
        targets.append(target)
    return said, targets


GRID, AREAS = (0.3, 0.5, 0.6, 0.7), (0, 3, 10)
SEARCH = ThresholdSearch(metric="dice", grid=GRID, min_area=AREAS, empty=1)


def plain(said, there, limits, areas, average="pictures", empty=1):
    """The score by SegmentationScores of masks that are cut and cleaned one by one."""
    scores = SegmentationScores(2, mode="multilabel", empty=empty, scores=("dice",))
    for k, (p, t) in enumerate(zip(said, there, strict=True)):
        masks = np.stack([drop_small(p[c] >= limits[c], areas[c]) for c in range(2)])
        scores.update([k], masks[None], t[None])
    return scores.compute()["dice" if average == "pictures" else "dice_pixels"]


@pytest.mark.parametrize("average", ["pictures", "pixels"])
@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("empty", [0, 1, "skip"])
def test_masks_are_the_best_of_the_grid(average, per_class, empty):
    said, there = pictures()
    search = ThresholdSearch(
        metric="dice", grid=GRID, min_area=AREAS, empty=empty, average=average, per_class=per_class
    )
    found = search.fit(said, there)
    assert plain(said, there, found.thresholds, found.min_area, average, empty) == pytest.approx(
        found.score
    )
    tries = [plain(said, there, (t, t), (a, a), average, empty) for t in GRID for a in AREAS]
    if per_class:
        assert found.score >= max(tries) - 1e-12
    else:
        assert found.score == pytest.approx(max(tries))
    decided = [found.apply(p) for p in said]
    again = plain([d.astype(float) for d in decided], there, (0.5, 0.5), (0, 0), average, empty)
    assert again == pytest.approx(found.score)


def test_masks_come_from_any_iterable_and_one_class_needs_no_axis():
    said, there = pictures(classes=1)
    found = SEARCH.fit(said, there)
    flat = SEARCH.fit([p[0] for p in said], [t[0] for t in there])
    assert found == flat
    assert found == SEARCH.fit(iter(said), (t for t in there))
    assert (found.apply(said[0]) == found.apply(said[0][0])).all()
    same = [p[0][:9, :9] for p in said]
    stacked = SEARCH.fit(np.stack(same), np.stack([t[0][:9, :9] for t in there]))
    assert stacked.apply(np.stack(same)).shape == (6, 9, 9)


def test_masks_cross_fitted():
    said, there = pictures(9)
    folds = ["a", "b", "c"] * 3
    honest = SEARCH.cross_fitted(said, there, folds)
    values = np.zeros((9, 2))
    for fold in "abc":
        rest = [k for k in range(9) if folds[k] != fold]
        found = SEARCH.fit([said[k] for k in rest], [there[k] for k in rest])
        for k in set(range(9)) - set(rest):
            one = SegmentationScores(2, mode="multilabel", empty=1, scores=("dice",))
            one.update([0], found.apply(said[k])[None], there[k][None])
            values[k] = [one.compute()["dice/0"], one.compute()["dice/1"]]
    assert honest == pytest.approx(values.mean())
    assert honest <= SEARCH.fit(said, there).score + 1e-12


def test_ignored_pixels_of_masks():
    said, there = pictures(3)
    known = [t.copy() for t in there]
    for t in known:
        t[:, :, :4] = 255
    search = ThresholdSearch(metric="iou", grid=GRID, ignore_index=255)
    part = ThresholdSearch(metric="iou", grid=GRID).fit(
        [p[:, :, 4:] for p in said], [t[:, :, 4:] for t in there]
    )
    assert search.fit(said, known) == part


def test_refused():
    with pytest.raises(DataError, match="not logits"):
        search_thresholds([3.0, -1.0], [1, 0])
    with pytest.raises(DataError, match="shape"):
        search_thresholds([0.3, 0.1], [1])
    with pytest.raises(DataError, match="nothing"):
        search_thresholds([], [])
    with pytest.raises(DataError, match="nothing"):
        search_thresholds(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ParameterError, match="did you mean f1"):
        ThresholdSearch(metric="f11")
    with pytest.raises(DataError, match="two in all"):
        cross_fitted_score(P, T, [0] * 80)
    with pytest.raises(DataError, match="3 folds of 80"):
        cross_fitted_score(P, T, [0, 1, 1])
    with pytest.raises(DataError, match="2 classes"):
        Thresholds((0.5, 0.5), (0, 0), 1.0, "f1").apply(P)
    with pytest.raises(DataError, match="C as before"):
        SEARCH.fit(
            [np.zeros((2, 4, 4)), np.zeros((3, 4, 4))], [np.zeros((2, 4, 4)), np.zeros((3, 4, 4))]
        )


def test_a_class_without_a_label_is_skipped():
    truth = T.copy()
    truth[:, 0] = 0
    low = P.copy()
    found = search_thresholds(low, truth, "recall", empty="skip")
    assert not math.isnan(found.score)
