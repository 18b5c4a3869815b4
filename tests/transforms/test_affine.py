"""Matrices of affine maps: known by hand, exact at right angles, read back from 2.0.8."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anamorph.core import constants as K
from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Warp
from anamorph.transforms.affine import Affine, Rotate, SafeRotate, ShiftScaleRotate

sizes = st.tuples(st.integers(1, 700), st.integers(1, 700))
angles = st.one_of(st.floats(-400, 400), st.sampled_from([0.0, 45.0, 90.0, -90.0, 180.0, 270.0]))


def drawn(transform, size, seed=0):
    (op,) = transform.draw(Rng(seed), SimpleNamespace(size=size))
    return op


def many(transform, size, count):
    rng, scene = Rng(5), SimpleNamespace(size=size)
    return [next(iter(transform.draw(rng, scene))) for _ in range(count)]


def linear(op):
    a, b, _, d, e, _ = op.matrix[:6]
    return a, b, d, e


def shift(op, size):
    """How far the centre of the picture goes."""
    x, y = mx.apply(op.matrix, size[1] / 2, size[0] / 2)
    return pytest.approx((x - size[1] / 2, y - size[0] / 2), abs=1e-9)


# ------------------------------------------------------------------------------------ Rotate


def test_rotate_turns_counter_clockwise_about_the_centre():
    op = drawn(Rotate((30, 30), p=1), (40, 60))
    c, s = math.cos(math.pi / 6), 0.5
    assert op.size == (40, 60)
    assert op.matrix[:6] == pytest.approx((c, s, 30 - 30 * c - 20 * s, -s, c, 20 + 30 * s - 20 * c))


@pytest.mark.parametrize("side", [1, 2, 7, 30, 31])
@pytest.mark.parametrize(("angle", "name"), [(90, "r90"), (180, "r180"), (-90, "r270"), (360, "e")])
def test_rotate_by_quarters_of_squares_is_a_symmetry(side, angle, name):
    op = drawn(Rotate((angle, angle), p=1), (side, side))
    assert op == Warp.symmetry(name, (side, side))


def test_half_turns_are_exact_for_any_picture():
    for size in [(1, 9), (7, 513), (40, 61)]:
        assert drawn(Rotate((180, 180), p=1), size) == Warp.symmetry("r180", size)
        assert drawn(SafeRotate((180, 180), p=1), size) == Warp.symmetry("r180", size)


def test_angles_are_drawn_from_the_range():
    found = [
        math.degrees(math.atan2(op.matrix[1], op.matrix[0])) for op in many(Rotate(), (9, 9), 500)
    ]
    assert -90 <= min(found) < -80
    assert 80 < max(found) <= 90
    assert Rotate(30) == Rotate((-30, 30)) == Rotate(limit=[-30, 30])


@pytest.mark.parametrize(
    ("size", "angle", "canvas"),
    [
        ((40, 60), 0, (40, 60)), ((40, 60), 180, (40, 60)), ((7, 513), 180, (7, 513)),
        ((40, 60), 90, (40, 40)), ((41, 60), 90, (41, 41)), ((40, 60), 30, (23, 40)),
        ((60, 40), 30, (40, 23)), ((40, 60), 45, (28, 28)), ((40, 60), 10, (30, 55)),
        ((1, 1), 30, (1, 1)), ((1, 9), 45, (1, 1)),
    ],
)  # fmt: skip
def test_crop_border_keeps_the_largest_rectangle(size, angle, canvas):
    assert drawn(Rotate((angle, angle), crop_border=True, p=1), size).size == canvas


def test_crop_border_of_a_quarter_turn_is_exact():
    for size in [(41, 60), (60, 41), (40, 61), (1, 8)]:
        assert mx.is_lattice(drawn(Rotate((90, 90), crop_border=True, p=1), size).matrix)


@given(sizes, angles)
def test_crop_border_shows_nothing_but_the_picture(size, angle):
    op = drawn(Rotate((angle, angle), crop_border=True, p=1), size)
    assert 1 <= op.size[0] <= size[0]
    assert 1 <= op.size[1] <= size[1]
    assume(min(op.size) > 1)  # one row or column is kept even where none fits
    back = mx.invert(op.matrix)
    x0, y0, x1, y1 = mx.bounds(back, mx.corners(*op.size))
    assert min(x0, y0) >= -1e-5
    assert x1 <= size[1] + 1e-5
    assert y1 <= size[0] + 1e-5


# -------------------------------------------------------------------------------- SafeRotate


def test_safe_rotate_fits_each_side_by_itself():
    op = drawn(SafeRotate((30, 30), p=1), (40, 60))
    assert op.size == (40, 60)
    assert op.matrix[:6] == pytest.approx(
        (0.73185, 0.42254, -0.40628, -0.3125, 0.54127, 18.54968), abs=1e-5
    )


def test_safe_rotate_by_a_quarter_is_exact():
    for side in (1, 7, 30):
        assert drawn(SafeRotate((90, 90), p=1), (side, side)) == Warp.symmetry("r90", (side, side))
    op = drawn(SafeRotate((90, 90), p=1), (40, 60))
    assert op.matrix == (0.0, 1.5, 0.0, -40 / 60, 0.0, 40.0, 0.0, 0.0, 1.0)


@given(sizes, angles)
def test_safe_rotate_keeps_the_centre_of_every_pixel(size, angle):
    op = drawn(SafeRotate((angle, angle), p=1), size)
    h, w = size
    ends = [(0.5, 0.5), (w - 0.5, 0.5), (w - 0.5, h - 0.5), (0.5, h - 0.5)]
    x0, y0, x1, y1 = mx.bounds(op.matrix, ends)
    assert min(x0, y0) >= -1e-5
    assert x1 <= w + 1e-5
    assert y1 <= h + 1e-5


# ------------------------------------------------------------------------------------ Affine


def test_affine_scales_then_turns_then_shears_then_shifts():
    transform = Affine(
        rotate=(30, 30), shear={"x": 20, "y": 10}, scale={"x": 0.5, "y": 2},
        translate_px={"x": 5, "y": -3}, p=1,
    )  # fmt: skip
    op = drawn(transform, (40, 60))
    want = (0.52401, 0.36959, 11.88814, -0.32635, 1.55572, -4.32392)
    assert op.matrix[:6] == pytest.approx(want, abs=1e-5)
    assert shift(op, (40, 60)) == (5, -3)


def test_each_part_of_affine_by_itself():
    size, tan = (40, 60), math.tan(math.radians(20))
    assert linear(drawn(Affine(shear={"x": 20}, p=1), size)) == pytest.approx((1, -tan, 0, 1))
    assert linear(drawn(Affine(shear={"y": 20}, p=1), size)) == pytest.approx((1, 0, -tan, 1))
    assert linear(drawn(Affine(shear=20, p=1), size)) == pytest.approx((1, -tan, -tan, 1))
    assert linear(drawn(Affine(scale=0.5, p=1), size)) == (0.5, 0, 0, 0.5)
    assert linear(drawn(Affine(scale={"x": 0.5}, p=1), size)) == (0.5, 0, 0, 1)
    assert drawn(Affine(p=1), size).matrix == mx.IDENTITY


def test_shifts_are_whole_pixels_towards_zero():
    size = (40, 60)
    assert shift(drawn(Affine(translate_percent=0.13, p=1), size), size) == (7, 5)
    assert shift(drawn(Affine(translate_percent=-0.13, p=1), size), size) == (-7, -5)
    assert shift(drawn(Affine(translate_percent={"x": 0.1}, p=1), size), size) == (6, 0)
    assert shift(drawn(Affine(translate_px=4, p=1), size), size) == (4, 4)
    ops = many(Affine(translate_px=(1, 3), p=1), size, 300)
    assert {(op.matrix[2], op.matrix[5]) for op in ops} == {
        (x, y) for x in (1, 2, 3) for y in (1, 2, 3)
    }


def test_one_range_is_drawn_for_each_axis_unless_the_ratio_is_kept():
    free = many(Affine(scale=(0.5, 2), p=1), (9, 9), 20)
    assert all(op.matrix[0] != op.matrix[4] for op in free)
    kept = many(Affine(scale=(0.5, 2), keep_ratio=True, p=1), (9, 9), 20)
    assert all(op.matrix[0] == op.matrix[4] for op in kept)


def test_balanced_scale_shrinks_as_often_as_it_enlarges():
    drawn_ = [
        op.matrix[0] for op in many(Affine(scale=(0.5, 4), balanced_scale=True, p=1), (9, 9), 2000)
    ]
    assert 900 < sum(s < 1 for s in drawn_) < 1100
    only = [
        op.matrix[0] for op in many(Affine(scale=(2, 4), balanced_scale=True, p=1), (9, 9), 200)
    ]
    assert 2 <= min(only) < 2.2
    assert 3.8 < max(only) <= 4


@pytest.mark.parametrize("size", [(30, 50), (30, 30), (31, 31), (7, 13), (1, 9), (1, 1), (7, 513)])
@pytest.mark.parametrize(("angle", "name"), [(90, "r90"), (180, "r180"), (270, "r270"), (0, "e")])
def test_fit_output_of_quarter_turns_is_exact(size, angle, name):
    op = drawn(Affine(rotate=angle, fit_output=True, p=1), size)
    assert op == Warp.symmetry(name, size)


def test_fit_output_of_plain_scales():
    assert drawn(Affine(scale=0.5, fit_output=True, p=1), (40, 60)) == Warp.resize(
        (40, 60), (20, 30)
    )
    assert drawn(Affine(scale=0.01, fit_output=True, p=1), (40, 60)).size == (1, 1)
    moved = drawn(Affine(scale=0.5, translate_px=9, fit_output=True, p=1), (40, 60))
    assert moved == drawn(Affine(scale=0.5, fit_output=True, p=1), (40, 60))


@given(sizes, angles, st.floats(0.2, 2), st.floats(-40, 40))
def test_fit_output_holds_the_whole_picture_tightly(size, angle, scale, shear):
    transform = Affine(rotate=angle, scale=scale, shear={"x": shear}, fit_output=True, p=1)
    op = drawn(transform, size)
    x0, y0, x1, y1 = mx.bounds(op.matrix, mx.corners(*size))
    assert min(x0, y0) >= -1e-5
    assert 0 <= op.size[1] - (x1 - x0) + 1e-5 < 1.001
    assert 0 <= op.size[0] - (y1 - y0) + 1e-5 < 1.001


def test_sampling_is_what_was_asked_for():
    transform = Affine(
        interpolation=K.INTER_CUBIC, mask_interpolation=K.INTER_LINEAR, border_mode=K.BORDER_REFLECT,
        fill=(1, 2, 3), fill_mask=9, rotate_method="ellipse", p=1,
    )  # fmt: skip
    sampling = drawn(transform, (4, 4)).sampling
    assert sampling is drawn(transform, (5, 5)).sampling
    assert (sampling.interpolation, sampling.mask_interpolation) == (K.INTER_CUBIC, K.INTER_LINEAR)
    assert (sampling.border, sampling.fill, sampling.fill_mask) == (K.BORDER_REFLECT, (1, 2, 3), 9)
    assert sampling.box_method == "ellipse"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"translate_percent": 0.1, "translate_px": 3},
            "translate_percent or translate_px, not both",
        ),
        ({"scale": 0}, r"Affine\.scale = \(0, 0\): it must not be zero"),
        (
            {"scale": {"x": 2, "y": (2, 3)}, "keep_ratio": True},
            "with keep_ratio=True it must be equal",
        ),
        ({"shear": 45}, "flattens the picture to a line"),
        ({"shear": 90}, r"Affine\.shear = 90: it must be .*\[-89, 89\]"),
        ({"shear": {"x": 5, "z": 3}}, r"keys among \('x', 'y'\)"),
        ({"translate_px": 2.5}, "whole numbers of pixels"),
    ],
)
def test_affine_refuses(arguments, words):
    with pytest.raises(ParameterError, match=words):
        Affine(**arguments)


def test_drawn_shears_and_scales_never_flatten():
    transform = Affine(shear={"x": 45, "y": (45, 45.0000000001)}, scale=(0, 1), p=1)
    for op in many(transform, (20, 30), 200):
        mx.invert(op.matrix)


# -------------------------------------------------------------------------- ShiftScaleRotate


def test_shift_scale_rotate_is_affine_in_other_words():
    transform = ShiftScaleRotate(
        shift_limit_x=(0.1, 0.1), shift_limit_y=(0.2, 0.2), scale_limit=(0.5, 0.5),
        rotate_limit=(30, 30), p=1,
    )  # fmt: skip
    op = drawn(transform, (40, 60))
    same = Affine(rotate=30, scale=1.5, translate_px={"x": 6, "y": 8}, p=1)
    assert op.matrix == pytest.approx(drawn(same, (40, 60)).matrix)
    assert op.size == (40, 60)


def test_shift_limits_by_axis_take_the_place_of_the_common_one():
    transform = ShiftScaleRotate((0.1, 0.1), 0, 0, shift_limit_x=(0.5, 0.5), p=1)
    assert shift(drawn(transform, (40, 60)), (40, 60)) == (30, 4)
    with pytest.raises(ParameterError, match=r"ShiftScaleRotate\.shift_limit = "):
        ShiftScaleRotate(shift_limit=2)
    with pytest.raises(ParameterError, match=r"ShiftScaleRotate\.scale_limit = "):
        ShiftScaleRotate(scale_limit=-2)


# ---------------------------------------------------------------------------------- dialects


@pytest.mark.parametrize("transform", [Rotate, SafeRotate, ShiftScaleRotate])
def test_older_names_of_fills(transform):
    assert transform(value=(1, 2, 3), mask_value=4) == transform(fill=(1, 2, 3), fill_mask=4)
    assert transform(value=None, mask_value=None, always_apply=False) == transform()


def test_other_names():
    assert Rotate(angle_range=(1, 2)) == Rotate(limit=(1, 2))
    assert SafeRotate(angle_range=(1, 2)) == SafeRotate(limit=(1, 2))
    assert Affine(mode=2, cval=7, cval_mask=3) == Affine(border_mode=2, fill=7, fill_mask=3)
    assert ShiftScaleRotate(shift_range=(0, 0.1), scale_range=(0, 1), rotate_range=(5, 6)) == (
        ShiftScaleRotate((0, 0.1), (0, 1), (5, 6))
    )
