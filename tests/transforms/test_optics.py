"""What lenses, glass, ringing, grain and patches draw, beside what 2.0.8 was seen to draw."""

import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect, Noise
from anamorph.transforms.blur import bell_kernel
from anamorph.transforms.optics import even_factors
from anamorph.transforms.sharpen import bessel_j1, jinc_kernel

SCENE = SimpleNamespace(size=(50, 60), channels=3, dtype="uint8")


def drawn(transform, count=300):
    rng = Rng(3)
    return [op for _ in range(count) for op in transform.draw(rng, SCENE)]


def test_disks():
    ops = drawn(A.Defocus((3, 5), (0.1, 0.2), p=1))
    assert {op.kind for op in ops} == {"disk"}
    assert set(Counter(op.size for op in ops)) == {(7, 7), (9, 9), (11, 11)}
    assert all(0.1 <= op.sigma[0] == op.sigma[1] <= 0.2 for op in ops)
    assert A.Defocus(radius=5).radius == (1, 5)


@pytest.mark.parametrize(
    ("most", "step", "count", "reach"),
    [
        (1.31, 0.03, 11, 1.30),  # numbers of zooms as 2.0.8 shows them in its parameters
        (1.25, 0.2, 2, 1.2),
        (1.0, 0.1, 2, 1.1),
        (1.01, 0.03, 2, 1.03),
        (1.2, 0.0, 256, 1.2),
    ],
)
def test_zooms(most, step, count, reach):
    (op,) = drawn(A.ZoomBlur((most, most), (step, step), p=1), 1)
    assert op.params[0] == count
    step = (reach - 1) / (count - 1)
    equal = [op.params[1] ** (i / (count - 1)) for i in range(count)]
    assert sum(1 / f for f in equal) == pytest.approx(sum(1 / (1 + i * step) for i in range(count)))
    assert equal[-1] == pytest.approx(reach, rel=0.02)


def test_no_zoom():
    assert drawn(A.ZoomBlur((1, 1), (0, 0), p=1)) == []
    assert even_factors(10, 1.0) == 1.0


def test_glass():
    op = drawn(A.GlassBlur(0.5, 3, 4, "exact", p=1), 1)[0]
    assert op == Effect("glass", (0.5, 3, 4, "exact"), op.key)


def test_emboss_as_seen_in_2_0_8():
    (op,) = drawn(A.Emboss((0.5, 0.5), (0.5, 0.5), p=1), 1)
    assert op.kernel == ((-0.75, -0.25, 0.0), (-0.25, 1.0, 0.25), (0.0, 0.25, 0.75))


def test_unsharp_masks():
    ops = drawn(A.UnsharpMask((3, 7), 2, (0.2, 0.5), 30, p=1))
    assert {op.params[1] for op in ops} == {3, 5, 7}
    assert all(0.2 <= op.params[0] <= 0.5 and 0 <= op.params[2] <= 2 for op in ops)
    assert {op.params[3] for op in ops} == {30}


def test_ringing_as_seen_in_2_0_8():
    kernel = np.array(jinc_kernel(7, 1.0))
    assert kernel.sum() == pytest.approx(1.0)
    assert kernel[3] == pytest.approx(
        [0.013, 0.0331, 0.0506, 0.0575, 0.0506, 0.0331, 0.013], abs=1e-4
    )
    assert kernel[0, 0] == pytest.approx(-0.0041, abs=1e-4)
    assert {op.size[0] for op in drawn(A.RingingOvershoot(p=1))} == {7, 9, 11, 13, 15}
    assert np.array(jinc_kernel(5, 0.0)) == pytest.approx(0.04)


def test_bessel_function_by_its_integral():
    turns = (np.arange(4000) + 0.5) / 4000 * math.pi
    for x in (0.0, 0.3, 2.0, 7.5, 11.9, 12.1, 20.0, 60.0):
        integral = np.cos(turns - x * np.sin(turns)).mean()
        assert bessel_j1(x) == pytest.approx(integral, abs=1e-9)


def test_bells_as_seen_in_2_0_8():
    bell = np.array(bell_kernel(7, (1.0, 2.0), math.radians(30), 1.0))
    bell /= bell.sum()
    assert bell[3] == pytest.approx(
        [0.00217, 0.01655, 0.056, 0.08407, 0.056, 0.01655, 0.00217], abs=1e-5
    )
    assert bell[0, 4] == pytest.approx(0.02072, abs=1e-5)
    wide = np.array(bell_kernel(5, (2.0, 2.0), 0.0, 3.0))
    assert -2 * math.log(wide[2, 4] / wide[2, 2]) == pytest.approx(1.0)
    assert np.array(bell_kernel(3, (0.0, 0.0), 1.0, 8.0)).sum() == 1.0


