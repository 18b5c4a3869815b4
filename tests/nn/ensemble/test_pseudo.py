"""Pseudo-labels: who is chosen, by what rule, and that folds do not see each other."""

import numpy as np
import pytest

from anamorph.core.errors import DataError, ParameterError
from anamorph.nn.ensemble import fold_pseudo_labels, pseudo_labels

SAID = np.array([[0.97, 0.02, 0.01], [0.4, 0.5, 0.1], [0.91, 0.05, 0.04], [0.0, 0.95, 0.05]])


def test_the_sure_ones_are_chosen():
    found = pseudo_labels(SAID)
    assert found.indices.tolist() == [0, 2, 3]
    assert found.labels.tolist() == [0, 0, 1]
    assert found.confidence.tolist() == [0.97, 0.91, 0.95]
    assert found.counts == (2, 1, 0)
    assert len(pseudo_labels(SAID, confidence=0.0)) == 4
    assert len(pseudo_labels(SAID, confidence=0.99)) == 0


def test_soft_labels_are_the_mean():
    found = pseudo_labels([SAID, SAID[::-1]], confidence=0, agreement=0, soft=True)
    np.testing.assert_allclose(found.labels, (SAID + SAID[::-1]) / 2)


def test_quota_takes_the_surest_of_each_class():
    assert pseudo_labels(SAID, quota=1).indices.tolist() == [0, 3]
    assert pseudo_labels(SAID, quota={0: 5}).indices.tolist() == [0, 2]
    assert pseudo_labels(SAID, quota=0).counts == (0, 0, 0)
    many = np.tile([[0.92, 0.08]], (50, 1))
    assert pseudo_labels(many, quota=7).indices.tolist() == list(range(7))


def test_models_must_agree():
    dissent = SAID.copy()
    dissent[3] = [0.6, 0.4, 0.0]
    said = [SAID, SAID, dissent]
    assert pseudo_labels(said, confidence=0.7, agreement=2 / 3).indices.tolist() == [0, 2, 3]
    assert pseudo_labels(said, confidence=0.7).indices.tolist() == [0, 2]


def test_several_labels_are_all_to_be_sure():
    said = np.array([[0.95, 0.03], [0.95, 0.6], [0.02, 0.01]])
    found = pseudo_labels(said, multilabel=True)
    assert found.indices.tolist() == [0, 2]
    assert found.labels.tolist() == [[1, 0], [0, 0]]
    assert found.counts == (1, 0)
    with pytest.raises(ParameterError, match="quota"):
        pseudo_labels(said, multilabel=True, quota=1)


def test_a_fold_takes_labels_of_its_own_model_alone():
    """What another fold's model says changes nothing."""
    said = {0: SAID, 1: SAID[::-1], 2: np.stack([SAID, SAID])}
    labels = fold_pseudo_labels(said)
    assert labels[1].indices.tolist() == [0, 1, 3]
    others = fold_pseudo_labels({**said, 0: np.full((4, 3), 1 / 3), 2: SAID[::-1]})
    assert np.array_equal(labels[1].labels, others[1].labels)
    assert np.array_equal(labels[1].indices, others[1].indices)
    with pytest.raises(DataError, match="one shape"):
        fold_pseudo_labels({0: SAID, 1: SAID[:2]})


@pytest.mark.parametrize(
    ("said", "rules", "error"),
    [
        (SAID[0], {}, DataError),
        (SAID * 3, {}, DataError),
        (SAID * np.nan, {}, DataError),
        (SAID, {"confidence": 2}, ParameterError),
        (SAID, {"agreement": -1}, ParameterError),
        (SAID, {"quota": -1}, ParameterError),
        (SAID, {"soft": 1.5}, ParameterError),
    ],
)
def test_refuses(said, rules, error):
    with pytest.raises(error):
        pseudo_labels(said, **rules)


def test_no_samples():
    assert len(pseudo_labels(np.zeros((0, 3)))) == 0
