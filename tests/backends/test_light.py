"""Light, plasma, stains and lenses: the fast kernels against the specification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.reference import BACKEND as SLOW
from anamorph.ir import plasma, stains
from anamorph.ir.ops import Effect

SIZES = ((1, 1), (1, 9), (2, 2), (7, 513), (40, 30))
DTYPES = ("uint8", "uint16", "float32")
CHANNELS = (1, 2, 3, 5, 8, 130)
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
TOLERANCE = {"uint8": 1, "uint16": 3, "float32": 3e-5}

LIGHTS = (
    ("linear", 0.2, 33.0),
    ("linear", -0.2, 250.0),
    *(("corner", 0.2 * (-1) ** i, i) for i in range(4)),
    ("gaussian", 0.2, 0.3, 0.8, 0.4),
    ("gaussian", -0.2, 0.7, 0.1, 1.0),
    ("vignette", -0.5, 0.3, 0.6),
)
RUIFROK = ((0.644211, 0.716556, 0.266844), (0.092789, 0.954111, 0.283111))


def picture(size: tuple[int, int], channels: int, dtype: str, seed: int = 0) -> Any:
    drawn = np.random.default_rng(seed).random((*size, channels))
    return (drawn * WHITE[dtype]).astype(dtype)


def agree(op: Effect, image: Any, tolerance: float | None = None) -> Any:
    before = image.copy()
    fast, slow = (b.effects[op.name](op, image) for b in (FAST, SLOW))
    assert np.array_equal(image, before)
    fast = fast.reshape(image.shape)
    assert fast.dtype == slow.dtype == image.dtype
    limit = TOLERANCE[image.dtype.name] if tolerance is None else tolerance
    assert np.abs(fast.astype(float) - slow.astype(float)).max() <= limit
    return fast


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("params", LIGHTS)
def test_patterns_of_light(params: Any, dtype: str) -> None:
    for size in SIZES:
        for channels in CHANNELS:
            agree(Effect("light", params), picture(size, channels, dtype))


def test_light_where_it_is_known() -> None:
    gray = np.full((65, 97, 1), 100, np.uint8)
    to_right = FAST.effects["light"](Effect("light", ("linear", 0.2, 0.0)), gray)
    assert to_right[0, 0] == to_right[-1, 0] == 80
    assert to_right[0, -1] == to_right[-1, -1] == 120
    corner = FAST.effects["light"](Effect("light", ("corner", 0.2, 2)), gray)
    assert corner[-1, -1] == 120
    assert corner[0, 0] == 100
    dark = FAST.effects["light"](Effect("light", ("vignette", -0.5, 0.5, 0.5)), gray)
    assert dark[32, 48] == 100
    assert dark[0, 0] == dark[-1, -1] == 51


def test_crops_and_views_are_read_as_they_are() -> None:
    whole = picture((50, 60), 3, "uint8")
    for op in (
        Effect("light", LIGHTS[0]),
        Effect("plasma_shadow", (0.6, 16, 0.7), 3),
        Effect("stain", (RUIFROK, (1.2, 0.8), (0.1, -0.1), False)),
        Effect("aberration", (0.1, 0.02, -0.1, 0.05, 1)),
    ):
        agree(op, whole[5:45, 7:50], 2)


# --------------------------------------------------------------------------------- plasma

PLASMAS = ((256, 3.0), (16, 3.0), (16, 0.5), (256, 0.8), (1, 1.0), (3, 0.1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cloud", PLASMAS)
def test_plasma(cloud: tuple[int, float], dtype: str) -> None:
    loose = {"uint8": 1, "uint16": 20, "float32": 3e-4}[dtype]
    for size in SIZES:
        for channels in (1, 3, 5, 130):
            image = picture(size, channels, dtype)
            agree(Effect("plasma_shadow", (0.7, *cloud), 5), image, loose)
            agree(Effect("plasma_contrast", (0.3, -0.2, *cloud), 5), image, loose)


def test_plasma_covers_its_range_and_follows_its_key() -> None:
    white = np.full((128, 128, 1), 255, np.uint8)

    def shadow(key: int, roughness: float = 3.0) -> Any:
        op = Effect("plasma_shadow", (1.0, 256, roughness), key)
        return FAST.effects["plasma_shadow"](op, white).astype(float)

    assert shadow(1).min() == 0
    assert shadow(1).max() == 255
    assert np.array_equal(shadow(1), shadow(1))
    assert not np.array_equal(shadow(1), shadow(2))


def test_roughness_makes_grain() -> None:
    white = np.full((256, 256, 1), 1, np.float32)
    steps = []
    for roughness in (0.3, 0.6, 0.8, 1.0, 3.0):
        out = FAST.effects["plasma_shadow"](
            Effect("plasma_shadow", (1.0, 256, roughness), 9), white
        )
        plane = out.reshape(256, 256)
        steps.append(np.abs(np.diff(plane, axis=1)).mean() / plane.std())
    assert steps == sorted(steps)
    assert steps[0] < 0.1
    assert steps[-1] > 0.8


def test_weak_octaves_are_left_out_and_the_grid_stays() -> None:
    for roughness in (0.05, 0.5, 1.0, 9.0):
        made = plasma.octaves((100, 40), roughness)
        assert made[-1].grid == (100, 40)
        assert max(o.strength for o in made) == 1.0
    assert len(plasma.octaves((256, 256), 9.0)) < 4
    assert plasma.grid_of((1000, 500), 256) == (256, 128)
    assert plasma.grid_of((20, 500), 10) == (1, 10)


# --------------------------------------------------------------------------------- stains


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("everywhere", [True, False])
def test_stains(everywhere: Any, dtype: str) -> None:
    for size in SIZES:
        image = picture(size, 3, dtype)
        image.reshape(-1)[:3] = 0
        op = Effect("stain", (RUIFROK, (1.3, 0.8), (0.1, -0.2), everywhere))
        agree(op, image, {"uint8": 1, "uint16": 4, "float32": 5e-5}[dtype])


def tissue(pair: Any, size: tuple[int, int] = (80, 90)) -> Any:
    """Make a slide of known stains: some pixels mostly of the one, some of the other, some glass."""
    rng = np.random.default_rng(4)
    amounts = rng.gamma(1.2, 0.5, (*size, 2)) + 0.15
    amounts[: size[0] // 3, :, 0] *= 0.1
    amounts[size[0] // 3 : 2 * size[0] // 3, :, 1] *= 0.1
    densities = amounts @ np.asarray(pair)
    densities[:5] = 0.01 * np.asarray(pair).sum(axis=0)
    return np.exp(-densities)


@pytest.mark.parametrize("way", ["macenko", "vahadane"])
def test_stains_are_found(way: str) -> None:
    pair = np.array(((0.65, 0.70, 0.29), (0.20, 0.90, 0.35)))
    pair /= np.linalg.norm(pair, axis=1, keepdims=True)
    found = stains.find(way, tissue(pair).reshape(-1, 3))
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert ((found * pair).sum(axis=1) > 0.985).all()
    image = (tissue(pair) * 255).round().astype(np.uint8)
    agree(Effect("stain", (way, (1.2, 0.9), (0.05, -0.05), False)), image)


@pytest.mark.parametrize("way", ["macenko", "vahadane"])
def test_pictures_without_tissue_have_usual_stains(way: str) -> None:
    for pixels in (np.ones((50, 3)), np.zeros((50, 3)), np.full((3, 3), 0.5)):
        assert np.allclose(stains.find(way, pixels)[0], np.array((0.65, 0.70, 0.29)), atol=0.02)
    flat = np.full((50, 3), 0.4)
    assert np.isfinite(stains.find(way, flat)).all()


def test_mixtures_of_the_stains_come_back_and_glass_stays() -> None:
    slide = tissue(RUIFROK).astype(np.float32)
    same = FAST.effects["stain"](Effect("stain", (RUIFROK, (1.0, 1.0), (0.0, 0.0), True)), slide)
    assert np.abs(same - slide)[5:].max() < 1e-4
    more = FAST.effects["stain"](Effect("stain", (RUIFROK, (1.3, 1.3), (0.1, 0.1), False)), slide)
    assert np.abs(more[:5] - slide[:5]).max() < 1e-4
    stained = slide @ np.array((0.299, 0.587, 0.114)) < stains.GLASS
    assert (more.mean(axis=2) < slide.mean(axis=2))[stained].all()


# --------------------------------------------------------------------------------- lenses


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interpolation", [0, 1, 2, 3, 4])
def test_aberration(interpolation: int, dtype: str) -> None:
    for size in ((1, 1), (1, 9), (2, 2), (7, 113), (40, 30)):
        image = picture(size, 3, dtype)
        loose = {"uint8": 12, "uint16": 3000, "float32": 0.05}[dtype]  # maps of 1/32 of a pixel
        op = Effect("aberration", (0.1, 0.05, -0.08, 0.02, interpolation))
        out = agree(op, image, loose)
        assert np.array_equal(out[..., 1], image[..., 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_principal_shift(dtype: str) -> None:
    for size in SIZES:
        for channels in CHANNELS:
            numbers = tuple(np.linspace(-2, 2, channels).tolist())
            agree(Effect("principal_shift", numbers), picture(size, channels, dtype))
