"""What artefacts of magnetic resonance imaging draw."""

from types import SimpleNamespace

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng


def one(transform, channels=3, seed=1):
    (op,) = transform.draw(Rng(seed), SimpleNamespace(channels=channels, size=(40, 50)))
    return op


def test_bias_field():
    op = one(A.BiasField((0.1, 0.3), (0.02, 0.05), per_channel=True, p=1))
    std, scale, per_channel = op.params
    assert 0.1 <= std <= 0.3
    assert 0.02 <= scale <= 0.05
    assert per_channel
    assert op.key != one(A.BiasField(p=1), seed=2).key


def test_ghosts():
    ops = [one(A.GhostingArtifact(axis=1, p=1), seed=s) for s in range(40)]
    assert {op.params[0] for op in ops} == {2, 3, 4}
    assert all(0.1 <= op.params[1] <= 0.5 and 0.02 <= op.params[2] <= 0.08 for op in ops)
    assert {op.params[3] for op in ops} == {1}


def test_spikes():
    ops = [one(A.KSpaceSpikeNoise(p=1), seed=s) for s in range(60)]
    assert {len(op.params[0]) for op in ops} == {1, 2, 3, 4, 5}
    assert {len(op.params) for op in ops} == {1}
    of_each = one(A.KSpaceSpikeNoise((2, 2), per_channel=True, p=1), channels=5)
    assert len(set(of_each.params)) == 5


def test_motion():
    op = one(A.MotionArtifact((3, 3), (-4, 4), 0.1, p=1))
    cuts, poses, axis, interpolation = op.params
    assert len(cuts) == len(poses) == 3
    assert all(0 <= cut <= 1 for cut in cuts)
    assert all(abs(a) <= 4 and abs(y) <= 0.1 and abs(x) <= 0.1 for a, y, x in poses)
    assert (axis, interpolation) == (2, 1)


def test_ringing_keeps_a_share():
    assert 0.5 <= one(A.GibbsRinging(p=1)).params[0] <= 0.9


@pytest.mark.parametrize("cls", [A.GhostingArtifact, A.MotionArtifact])
def test_slices_are_treated_in_their_plane(cls):
    with pytest.raises(ParameterError, match=r"axis = 0: it must be one of 1 \(down a slice\)"):
        cls(axis=0)
    volume = np.random.default_rng(0).integers(0, 255, (3, 20, 24), dtype=np.uint8)
    volume[1:] = volume[0]
    done = A.Compose([cls(p=1)], seed=1)(volume=volume)["volume"]
    assert done.shape == volume.shape
    assert np.array_equal(done[0], done[2])
    assert not np.array_equal(done, volume)
