"""Fills through stencils: objects and lattices, on pictures, masks, boxes and keypoints."""

import numpy as np
import pytest

from anamorph.backends.opencv import fill as fast
from anamorph.backends.opencv import stencil
from anamorph.backends.reference import fill as slow
from anamorph.core.labels import Boxes, Points
from anamorph.core.rng import generator
from anamorph.ir import stencil as definition
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Effect, Fill, Picture

DTYPES = ["uint8", "uint16", "float32"]
SIZE = (37, 53)


def picture(shape, dtype, seed=0):
    values = generator(seed).random(shape)
    return (
        values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)
    )


def thing(flags):
    flags = np.ascontiguousarray(flags, np.uint8)
    return Picture(flags.tobytes(), "uint8", flags.shape)


def disc(side):
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return x * x + y * y <= side * side / 4


OBJECTS = {
    "regions": ((4, 5, 15, 16), (20, 10, 29, 19)),
    "stencil": ("objects", thing(disc(11)), thing(disc(9))),
}
LATTICES = [
    ("lattice", 10, 4, 3, 2, 17.0),
    ("lattice", 7, 2, 0.3, 0.4, -64.0),
    ("lattice", 23.5, 11.25, 1, 5, 45.0),
]
FILLS = [OBJECTS, *({"regions": ((0, 0, 53, 37),), "stencil": s} for s in LATTICES)]
each = pytest.mark.parametrize("shape", FILLS, ids=["objects", "lattice1", "lattice2", "lattice3"])


@pytest.mark.parametrize("lattice", LATTICES)
@pytest.mark.parametrize("size", [SIZE, (1, 1), (1, 90), (300, 2), (512, 513)])
def test_lattices_are_those_of_the_definition(lattice, size):
    op = Fill((), 0, stencil=lattice)
    got, want = stencil.covered(op, size) != 0, definition.covered(op, size)
    assert got.shape == want.shape == size
    assert (got != want).mean() < 1e-4  # places on the very edge of a stripe


def test_an_upright_lattice_is_made_of_whole_pixels():
    op = Fill((), 0, stencil=("lattice", 8, 3, 2, 1, 0.0))
    got = stencil.covered(op, (40, 64))
    along = (np.arange(64) + 0.5 - 32 - 2) % 8 < 3
    down = (np.arange(40) + 0.5 - 20 - 1) % 8 < 3
    assert np.array_equal(got != 0, along[None] | down[:, None])


@each
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 5, 130])
@pytest.mark.parametrize("value", [0, 1, "each", "random", "random_uniform"])
def test_pictures(shape, dtype, channels, value):
    image = picture((*SIZE, channels), dtype)
    kept = image.copy()
    color = tuple(i / 200 if dtype == "float32" else i for i in range(channels))
    op = Fill(value=color if value == "each" else value, key=5, **shape)
    got, want = fast.fill_image(op, image), slow.fill_image(op, image)
    assert np.array_equal(got, want)
    assert np.array_equal(image, kept)
    hidden = definition.covered(op, SIZE)
    assert hidden.any()
    assert np.array_equal(got[~hidden], image[~hidden])
    view = picture((80, 120, channels), dtype)[3:40, 5:111:2]
    assert np.array_equal(fast.fill_image(op, view), slow.fill_image(op, view))


@each
@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float64", "float16"])
def test_masks_of_any_dtype(shape, dtype):
    mask = np.ones((*SIZE, 1), dtype)
    op = Fill(mask_value=0, **shape)
    got = fast.fill_mask(op, mask)
    assert got.dtype == mask.dtype
    assert np.array_equal(got, slow.fill_mask(op, mask))
    assert np.array_equal(got[..., 0] == 0, definition.covered(op, SIZE))


@each
def test_inpainting_leaves_the_rest(shape):
    image = picture((*SIZE, 3), "uint8")
    op = Fill(value="inpaint_telea", **shape)
    got = fast.fill_image(op, image)
    hidden = definition.covered(op, SIZE)
    assert np.array_equal(got[~hidden], image[~hidden])
    assert (got[hidden] != image[hidden]).any()


@each
@pytest.mark.parametrize("seed", range(4))
def test_boxes_and_keypoints(shape, seed):
    g = generator(seed)
    corner = g.uniform(-2, 40, (60, 2))
    data = np.concatenate([corner, corner + g.uniform(0.5, 20, (60, 2))], 1)
    places = np.zeros((60, 6))
    places[:, :2] = g.uniform(-3, 56, (60, 2))
    op = Fill(**shape)
    for target, value in (
        (BOXES, Boxes(data, np.arange(60))),
        (POINTS, Points(places, np.arange(60))),
    ):
        got = fast.KERNELS[Fill, target](op, value, SIZE)
        want = slow.KERNELS[Fill, target](op, value, SIZE)
        assert got.index.tolist() == want.index.tolist()
        assert np.allclose(got.data, want.data, atol=1e-9)
        if target is BOXES and got.seen is not None:
            assert np.allclose(got.seen, want.seen)


def test_a_dropped_object_takes_its_box_and_no_other():
    rows = np.array(
        [
            (4, 5, 15, 16),  # its own
            (3, 4, 17, 17),  # somebody else's, nearly as tight
            (8, 8, 12, 12),  # wholly within it
            (0, 0, 53, 37),  # of the scene
            (40, 20, 50, 30),  # elsewhere
        ],
        np.float64,
    )
    op = Fill(((4, 5, 15, 16),), stencil=("objects", thing(disc(11))))
    out = fast.fill_boxes(op, Boxes(rows, np.arange(5)), SIZE)
    assert out.index.tolist() == [1, 3, 4]
    assert np.array_equal(out.data, rows[[1, 3, 4]])
    hidden = int(disc(11).sum())
    assert out.seen.tolist() == pytest.approx([1 - hidden / 182, 1 - hidden / (53 * 37), 1.0])
    again = fast.fill_boxes(op, out, SIZE)
    assert again.seen[-1] == 1.0
    assert again.seen[0] == pytest.approx(out.seen[1] ** 2)  # 1 goes as the best that is left


def test_keypoints_that_must_come_back_stay():
    points = Points(np.full((1, 6), 9.5), np.arange(1), fixed=True)
    op = Fill(**OBJECTS)
    assert fast.fill_points(op, points, SIZE) is points
    free = Points(np.array([[9.5, 9.5, 0, 0, 0, 1], [np.nan] * 6]), np.arange(2))
    assert fast.fill_points(op, free, SIZE).index.tolist() == [1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (70, 41, 3), (33, 9, 200)])
@pytest.mark.parametrize("weights", [(0.0, 0.25, 0.75), (0.5, 0.5, 0.0), (0.1, 0.2, 0.7)])
def test_pictures_are_mixed_by_weights(shape, dtype, weights):
    parts = [picture(shape, dtype, seed) for seed in range(3)]
    kept = [part.copy() for part in parts]
    op = Effect("weighted", weights)
    got, want = fast.weighted(op, parts), slow.weighted(op, parts)
    assert got.dtype == want.dtype
    step = 1e-6 if dtype == "float32" else 1
    assert np.abs(got.astype(np.float64) - want).max() <= step
    assert all(np.array_equal(a, b) for a, b in zip(parts, kept, strict=True))


def test_tables_hold_every_pair():
    for target in (IMAGE, MASK, BOXES, POINTS):
        assert (Fill, target) in fast.KERNELS
        assert (Fill, target) in slow.KERNELS
