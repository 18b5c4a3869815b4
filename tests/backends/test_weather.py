"""Weather: fast kernels against the definitions, and known answers."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from anamorph.backends import opencv, reference
from anamorph.core.rng import generator
from anamorph.ir import weather
from anamorph.ir.ops import Effect

SHAPES = [(61, 80, 3), (33, 200, 1), (40, 57, 5), (1, 1, 3), (1, 9, 1), (2, 2, 4), (9, 7, 130)]
DTYPES = ["uint8", "uint16", "float32"]
SUN = ((20, 12), 60, (255.0, 200.0, 90.0))
CIRCLES = (
    (0.1, 30, 20, 8, (250.0, 190.0, 80.0)),
    (0.2, 34, 24, 12, (210.0, 160.0, 60.0)),
    (0.05, -30, -200, 27, (255.0, 180.0, 90.0)),
    (0.17, 5, 30, 1, (230.0, 200.0, 40.0)),
)
LIQUID = (0.65, 0.3, 2.0, 0.68, 0.6)
RED = (230.0, 40.0, 10.0)
EVEN: list[Effect] = [  # every pixel agrees, but for rounding
    Effect("fog", (0.5, 0.04), 7),
    Effect("fog", (1.0, 1.0), 8),
    Effect("distance_fog", (2.0, RED, "linear")),
    Effect("distance_fog", (0.0, RED, "diagonal")),
    Effect("distance_fog", (3.0, (200.0,), "radial")),
    Effect("rain", (60, (5, 4), 1, RED, 1, 1.0), 4),
    Effect("gravel", ((2, 3, 40, 30), (10, 0, 25, 20), (0, 0, 3, 3)), 5),
    Effect("snow_bleach", (0.2, 2.5)),
    Effect("snow_bleach", (1.0, 0.4)),
    Effect("snow_bleach", (0.5, 30.0)),
    Effect("snow_texture", (0.2, 2.5), 9),
    Effect("snow_texture", (0.9, 1.0), 10),
]
RAGGED: list[Effect] = [  # pixels on a border may fall on either side
    Effect("rain", (40, (-3, 12), 1, (200.0, 200.0, 200.0), 7, 0.7), 3),
    Effect("rain", (20, (8, 20), 4, RED, 3, 0.8), 5),
    Effect(
        "shadow", ((((3, 4), (70, 9), (44, 55), (60, 2)), 0.5), (((9, 9), (9, 9), (9, 9)), 1.0))
    ),
    Effect("sun_overlay", (*SUN, CIRCLES)),
    Effect("sun_overlay", ((0, 0), 9, (255.0, 255.0, 255.0), CIRCLES)),
    Effect("spatter_rain", (*LIQUID, RED), 11),
    Effect("spatter_rain", (0.5, 0.3, 9.0, 0.5, 1.0, RED), 12),
    Effect("spatter_mud", (*LIQUID, RED), 13),
    Effect("spatter_mud", (0.5, 0.3, 0.0, 0.5, 1.0, RED), 14),
    Effect("spatter_mud", (0.5, 0.3, 7.0, 0.5, 1.0, RED), 15),
]


def picture(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rough = generator(1).random(shape)
    return (
        rough.astype(dtype) if dtype == "float32" else (rough * np.iinfo(dtype).max).astype(dtype)
    )


def both(op: Effect, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Render with both backends; differences are in levels of 255."""
    kept = image.copy()
    fast = opencv.BACKEND.effects[op.name](op, image).reshape(image.shape)
    slow = reference.BACKEND.effects[op.name](op, image).reshape(image.shape)
    assert fast.dtype == slow.dtype == image.dtype
    assert np.array_equal(image, kept)
    white = 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)
    assert fast.min() >= 0
    assert fast.max() <= white
    return fast * (255.0 / white), slow * (255.0 / white)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", EVEN, ids=lambda op: f"{op.name}{op.params[0]}")
def test_every_pixel_is_as_defined(op, shape, dtype):
    fast, slow = both(op, picture(shape, dtype))
    assert np.abs(fast - slow).max() <= (2.5 if dtype == "uint8" else 1.1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", RAGGED, ids=lambda op: f"{op.name}{op.key}")
def test_all_but_borders_is_as_defined(op, shape, dtype):
    fast, slow = both(op, picture(shape, dtype))
    away = np.abs(fast - slow)
    large = shape[0] * shape[1] > 2000
    assert (away > 4.0).mean() <= (0.09 if large else 0.25)
    assert away.mean() <= (1.2 if large else 8.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(150, 180, 3), (70, 301, 1), (20, 31, 3), (1, 9, 1)], ids=str)
def test_the_glow_of_a_lens_is_as_defined(shape, dtype):
    fast, slow = both(Effect("sun_physical", (*SUN, CIRCLES)), picture(shape, dtype))
    assert np.abs(fast - slow).max() <= 4.0
    assert np.abs(fast - slow).mean() <= 0.5


