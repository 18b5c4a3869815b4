"""What blurs and sharpening draw, beside what Albumentations 2.0.8 was seen to draw."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest

from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Effect
from anamorph.transforms.blur import Blur, GaussianBlur, MedianBlur, MotionBlur, line_kernel
from anamorph.transforms.sharpen import Sharpen

SCENE = SimpleNamespace(size=(50, 60), channels=3, dtype="uint8")


def drawn(transform, count=300):
    rng = Rng(3)
    return [op for _ in range(count) for op in transform.draw(rng, SCENE)]


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [((3, 7), {3, 5, 7}), ((4, 8), {5, 7, 9}), (5, {3, 5}), (6, {3, 5, 7}), (1, {3}), (0, {3}), ((2, 2), {3})],
)  # fmt: skip
def test_sizes_are_odd_and_even_in_number(limit, sizes):
    counts = Counter(op.size for op in drawn(Blur(blur_limit=limit, p=1)))
    assert set(counts) == {(s, s) for s in sizes}
    assert min(counts.values()) > 300 / len(sizes) * 0.7
    assert {op.params[0] for op in drawn(MedianBlur(blur_limit=limit, p=1))} == sizes
    assert {op.size[0] for op in drawn(MotionBlur(blur_limit=limit, p=1))} == sizes


@pytest.mark.parametrize(
    ("sigma", "size"), [(0.5, 3), (0.8, 5), (1.0, 7), (1.5, 11), (2.0, 15), (3.0, 21)]
)
def test_the_size_of_a_gaussian_that_sigma_needs(sigma, size):
    (op,) = drawn(GaussianBlur(sigma_limit=(sigma, sigma), p=1), 1)
    assert op == Convolve("gaussian", (size, size), (sigma, sigma))


def test_sizes_of_gaussians():
    counts = Counter(op.size[0] for op in drawn(GaussianBlur(blur_limit=(3, 7), p=1), 1000))
    assert set(counts) == {3, 5, 7}
    assert counts[3] == pytest.approx(200, abs=50)
    assert {op.size[0] for op in drawn(GaussianBlur(blur_limit=5, p=1))} >= {3, 5, 11, 13}
    assert drawn(GaussianBlur(sigma_limit=0, p=1)) == []
    assert GaussianBlur(sigma_limit=2).sigma_limit == (0, 2)


def cells(kernel):
    return {(y, x) for y, row in enumerate(kernel) for x, v in enumerate(row) if v}


@pytest.mark.parametrize(
    ("angle", "direction", "want"),
    [
        (0, 0, {(2, x) for x in range(5)}),
        (0, 1, {(2, 2), (2, 3), (2, 4)}),
        (0, -1, {(2, 0), (2, 1), (2, 2)}),
        (0, 0.5, {(2, 1), (2, 2), (2, 3), (2, 4)}),
        (30, 0, {(1, 0), (2, 1), (2, 2), (2, 3), (3, 4)}),
        (30, 1, {(2, 2), (2, 3), (3, 3), (3, 4)}),
        (45, 0, {(1, 1), (2, 2), (3, 3)}),
        (90, 0, {(y, 2) for y in range(5)}),
        (120, 1, {(2, 2), (3, 1), (3, 2), (4, 1)}),
        (180, 1, {(2, 0), (2, 1), (2, 2)}),
        (270, 1, {(0, 2), (1, 2), (2, 2)}),
    ],
)
def test_lines_as_seen_in_2_0_8(angle, direction, want):
    kernel = line_kernel(5, math.radians(angle), direction, (2.0, 2.0))
    assert cells(kernel) == want
    assert sum(map(sum, kernel)) == pytest.approx(1.0)


def test_shifted_lines_leave_the_centre_and_plain_ones_do_not():
    plain = MotionBlur((7, 7), allow_shifted=False, angle_range=(0, 0), direction_range=(0, 0), p=1)
    assert {frozenset(cells(op.kernel)) for op in drawn(plain)} == {
        frozenset((3, x) for x in range(7))
    }
    rows = Counter(
        next(iter(cells(op.kernel)))[0] for op in drawn(plain.replace(allow_shifted=True))
    )
    assert set(rows) == {2, 3, 4}
    assert min(rows.values()) > 70


def test_every_kernel_keeps_the_brightness():
    for op in drawn(MotionBlur((3, 31), p=1), 1000):
        assert sum(map(sum, op.kernel)) == pytest.approx(1.0)
        assert (len(op.kernel), len(op.kernel[0])) == op.size


def test_sharpen_by_a_kernel():
    (op,) = drawn(Sharpen(alpha=(0.25, 0.25), lightness=(1, 1), p=1), 1)
    assert op.kernel == ((-0.25,) * 3, (-0.25, 3.0, -0.25), (-0.25,) * 3)
    assert sum(map(sum, op.kernel)) == 1.0
    (off,) = drawn(Sharpen(alpha=(0, 0), p=1), 1)
    assert sum(map(sum, off.kernel)) == off.kernel[1][1] == 1.0


def test_sharpen_by_a_gaussian():
    (op,) = drawn(Sharpen(alpha=(0.3, 0.3), method="gaussian", kernel_size=4, sigma=2, p=1), 1)
    assert op == Effect("sharpen", (0.3, 5, 2.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blur(blur_limit=(3, 7, 9)), "a pair"),
        (lambda: Blur(blur_limit=3.5), "whole numbers"),
        (lambda: MedianBlur(blur_limit=300), "at most 255"),
        (lambda: GaussianBlur(sigma_limit=(-1, 2)), "of at least 0"),
        (lambda: MotionBlur(direction_range=(-2, 1)), r"in \[-1, 1\]"),
        (lambda: Sharpen(alpha=(0, 2)), r"in \[0, 1\]"),
        (lambda: Sharpen(kernel_size=1), "at least 3"),
        (lambda: Sharpen(sigma=0), "above 0"),
        (lambda: Sharpen(method="gausian"), "did you mean gaussian"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
