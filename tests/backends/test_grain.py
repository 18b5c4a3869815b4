"""Noise that depends on the light: equal to the definition, and distributed as promised."""

import numpy as np
import pytest

from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.reference import BACKEND as SLOW
from anamorph.core.rng import generator
from anamorph.ir import levels
from anamorph.ir.ops import IMAGE, Noise

KINDS = [
    ("shot", (0.1,)),
    ("shot", (0.3,)),
    ("shot", (3.0,)),
    ("shot", (0.0005,)),
    ("rice", (0.1, False)),
    ("rice", (0.4, True)),
    ("film", (0.2, 1.0)),
    ("film", (0.3, 3.0)),
]


def run(backend, kind, image, key=5):
    op = Noise(*kind, key)
    return backend.kernel(op, IMAGE)(op, image).reshape(image.shape)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    "shape", [(40, 61, 3), (1, 1, 3), (1, 4, 1), (7, 53, 5), (2, 2, 130)], ids=str
)
@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_the_fast_kernels_make_the_same_pixels(kind, shape, dtype):
    values = generator(1).random(shape)
    image = (
        values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)
    )
    kept = image.copy()
    got, want = run(FAST, kind, image), run(SLOW, kind, image)
    assert got.dtype == image.dtype
    off = np.abs(got.astype(float) - want)
    if kind[0] == "shot" and dtype != "uint8" and kind[1][0] > levels.FINEST_SHOTS:
        assert (off > 1).mean() < 0.001  # where rounding before the dice picks the next level
    else:
        assert off.max() <= (1e-5 if dtype == "float32" else 1)
    assert np.array_equal(image, kept)
    assert not np.array_equal(run(FAST, kind, image, 6), got) or image.size < 20


@pytest.mark.parametrize("scale", [0.01, 0.1, 0.3])
def test_photons_are_counted(scale):
    """Over keys, each level's numbers are Poisson: mean, variance, and the share of none."""
    means = (np.arange(256) / 255) ** 2.2 / scale
    drawn = np.stack([levels.shot_counts(scale, key) for key in range(60)]).astype(float)
    some = slice(10, 170)  # above, white cuts them off
    assert np.allclose(drawn.mean((0, 2))[some], means[some], atol=0.05 + 0.002 / scale)
    ratio = drawn.var((0, 2))[some] / means[some]
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)
    none = (drawn == 0).mean((0, 2))
    assert np.allclose(none[some], np.exp(-means)[some], atol=0.01)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_shot_noise_on_a_gray_wedge(dtype):
    """Mean and deviation in linear light, as of direct draws."""
    light = 0.3
    value = light ** (1 / 2.2)
    image = np.full((200, 200, 3), value if dtype == "float32" else value * np.iinfo(dtype).max)
    out = run(FAST, ("shot", (0.1,)), image.astype(dtype), 9).astype(float)
    linear = (out / (1 if dtype == "float32" else np.iinfo(dtype).max)) ** 2.2
    assert linear.mean() == pytest.approx(light, rel=0.02)
    assert linear.var() == pytest.approx(light * 0.1, rel=0.04)
    corners = np.corrcoef(linear[..., 0].ravel(), linear[..., 1].ravel())
    assert abs(corners[0, 1]) < 0.02


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("level", [0.0, 0.2, 0.5])
def test_magnitudes(level, dtype):
    """Moments of Rice's distribution: E[m²] = level² + 2·sigma²."""
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    image = np.full((150, 150, 3), level * top).astype(dtype)
    out = np.mean([run(FAST, ("rice", (0.1, True)), image, k) / top for k in range(8)], axis=0)
    squares = np.mean([(run(FAST, ("rice", (0.1, True)), image, k) / top) ** 2 for k in range(40)])
    assert squares == pytest.approx(level**2 + 2 * 0.01, rel=0.03)
    if level == 0.0:
        assert out.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.03)
    same = run(FAST, ("rice", (0.1, False)), image)
    assert np.array_equal(same[..., 0], same[..., 1])


@pytest.mark.parametrize("size", [1.0, 2.0, 3.0])
def test_grain_is_strongest_in_middle_grays_and_soft(size):
    def grain(level):
        image = np.full((200, 200, 3), level, np.float32)
        return run(FAST, ("film", (0.2, size)), image, 4)[..., 0].astype(float) - level

    middle = grain(0.5)
    assert middle.std() == pytest.approx(0.1, rel=0.05)
    assert middle.mean() == pytest.approx(0.0, abs=0.01)
    assert grain(0.2).std() == pytest.approx(0.08, rel=0.05)
    assert grain(1.0).std() == grain(0.0).std() == 0.0
    beside = np.corrcoef(middle[:, 1:].ravel(), middle[:, :-1].ravel())[0, 1]
    assert beside == pytest.approx(0.5 ** (4.0 / size**2), abs=0.06)
