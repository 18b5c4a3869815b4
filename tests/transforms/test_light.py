"""Light, lamps, lenses, plasma and stains: what is drawn, what is refused."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import ColorMatrix, Curve, Effect
from anamorph.transforms.illumination import gains


class Picture:
    """What draw may ask of a sample."""

    size = (40, 60)
    dtype = "uint8"

    def __init__(self, channels: int = 3) -> None:
        self.channels = channels


def ops(transform: Any, count: int = 1, channels: int = 3, seed: int = 1) -> list[Any]:
    rng = Rng(seed)
    return [list(transform.draw(rng, Picture(channels))) for _ in range(count)]


def test_gray_lamps_change_nothing_where_red_and_blue_meet_green() -> None:
    red, green, blue = gains("cied", 6500.0)
    assert green == 1.0
    assert abs(red - 1) < 0.01
    assert abs(blue - 1) < 0.01


@pytest.mark.parametrize("mode", ["blackbody", "cied"])
def test_cooler_lamps_are_bluer(mode: str) -> None:
    kelvins = np.linspace(3000 if mode == "blackbody" else 4000, 15000, 50)
    reds, _, blues = zip(*(gains(mode, k) for k in kelvins), strict=True)
    assert list(reds) == sorted(reds, reverse=True)
    assert list(blues) == sorted(blues)
    assert gains(mode, 1.0) == gains(mode, kelvins[0])
    assert gains(mode, 1e6) == gains(mode, 15000.0)


@pytest.mark.parametrize("method", ["uniform", "gaussian"])
def test_temperatures_are_drawn_about_white(method: str) -> None:
    t = A.PlanckianJitter(sampling_method=method, temperature_limit=(5000, 12000), p=1)
    reds = [made[0].steps[0][1][0] for made in ops(t, 4000)]
    low, high = gains("blackbody", 12000.0)[0], gains("blackbody", 5000.0)[0]
    white = gains("blackbody", 6000.0)[0]
    assert low <= min(reds) < max(reds) <= high
    assert 0.37 < fmean(r > white for r in reds) < 0.43
    near = fmean(abs(r - white) < 0.02 for r in reds)
    assert near > 0.15 if method == "gaussian" else near < 0.15


def test_lamps_fuse_with_other_tones() -> None:
    made = A.Compose([A.RandomGamma((80, 80), p=1), A.PlanckianJitter(p=1)], seed=3)
    assert type(ops(A.PlanckianJitter(p=1))[0][0]) is Curve
    image = np.full((8, 8, 3), 100, np.uint8)
    assert made(image=image)["image"].shape == image.shape


@pytest.mark.parametrize("limits", [(7000, 8000), (3000, 5000), (2000, 8000), (6000, 20000)])
def test_lamps_refuse_ranges_without_white(limits: Any) -> None:
    with pytest.raises(ParameterError, match=r"PlanckianJitter.temperature_limit"):
        A.PlanckianJitter(temperature_limit=limits)
    with pytest.raises(ParameterError, match="4000"):
        A.PlanckianJitter(mode="cied", temperature_limit=(3500, 8000))


@pytest.mark.parametrize(
    ("mode", "same"), [("green_purple", True), ("red_blue", False), ("random", None)]
)
def test_lenses_of_red_and_blue(mode: str, same: Any) -> None:
    seen = set()
    for (op,) in ops(A.ChromaticAberration(mode=mode, p=1), 100):
        red1, red2, blue1, blue2, _ = op.params
        assert red1 * red2 >= 0
        assert blue1 * blue2 >= 0
        assert abs(red1) <= 0.02
        assert abs(blue2) <= 0.05
        seen.add(red1 * blue1 > 0)
    assert seen == ({True, False} if same is None else {same})


def test_illumination_draws_what_its_mode_needs() -> None:
    for mode, count in (("linear", 1), ("corner", 1), ("gaussian", 3)):
        made = [op for (op,) in ops(A.Illumination(mode=mode, p=1), 200)]
        assert all(len(op.params) == 2 + count for op in made)
        strengths = [op.params[1] for op in made]
        assert 0.01 <= min(map(abs, strengths)) <= max(map(abs, strengths)) <= 0.2
        assert 0.35 < fmean(s > 0 for s in strengths) < 0.65
    assert {op.params[2] for (op,) in ops(A.Illumination(mode="corner", p=1), 99)} == {0, 1, 2, 3}
    assert all(op.params[1] < 0 for (op,) in ops(A.Illumination(effect_type="darken", p=1), 20))


def test_principal_axes_follow_the_paper() -> None:
    """The mean shift of many pictures has the standard deviation alpha times the variance."""
    rng = np.random.default_rng(0)
    amounts = rng.normal(0, 0.1, (64, 64, 1))
    image = np.clip(0.5 + amounts * np.array((1.0, 1.0, 1.0)), 0, 1).astype(np.float32)
    shift = A.Compose([A.FancyPCA(alpha=1.0, p=1)], seed=2)
    shifts = [float((shift(image=image)["image"] - image)[..., 0].mean()) for _ in range(400)]
    assert abs(np.std(shifts) / (image[..., 0].var() * 3 / np.sqrt(3)) - 1) < 0.15


def test_photometric_distortion_draws_five_changes_in_two_orders() -> None:
    t = A.PhotoMetricDistort(distort_p=1, p=1)
    orders = set()
    for made in ops(t, 60):
        orders.add(
            "".join(
                "b"
                if isinstance(op, Curve) and op.steps[0][0] == "linear"
                else "c"
                if isinstance(op, Curve)
                else "h"
                if isinstance(op, Effect)
                else "m"
                for op in made
            )
        )
    assert orders == {"bcmhm", "bmhcm"}
    assert ops(A.PhotoMetricDistort(distort_p=0, p=1)) == [[]]
    assert all(isinstance(op, Curve) for made in ops(t, 20, channels=1) for op in made)
    shuffled = {made[-1] for made in ops(t, 200)}
    assert len(shuffled) == 6
    assert all(isinstance(op, ColorMatrix) for op in shuffled)


def test_stains_take_a_table_or_a_way() -> None:
    assert len({op.params[0] for (op,) in ops(A.HEStain(p=1), 200)}) == 8
    ((op,),) = ops(A.HEStain(method="preset", p=1))
    assert op.params[0] == ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11))
    ((op,),) = ops(A.HEStain(method="macenko", p=1))
    assert op.params[0] == "macenko"
    with pytest.raises(ParameterError, match=r"HEStain.preset = 'dark'"):
        A.HEStain(preset="dark")


@pytest.mark.parametrize(
    ("transform", "channels"),
    [
        (A.HEStain(p=1), 1),
        (A.PlanckianJitter(p=1), 5),
        (A.ChromaticAberration(p=1), 2),
        (A.PhotoMetricDistort(p=1), 4),
        (A.ToSepia(p=1), 2),
        (A.HueSaturationValue(p=1), 5),
    ],
)
def test_what_is_undefined_says_so(transform: Any, channels: int) -> None:
    with pytest.raises(A.AnamorphError, match=rf"{type(transform).__name__} needs .*channels"):
        transform(image=np.zeros((8, 8, channels), np.uint8))


def test_slices_of_a_volume_share_their_cloud() -> None:
    volume = np.full((3, 20, 30, 1), 200, np.uint8)
    out = A.Compose([A.PlasmaShadow(p=1)], seed=1)(volume=volume)["volume"]
    assert np.array_equal(out[0], out[1])
    assert np.array_equal(out[0], out[2])
    assert out.std() > 0


def test_names_of_other_dialects() -> None:
    t = A.PlanckianJitter(temperature_range=(4000, 8000))
    assert t.temperature_limit == (4000, 8000)
    t = A.ChromaticAberration(primary_distortion_range=0.1, secondary_distortion_range=0.2)
    assert t.secondary_distortion_limit == (-0.2, 0.2)
    assert A.HEStain(residual_mode="project", stain_matrix=None) == A.HEStain()
    assert A.Illumination(num_spots_range=(1, 1)) == A.Illumination()
    with pytest.raises(A.AnamorphError, match="num_spots_range"):
        A.Illumination(num_spots_range=(1, 3))
