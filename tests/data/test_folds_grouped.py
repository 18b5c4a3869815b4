"""Groups dealt to folds, beside all possible ways and beside scikit-learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anamorph.data import make_folds
from anamorph.data.folds.grouped import cost, spread


def _scaled(counts, n):
    kept = counts[:, counts.sum(0) > 0].astype(float)
    return kept / np.sqrt(kept.sum(0) / n)


def _best(counts, n):
    scaled = _scaled(counts, n)
    ways = itertools.product(range(n), repeat=len(counts))
    return min(cost(scaled, np.array(way), n) for way in ways if len(set(way)) == n)


@settings(max_examples=40)
@given(
    counts=st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 5), st.integers(0, 3)), min_size=3, max_size=7
    ),
    n=st.integers(2, 3),
)
def test_near_the_best_of_all_ways(counts, n):
    table = np.array(counts)
    places = spread(table, n, 0)
    assert set(places.tolist()) == set(range(n))
    reached, best = cost(_scaled(table, n), places, n), _best(table, n)
    assert reached <= best * 1.25 + 0.35


def test_mostly_the_best_of_all_ways():
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(12):
        sizes = rng.integers(1, 12, 7)
        table = np.column_stack([sizes, rng.binomial(sizes, 0.3), rng.binomial(sizes, 0.1)])
        reached = cost(_scaled(table, 3), spread(table, 3, seed), 3)
        hits += reached <= _best(table, 3) + 1e-9
    assert hits >= 10


@settings(max_examples=40)
@given(
    groups=st.lists(st.integers(0, 12), min_size=10, max_size=120).filter(
        lambda g: len(set(g)) >= 3
    ),
    seed=st.integers(0, 99),
)
def test_groups_are_never_split_and_no_fold_is_empty(groups, seed):
    labels = (np.random.default_rng(seed).random((len(groups), 4)) < 0.3).astype(int)
    folds = make_folds(range(len(groups)), 3, groups=groups, multilabel=labels, seed=seed)
    for group in set(groups):
        at = [i for i, g in enumerate(groups) if g == group]
        assert len({folds.numbers[i] for i in at}) == 1
    assert set(folds.numbers) == {0, 1, 2}


def test_one_giant_group():
    folds = make_folds(range(103), 4, groups=[0] * 100 + [1, 2, 3], labels=[0, 1] * 51 + [0])
    assert sorted(len(folds.valid(k)) for k in range(4)) == [1, 1, 1, 100]


def _off(numbers, labels, n):
    counts = np.array(
        [np.bincount(labels[numbers == k], minlength=labels.max() + 1) for k in range(n)]
    )
    return np.abs(counts - counts.mean(0)).max(), counts.sum(1)


@pytest.mark.parametrize("seed", range(6))
def test_beside_scikit_learn(seed):
    sklearn = pytest.importorskip("sklearn.model_selection")
    rng = np.random.default_rng(seed)
    groups = np.sort(rng.integers(0, 60, 900))
    labels = np.minimum(rng.poisson(rng.gamma(0.7, 1.2, 60)[groups]), 4)
    theirs = np.empty(900, int)
    splitter = sklearn.StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for k, (_, valid) in enumerate(splitter.split(labels, labels, groups)):
        theirs[valid] = k
    ours = np.array(make_folds(range(900), 5, groups=groups, labels=labels, seed=seed).numbers)
    (off, sizes), (their_off, their_sizes) = _off(ours, labels, 5), _off(theirs, labels, 5)
    assert off <= their_off
    assert np.ptp(sizes) <= np.ptp(their_sizes)


@pytest.mark.parametrize("seed", range(3))
def test_beside_iterative_stratification(seed):
    """Several labels, some together, two fifths of the samples with none."""
    iterstrat = pytest.importorskip("iterstrat.ml_stratifiers")
    rng = np.random.default_rng(seed)
    labels = (rng.random((600, 8)) < np.linspace(0.1, 0.6, 8)).astype(int)
    labels[rng.random(600) < 0.4] = 0
    labels[:, :2] *= rng.random((600, 1)) < 0.3
    columns = np.column_stack([np.ones(600, int), labels, labels.sum(1) == 0])
    splitter = iterstrat.MultilabelStratifiedKFold(5, shuffle=True, random_state=seed)
    parts = [columns[valid].sum(0) for _, valid in splitter.split(columns[:, 1:], columns[:, 1:])]
    theirs = np.abs(np.array(parts) - columns.sum(0) / 5).max()
    ours = make_folds(range(600), 5, multilabel=labels, seed=seed).deviation
    assert ours <= min(theirs, 1.5)
