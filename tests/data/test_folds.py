"""Folds: what every split owes, classes that are spread, groups that stay whole, files that are frozen."""

import datetime as dt
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anamorph.core.errors import DataError, ParameterError
from anamorph.data import Folds, make_folds
from anamorph.data.folds.make import METHODS
from anamorph.data.folds.timed import SCHEMES

COUNT = 60


def _rng(seed=0):
    return np.random.default_rng(seed)


def _matrix(count, classes, seed=0):
    return (_rng(seed).random((count, classes)) < np.linspace(0.1, 0.6, classes)).astype(int)


SPLITS = {
    "random": {},
    "stratified": {"labels": np.arange(COUNT) % 7 % 3},
    "multilabel": {"multilabel": _matrix(COUNT, 4)},
    "grouped": {"groups": np.arange(COUNT) // 4},
    "stratified grouped": {"groups": np.arange(COUNT) // 4, "labels": np.arange(COUNT) % 3},
    "multilabel grouped": {"groups": np.arange(COUNT) // 4, "multilabel": _matrix(COUNT, 4)},
    "expanding": {"times": np.arange(COUNT)},
    "rolling": {"times": np.arange(COUNT), "scheme": "rolling"},
    "blocked": {"times": np.arange(COUNT), "scheme": "blocked"},
}
NAMES = [f"{at:03}.png" for at in range(COUNT)]

each_split = pytest.mark.parametrize("method", SPLITS)


def test_each_method_has_a_row():
    assert set(SPLITS) == set(METHODS) | set(SCHEMES)


@each_split
def test_a_split_owes(method, tmp_path):
    folds = make_folds(NAMES, 4, **SPLITS[method])
    assert dict(folds.made)["method"] == method
    assert folds == make_folds(NAMES, 4, **SPLITS[method])
    assert hash(folds) == hash(make_folds(NAMES, 4, **SPLITS[method]))
    validated = []
    for k in range(4):
        train, valid = set(folds.train(k)), set(folds.valid(k))
        assert train
        assert valid
        assert not train & valid
        validated += sorted(valid)
        assert all(folds[name] == k for name in valid)
    assert len(validated) == len(set(validated))
    assert len(validated) == COUNT if "ing" not in method else True
    path = tmp_path / "folds.json"
    folds.save(path)
    assert Folds.load(path) == folds
    assert Folds.load(path).checksum == folds.checksum
    assert folds.summary().count("\n") == 4


@pytest.mark.parametrize("method", ["random", "stratified", "multilabel", "grouped"])
def test_another_seed_gives_other_folds(method):
    assert make_folds(NAMES, 4, seed=1, **SPLITS[method]) != make_folds(
        NAMES, 4, seed=2, **SPLITS[method]
    )


@settings(max_examples=60)
@given(
    labels=st.lists(st.integers(0, 5), min_size=3, max_size=80),
    n=st.integers(2, 3),
    seed=st.integers(-5, 5),
)
def test_counts_of_single_labels_differ_by_one_at_most(labels, n, seed):
    folds = make_folds(range(len(labels)), n, labels=labels, seed=seed)
    for _, row in folds.counts:
        assert max(row) - min(row) <= 1


def test_several_labels_are_spread_and_none_is_a_class():
    matrix = np.concatenate([_matrix(300, 5), np.zeros((50, 5), int)])
    folds = make_folds(range(350), 5, multilabel=matrix)
    assert "(none)" in dict(folds.counts)
    assert folds.deviation < 1
    chance = make_folds(range(350), 5).numbers
    by_chance = np.array([matrix[np.array(chance) == k].sum(0) for k in range(5)])
    assert np.abs(by_chance - by_chance.mean(0)).max() > 3


def test_names_of_several_labels():
    rows = [["cat"], ["dog", "cat"], [], ["dog"]] * 5
    folds = make_folds(range(20), 5, multilabel=rows, groups=np.arange(20))
    assert dict(folds.counts) == {
        "all": (4,) * 5, "cat": (2,) * 5, "dog": (2,) * 5, "(none)": (1,) * 5,
    }  # fmt: skip


def test_targets_of_a_regression_are_binned_but_grades_are_classes():
    target = _rng().normal(size=200)
    folds = make_folds(range(200), 5, labels=target, bins=4)
    assert len(folds.counts) == 5
    assert all(max(row) - min(row) <= 1 for _, row in folds.counts)
    means = [np.mean([target[at] for at in folds.valid(k)]) for k in range(5)]
    assert np.ptp(means) < 0.35
    grades = make_folds(range(200), 5, labels=np.array([0, 1 / 3, 2 / 3, 1] * 50))
    assert [name for name, _ in grades.counts][1:3] == ["0.0", "0.3333333333333333"]


def test_a_class_rarer_than_folds_is_no_error():
    folds = make_folds(range(20), 5, labels=[1, 1] + [0] * 18)
    assert sorted(dict(folds.counts)["1"]) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("way", ["labels", "multilabel"])
def test_grouped_and_stratified_at_once(way):
    groups = _rng(1).integers(0, 40, 400)
    labels = (_matrix(400, 6, 3) * _rng(2).integers(0, 2, 40)[groups][:, None]) if way != "labels" else (
        groups % 5 + _rng(3).integers(0, 2, 400)
    )  # fmt: skip
    folds = make_folds(range(400), 5, groups=groups, **{way: labels})
    for group in range(40):
        assert len({folds.numbers[at] for at in np.flatnonzero(groups == group)}) == 1
    for name, row in folds.counts:
        share = sum(row) / 5
        assert max(abs(count - share) for count in row) <= max(3, 0.12 * share), (name, row)


def test_labels_and_several_labels_together():
    folds = make_folds(
        range(100),
        5,
        labels=np.arange(100) % 2,
        multilabel=_matrix(100, 3),
        groups=np.arange(100) // 2,
    )
    assert [name for name, _ in folds.counts][:3] == ["all", "0", "1"]


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        ({"n": 1}, ParameterError, "make_folds.n = 1"),
        ({"n": 99}, DataError, "60 samples cannot be split into 99 folds"),
        ({"labels": [1, 2]}, DataError, "labels has shape"),
        ({"labels": [float("nan")] + [1.0] * 59}, DataError, r"labels\[0\] is missing"),
        ({"labels": [None] + ["a"] * 59}, DataError, r"labels\[0\] is missing"),
        ({"multilabel": np.full((60, 2), 2)}, DataError, "of 0 and 1"),
        ({"multilabel": [["a"]] * 3}, DataError, "60 ids"),
        ({"groups": [1] * 60}, DataError, "1 groups cannot be split into 5"),
        ({"times": range(60), "groups": range(60)}, ParameterError, "times or groups, not both"),
        ({"times": range(60), "scheme": "expand"}, ParameterError, "did you mean expanding"),
        ({"times": [1] * 60}, DataError, "1 different times"),
        ({"times": range(60), "gap": -1}, ParameterError, "gap = -1"),
        ({"times": range(60), "gap": dt.timedelta(1)}, ParameterError, "a number of 0"),
        ({"times": range(60), "gap": 100}, DataError, "nothing to train on"),
        ({"times": ["soon"] * 60}, DataError, "numbers or dates"),
    ],
)  # fmt: skip
def test_refuses(bad, error, says):
    with pytest.raises(error, match=says):
        make_folds(NAMES, **bad)


@pytest.mark.parametrize(
    "ids", [["a", "b", "a", "c", "d", "e"], [1.5, 2, 3, 4, 5], [True, 2, 3, 4, 5]]
)
def test_ids_are_unique_names(ids):
    with pytest.raises(DataError, match=r"twice|text or a whole number"):
        make_folds(ids)


# ------------------------------------------------------------------------------- time


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("gap", [0, 3])
def test_time_is_kept(scheme, gap):
    times = _rng(4).permutation(100)
    folds = make_folds(range(100), 4, times=times, gap=gap, scheme=scheme)
    for k in range(4):
        train, valid = times[list(folds.train(k))], times[list(folds.valid(k))]
        nearest = np.abs(train[:, None] - valid[None]).min()
        assert nearest == max(gap, 1)
        if scheme != "blocked":
            assert train.max() < valid.min()
        if scheme == "rolling":
            assert len(train) <= len(valid)


def test_equal_times_stay_together_and_a_frequent_one_leaves_no_fold_empty():
    times = [0] * 50 + [1, 2, 3, 4]
    folds = make_folds(range(54), 4, times=times)
    assert [len(folds.valid(k)) for k in range(4)] == [1, 1, 1, 1]
    assert folds.train(0) == tuple(range(50))


def test_dates_and_a_gap_in_days():
    days = [f"2024-01-{day:02}" for day in range(1, 21)]
    folds = make_folds(days, 4, times=days, gap=dt.timedelta(days=2))
    assert folds.valid(0) == tuple(days[4:8])
    assert folds.train(0) == tuple(days[:3])
    same = make_folds(days, 4, times=np.array(days, "datetime64[D]"), gap=np.timedelta64(2, "D"))
    assert same.left_out == folds.left_out


# ------------------------------------------------------------------------------- the value


def test_positions_in_other_data():
    folds = Folds(("a", "b", "c", "d"), (0, 1, 0, 1), 2)
    assert folds.to_dict() == {"a": 0, "b": 1, "c": 0, "d": 1}
    train, valid = folds.split(0, ["d", "c", "b", "a"])
    assert (train.tolist(), valid.tolist()) == ([0, 2], [1, 3])
    with pytest.raises(DataError, match="'b' and 1 more are of the folds not among the data"):
        folds.split(0, ["a", "c"])
    with pytest.raises(DataError, match="'e' is in no fold"):
        folds.split(0, ["a", "b", "c", "d", "e"])
    train, valid = folds.split(1, ["e", "c", "b"], missing="ignore", new="train")
    assert (train.tolist(), valid.tolist()) == ([0, 1], [2])
    train, valid = folds.split(1, ["e", "c", "b"], missing="ignore", new="ignore")
    assert (train.tolist(), valid.tolist()) == ([1], [2])


@pytest.mark.parametrize("call", [lambda f: f.split(2), lambda f: f.train(-1), lambda f: f["z"],
                                  lambda f: f.split(0, new="keep")])  # fmt: skip
def test_what_is_not_there_is_refused(call):
    with pytest.raises((ParameterError, DataError)):
        call(Folds(("a", "b"), (0, 1), 2))


@pytest.mark.parametrize(
    ("numbers", "says"),
    [((0,), "have 1 folds"), ((0, 5), "fold 5"), ((0, 0), "fold 1 of 2 is empty")],
)
def test_wrong_numbers_are_refused(numbers, says):
    with pytest.raises(DataError, match=says):
        Folds(("a", "b"), numbers, 2)


def test_a_changed_file_is_refused(tmp_path):
    path = tmp_path / "folds.json"
    make_folds(["a", 2, "ä/ö.png"], 3).save(path)
    assert Folds.load(path)[2] in range(3)
    text = path.read_text()
    assert '["ä/ö.png", ' in text
    wrong = json.loads(text)
    wrong["folds"][0][1] = (wrong["folds"][0][1] + 1) % 3
    path.write_text(json.dumps(wrong))
    with pytest.raises(DataError, match="its checksum differs"):
        Folds.load(path)
    path.write_text("{")
    with pytest.raises(DataError, match="is no JSON"):
        Folds.load(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="no file of folds"):
        Folds.load(path)
    with pytest.raises(DataError, match="cannot be read"):
        Folds.load(tmp_path / "none.json")
