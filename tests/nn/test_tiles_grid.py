"""The grid covers every pixel, the windows count every pixel, tiles are read as np.pad has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core.errors import (
    DataError,
    DataTypeError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
)
from anamorph.nn.tiles import PADS, WINDOWS, Grid, Tile, cut, window

SIZES = [(1, 1), (1, 9), (7, 7), (5, 64), (33, 20), (16, 16), (17, 15), (100, 70)]


@st.composite
def grids(draw):
    axes = draw(st.integers(1, 3))
    align = draw(st.sampled_from([1, 1, 2, 4]))
    shape = draw(st.tuples(*[st.integers(1, 40)] * axes))
    tile = tuple(align * n for n in draw(st.tuples(*[st.integers(1, 12)] * axes)))
    step = tuple(align * draw(st.integers(1, side // align)) for side in tile)
    margin = tuple(align * draw(st.integers(0, side // align - 1)) for side in tile)
    return Grid(shape, tile, step=step, margin=margin, align=align)


def count(grid: Grid) -> np.ndarray:
    seen = np.zeros(grid.shape, int)
    for tile in grid:
        seen[tile.inside(grid.shape)] += 1
    return seen


@given(grids())
def test_every_pixel_is_covered(grid):
    assert count(grid).min() >= 1
    assert len(grid) == len(list(grid)) == len(set(grid))


@given(grids())
def test_tiles_have_one_size_and_fit(grid):
    for tile in grid:
        assert tile.sides == grid.tile
        inside, crop = tile.inside(grid.shape), tile.crop(grid.shape)
        for part, kept, start in zip(inside, crop, tile.start, strict=True):
            assert part.stop > part.start, "no tile lies outside"
            assert (kept.start + start, kept.stop + start) == (part.start, part.stop)
            assert start % grid.align == 0


@given(grids())
def test_tiles_stick_out_no_more_than_they_must(grid):
    for side, starts, t, step, m in zip(
        grid.shape, grid.starts, grid.tile, grid.step, grid.margin, strict=True
    ):
        steps = np.diff(starts)
        assert (steps > 0).all()
        assert (steps <= step).all()
        assert starts[0] == -m
        beyond = starts[-1] + t - side - m
        assert beyond < grid.align or len(starts) == 1


@given(grids())
def test_a_grid_is_a_value_and_its_repr_makes_it(grid):
    twin = eval(repr(grid), {"Grid": Grid})
    assert twin == grid
    assert hash(twin) == hash(grid)
    assert Grid(
        grid.shape, grid.tile, overlap=grid.overlap, margin=grid.margin, align=grid.align
    ) == (grid)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_need_be_said_of_the_overlap(size):
    grid = Grid(size, 16)
    assert grid.overlap == (4, 4)
    assert count(grid).min() == 1


def test_overlap_as_a_share_and_as_pixels_are_the_same():
    assert Grid((99, 80), 32, overlap=0.25) == Grid((99, 80), 32, overlap=8)
    assert Grid((99, 80), (32, 16), overlap=(0.5, 4)).step == (16, 12)


def test_the_last_tile_moves_inward():
    assert Grid((100,), 40, overlap=0).starts == ((0, 40, 60),)
    assert Grid((100,), 40, overlap=0, align=8).starts == ((0, 40, 64),)


def test_aligned_keeps_covering():
    grid = Grid((101, 75), 32, overlap=7, margin=5).aligned(4)
    assert grid == Grid((101, 75), 32, step=24, margin=8, align=4)
    assert count(grid).min() >= 1


def test_a_tile_tells_its_part():
    tile = Tile((0, 1), (-2, 6), (6, 14))
    assert tile.inside((10, 10)) == (slice(0, 6), slice(6, 10))
    assert tile.crop((10, 10)) == (slice(2, 8), slice(0, 4))


BAD = [
    (((0, 5), 4), {}, r"Grid\.shape"),
    (((), 4), {}, r"Grid\.shape"),
    ((5, 4), {}, r"Grid\.shape"),
    (((5, 5), 0), {}, r"Grid\.tile"),
    (((5, 5), (4, 4, 4)), {}, "2 axes"),
    (((5, 5), 4), {"step": 0}, r"Grid\.step"),
    (((5, 5), 4), {"step": 5}, "leave gaps"),
    (((5, 5), 4), {"overlap": 4}, r"\[0, 3\]"),
    (((5, 5), 4), {"overlap": -1}, r"Grid\.overlap"),
    (((5, 5), 4), {"overlap": 1.5}, "whole pixels"),
    (((5, 5), 4), {"overlap": True}, r"Grid\.overlap"),
    (((5, 5), 4), {"margin": 4}, "less than a tile"),
    (((5, 5), 6), {"align": 4}, "multiple of align = 4"),
]


@pytest.mark.parametrize(("args", "kwargs", "words"), BAD)
def test_what_is_no_grid_is_refused(args, kwargs, words):
    with pytest.raises(ParameterError, match=words):
        Grid(*args, **kwargs)


def test_overlap_and_step_are_one_thing():
    with pytest.raises(ParameterTypeError, match="say one"):
        Grid((5, 5), 4, overlap=1, step=3)


@pytest.mark.parametrize("tile", [(1,), (2,), (7,), (1, 1), (2, 3), (64, 64), (5, 6, 7), (1024,)])
@pytest.mark.parametrize("name", WINDOWS)
def test_windows_count_every_pixel_and_the_middle_most(name, tile):
    weights = window(name, tile)
    assert weights.shape == tile
    assert weights.dtype == np.float32
    assert (weights > 0).all()
    assert weights.max() <= 1
    assert weights[tuple(side // 2 for side in tile)] == weights.max()
    for axis in range(len(tile)):
        assert np.allclose(weights, np.flip(weights, axis), rtol=1e-5)


def test_a_pyramid_is_the_distance_to_the_edge():
    assert window("pyramid", (4, 6))[:, 3].tolist() == pytest.approx([0.25, 0.75, 0.75, 0.25])
    assert window("pyramid", (2, 6))[0].tolist() == pytest.approx(
        [1 / 6, 0.5, 0.5, 0.5, 0.5, 1 / 6]
    )


def test_a_window_of_ones_own():
    assert window(np.full((3, 4), 2), (3, 4)).tolist() == [[2.0] * 4] * 3
    with pytest.raises(DataError, match=r"\(4, 3\)"):
        window(np.ones((4, 3)), (3, 4))
    for wrong in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(DataError, match="not positive"):
            window(np.full((3, 4), wrong), (3, 4))
    with pytest.raises(UnknownNameError, match="did you mean pyramid"):
        window("pyramids", (3, 4))


NUMPY = {"reflect": "reflect", "symmetric": "symmetric", "edge": "edge", "zeros": "constant"}


@pytest.mark.parametrize("kind", ["array", "tensor"])
@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("size", SIZES)
def test_tiles_are_padded_as_numpy_pads(size, pad, kind):
    picture = np.random.default_rng(0).integers(1, 256, (*size, 3), np.uint8)
    grid = Grid(size, 16, overlap=6, margin=9)
    tiles = list(grid)
    far = [max(t.stop[a] for t in tiles) - side for a, side in enumerate(size)]
    whole = np.pad(picture, [(9, far[0]), (9, far[1]), (0, 0)], mode=NUMPY[pad])
    given = picture if kind == "array" else torch.from_numpy(picture).movedim(-1, 0)
    for tile, read in zip(tiles, cut(given, grid, pad=pad), strict=True):
        y, x = (start + 9 for start in tile.start)
        found = read if kind == "array" else read.movedim(0, -1).numpy()
        assert np.array_equal(found, whole[y : y + 16, x : x + 16])


def test_tiles_are_read_when_they_are_asked_for():
    class Counted:
        shape, dtype, reads = (40, 40), np.dtype("u1"), 0

        def __getitem__(self, index):
            self.reads += 1
            return np.zeros(self.shape, np.uint8)[index]

    picture = Counted()
    tiles = cut(picture, Grid((40, 40), 20, overlap=0))
    assert picture.reads == 0
    next(tiles)
    assert picture.reads == 1


def test_what_is_no_picture_is_refused():
    grid = Grid((8, 8), 4)
    with pytest.raises(DataTypeError, match="picture is list"):
        cut([[1]], grid)
    with pytest.raises(DataError, match=r"\(8, 9\)"):
        cut(np.zeros((8, 9)), grid)
    with pytest.raises(DataError, match="no pixels"):
        cut(np.zeros((0, 9)), grid)
    with pytest.raises(DataError, match="2 axes"):
        cut(np.zeros((8, 8, 3, 3)), grid)
    with pytest.raises(ParameterError, match="layout"):
        cut(np.zeros((8, 8, 3)), grid, layout="HW")
    with pytest.raises(ParameterError, match="3 axes"):
        cut(np.zeros((8, 8, 3)), grid, layout="DHW")
    with pytest.raises(UnknownNameError, match="did you mean reflect"):
        cut(np.zeros((8, 8)), grid, pad="reflec")
