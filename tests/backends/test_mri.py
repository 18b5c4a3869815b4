"""Artefacts of magnetic resonance imaging: fast kernels against k-space, and known answers."""

import numpy as np
import pytest

from anamorph.backends import BACKENDS
from anamorph.core.rng import generator
from anamorph.ir import mri
from anamorph.ir.ops import Effect

WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
SIZES = ((1, 1), (1, 9), (9, 1), (2, 2), (7, 5), (16, 16), (12, 33), (31, 20))
SPIKE = (0.3, 0.8, 0.1, 1.0)
OPS = {
    "bias": lambda _: Effect("bias_field", (0.4, 0.1, False), 7),
    "biases": lambda _: Effect("bias_field", (0.4, 0.1, True), 7),
    "spikes": lambda _: Effect("spikes", ((SPIKE, (0.6, 0.1, 0.05, 2.0)),)),
    "spikes of each": lambda c: Effect(
        "spikes", tuple(((i / c, 0.2, 0.1, 1.0),) for i in range(c))
    ),
    "gibbs": lambda _: Effect("gibbs", (0.6,)),
    "gibbs of all": lambda _: Effect("gibbs", (1.0,)),
    "ghosts across": lambda _: Effect("ghosts", (3, 0.5, 0.05, 2)),
    "ghosts down": lambda _: Effect("ghosts", (2, 1.0, 0.0, 1)),
    "motion": lambda _: Effect("motion", ((0.2, 0.9), ((3.0, 0.1, 0.0), (-4.0, 0.0, -0.1)), 2, 1)),
    "motion down": lambda _: Effect("motion", ((0.45,), ((3.0, 0.1, 0.1),), 1, 1)),
}


def picture(h, w, channels, dtype):
    x = generator(h * w).uniform(0.1, 0.9, (h, w, channels)) * WHITE[dtype]
    return (np.rint(x) if dtype != "float32" else x).astype(dtype)


def run(backend, op, image):
    return BACKENDS[backend].effects[op.name](op, image).reshape(image.shape)


@pytest.mark.parametrize("dtype", list(WHITE))
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OPS)
def test_backends_agree(name, size, dtype):
    for channels in (1, 3, 5):
        image = picture(*size, channels, dtype)
        before = image.copy()
        op = OPS[name](channels)
        fast, slow = (run(b, op, image) for b in ("opencv", "reference"))
        assert np.array_equal(image, before)
        assert fast.dtype == image.dtype
        apart = np.abs(fast.astype(float) - slow).max() / WHITE[dtype] * 255
        warped = name.startswith("motion")  # warps round places to 1/32 of a pixel
        assert apart <= (1 if dtype == "uint8" else 0.05) + 2.0 * warped


def test_many_channels():
    image = picture(9, 11, 130, "uint8")
    for make in OPS.values():
        fast, slow = (run(b, make(130), image).astype(int) for b in ("opencv", "reference"))
        assert np.abs(fast - slow).max() <= 3


def test_a_field_multiplies():
    flat = np.full((60, 80, 2), 0.4, np.float32)
    done = run("opencv", Effect("bias_field", (0.3, 0.05, True), 3), flat)
    logs = np.log(done / 0.4)
    assert not np.allclose(logs[..., 0], logs[..., 1])
    nodes = mri.field_nodes(3, (60, 80), 0.05, 0.3, 2)
    assert nodes.shape == (2, 3, 4)
    assert nodes[0].max() >= logs[..., 0].max() - 1e-5
    same = run("opencv", Effect("bias_field", (0.3, 0.05, False), 3), flat)
    assert np.array_equal(same[..., 0], same[..., 1])
    assert np.array_equal(run("opencv", Effect("bias_field", (0.0, 0.05, False), 3), flat), flat)


def test_a_spike_is_a_wave():
    flat = np.full((64, 96, 1), 0.3, np.float32)
    done = run("opencv", Effect("spikes", ((SPIKE,),)), flat)
    found = np.abs(np.fft.fft2(done[..., 0] - 0.3)) / done.size
    down, across = mri.spike_place(SPIKE, (64, 96))
    assert found[down % 64, across % 96] == pytest.approx(0.1 * 0.3, rel=1e-4)
    assert (found > 1e-4).sum() == 2
    assert mri.spike_place((0.5, 0.5, 1.0, 0.0), (64, 96)) == (0, 1)


def test_the_middle_of_k_space_is_kept():
    point = np.full((64, 96, 1), 0.4, np.float32)
    point[30, 40] = 0.6
    done = run("opencv", Effect("gibbs", (0.5,)), point)
    found = np.abs(np.fft.fft2(done[..., 0] - 0.4)) / 0.2
    assert (found[:, 0] > 0.5).sum() == 33
    assert (found[0] > 0.5).sum() == 49
    assert done[30, 40] < 0.5
    assert np.array_equal(run("opencv", Effect("gibbs", (1.0,)), point).round(4), point.round(4))


def test_ghosts_lie_apart_evenly():
    point = np.full((20, 80, 1), 0.5, np.float32)
    point[8, 10] = 0.9
    done = run("opencv", Effect("ghosts", (4, 0.4, 0.0, 2)), point) - point
    places = np.argwhere(np.abs(done[..., 0]) > 0.02)
    rows, columns = places[np.abs(done[8, places[:, 1], 0]) > 0.035].T
    assert set(rows[rows == 8]) == {8}
    assert {10, 30, 50, 70} <= set(columns)
    weights = mri.ghost_lines(64, 2, 0.4, 0.05)
    assert (weights[30:34] == 1).all()
    assert weights[28] == weights[34] == 0.6


def test_what_is_at_the_centre_of_k_space_stays_in_place():
    parts = mri.pose_lines(100, (0.2, 0.9, 0.6))
    assert [part.sum() for part in parts] == [40, 20, 30, 10]
    assert parts[0][50]
    assert np.sum(parts, axis=0).tolist() == [1] * 100
    assert mri.pose_lines(10, (0.0, 1.0))[0].all()
