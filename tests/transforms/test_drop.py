"""What dropouts draw: holes, their sizes and places, and what they refuse."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Fill, Noise
from anamorph.transforms.drop import CoarseDropout, Erasing, GridDropout, PixelDropout, XYMasking


def scene(height=50, width=60, channels=3, dtype="uint8"):
    return SimpleNamespace(size=(height, width), channels=channels, dtype=dtype)


def holes(transform, where=None, count=300):
    rng, where = Rng(7), where or scene()
    out = []
    for _ in range(count):
        for op in transform.draw(rng, where):
            assert isinstance(op, Fill)
            out.append(op.regions)
    return out


def sides(drawn):
    flat = [r for regions in drawn for r in regions]
    return {r[2] - r[0] for r in flat}, {r[3] - r[1] for r in flat}


def inside(drawn, height, width):
    return all(
        0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        for regions in drawn
        for x0, y0, x1, y1 in regions
    )


# ------------------------------------------------------------------------- CoarseDropout


def test_coarse_sizes_by_shares_and_by_pixels():
    assert sides(holes(CoarseDropout(p=1))) == (set(range(6, 12)), set(range(5, 10)))
    by_pixels = CoarseDropout((2, 4), hole_height_range=(5, 8), hole_width_range=(7, 9), p=1)
    drawn = holes(by_pixels)
    assert sides(drawn) == ({7, 8, 9}, {5, 6, 7, 8})
    assert {len(regions) for regions in drawn} == {2, 3, 4}
    assert sides(holes(CoarseDropout(hole_height_range=(1, 1), p=1)))[1] == {1}
    assert sides(holes(CoarseDropout(hole_height_range=(0.0, 1), p=1)))[1] == set(range(1, 50))


def test_coarse_holes_reach_every_place_and_leave_none():
    drawn = holes(
        CoarseDropout(hole_height_range=(10, 10), hole_width_range=(10, 10), p=1), count=2000
    )
    assert inside(drawn, 50, 60)
    assert {r[0] for regions in drawn for r in regions} == set(range(51))
    assert {r[1] for regions in drawn for r in regions} == set(range(41))


def test_coarse_holes_larger_than_the_picture_cover_it():
    drawn = holes(CoarseDropout(hole_height_range=(60, 90), hole_width_range=(99, 99), p=1))
    assert {r for regions in drawn for r in regions} == {(0, 0, 60, 50)}


def test_on_one_pixel_shares_drop_nothing():
    assert holes(CoarseDropout(p=1), scene(1, 1)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_holes_range": (0, 2)}, "CoarseDropout.num_holes_range"),
        ({"hole_height_range": (0.5, 5)}, "CoarseDropout.hole_height_range"),
        ({"hole_width_range": (-0.1, 0.5)}, "CoarseDropout.hole_width_range"),
        ({"fill": "randm"}, "CoarseDropout.fill"),
        ({"fill": None}, "CoarseDropout.fill"),
        ({"fill_mask": "random"}, "CoarseDropout.fill_mask"),
    ],
)
def test_coarse_refuses_when_built(arguments, message):
    with pytest.raises(ParameterError, match=message):
        CoarseDropout(**arguments)


@pytest.mark.parametrize("cls", [CoarseDropout, Erasing, GridDropout])
def test_fills_are_checked_against_the_picture(cls):
    for fill, where, message in [
        ((1, 2), scene(), "one for each of the 3 channels"),
        (256, scene(), r"in \[0, 255\] for a picture of uint8"),
        (-1, scene(), r"in \[0, 255\]"),
        (2, scene(dtype="float32"), r"in \[0, 1\] for a picture of float32"),
    ]:
        with pytest.raises(ParameterError, match=message):
            list(cls(fill=fill, p=1).draw(Rng(1), where))
    with pytest.raises(DataError, match="1 or 3 channels, not of 5"):
        list(cls(fill="inpaint_ns", p=1).draw(Rng(1), scene(channels=5)))
    list(cls(fill=(1, 2, 3, 65535, 5), p=1).draw(Rng(1), scene(channels=5, dtype="uint16")))


def test_masks_are_touched_only_if_asked():
    (plain,) = CoarseDropout(p=1).draw(Rng(1), scene())
    (both,) = CoarseDropout(fill="random", fill_mask=3, p=1).draw(Rng(1), scene())
    assert plain.targets == {IMAGE, BOXES, POINTS}
    assert both.targets == {IMAGE, MASK, BOXES, POINTS}
    assert (plain.key, both.value, both.mask_value) == (0, "random", 3)
    assert both.key


# ------------------------------------------------------------------------------- Erasing


def test_erased_area_and_ratio_are_even_within_what_fits():
    h, w = 400, 300
    drawn = np.array([r[0] for r in holes(Erasing(p=1), scene(h, w), 4000)], float)
    across, down = drawn[:, 2] - drawn[:, 0], drawn[:, 3] - drawn[:, 1]
    area, ratio = across * down / (h * w), across / down
    largest = w * w / 3.3 / (h * w)
    quarters = [0.25, 0.5, 0.75]
    assert np.allclose(
        np.quantile(area, quarters), 0.02 + np.array(quarters) * (largest - 0.02), atol=0.01
    )
    assert np.allclose(np.quantile(ratio, quarters), 0.3 + np.array(quarters) * 3, atol=0.12)
    assert inside(holes(Erasing(p=1), scene(h, w)), h, w)


@pytest.mark.parametrize(
    ("scale", "size"),
    [((0.2, 0.7), (40, 120)), ((0.3, 0.4), (60, 80)), ((1, 1), (7, 513)), ((0.5, 0.9), (1, 9))],
)
def test_areas_that_fit_at_no_drawn_ratio_are_erased_as_far_as_they_fit(scale, size):
    drawn = holes(Erasing(scale=scale, p=1), scene(*size))
    assert len(drawn) == 300
    assert inside(drawn, *size)
    area = np.array([(r[0][2] - r[0][0]) * (r[0][3] - r[0][1]) for r in drawn]) / (
        size[0] * size[1]
    )
    slack = 0.07 if min(size) > 1 else 0.12
    assert area.min() > scale[0] - slack
    assert area.max() < scale[1] + slack


def test_erasing_one_pixel():
    assert holes(Erasing(p=1), scene(1, 1), 1) == [((0, 0, 1, 1),)]


# --------------------------------------------------------------------------- GridDropout


@pytest.mark.parametrize(
    ("arguments", "rows", "columns", "side"),
    [
        ({}, 10, 10, (5, 6)),
        ({"ratio": 0.9}, 10, 10, (9, 10)),
        ({"ratio": 1.0}, 10, 10, (9, 11)),
        ({"ratio": 0.01}, 10, 10, (1, 1)),
        ({"holes_number_xy": (5, 4)}, 5, 4, (10, 15)),
        ({"unit_size_range": (20, 20)}, 5, 6, (10, 10)),
    ],
)
def test_grids_as_in_2_0_8(arguments, rows, columns, side):
    fixed = holes(GridDropout(random_offset=False, p=1, **arguments), scene(100, 120), 1)[0]
    assert len(fixed) == rows * columns
    assert {(r[3] - r[1], r[2] - r[0]) for r in fixed} == {side}
    assert {r[0] for r in fixed} == {i * 120 // columns for i in range(columns)}
    assert {r[1] for r in fixed} == {i * 100 // rows for i in range(rows)}
    drawn = holes(GridDropout(p=1, **arguments), scene(100, 120))
    assert inside(drawn, 100, 120)
    spread = Counter(r[0] % (120 // columns) for regions in drawn for r in regions)
    assert set(spread) == set(range(120 // columns - side[1] + 1))


def test_shifted_holes_stay_in_the_picture():
    drawn = holes(GridDropout(random_offset=False, shift_xy=(3, 40), p=1), scene(100, 120), 1)[0]
    assert sorted({r[1] for r in drawn}) == [40, 50, 60, 70, 80, 90, 95]
    assert sorted({r[0] for r in drawn}) == list(range(3, 120, 12))


def test_cells_that_do_not_divide_the_picture_are_mixed():
    drawn = holes(GridDropout(random_offset=False, p=1), scene(10, 512), 20)
    assert len({tuple(sorted({r[0] for r in regions})) for regions in drawn}) > 10


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 500)])
def test_grids_on_odd_sizes(size):
    assert inside(holes(GridDropout(p=1), scene(*size)), *size)


def test_cells_must_fit():
    with pytest.raises(DataError, match=r"GridDropout.unit_size_range = \(10, 500\)"):
        holes(GridDropout(unit_size_range=(10, 500), p=1))
    with pytest.raises(ParameterError, match=r"GridDropout.shift_xy"):
        GridDropout(shift_xy=(-3, 0))
    with pytest.raises(ParameterError, match=r"GridDropout.ratio"):
        GridDropout(ratio=0)


# ----------------------------------------------------------------------------- XYMasking


def test_stripes():
    t = XYMasking((1, 3), (0, 2), (5, 8), (2, 4), p=1)
    drawn = holes(t)
    assert inside(drawn, 50, 60)
    upright = [[r for r in regions if r[3] - r[1] == 50] for regions in drawn]
    level = [[r for r in regions if r[2] - r[0] == 60] for regions in drawn]
    assert {len(u) for u in upright} == {1, 2, 3}
    assert {len(u) for u in level} == {0, 1, 2}
    assert {r[2] - r[0] for u in upright for r in u} == {5, 6, 7, 8}
    assert {r[3] - r[1] for u in level for r in u} == {2, 3, 4}
    assert holes(XYMasking(p=1)) == []
    assert XYMasking(num_masks_x=2).num_masks_x == (0, 2)


def test_stripes_longer_than_the_picture_are_refused():
    with pytest.raises(DataError, match=r"XYMasking.mask_x_length = \(0, 500\).* only 60 pixels"):
        holes(XYMasking(num_masks_x=1, mask_x_length=500, p=1))


# -------------------------------------------------------------------------- PixelDropout


def test_pixel_dropout_draws_a_key_and_a_color():
    (op,) = PixelDropout(0.2, drop_value=None, per_channel=True, p=1).draw(
        Rng(1), scene(channels=5)
    )
    assert isinstance(op, Noise)
    assert op.params[:2] == (0.2, True)
    assert len(op.params[2]) == 5
    assert all(isinstance(v, int) and 0 <= v <= 255 for v in op.params[2])
    (op,) = PixelDropout(drop_value=None, p=1).draw(Rng(1), scene(dtype="float32"))
    assert all(0 <= v < 1 for v in op.params[2])
    (op,) = PixelDropout(mask_drop_value=(3,), p=1).draw(Rng(1), scene())
    assert op.mask_value == (3,)
    with pytest.raises(ParameterError, match=r"PixelDropout.drop_value"):
        list(PixelDropout(drop_value=(1, 2), p=1).draw(Rng(1), scene()))


# ------------------------------------------------------------------------ older names


@pytest.mark.parametrize(
    ("cls", "old", "new"),
    [
        (
            CoarseDropout,
            {"min_holes": 2, "max_holes": 8, "min_height": 4, "max_height": 9, "fill_value": 7},
            {"num_holes_range": (2, 8), "hole_height_range": (4, 9), "fill": 7},
        ),
        (
            GridDropout,
            {"unit_size_min": 4, "unit_size_max": 9, "shift_x": 1, "shift_y": 2},
            {"unit_size_range": (4, 9), "shift_xy": (1, 2)},
        ),
        (
            XYMasking,
            {"num_masks_x_range": (1, 2), "mask_fill_value": 3},
            {"num_masks_x": (1, 2), "fill_mask": 3},
        ),
        (Erasing, {"scale_range": (0.1, 0.2)}, {"scale": (0.1, 0.2)}),
    ],
)
def test_names_of_other_versions(cls, old, new):
    assert cls(**old) == cls(**new)


def test_names_that_no_longer_say_which_way_are_refused():
    with pytest.raises(TypeError, match="holes_number_x: write holes_number_xy="):
        GridDropout(holes_number_x=5, holes_number_y=4)
