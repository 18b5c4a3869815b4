"""Noise: the same pixels as the definition makes, and the distributions that are promised."""

import numpy as np
import pytest

from anamorph.backends.opencv import noise as fast
from anamorph.backends.reference import noise as slow
from anamorph.core.rng import generator
from anamorph.ir import noise
from anamorph.ir.ops import IMAGE, MASK, Noise

SHAPES = [(1, 1, 3), (1, 9, 1), (7, 53, 5), (40, 61, 3), (6, 5, 130)]
DTYPES = ["uint8", "uint16", "float32"]
KINDS = [
    ("gauss", (0.0, 0.1, True, 1.0)),
    ("gauss", (0.0, 0.44, True, 1.0)),
    ("gauss", (0.02, 0.003, True, 1.0)),
    ("gauss", (-0.3, 0.9, True, 1.0)),
    ("gauss", (0.1, 0.2, False, 1.0)),
    ("gauss", (0.0, 0.2, True, 0.4)),
    ("gauss", (0.0, 0.2, False, 0.01)),
    ("additive", ("uniform", (-0.1, 0.2), True, 1.0)),
    ("additive", ("uniform", ((-0.1,) * 5, (0.2, 0.0, 0.1, 0.1, 0.3)), True, 1.0)),
    ("additive", ("laplace", (0.05, 0.1), False, 1.0)),
    ("additive", ("laplace", (0.0, 0.9), True, 1.0)),
    ("additive", ("beta", (0.5, 1.5, 0.3), True, 1.0)),
    ("additive", ("beta", (2.0, 5.0, 0.3), False, 0.3)),
    ("multiply", (0.9, 1.1, True)),
    ("multiply", (0.5, 2.0, False)),
    ("salt_pepper", (0.05, 0.4)),
    ("salt_pepper", (1.0, 0.4)),
    ("drop", (0.1, False, 0)),
    ("drop", (0.1, True, 1)),
    ("drop", (0.6, True, 1)),
]
COLOR = [("iso", (0.03, 0.3)), ("iso", (0.9, 1.0)), ("iso", (0.0, 0.0))]


def picture(shape, dtype, seed=0):
    values = generator(seed).random(shape)
    return (
        values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)
    )


def _suited(kind, shape):
    """Ranges of five channels want pictures of five."""
    several = kind[0] == "additive" and isinstance(kind[1][1][0], tuple)
    return (*shape[:2], 5) if several else shape


def run(module, kind, image, key=5):
    op = Noise(*kind, key)
    return module.KERNELS[Noise, IMAGE](op, image).reshape(image.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_the_fast_kernels_make_the_same_pixels(kind, shape, dtype):
    image = picture(_suited(kind, shape), dtype)
    kept = image.copy()
    got, want = run(fast, kind, image), run(slow, kind, image)
    assert got.dtype == image.dtype
    several = kind[0] == "additive" and isinstance(kind[1][1][0], tuple)
    exact = kind[0] in {"salt_pepper", "drop"} or (
        dtype == "uint8" and kind[-1][-1] == 1.0 and not several
    )
    tolerance = 0 if exact else (1e-6 if dtype == "float32" else 1)
    assert np.abs(got.astype(np.float64) - want).max() <= tolerance
    assert np.array_equal(image, kept)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", COLOR, ids=repr)
def test_camera_noise_makes_the_same_pixels(kind, dtype):
    image = picture((60, 70, 3), dtype)
    got, want = run(fast, kind, image).astype(np.float64), run(slow, kind, image)
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    assert np.abs(got - want).max() / top < (0.6 / 255 if dtype == "uint8" else 2e-4) + 1 / top * (
        dtype != "float32"
    )
    assert np.abs(got - want).mean() / top < 1e-5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [*KINDS, *COLOR], ids=repr)
def test_a_view_a_key_and_another_key(kind, dtype):
    image = picture(_suited(kind, (60, 70, 3)), dtype)[3:50, 9:55]
    once, again, other = (run(fast, kind, image, key) for key in (1, 1, 2))
    assert np.array_equal(once, again)
    assert np.array_equal(once, run(fast, kind, image.copy(), 1))
    assert kind[1] == (0.0, 0.0) or not np.array_equal(once, other)


# ------------------------------------------------------------------------ distributions


@pytest.mark.parametrize("std", [0.004, 0.02, 0.1, 0.3, 0.44])
def test_byte_noise_has_the_moments_of_rounded_normal_noise(std):
    first, second = noise.byte_tables(0.0, std * 255)
    pairs = first[:, None] + second[None, :]
    wanted = np.sqrt((std * 255) ** 2 + 1 / 12)
    assert pairs.mean() == pytest.approx(0.0, abs=1e-9)
    assert pairs.std() == pytest.approx(wanted, rel=0.03 if std < 0.005 else 0.002)
    if std > 0.01:
        assert (pairs**4).mean() / pairs.var() ** 2 == pytest.approx(3.0, abs=0.02)
        assert (np.abs(pairs) > 3 * wanted).mean() == pytest.approx(0.0027, abs=0.0006)
        assert np.abs(pairs).max() > 3.6 * wanted


