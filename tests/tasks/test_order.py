"""The order of pictures: by seed and epoch, shared, balanced."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core.errors import ParameterError
from anamorph.tasks.order import Batches, balanced


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 3))
def test_each_once(count, batch, epoch):
    batches = Batches(range(count), batch, seed=3)
    batches.set_epoch(epoch)
    drawn = [index for each in batches for index in each]
    assert len(set(drawn)) == len(drawn) == len(batches) * batches.batch
    assert len(batches) >= 1
    assert count - len(drawn) < batches.batch


def test_seed_and_epoch_decide():
    def order(seed, epoch):
        return Batches(range(50), 5, seed=seed).order(epoch).tolist()

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(s, e)) for s in (1, 2) for e in (0, 1, 2)}) == 6


@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_share_each_batch(world):
    one = list(Batches(range(21), 8, seed=5))
    parts = [list(Batches(range(21), 8, seed=5, rank=r, world=world)) for r in range(world)]
    assert [[index for part in each for index in part] for each in zip(*parts, strict=True)] == one


def test_fewer_than_a_batch():
    assert [len(b) for b in Batches(range(5), 16, seed=0)] == [5]
    assert [len(b) for b in Batches(range(5), 16, seed=0, rank=1, world=2)] == [2]


def test_refused():
    with pytest.raises(ParameterError, match="multiple of the 2 processes"):
        Batches(range(9), 3, seed=0, world=2)
    with pytest.raises(ParameterError, match="cannot be shared"):
        Batches(range(1), 2, seed=0, world=2)


def test_indices_are_those_that_were_given():
    assert {index for each in Batches([3, 9, 27], 3, seed=0) for index in each} == {3, 9, 27}


def test_balanced_classes_come_equally_often():
    labels = np.array([0] * 90 + [1] * 10)
    weights = balanced(labels, 1)
    drawn = np.concatenate(
        [Batches(range(100), 10, seed=0, weights=weights).order(e) for e in range(40)]
    )
    assert 0.45 < labels[drawn].mean() < 0.55
    assert np.allclose(balanced(labels, 0), 1)


def test_balanced_labels():
    labels = np.array([[1, 0], [1, 0], [1, 1], [0, 0]])
    assert balanced(labels, 1).tolist() == pytest.approx([1 / 3, 1 / 3, 1, 1])