def test_advanced_blurs_draw_both_sides_of_one_alike():
    flat = A.AdvancedBlur((7, 7), (2, 2), (2, 2), 0, (0.5, 8), (1, 1), p=1)
    exponents = []
    for op in drawn(flat, 400):
        k = np.array(op.kernel)
        assert k.sum() == pytest.approx(1.0)
        q1, q2 = (-2 * math.log(k[3, 3 + i] / k[3, 3]) for i in (1, 2))
        exponents.append(math.log(q2 / q1) / math.log(4))
    assert np.mean(np.array(exponents) < 1) == pytest.approx(0.5, abs=0.08)
    assert 0.5 <= min(exponents) < 0.6
    assert 7 < max(exponents) <= 8.0001
    noisy = drawn(flat.replace(noise_limit=(0.5, 1.5)), 2)
    assert not np.allclose(np.array(noisy[0].kernel), np.array(noisy[0].kernel)[::-1])


def test_grain_of_all_kinds():
    (op,) = drawn(A.ShotNoise((0.2, 0.2), p=1), 1)
    assert op == Noise("shot", (0.2,), op.key)
    assert drawn(A.ShotNoise((0, 0), p=1)) == []
    (op,) = drawn(A.RicianNoise((0.1, 0.1), True, p=1), 1)
    assert op == Noise("rice", (0.1, True), op.key)
    assert all(1 <= op.params[1] <= 3 for op in drawn(A.FilmGrain(p=1)))


def test_patches():
    ops = drawn(A.Superpixels((0.2, 0.3), (50, 60), 64, 0, p=1))
    assert all(0.2 <= op.params[0] <= 0.3 and 50 <= op.params[1] <= 60 for op in ops)
    assert {op.params[2:] for op in ops} == {(64, 0)}


def test_morphology_takes_width_and_height_as_2_0_8_does():
    (op,) = drawn(A.Morphological((2, 5), p=1), 1)
    assert (len(op.kernel), len(op.kernel[0])) == (5, 2)
    assert isinstance(op, Convolve)
    assert A.Morphological(3).scale == (1, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: A.AdvancedBlur(beta_limit=(1, 3)), "a range with 1 inside"),
        (lambda: A.AdvancedBlur(noise_limit=0), "ends above 0"),
        (lambda: A.AdvancedBlur(sigma_x_limit=0, sigma_y_limit=0), "it must reach above 0"),
        (lambda: A.Defocus(radius=(0, 3)), "of at least 1"),
        (lambda: A.ZoomBlur(max_factor=(0.9, 1.2)), "of at least 1"),
        (lambda: A.GlassBlur(max_delta=0), r"in \[1, 1000\]"),
        (lambda: A.GlassBlur(mode="exakt"), "did you mean exact"),
        (lambda: A.UnsharpMask(threshold=300), r"in \[0, 255\]"),
        (lambda: A.RingingOvershoot(cutoff=(1, 4)), r"in \[0, 3.14159\]"),
        (lambda: A.ShotNoise(scale_range=(-1, 2)), "of at least 0"),
        (lambda: A.Superpixels(n_segments=0), "of at least 1"),
        (lambda: A.Morphological(operation="opening"), "'erosion', 'dilation'"),
        (lambda: A.FilmGrain(grain_size_range=0.5), r"in \[1, 64\]"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (lambda: A.AdvancedBlur(blur_range=(5, 5), sigma_x_range=(1, 1)), lambda: A.AdvancedBlur((5, 5), (1, 1))),
        (lambda: A.Defocus(radius_range=(2, 3), alias_blur_range=(0, 1)), lambda: A.Defocus((2, 3), (0, 1))),
        (lambda: A.ZoomBlur(max_factor_range=(1, 2)), lambda: A.ZoomBlur((1, 2))),
        (lambda: A.UnsharpMask(sigma_range=(1, 2), alpha_range=(0, 1)), lambda: A.UnsharpMask(sigma_limit=(1, 2), alpha=(0, 1))),
        (lambda: A.RingingOvershoot(cutoff_range=(1, 2)), lambda: A.RingingOvershoot(cutoff=(1, 2))),
        (lambda: A.Superpixels(p_replace_range=(0, 1), n_segments_range=(5, 6)), lambda: A.Superpixels((0, 1), (5, 6))),
    ],
)  # fmt: skip
def test_names_of_other_versions(got, want):
    assert got() == want()
