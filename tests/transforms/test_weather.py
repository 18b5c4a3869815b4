"""Weather: what is drawn, what is refused, and names of older versions."""

from __future__ import annotations

import numpy as np
import pytest

import anamorph as A
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect


class Scene:
    """What a transform may know of a picture, without one."""

    def __init__(self, height: int = 512, width: int = 400, channels: int = 3) -> None:
        self.size = (height, width)
        self.channels = channels
        self.dtype = "uint8"


def drawn(transform, seed=1, scene=None):
    return list(transform.draw(Rng(seed), scene or Scene()))


def gray(shape=(64, 80, 3), value=128):
    return np.full(shape, value, np.uint8)


def test_fog_is_blurred_by_the_shorter_side():
    fog, blur = drawn(A.RandomFog(fog_coef_range=(0.5, 0.5), alpha_coef=0.1))
    assert isinstance(fog, Effect)
    assert fog.params == (0.5, 0.05)
    assert blur == Convolve("gaussian", (13, 13))
    assert drawn(A.RandomFog(), scene=Scene(20, 30))[1].size == (3, 3)


@pytest.mark.parametrize(
    ("kind", "count"), [("default", 170), ("drizzle", 128), ("heavy", 512), ("torrential", 1024)]
)
def test_types_of_rain_have_as_many_streaks_as_in_2_0_8(kind, count):
    (op,) = drawn(A.RandomRain(rain_type=kind, slant_range=(4, 4)))
    assert op.params[0] == count
    assert op.params[1] == (4, 64)
    assert drawn(A.RandomRain(drop_length=9))[0].params[1][1] == 9
    assert drawn(A.RandomRain(rain_type=None))[0].params[0] == 170


def test_no_streaks_on_a_picture_of_one_row():
    image = gray((1, 9, 3))
    assert np.array_equal(A.RandomRain(p=1)(image=image)["image"], image)


def test_shadows_stay_in_their_area_and_darken_by_the_intensity():
    image = gray((100, 100, 3), 200)
    shade = A.RandomShadow((0.2, 0.6, 0.7, 0.9), (2, 2), 3, (0.5, 0.5), p=1)
    for _ in range(10):
        out = shade(image=image)["image"]
        rows, columns = np.nonzero((out != image).any(2))
        assert rows.min() >= 60
        assert rows.max() < 90
        assert columns.min() >= 20
        assert columns.max() < 70
        assert set(np.unique(out)) <= {200, 100, 50}


def test_gravel_lies_in_patches_within_its_area():
    ops = [drawn(A.RandomGravel(number_of_patches=3), seed)[0] for seed in range(20)]
    for op in ops:
        assert len(op.params) == 3
        for x, y, width, height in op.params:
            assert 40 <= x <= x + width <= 360
            assert 204 <= y <= y + height <= 460
            assert 32 <= width < 64
            assert 25 <= height < 51


def test_snow_lightens_only_what_is_dark():
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (2, 256, 3)).copy()
    out = A.RandomSnow(snow_point_range=(0.1, 0.1), p=1)(image=ramp)["image"][0, :, 0]
    assert np.array_equal(out[98:], ramp[0, 98:, 0])
    assert np.abs(out[:98] - 2.5 * np.arange(98)).max() <= 1


def test_falling_snow_keeps_gray_nearly_gray_and_sparkles():
    image = gray((200, 200, 3), 250)
    t = A.RandomSnow(method="texture", snow_point_range=(0.3, 0.3), p=1)
    out = t(image=image)["image"].astype(int)
    white = (out == 255).all(2)
    assert 0.005 < white.mean() < 0.02
    assert np.ptp(out[~white], axis=1).max() <= 6
    assert out[~white].min() > 200