@pytest.mark.parametrize(("std", "dtype"), [(0.1, "uint8"), (0.1, "uint16"), (0.1, "float32")])
def test_gaussian_noise_is_normal_and_independent(std, dtype):
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    image = np.full((300, 400, 3), 0.5 * top, dtype)
    field = (run(fast, ("gauss", (0.0, std, True, 1.0)), image).astype(np.float64) - image) / top
    assert field.mean() == pytest.approx(0.0, abs=1e-3)
    assert field.std() == pytest.approx(std, rel=0.01)
    assert (field**4).mean() / field.var() ** 2 == pytest.approx(3.0, abs=0.05)
    flat = (field - field.mean()) / field.std()
    assert abs((flat[..., 0] * flat[..., 1]).mean()) < 0.015  # channels
    assert abs((flat[1:] * flat[:-1]).mean()) < 0.01  # rows
    assert abs((flat[:, 1:] * flat[:, :-1]).mean()) < 0.01  # columns
    assert abs((np.abs(flat[:, 1:]) * np.abs(flat[:, :-1])).mean() - 2 / np.pi) < 0.01


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "numbers", "mean", "std"),
    [
        ("uniform", (-0.1, 0.2), 0.05, 0.3 / np.sqrt(12)),
        ("laplace", (0.05, 0.06), 0.05, 0.06 * np.sqrt(2)),
        ("beta", (2.0, 5.0, 0.3), -0.3 * 3 / 7, 0.6 * np.sqrt(10 / (49 * 8))),
        ("beta", (0.5, 0.5, 0.3), 0.0, 0.3 * np.sqrt(0.5)),
    ],
)
def test_distributions_have_their_moments(name, numbers, mean, std, dtype):
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    image = np.full((300, 400, 3), 0.5 * top, dtype)
    field = run(fast, ("additive", (name, numbers, True, 1.0)), image).astype(np.float64) / top
    field -= image[0, 0, 0] / top
    assert field.mean() == pytest.approx(mean, abs=2e-3)
    assert field.std() == pytest.approx(std, rel=0.015)


def test_noise_saturates_once():
    image = np.full((200, 200, 1), 250, np.uint8)
    out = run(fast, ("gauss", (0.0, 0.2, True, 1.0)), image)
    assert (out == 255).mean() == pytest.approx(0.46, abs=0.02)  # P(51·z > 4.5)
    assert np.median(out) == pytest.approx(250, abs=2)


def test_one_noise_for_all_channels():
    image = np.full((50, 60, 5), 100, np.uint8)
    out = run(fast, ("gauss", (0.0, 0.1, False, 1.0)), image)
    assert (out == out[..., :1]).all()
    assert out.std() > 20


@pytest.mark.parametrize("p", [0.001, 0.01, 0.1, 0.11, 0.7, 0.9999])
def test_places_are_independent_trials(p):
    count = 200_000
    hits = noise.positions(noise.bits_of(3), count, p)
    assert len(hits) == pytest.approx(count * p, abs=5 * np.sqrt(count * p * (1 - p)))
    assert (np.diff(hits) > 0).all()
    assert hits[0] >= 0
    assert hits[-1] < count
    neighbours = (np.diff(hits) == 1).sum()
    assert neighbours == pytest.approx(count * p * p, abs=6 * np.sqrt(count * p * p) + 1)
    halves = (hits < count // 2).sum()
    assert halves == pytest.approx(len(hits) / 2, abs=5 * np.sqrt(len(hits)))


def test_no_place_and_every_place():
    assert len(noise.positions(noise.bits_of(1), 100, 0.0)) == 0
    assert len(noise.positions(noise.bits_of(1), 0, 0.5)) == 0
    assert len(noise.positions(noise.bits_of(1), 100, 1.0)) == 100
    assert len(noise.positions(noise.bits_of(1), 100, 1e-300)) == 0


def test_poisson_numbers_that_are_not_zero():
    k = noise.at_least_one(noise.bits_of(1), 100_000, 0.7)
    assert k.min() == 1
    assert k.mean() == pytest.approx(0.7 / (1 - np.exp(-0.7)), rel=0.01)


def test_salt_and_pepper_by_their_shares():
    image = np.full((300, 300, 3), 90, np.uint8)
    out = run(fast, ("salt_pepper", (0.2, 0.3)), image)
    assert (out == 255).all(2).mean() == pytest.approx(0.06, abs=0.005)
    assert (out == 0).all(2).mean() == pytest.approx(0.14, abs=0.005)
    assert set(np.unique(out)) == {0, 90, 255}


# -------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float32", "int32"])
@pytest.mark.parametrize("channels", [1, 2, 7])
@pytest.mark.parametrize("per_channel", [False, True])
def test_masks_are_dropped_at_the_same_places(dtype, channels, per_channel):
    mask = np.ones((31, 17, channels), dtype)
    image = np.full((31, 17, channels), 9, np.uint8)
    op = Noise("drop", (0.3, per_channel, 0), 8, mask_value=0)
    assert op.targets == {IMAGE, MASK}
    out = fast.KERNELS[Noise, MASK](op, mask)
    assert out.dtype == mask.dtype
    assert np.array_equal(out == 0, fast.KERNELS[Noise, IMAGE](op, image) == 0)
    assert np.array_equal(out, slow.KERNELS[Noise, MASK](op, mask))
    assert (mask == 1).all()


def test_a_color_a_channel_is_dropped():
    image = np.full((40, 40, 4), 9, np.uint16)
    color = (1, 500, 3, 65535)
    for per_channel in (False, True):
        out = run(fast, ("drop", (0.5, per_channel, color)), image)
        for i in range(4):
            assert set(np.unique(out[..., i])) == {9, color[i]}
        assert np.array_equal(out, run(slow, ("drop", (0.5, per_channel, color)), image))
