"""Adapting to a reference: the fast kernels against the specification, and known answers."""

import numpy as np
import pytest

from anamorph.backends import BACKENDS
from anamorph.core.rng import generator
from anamorph.ir import adapt
from anamorph.ir.ops import Effect

WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
DTYPES = ("uint8", "uint16", "float32")
SIZES = ((1, 1), (1, 9), (2, 2), (7, 5), (16, 16), (12, 33), (31, 20))


def colors(h, w, channels, dtype, seed=0):
    """Make a picture with a spread of its own in each channel."""
    g = generator(seed)
    mixing = g.normal(0, 0.12, (channels, channels)) + np.diag(np.linspace(0.1, 0.25, channels))
    x = np.clip(g.normal(0, 1, (h, w, channels)) @ mixing / 2 + g.uniform(0.3, 0.6), 0, 1)
    x *= WHITE[dtype]
    return (np.rint(x) if dtype != "float32" else x).astype(dtype)


def both(op, image):
    before = image.copy()
    fast = BACKENDS["opencv"].effects[op.name](op, image).reshape(image.shape)
    assert np.array_equal(image, before)
    slow = BACKENDS["reference"].effects[op.name](op, image)
    assert fast.dtype == slow.dtype == image.dtype
    return fast, slow


def levels_apart(a, b):
    """Largest difference, in levels of 255."""
    scale = 255 / WHITE[a.dtype.name]
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) * scale


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("of", DTYPES)
def test_histograms_agree(size, channels, dtype, of):
    reference = adapt.histogram(colors(40, 30, channels, of, seed=1))
    for weight in (1.0, 0.4):
        op = Effect("match_histogram", (reference, weight))
        fast, slow = both(op, colors(*size, channels, dtype))
        assert levels_apart(fast, slow) <= (1 if dtype == "uint8" else 0.01)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("kind", adapt.KINDS)
def test_spreads_agree(size, channels, dtype, kind):
    wanted = adapt.moments(colors(40, 30, channels, "uint8", seed=1), kind)
    for weight in (1.0, 0.4):
        op = Effect("adapt_colors", (kind, wanted, weight))
        fast, slow = both(op, colors(*size, channels, dtype))
        assert levels_apart(fast, slow) <= (1 if dtype == "uint8" else 0.03)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [s for s in SIZES if min(s) > 1])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_amplitudes_agree(size, channels, dtype):
    image = colors(*size, channels, dtype)
    for reach in {1, min(size) // 4 or 1, min(size) // 2}:
        measured = adapt.amplitudes(colors(23, 18, channels, "uint16", seed=1), reach)
        fast, slow = both(Effect("amplitudes", (measured,)), image)
        assert levels_apart(fast, slow) <= (1 if dtype == "uint8" else 0.01)


def test_many_channels():
    image = colors(9, 11, 130, "uint8")
    other = colors(12, 8, 130, "uint8", seed=1)
    ops = (
        Effect("match_histogram", (adapt.histogram(other), 0.5)),
        Effect("adapt_colors", ("standard", adapt.moments(other, "standard"), 0.5)),
        Effect("amplitudes", (adapt.amplitudes(other, 2),)),
    )
    for op in ops:
        assert levels_apart(*both(op, image)) <= 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_picture_adapted_to_itself_stays(dtype):
    image = colors(40, 36, 3, dtype)
    ops = [
        Effect("match_histogram", (adapt.histogram(image), 1.0)),
        Effect("amplitudes", (adapt.amplitudes(image, 10),)),
        *(Effect("adapt_colors", (k, adapt.moments(image, k), 1.0)) for k in adapt.KINDS),
    ]
    for op in ops:
        fast, slow = both(op, image)
        tolerance = 2.0 if op.name == "match_histogram" and dtype != "uint8" else 0.51
        assert levels_apart(fast, image) <= tolerance
        assert levels_apart(slow, image) <= tolerance


@pytest.mark.parametrize("backend", ["opencv", "reference"])
def test_one_color_is_taken(backend):
    effects = BACKENDS[backend].effects
    black = np.zeros((8, 6, 3), np.uint8)
    other = colors(20, 20, 3, "uint8", seed=1)
    mean = other.reshape(-1, 3).mean(axis=0)
    for kind in ("pca", "standard"):
        done = effects["adapt_colors"](
            Effect("adapt_colors", (kind, adapt.moments(other, kind), 1.0)), black
        )
        assert np.abs(done - mean).max() <= 1
    low = effects["adapt_colors"](
        Effect("adapt_colors", ("minmax", adapt.moments(other, "minmax"), 1.0)), black
    )
    assert (low == other.reshape(-1, 3).min(axis=0)).all()
    done = effects["amplitudes"](Effect("amplitudes", (adapt.amplitudes(other, 1),)), black)
    assert np.isfinite(done).all()


def test_amplitudes_are_those_of_the_transform():
    image = colors(15, 22, 2, "uint8")
    measured = adapt.amplitudes(image, 4).array
    for c in range(2):
        found = np.abs(np.fft.fft2(image[..., c] / 255.0)) / (15 * 22)
        for ky in range(-4, 5):
            assert np.allclose(measured[ky + 4, :, c], found[ky, :5], atol=1e-6)
    small = adapt.amplitudes(image[:4, :6], 5).array
    assert small.shape == (11, 6, 2)
    assert not small[:3].any()
    assert not small[:, 4:].any()
    assert small[5, 0, 0] == pytest.approx(image[:4, :6, 0].mean() / 255)


def test_frequencies_beyond_the_reach_stay():
    image = (colors(32, 32, 1, "float32") * 0.4 + 0.3).astype(np.float32)
    other = (colors(32, 32, 1, "float32", seed=1) * 0.4 + 0.3).astype(np.float32)
    done, _ = both(Effect("amplitudes", (adapt.amplitudes(other, 3),)), image)
    before, after, wanted = (np.fft.fft2(x[..., 0]) for x in (image, done, other))
    k = np.abs(np.fft.fftfreq(32) * 32)
    low = np.maximum.outer(k, k) <= 3
    assert np.abs(after - before)[~low].max() < 1e-3
    assert np.abs(np.abs(after) - np.abs(wanted))[low].max() < 1e-2
    assert np.abs(np.angle(after * before.conj()))[low].max() < 0.05