def test_views_with_strides_are_taken():
    wide = picture((70, 90, 3), "uint8")
    for op in [*EVEN, *RAGGED, Effect("sun_physical", (*SUN, CIRCLES))]:
        kernel = opencv.BACKEND.effects[op.name]
        view = wide[5:66, 3:83]
        assert np.array_equal(kernel(op, view), kernel(op, np.ascontiguousarray(view)))


def test_puffs_leave_powers_of_what_one_leaves():
    gray = np.full((90, 90, 1), 100, np.uint8)
    x, y, radius = weather.puffs(3, (90, 90), 0.8)
    at = ((x - 45) ** 2 + (y - 45) ** 2 <= radius**2).sum()
    fog = opencv.BACKEND.effects["fog"](Effect("fog", (0.8, 0.05), 3), gray)
    assert at > 5
    assert abs(int(fog.reshape(90, 90)[45, 45]) - (255 - 155 * 0.95**at)) <= 1


def test_puffs_are_as_many_as_in_the_road_scenes_and_crowd_the_middle():
    x, y, radius = weather.puffs(1, (400, 600), 1.0)
    assert len(x) == 60 + 48 + 39 + 31 + 25 + 20 + 16
    assert radius.min() >= 20
    assert radius.max() < 40
    assert np.std(x) < 600 / 12**0.5
    assert x.min() >= -1
    assert y.max() < 400


@pytest.mark.parametrize("color", [(0.1, 0.3, 0.2), (0.5, 0.5, 0.5), (0.9, 0.2, 0.6), (1.0, 0, 0)])
def test_bleaching_is_that_of_hls(color):
    hue, light, saturation = colorsys.rgb_to_hls(*color)
    wanted = colorsys.hls_to_rgb(hue, min(light * 1.7, 1.0), saturation)
    image = np.array(color, np.float32).reshape(1, 1, 3)
    done = opencv.BACKEND.effects["snow_bleach"](Effect("snow_bleach", (1.0, 1.7)), image)
    assert np.allclose(done.ravel(), wanted, atol=1e-6)


def test_stones_keep_hue_and_saturation():
    image = np.broadcast_to(np.array([0.2, 0.3, 0.4], np.float32), (40, 40, 3)).copy()
    op = Effect("gravel", ((5, 5, 30, 30),), 2)
    done = opencv.BACKEND.effects["gravel"](op, image)
    hue, _, saturation = colorsys.rgb_to_hls(0.2, 0.3, 0.4)
    for rgb in done[(done != image).any(2)]:
        got = colorsys.rgb_to_hls(*rgb.tolist())
        if 0.02 < got[1] < 0.98:
            assert got[0] == pytest.approx(hue, abs=1e-3)
            assert got[2] == pytest.approx(saturation, abs=1e-3)


def test_reflections_are_blended_once_more_by_every_later_one():
    image = np.zeros((60, 60, 3), np.float32)
    circles = ((0.2, 10, 10, 5, (255.0,) * 3), (0.1, 40, 40, 5, (255.0,) * 3))
    op = Effect("sun_overlay", ((5, 50), 5, (255.0,) * 3, circles))
    done = opencv.BACKEND.effects["sun_overlay"](op, image)
    assert done[10, 10, 0] == pytest.approx(1 - 0.8 * 0.9, abs=1e-5)
    assert done[40, 40, 0] == pytest.approx(0.1, abs=1e-5)


def test_drops_reach_nine_tenths_of_the_color():
    black = np.zeros((120, 120, 3), np.float32)
    op = Effect("spatter_rain", (*LIQUID, (255.0, 255.0, 0.0)), 1)
    done = opencv.BACKEND.effects["spatter_rain"](op, black)
    assert done[..., 0].max() == pytest.approx(0.9 * 0.6, abs=1e-3)
    assert done[..., 2].max() == 0
    assert 0.1 < (done[..., 0] > 0).mean() < 0.35


def test_mud_covers_as_much_as_the_liquid_exceeds():
    white = np.ones((256, 256, 1), np.float32)
    op = Effect("spatter_mud", (*LIQUID, (0.0, 0.0, 0.0)), 1)
    done = opencv.BACKEND.effects["spatter_mud"](op, white)
    assert 1 - done.min() == pytest.approx(0.6, abs=1e-3)
    assert (1 - done).mean() / 0.6 == pytest.approx(0.24, abs=0.03)


def test_no_liquid_changes_nothing():
    image = picture((30, 30, 3), "uint8")
    for name in ("spatter_rain", "spatter_mud"):
        op = Effect(name, (0.2, 0.0, 2.0, 0.9, 0.6, RED), 1)
        assert np.array_equal(opencv.BACKEND.effects[name](op, image), image)


def test_colors_spread_over_other_channels():
    assert weather.shades((255, 0, 0), 3) == (1.0, 0.0, 0.0)
    assert weather.shades((255, 0, 0), 2) == (0.299, 0.299)
    assert weather.shades((255, 255, 255), 1) == pytest.approx((1.0,))
    assert weather.shades((51, 0), 3) == pytest.approx((0.1, 0.1, 0.1))