def test_reflections_lie_on_a_line_through_the_sun():
    t = A.RandomSunFlare(angle_range=(0, 0), num_flare_circles_range=(4, 4), src_color=(200, 9, 0))
    for seed in range(20):
        (op,) = drawn(t, seed)
        center, radius, color, circles = op.params
        assert (radius, color) == (400, (200, 9, 0))
        assert 0 <= center[1] < 256
        assert len(circles) == 4
        for opacity, x, y, r, paint in circles:
            assert 0.05 <= opacity <= 0.2
            assert 0 <= x < 400
            assert y == center[1]
            assert r in {1, 8, 27, 64, 125}
            assert 149 <= paint[0] <= 200
            assert paint[1] <= 9
            assert paint[2] == 0


@pytest.mark.parametrize("mode", ["rain", "mud"])
def test_spatter_takes_its_color_or_that_of_its_mode(mode):
    (op,) = drawn(A.Spatter(mode=mode, mean=0.5))
    assert op.params[5] == {"rain": (238, 238, 175), "mud": (20, 42, 63)}[mode]
    assert 0 <= op.params[0] <= 0.5
    black = np.zeros((90, 90, 3), np.uint8)
    out = A.Spatter(mode=mode, color=(0, 200, 0), p=1)(image=black)["image"]
    assert out[..., 1].max() > 50
    assert not out[..., [0, 2]].any()
    assert drawn(A.Spatter(color=(0, 0, 0)))[0].params[5] == (0, 0, 0)


@pytest.mark.parametrize("mode", ["linear", "diagonal", "radial"])
def test_distant_fog_is_what_koschmieder_says(mode):
    image = np.zeros((41, 61, 3), np.float32)
    t = A.AtmosphericFog((2, 2), (255, 127.5, 0), mode, p=1)
    out = t(image=image)["image"]
    far = 1 - np.exp(-2)
    assert out[0, 0] == pytest.approx([far, far / 2, 0], abs=0.02)
    near = {"linear": (40, 5), "diagonal": (40, 60), "radial": (20, 30)}[mode]
    assert out[near] == pytest.approx([0, 0, 0], abs=1e-6)


def test_names_of_older_versions_are_understood():
    assert A.RandomFog(fog_coef_lower=0.2, fog_coef_upper=0.4) == A.RandomFog(
        fog_coef_range=(0.2, 0.4)
    )
    assert A.RandomRain(slant_lower=-3, slant_upper=4) == A.RandomRain(slant_range=(-3, 4))
    assert A.RandomShadow(num_shadows_lower=1, num_shadows_upper=3) == A.RandomShadow(
        num_shadows_limit=(1, 3)
    )
    assert A.RandomShadow(num_shadows_range=(2, 3)) == A.RandomShadow(num_shadows_limit=(2, 3))
    assert A.RandomSnow(snow_point_lower=0.2, snow_point_upper=0.3) == A.RandomSnow(
        snow_point_range=(0.2, 0.3)
    )
    assert A.RandomSunFlare(angle_lower=0.1, angle_upper=0.2) == A.RandomSunFlare(
        angle_range=(0.1, 0.2)
    )
    assert A.RandomSunFlare(
        num_flare_circles_lower=2, num_flare_circles_upper=3
    ) == A.RandomSunFlare(num_flare_circles_range=(2, 3))
    assert A.Spatter(mean_range=(0.1, 0.2), gauss_sigma_range=(1, 3)) == A.Spatter(
        mean=(0.1, 0.2), gauss_sigma=(1, 3)
    )


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: A.RandomGravel((0.5, 0, 0.5, 1)), "left < right and top < bottom"),
        (lambda: A.RandomShadow((0.9, 0, 0.5, 1)), "left < right and top < bottom"),
        (lambda: A.RandomSunFlare((0, 0.6, 1, 0.5)), "left < right and top < bottom"),
        (lambda: A.RandomSunFlare(src_color=255), "a sequence of items"),
        (lambda: A.RandomRain(drop_color=(300, 0, 0)), r"drop_color\[0\] = 300"),
        (lambda: A.RandomSnow(method="melt"), "one of 'bleach', 'texture'"),
        (lambda: A.Spatter(cutout_threshold=2), "cutout_threshold"),
    ],
)
def test_wrong_arguments_are_refused(make, says):
    with pytest.raises(A.AnamorphError, match=says):
        make()
