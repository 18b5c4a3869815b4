"""Regions overwritten and tiles moved: pixels, masks, boxes, keypoints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.backends.opencv import fill as fast
from anamorph.backends.opencv import tiles as fast_tiles
from anamorph.backends.reference import fill as slow
from anamorph.backends.reference import tiles as slow_tiles
from anamorph.core.errors import BackendError, DataError
from anamorph.core.labels import Boxes, Points
from anamorph.core.rng import Rng, generator
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Blend, Fill, Picture, Tiles
from anamorph.transforms.tiles import RandomGridShuffle, uneven_cuts

HOLES = ((1, 2, 5, 4), (4, 3, 9, 9), (0, 0, 1, 1))
DTYPES = ["uint8", "uint16", "float32"]


def picture(shape, dtype, seed=0):
    values = generator(seed).random(shape)
    return (
        values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)
    )


def boxes(*rows):
    data = np.array(rows, np.float64)
    return Boxes(data, np.arange(len(data)))


def points(*xy, fixed=False):
    data = np.zeros((len(xy), 6))
    data[:, :2] = xy
    return Points(data, np.arange(len(data)), fixed)


def both(op, target, value):
    got, want = fast.KERNELS[type(op), target](op, value), slow.KERNELS[type(op), target](op, value)
    return got, want


# -------------------------------------------------------------------------------- pixels


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 130])
@pytest.mark.parametrize("value", [0, 1, "each", "random", "random_uniform"])
def test_regions_of_pictures(value, channels, dtype):
    image = picture((9, 13, channels), dtype)
    kept = image.copy()
    color = tuple(i / 200 if dtype == "float32" else i for i in range(channels))
    op = Fill(HOLES, color if value == "each" else value, key=3)
    got, want = both(op, IMAGE, image)
    assert np.array_equal(got, want)
    assert got.dtype == image.dtype
    hole = np.zeros((9, 13), bool)
    for x0, y0, x1, y1 in HOLES:
        hole[y0:y1, x0:x1] = True
    assert np.array_equal(got[~hole], image[~hole])
    assert np.array_equal(image, kept)
    view = picture((20, 40, channels), dtype)[5:14, 3:29:2]
    assert np.array_equal(*both(op, IMAGE, view))


def test_random_fills_are_even_and_a_color_a_region():
    image = np.full((100, 100, 3), 50, np.uint8)
    each = fast.fill_image(Fill(((0, 0, 100, 100),), "random", key=1), image)
    assert each.mean() == pytest.approx(127.5, abs=2)
    assert each.std() == pytest.approx(73.9, abs=2)
    one = fast.fill_image(
        Fill(((0, 0, 50, 100), (50, 0, 100, 100)), "random_uniform", key=1), image
    )
    assert len(np.unique(one.reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["inpaint_telea", "inpaint_ns"])
@pytest.mark.parametrize("channels", [1, 3])
def test_inpainting_continues_what_is_around(name, channels, dtype):
    top = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    ramp = np.linspace(0.1, 0.9, 40)[None, :, None] * np.ones((30, 1, channels)) * top
    image = ramp.astype(dtype)
    broken = image.copy()
    broken[10:16, 12:20] = 0
    out = fast.fill_image(Fill(((12, 10, 20, 16),), name), broken).reshape(image.shape)
    assert out.dtype == image.dtype
    assert np.abs(out.astype(float) - image).max() / top < 0.06
    outside = np.ones((30, 40), bool)
    outside[10:16, 12:20] = False
    assert np.array_equal(out[outside], image[outside])


@pytest.mark.parametrize("name", ["inpaint_telea", "inpaint_ns"])
@pytest.mark.parametrize("shape", [(1, 40, 3), (40, 1, 3), (1, 1, 1), (1, 2, 1)])
def test_inpainting_thin_pictures_reads_nothing_beside_them(name, shape):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    hole = Fill(((0, 0, max(1, shape[1] // 8), max(1, shape[0] // 8)),), name)
    found = set()
    for level in range(0, 250, 10):
        beside = [np.full(image.size + 64 * k, level, np.uint8) for k in range(4)]
        del beside  # what the next arrays are laid over
        found.add(fast.fill_image(hole, image.copy()).tobytes())
    assert len(found) == 1


def test_inpainting_refuses_other_numbers_of_channels():
    with pytest.raises(DataError, match="1 or 3 channels, not of 2"):
        fast.fill_image(Fill(((0, 0, 2, 2),), "inpaint_ns"), np.zeros((5, 5, 2), np.uint8))
    with pytest.raises(BackendError, match="inpaint"):
        slow.fill_image(Fill(((0, 0, 2, 2),), "inpaint_ns"), np.zeros((5, 5, 3), np.uint8))


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float64", "float16", "int32"])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_masks_of_any_dtype(dtype, channels):
    mask = np.ones((9, 13, channels), dtype)
    got, want = both(Fill(HOLES, 7, mask_value=0), MASK, mask)
    assert np.array_equal(got, want)
    assert got.dtype == mask.dtype
    assert mask.all()
    same, _ = both(Fill(HOLES, 7), MASK, mask)
    assert same is mask


def test_large_values_of_masks_stay_exact():
    mask = np.full((9, 13, 1), 2**53 + 1, np.int64)
    out = fast.fill_mask(Fill(HOLES, 0, mask_value=-1), mask)
    assert set(np.unique(out)) == {-1, 2**53 + 1}


def test_a_fill_that_the_mask_cannot_hold_is_refused():
    with pytest.raises(DataError, match="the fill 300 is no value of an array of uint8"):
        fast.fill_mask(Fill(HOLES, 0, mask_value=300), np.zeros((9, 13, 1), np.uint8))


# --------------------------------------------------------------------------------- boxes


def test_a_box_becomes_the_tight_box_of_what_is_visible():
    op = Fill(((10, 0, 20, 50),))
    given_boxes = boxes(
        (5, 5, 15, 15),  # right part hidden
        (5, 5, 30, 15),  # hidden in the middle: both ends still show
        (12, 5, 18, 15),  # wholly hidden
        (20, 5, 30.5, 15),  # touches
        (15.25, 40.5, 30, 60),  # an L stays: nothing to cut off
        (15.25, 40.5, 20, 60),
    )
    out = fast.fill_boxes(op, given_boxes)
    assert out.index.tolist() == [0, 1, 3, 4, 5]
    assert out.data.tolist() == [
        [5, 5, 10, 15],
        [5, 5, 30, 15],
        [20, 5, 30.5, 15],
        [15.25, 40.5, 30, 60],
        [15.25, 50, 20, 60],
    ]


def test_boxes_that_no_region_meets_come_back_as_they_are():
    one = boxes((0.1, 0.2, 3.3, 4.4))
    assert fast.fill_boxes(Fill(((10, 0, 20, 50),)), one) is one
    assert fast.fill_boxes(Fill(()), one) is one


regions = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 15), st.integers(1, 15)).map(
        lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3])
    ),
    min_size=1,
    max_size=8,
)
some_boxes = st.lists(
    st.tuples(
        st.floats(0, 35, width=32), st.floats(0, 35, width=32),
        st.floats(0.125, 20, width=32), st.floats(0.125, 20, width=32),
    ).map(lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3])),
    min_size=1,
    max_size=5,
)  # fmt: skip


@given(regions, some_boxes)
def test_boxes_agree_with_cutting_piece_by_piece(holes, rows):
    got, want = both(Fill(tuple(holes)), BOXES, boxes(*rows))
    assert np.array_equal(got.data, want.data)
    assert np.array_equal(got.index, want.index)


def test_oriented_boxes_go_only_when_wholly_covered():
    diamond = (10, 0, 20, 10, 10, 20, 0, 10)
    for holes, stays in [
        (((0, 0, 20, 20),), 0),
        (((0, 0, 10, 20), (10, 0, 20, 20)), 0),
        (((0, 0, 10, 20), (11, 0, 20, 20)), 1),
        (((0, 0, 20, 19),), 1),
        (((1, 1, 19, 19),), 1),
        (((0, 0, 5, 5), (15, 15, 20, 20)), 1),  # only corners of its bounding box
    ]:
        got, want = both(Fill(holes), BOXES, boxes(diamond))
        assert len(got.data) == len(want.data) == stays
        if stays:
            assert tuple(got.data[0]) == diamond


# -------------------------------------------------------------------------------- points


def test_points_inside_go_unless_all_are_wanted():
    given_points = points((1, 2), (4.999, 3.999), (5, 4), (0, 1), (12, 8), (np.nan, 3))
    got, want = both(Fill(HOLES[:1]), POINTS, given_points)
    assert got.index.tolist() == want.index.tolist() == [2, 3, 4, 5]
    fixed = points((1, 2), fixed=True)
    assert fast.fill_points(Fill(HOLES), fixed) is fixed


# --------------------------------------------------------------------------------- blend


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 130])
def test_blend(channels, dtype):
    image, other = (picture((6, 7, channels), dtype, seed) for seed in (0, 1))
    op = Blend(0.3, Picture(other.tobytes(), dtype, other.shape))
    got, want = both(op, IMAGE, image)
    assert got.dtype == image.dtype
    assert np.abs(got.astype(float) - want).max() <= (1e-6 if dtype == "float32" else 1)


def test_blend_refuses_another_size():
    op = Blend(0.3, Picture(b"123", "uint8", (1, 1, 3)))
    with pytest.raises(DataError, match="cannot be mixed"):
        fast.blend(op, np.zeros((2, 2, 3), np.uint8))


# --------------------------------------------------------------------------------- tiles


def shuffle(size, grid, seed=0):
    class Scene:
        pass

    scene = Scene()
    scene.size = size
    (op,) = RandomGridShuffle(grid, p=1).draw(Rng(seed), scene)
    return op


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "bool"])
@pytest.mark.parametrize(
    ("size", "grid"), [((24, 31), (3, 4)), ((1, 1), (3, 3)), ((7, 50), (9, 2))]
)
def test_tiles_are_moved(size, grid, dtype):
    array = np.arange(size[0] * size[1] * 2).reshape(*size, 2).astype(dtype)
    op = shuffle(size, grid)
    got = fast_tiles.KERNELS[Tiles, IMAGE](op, array)
    assert np.array_equal(got, slow_tiles.KERNELS[Tiles, IMAGE](op, array))
    assert sorted(got.ravel().tolist()) == sorted(array.ravel().tolist())


def test_tiles_that_do_not_cover_the_picture_leave_the_rest():
    array = np.arange(12).reshape(3, 4, 1)
    out = fast_tiles.move_pixels(Tiles(((0, 0, 2, 0, 1, 1),)), array)
    assert out[..., 0].tolist() == [[0, 1, 0, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_points_move_with_their_pixels():
    op = shuffle((24, 31), (3, 4))
    image = np.arange(24 * 31).reshape(24, 31, 1)
    given_points = points((0.5, 0.5), (30.5, 23.5), (12.5, 17.5), (40, 5), (np.nan, 1))
    out = fast_tiles.move_points(op, given_points)
    moved = fast_tiles.move_pixels(op, image)
    for (x, y), (u, v) in zip(
        given_points.data[:3, :2].astype(int), out.data[:3, :2].astype(int), strict=True
    ):
        assert moved[v, u, 0] == image[y, x, 0]
    assert np.array_equal(out.data[3:], given_points.data[3:], equal_nan=True)
    assert np.array_equal(out.data, slow_tiles.move_points(op, given_points).data, equal_nan=True)


def test_boxes_follow_their_pieces():
    swap = Tiles(((0, 0, 10, 0, 10, 20), (10, 0, 0, 0, 10, 20)))
    out = fast_tiles.move_boxes(swap, boxes((2, 3, 5, 6), (8, 3, 12, 6), (0, 0, 20, 20)))
    assert out.index.tolist() == [0, 1, 1, 2]
    assert [tuple(r) for r in out.data] == [
        (12, 3, 15, 6), (18, 3, 20, 6), (0, 3, 2, 6), (0, 0, 20, 20),
    ]  # fmt: skip


@given(some_boxes, st.integers(0, 50))
def test_boxes_agree_with_the_definition(rows, seed):
    op = shuffle((41, 57), (3, 4), seed)
    got, want = (m.KERNELS[Tiles, BOXES](op, boxes(*rows)) for m in (fast_tiles, slow_tiles))
    assert np.allclose(*(sorted(np.round(b.data, 9).tolist()) for b in (got, want)))
    assert sorted(got.index.tolist()) == sorted(want.index.tolist())


def test_oriented_boxes_go_with_the_tile_of_their_centre():
    swap = Tiles(((0, 0, 10, 0, 10, 20), (10, 0, 0, 0, 10, 20)))
    one = boxes((5, 0, 8, 3, 5, 6, 2, 3))
    for module in (fast_tiles, slow_tiles):
        out = module.KERNELS[Tiles, BOXES](swap, one)
        assert out.data.tolist() == [[15, 0, 18, 3, 15, 6, 12, 3]]


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 9))
def test_cuts_differ_by_a_pixel_at_most(length, parts, seed):
    cuts = uneven_cuts(length, parts, Rng(seed))
    assert len(cuts) == min(length, parts)
    assert sum(n for _, n in cuts) == length
    assert [start for start, _ in cuts] == [sum(n for _, n in cuts[:i]) for i in range(len(cuts))]
    assert max(n for _, n in cuts) - min(n for _, n in cuts) <= 1
