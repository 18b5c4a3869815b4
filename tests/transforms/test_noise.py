"""What noise, compression and low resolution draw."""

from types import SimpleNamespace

import pytest

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import Curve, Effect, Encode, Noise
from anamorph.transforms.additive import AdditiveNoise
from anamorph.transforms.codec import Downscale, ImageCompression
from anamorph.transforms.noise import GaussNoise, ISONoise, MultiplicativeNoise, SaltAndPepper
from anamorph.transforms.tiles import RandomGridShuffle


def scene(channels=3, size=(50, 60)):
    return SimpleNamespace(size=size, channels=channels, dtype="uint8")


def one(transform, where=None, seed=1):
    (op,) = transform.draw(Rng(seed), where or scene())
    return op


def test_gaussian_noise():
    op = one(GaussNoise((0.1, 0.3), (-0.5, 0.5), per_channel=False, noise_scale_factor=0.5, p=1))
    mean, sigma, per_channel, factor = op.params
    assert op.kind == "gauss"
    assert -0.5 <= mean <= 0.5
    assert 0.1 <= sigma <= 0.3
    assert (per_channel, factor) == (False, 0.5)
    assert op.key != one(GaussNoise(p=1), seed=2).key


def test_camera_noise_needs_three_channels():
    assert one(ISONoise((0.2, 0.2), (0.4, 0.4), p=1)).params == (0.2, 0.4)
    with pytest.raises(DataError, match="ISONoise needs a picture of 3 channels, not of 4"):
        one(ISONoise(p=1), scene(4))


def test_factors():
    assert isinstance(one(MultiplicativeNoise(p=1)), Curve)
    ((name, factor, offset),) = one(MultiplicativeNoise(p=1)).steps
    assert (name, offset) == ("linear", 0.0)
    assert 0.9 <= factor <= 1.1
    ((_, factors, _),) = one(MultiplicativeNoise(per_channel=True, p=1), scene(5)).steps
    assert len(set(factors)) == 5
    op = one(MultiplicativeNoise((0.5, 2), per_channel=True, elementwise=True, p=1))
    assert op == Noise("multiply", (0.5, 2, True), op.key)


@pytest.mark.parametrize("kind", ["uniform", "gaussian", "laplace", "beta"])
def test_additive_noise(kind):
    op = one(AdditiveNoise(kind, p=1), scene(5))
    assert isinstance(op, Curve)
    ((name, scale, offsets),) = op.steps
    assert (name, scale, len(set(offsets))) == ("linear", 1.0, 5)
    for mode in ("per_pixel", "shared"):
        op = one(AdditiveNoise(kind, mode, approximation=0.5, p=1))
        assert op.kind == ("gauss" if kind == "gaussian" else "additive")
        assert op.params[2:] == (mode == "per_pixel", 0.5)


def test_additive_noise_with_a_range_a_channel():
    spans = [(-0.2, 0.1), (0, 0.1), (0.1, 0.2)]
    t = AdditiveNoise("uniform", "per_pixel", {"ranges": spans}, p=1)
    assert one(t).params[1] == ((-0.2, 0, 0.1), (0.1, 0.1, 0.2))
    values = [one(t.replace(spatial_mode="constant"), seed=s).steps[0][2] for s in range(50)]
    for i, (low, high) in enumerate(spans):
        assert low <= min(v[i] for v in values) < max(v[i] for v in values) <= high
    with pytest.raises(ParameterError, match="one for each of the 4 channels"):
        one(t, scene(4))


def test_salt_and_pepper():
    amount, salt = one(SaltAndPepper(p=1)).params
    assert 0.01 <= amount <= 0.06
    assert 0.4 <= salt <= 0.6


def test_compression():
    op = one(ImageCompression("webp", (20, 30), p=1))
    assert op == Encode("webp", op.quality)
    assert {one(ImageCompression("jpeg", (20, 22), p=1), seed=s).quality for s in range(50)} == {
        20, 21, 22,
    }  # fmt: skip


def test_downscale():
    pair = {"upscale": 1, "downscale": 3}
    op = one(Downscale((0.5, 0.5), pair, p=1))
    assert op == Effect("downscale", (0.5, 3, 1))
    assert hash(Downscale((0.5, 0.5), pair)) == hash(Downscale((0.5, 0.5), dict(pair)))


def test_shuffles_exchange_tiles_of_equal_size_only():
    for seed in range(20):
        op = one(RandomGridShuffle((3, 4), p=1), seed=seed)
        assert len(op.moves) == 12
        targets = {m[2:] for m in op.moves}
        assert {(*m[:2], *m[4:]) for m in op.moves} == targets
        assert {m[5] for m in op.moves} == {16, 17}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussNoise(std_range=(0.1, 2)), r"GaussNoise.std_range = \(0.1, 2\)"),
        (lambda: GaussNoise(mean_range=(-2, 0)), "GaussNoise.mean_range"),
        (lambda: GaussNoise(noise_scale_factor=0), "GaussNoise.noise_scale_factor"),
        (lambda: AdditiveNoise("gauss"), "AdditiveNoise.noise_type"),
        (
            lambda: AdditiveNoise(noise_params={"std_range": (0, 1)}),
            "with keys ranges for noise_type",
        ),
        (
            lambda: AdditiveNoise("gaussian", noise_params={"std_range": (0, 1)}),
            "mean_range, std_range",
        ),
        (lambda: AdditiveNoise(noise_params={"ranges": [(-2, 1)]}), "AdditiveNoise.noise_params"),
        (lambda: AdditiveNoise(noise_params=3), "a dictionary with keys"),
        (lambda: AdditiveNoise(approximation=1.5), "AdditiveNoise.approximation"),
        (lambda: ISONoise(color_shift=(0, 2)), "ISONoise.color_shift"),
        (lambda: MultiplicativeNoise(multiplier=(-1, 1)), "MultiplicativeNoise.multiplier"),
        (lambda: SaltAndPepper(amount=(0, 1.1)), "SaltAndPepper.amount"),
        (lambda: ImageCompression("png"), "one of 'jpeg', 'webp'"),
        (lambda: ImageCompression(quality_range=(0, 50)), r"in \[1, 100\]"),
        (lambda: Downscale((0.5, 1.2)), "Downscale.scale_range"),
        (lambda: Downscale(interpolation_pair={"upscale": 1}), "both keys"),
        (lambda: Downscale(interpolation_pair=1), "a dictionary with keys"),
        (lambda: RandomGridShuffle((0, 1)), "RandomGridShuffle.grid"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (
            lambda: GaussNoise(var_limit=(0, 650.25), mean=51),
            lambda: GaussNoise(std_range=(0, 0.1), mean_range=(0.2, 0.2)),
        ),
        (lambda: GaussNoise(var_limit=65025), lambda: GaussNoise(std_range=(0, 1))),
        (
            lambda: ImageCompression(quality_lower=10, quality_upper=20),
            lambda: ImageCompression(quality_range=(10, 20)),
        ),
        (
            lambda: Downscale(scale_min=0.2, scale_max=0.5, interpolation=1),
            lambda: Downscale((0.2, 0.5), {"downscale": 1, "upscale": 1}),
        ),
        (lambda: SaltAndPepper(amount_range=(0, 0.5)), lambda: SaltAndPepper((0, 0.5))),
    ],
)
def test_names_of_other_versions(got, want):
    assert got() == want()
