"""Merged predictions: beside formulas, in files, in parts, refused."""

import numpy as np
import pytest
import torch

from anamorph.core.errors import DataError, MissingFileError, ParameterError, UnknownNameError
from anamorph.nn.ensemble import merge_predictions, ranked
from anamorph.nn.tta.merges import MERGES

SHAPE = (23, 3)


def _said(count=3, shape=SHAPE, kind=np.float64):
    rng = np.random.default_rng(0)
    return [rng.uniform(0.05, 0.95, shape).astype(kind) for _ in range(count)]


FORMULAS = {
    "mean": lambda x, w: np.tensordot(w, x, 1),
    "gmean": lambda x, w: np.exp(np.tensordot(w, np.log(x), 1)),
    "hmean": lambda x, w: 1 / np.tensordot(w, 1 / x, 1),
    "logit_mean": lambda x, w: 1 / (1 + np.exp(-np.tensordot(w, np.log(x / (1 - x)), 1))),
    "power": lambda x, w: np.tensordot(w, x**0.5, 1) ** 2,
    "max": lambda x, _: x.max(0),
    "min": lambda x, _: x.min(0),
    "rank": lambda x, w: np.tensordot(w, (x[:, :, None] > x[:, None]).sum(2) / 23 + 0.5 / 23, 1),
}
each_merge = pytest.mark.parametrize("merge", FORMULAS)


def test_each_merge_has_a_formula():
    assert set(FORMULAS) == {*MERGES, "rank"}


@each_merge
@pytest.mark.parametrize("weights", [None, (1, 3, 4)])
def test_formula(merge, weights):
    said = _said()
    before = [array.copy() for array in said]
    share = np.array(weights or (1, 1, 1)) / sum(weights or (1, 1, 1))
    merged = merge_predictions(said, weights, merge)
    np.testing.assert_allclose(merged, FORMULAS[merge](np.stack(said), share), rtol=1e-10)
    assert all(np.array_equal(a, b) for a, b in zip(before, said, strict=True))


@each_merge
def test_parts_and_files_make_no_difference(merge, tmp_path):
    said = _said(kind=np.float32)
    whole = merge_predictions(said, merge=merge)
    assert whole.dtype == np.float32
    for at, array in enumerate(said):
        np.save(tmp_path / f"{at}.npy", array)
    np.savez(tmp_path / "1.npz", predictions=said[1])
    files = [tmp_path / "0.npy", tmp_path / "1.npz", str(tmp_path / "2.npy")]
    out = tmp_path / "deep" / "out.npy"
    mapped = merge_predictions(files, merge=merge, out=out, chunk=20)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, whole)
    np.testing.assert_array_equal(np.load(out), whole)
    assert [path.name for path in out.parent.iterdir()] == ["out.npy"]
    filled = np.empty(SHAPE, np.float32)
    assert merge_predictions(said, merge=merge, out=filled) is filled
    np.testing.assert_array_equal(filled, whole)


@each_merge
@pytest.mark.parametrize("shape", [(1,), (4,), (1, 1), (0, 3), (5, 2, 3, 3)])
def test_shapes(merge, shape):
    said = _said(2, shape)
    merged = merge_predictions(said, merge=merge)
    assert merged.shape == shape
    if merge != "rank":
        np.testing.assert_allclose(
            merge_predictions(said[:1] * 3, merge=merge), said[0], rtol=1e-12
        )


def test_tensors_of_half_precision_and_whole_numbers():
    assert merge_predictions([torch.ones(2).bfloat16(), torch.zeros(2)]).tolist() == [0.5, 0.5]
    assert merge_predictions([np.array([1, 2]), np.array([2, 4])]).tolist() == [1.5, 3]


def test_distributions_add_up_to_one():
    said = [array / array.sum(1, keepdims=True) for array in _said()]
    merged = merge_predictions(said, merge="gmean", distribution=True)
    np.testing.assert_allclose(merged.sum(1), 1)
    assert merge_predictions(said, merge="gmean").sum(1).max() < 1


def test_ranks_share_ties_and_ignore_scale():
    values = np.random.default_rng(0).integers(0, 5, (50, 2)).astype(float)
    np.testing.assert_allclose(ranked(values), ranked(np.exp(values) * 7))
    assert 0 < ranked(values).min() < ranked(values).max() < 1
    np.testing.assert_allclose(ranked(values).mean(0), 0.5)


def test_a_failed_merge_leaves_no_file(tmp_path):
    said = _said()
    said[1][20] = np.nan
    with pytest.raises(DataError, match=r"predictions\[1\] hold a number that is not finite"):
        merge_predictions(said, out=tmp_path / "out.npy", chunk=9)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="not finite"):
        merge_predictions(said, merge="rank")


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: merge_predictions([]), ParameterError, "nothing to merge"),
        (lambda: merge_predictions(_said(), [1, 2]), ParameterError, "3 numbers of 0 or more"),
        (lambda: merge_predictions(_said(), [0, 0, 0]), ParameterError, "not all 0"),
        (lambda: merge_predictions(_said(), [1, -1, 1]), ParameterError, "weights = -1"),
        (lambda: merge_predictions(_said(), 3), ParameterError, "a list of numbers"),
        (lambda: merge_predictions(_said(), merge="ranks"), UnknownNameError, "did you mean rank"),
        (lambda: merge_predictions([np.ones(2), np.ones(3)]), DataError, "have shape"),
        (lambda: merge_predictions([np.array(["a"])]), DataError, "numbers are wanted"),
        (lambda: merge_predictions([np.full(2, 3.0)], merge="gmean"), DataError, "no probabilities"),
        (lambda: merge_predictions(["none.npy"]), MissingFileError, "not there"),
        (lambda: merge_predictions(_said(), out="x.npz"), ParameterError, "a .npy file"),
        (lambda: merge_predictions(_said(), out=np.empty(3)), ParameterError, "array of floats"),
        (lambda: merge_predictions(_said(1, (3,)), distribution=True), ParameterError, "classes are"),
    ],
)  # fmt: skip
def test_refuses(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_files_that_hold_something_else(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"no array")
    np.savez(tmp_path / "b.npz", oof=np.ones(2))
    for name, says in (("a.npy", "no array of numbers"), ("b.npz", "no array 'predictions'")):
        with pytest.raises(DataError, match=says):
            merge_predictions([tmp_path / name])
