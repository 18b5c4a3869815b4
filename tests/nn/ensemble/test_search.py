"""Searched weights: never worse than the best model, near the truth, and honest about it."""

import numpy as np
import pytest

from anamorph.core.errors import DataError, ParameterError
from anamorph.nn.ensemble import METHODS, merge_predictions, search_weights
from anamorph.nn.ensemble.search import SPACES

each_method = pytest.mark.parametrize("method", METHODS)


def _accuracy(targets, predictions):
    return float((predictions.argmax(1) == targets).mean())


def _log_loss(targets, predictions):
    p = np.clip(predictions, 1e-12, None)
    return float(-np.log(p[np.arange(len(targets)), targets] / p.sum(1)).mean())


def _binary_loss(targets, predictions):
    p = np.clip(predictions, 1e-12, 1 - 1e-12)
    return float(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean())


def _softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _data(seed=0, count=300, noises=(1.0, 1.2, 4.0)):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 3, count)
    return targets, [
        _softmax(2 * np.eye(3)[targets] + rng.normal(0, s, (count, 3))) for s in noises
    ]


@each_method
@pytest.mark.parametrize("merge", SPACES)
def test_never_worse_than_the_best_model(method, merge):
    for seed in range(3):
        targets, oof = _data(seed, 90)
        found = search_weights(oof, targets, _accuracy, method, merge=merge, folds=None, steps=20)
        assert found.score >= max(found.singles)
        assert all(weight >= 0 for weight in found.weights) or method == "logistic"
        if method != "logistic":
            assert sum(found.weights) == pytest.approx(1)
            again = _accuracy(targets, merge_predictions(oof, found.weights, merge))
            assert found.score == pytest.approx(again)


@each_method
def test_what_was_found_predicts_what_was_scored(method):
    targets, oof = _data()
    found = search_weights(oof, targets, _log_loss, method, mode="min")
    assert _log_loss(targets, found(oof)) == pytest.approx(found.score)
    assert found.score < min(found.singles) * 0.97
    assert found.singles == pytest.approx([_log_loss(targets, said) for said in oof])
    assert found.honest is not None
    assert found.score <= found.honest < min(found.singles)
    assert found.weights[2] < found.weights[0]


@pytest.mark.parametrize("method", ["hillclimb", "simplex"])
def test_the_true_weights_are_found(method):
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(3, 500))
    truth = 0.6 * parts[0] + 0.4 * parts[1]

    def error(targets, predictions):
        return float(np.square(targets - predictions).mean())

    found = search_weights(list(parts), truth, error, method, mode="min", folds=None)
    assert found.weights == pytest.approx((0.6, 0.4, 0), abs=0.02)


def test_the_honest_score_does_not_flatter():
    """Models that know nothing: the searched score is above chance, the honest one is not."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 120)
    oof = [rng.dirichlet((1, 1), 120) for _ in range(12)]
    found = search_weights(oof, targets, _accuracy, "simplex")
    assert found.score > 0.57
    assert found.honest < 0.55


def test_folds_that_are_given_are_used():
    targets, oof = _data(count=60)
    by_fold = np.arange(60) % 3
    found = search_weights(oof, targets, _accuracy, folds=by_fold)
    assert found == search_weights(oof, targets, _accuracy, folds=by_fold, seed=9)
    assert found != search_weights(oof, targets, _accuracy, folds=None)


@pytest.mark.parametrize("shape", [(200,), (200, 4)])
def test_stacking_of_binary_predictions_calibrates(shape):
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, shape)
    targets = (rng.random(shape) < 1 / (1 + np.exp(-odds))).astype(float)
    bold = 1 / (1 + np.exp(-(4 * odds + 1 + rng.normal(0, 1, shape))))
    found = search_weights(
        [bold, np.full(shape, 0.5)], targets, _binary_loss, "logistic", mode="min"
    )
    assert found.merge == "sigmoid"
    assert found.score < found.singles[0] * 0.9
    assert found.weights[0] < 0.6
    assert found([bold, np.full(shape, 0.5)]).shape == shape


def test_stacking_falls_back_to_the_best_model():
    targets, oof = _data(count=40)

    def odd(_, predictions):
        return float(np.array_equal(predictions, oof[1]))

    found = search_weights(oof, targets, odd, "logistic", folds=None)
    assert found.weights == (0, 1, 0)
    assert np.array_equal(found(oof), oof[1])


def test_one_model_has_all_the_weight():
    targets, oof = _data()
    for method in ("hillclimb", "simplex"):
        assert search_weights(oof[:1], targets, _accuracy, method).weights == (1,)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"method": "bayes"}, ParameterError, "search_weights.method"),
        ({"merge": "max"}, ParameterError, "search_weights.merge"),
        ({"mode": "up"}, ParameterError, "search_weights.mode"),
        ({"oof": []}, ParameterError, "no predictions"),
        ({"targets": [1]}, DataError, "300 predictions have 1 targets"),
        ({"metric": lambda *_: float("nan")}, DataError, "not a number"),
        ({"folds": 1}, ParameterError, "search_weights.folds"),
        ({"folds": [0] * 300}, DataError, "two different"),
        ({"oof": [np.full((300, 3), np.inf)]}, DataError, "not finite"),
        ({"method": "logistic", "oof": [np.full((300, 3), 2.0)]}, DataError, "needs probabilities"),
        ({"method": "logistic", "targets": [7] * 300}, DataError, r"in \[0, 2\]"),
    ],
)  # fmt: skip
def test_refuses(change, error, says):
    targets, oof = _data()
    with pytest.raises(error, match=says):
        search_weights(**{"oof": oof, "targets": targets, "metric": _accuracy} | change)


def test_a_blend_wants_its_models():
    targets, oof = _data()
    with pytest.raises(DataError, match="2 predictions for 3 weights"):
        search_weights(oof, targets, _accuracy, folds=None)(oof[:2])
