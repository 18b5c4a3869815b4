"""What is right and wrong, beside scikit-learn and by hand."""

import numpy as np
import pytest

pytest.importorskip("torch")
sklearn = pytest.importorskip("sklearn.metrics")

from anamorph import tasks  # noqa: E402 - after the skips
from anamorph.tasks.base import Decision  # noqa: E402
from anamorph.tasks.masks import IGNORED  # noqa: E402
from anamorph.tasks.report.judging import STEPS, judge_of, matched  # noqa: E402
from anamorph.tasks.table import task_of  # noqa: E402


def task(name, mode, classes):
    kind = {"classify": "folders", "segment": "masks", "detect": "coco"}[name]
    if name == "classify" and mode == "multilabel":
        kind = "coco"
    return task_of(tasks.load({"task": name, "mode": mode, "data": {"kind": kind}}), classes)


def rounded(scores):
    return np.rint(scores * (STEPS - 1)) / (STEPS - 1)


def test_classes_as_scikit_learn_counts_them():
    rng = np.random.default_rng(0)
    said = rounded(rng.dirichlet(np.ones(3), 60)).astype(np.float32)
    true = rng.integers(0, 3, 60)
    chosen = task("classify", "multiclass", ("a", "b", "c"))
    judge = judge_of(chosen, Decision())
    for at in range(60):
        judge.add((0, at), said[at], true[at])
    for at in range(3):
        expected = sklearn.average_precision_score(true == at, said[:, at])
        assert judge.average_precision(at) == pytest.approx(expected, abs=1e-6)
        steps = [0, 40, 128, 255]
        f1 = [
            sklearn.f1_score(true == at, said[:, at] >= np.float32(k / 255 - 1e-6), zero_division=0)
            for k in steps
        ]
        assert judge.f1(at)[steps] == pytest.approx(f1)
    expected = sklearn.confusion_matrix(true, said.argmax(1), labels=range(3))
    assert np.array_equal(judge.confusion, expected)
    assert judge.worths[0, 5] == pytest.approx(said[5, true[5]])
    assert judge.ordered[0] == min(judge.worths, key=judge.worths.get)


def test_several_labels_have_no_confusion():
    judge = judge_of(task("classify", "multilabel", ("a", "b")), Decision((0.5, 0.5)))
    judge.add((0, 0), np.array([0.9, 0.2], np.float32), np.array([1, 0]))
    judge.add((0, 1), np.array([0.1, 0.2], np.float32), np.array([1, 1]))
    assert judge.confusion is None
    assert judge.there.tolist() == [2, 1]
    assert judge.worths[0, 0] == pytest.approx((0.9 * 0.8) ** 0.5)
    assert judge.ordered == [(0, 1), (0, 0)]


MODES = [
    ("binary", ("thing",), 1),
    ("multiclass", ("bare", "x", "y"), 3),
    ("multilabel", ("x", "y"), 2),
]


@pytest.mark.parametrize(("mode", "classes", "channels"), MODES)
def test_masks_pixel_by_pixel(mode, classes, channels):
    rng = np.random.default_rng(1)
    chosen = task("segment", mode, classes)
    decision = chosen.usual()
    judge = judge_of(chosen, decision)
    shape = (7, 5, channels) if mode == "multilabel" else (7, 5)
    said, true = [], []
    for at in range(4):
        said.append(rounded(rng.random((7, 5, channels))).astype(np.float32))
        there = rng.integers(0, 3 if mode == "multiclass" else 2, shape).astype(np.int16)
        there[0, :2] = IGNORED
        true.append(there)
        judge.add((0, at), said[-1], there)
    said, true = np.stack(said), np.stack(true)
    for at in range(channels):
        plane = true[..., at] if mode == "multilabel" else true
        known = plane != IGNORED
        of = plane[known] == (at if mode == "multiclass" else 1)
        expected = sklearn.average_precision_score(of, said[..., at][known])
        assert judge.average_precision(at) == pytest.approx(expected, abs=1e-6)
    if mode == "multilabel":
        assert judge.confusion is None
    else:
        assert judge.confusion.sum() == (true != IGNORED).sum()


def test_an_empty_mask_that_is_told_empty_is_perfect():
    judge = judge_of(task("segment", "binary", ("thing",)), Decision((0.5,), (0,)))
    judge.add((0, 0), np.zeros((3, 3, 1), np.float32), np.zeros((3, 3), np.int16))
    assert judge.worths == {(0, 0): 1.0}
    assert np.isnan(judge.average_precision(0))


def boxes(*rows):
    return {
        "boxes": np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        "labels": np.array([row[4] for row in rows], np.int64),
        "scores": np.array([row[5] if len(row) > 5 else 1 for row in rows], np.float32),
    }


def test_boxes_by_hand():
    judge = judge_of(task("detect", "boxes", ("cat", "dog")), Decision((0.5, 0.5)))
    said = boxes(
        (0, 0, 10, 10, 0, 0.9),  # finds the cat
        (1, 0, 10, 10, 0, 0.8),  # finds it again
        (20, 20, 30, 30, 0, 0.7),  # takes the dog for a cat
        (40, 40, 50, 50, 1, 0.1),  # unsure, in the curves alone
    )
    judge.add((0, 0), said, boxes((0, 0, 10, 10, 0), (20, 20, 30, 30, 1), (60, 60, 70, 70, 1)))
    assert judge.confusion.tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 0]]
    assert judge.worths[0, 0] == pytest.approx(2 * 1 / 6)
    assert judge.average_precision(0) == pytest.approx(1)
    assert judge.average_precision(1) == pytest.approx(0)
    judge.add((0, 1), boxes(), boxes())
    assert judge.worths[0, 1] == 1


def test_the_best_score_chooses_first():
    there = np.array([[0, 0, 10, 10], [100, 100, 110, 110]])
    said = np.array([[0, 0, 10, 9], [0, 0, 10, 10], [100, 100, 109, 110]], float)
    assert matched(said, np.array([0.9, 0.5, 0.4]), there).tolist() == [0, -1, 1]
    assert matched(said, np.array([0.1, 0.5, 0.4]), there).tolist() == [-1, 0, 1]
    assert matched(said[:0], np.zeros(0), there).tolist() == []


def test_calibration_by_hand():
    judge = judge_of(task("classify", "multilabel", ("a",)), Decision((0.5,)))
    for at in range(10):
        judge.add((0, at), np.array([0.8], np.float32), np.array([at < 6]))
    mean, share, count = judge.calibration()
    assert count.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 10, 0]
    assert mean[8] == pytest.approx(0.8)
    assert share[8] == pytest.approx(0.6)
