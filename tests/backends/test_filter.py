"""The fast convolutions beside the definition, for all kinds of pictures."""

import numpy as np
import pytest

from anamorph.backends.opencv import filter as fast
from anamorph.backends.reference import filter as slow
from anamorph.core.rng import generator
from anamorph.ir.ops import IMAGE, Convolve, Effect

SHAPES = [(1, 1, 3), (1, 9, 1), (7, 53, 5), (24, 31, 3), (12, 10, 130)]
DTYPES = ["uint8", "uint16", "float32"]
RULE = ((0.0, -0.5, 0.0), (-0.5, 3.0, -0.5), (0.0, -0.5, 0.0))
LINE = ((0.5, 0.0, 0.0), (0.0, 0.0, 0.5), (0.0, 0.0, 0.0))


def line(size, cells):
    """Even weights of some cells (row, column) of a square."""
    rows = np.zeros((size, size))
    rows[tuple(np.transpose(cells))] = 1.0 / len(cells)
    return tuple(map(tuple, rows.tolist()))


OPS = [
    Convolve("kernel", kernel=line(9, [(4, x) for x in range(9)])),
    Convolve("kernel", kernel=line(15, [(x // 3, x) for x in range(7)])),  # beside the middle
    Convolve("kernel", kernel=line(15, [(x, x) for x in range(15)])),
    Convolve("box", (3, 3)),
    Convolve("box", (7, 5)),
    Convolve("gaussian", (5, 5), (1.0, 1.0)),
    Convolve("gaussian", (13, 7), (1.9, 0.8)),
    Convolve("gaussian", (5, 5), (0.0, 0.0)),
    Convolve("kernel", kernel=RULE),
    Convolve("kernel", kernel=LINE),
    Effect("sharpen", (0.5, 5, 1.0)),
    Effect("median", (3,)),
    Effect("median", (5,)),
    Effect("median", (7,)),
    Effect("median", (11,)),
]


def picture(shape, dtype, seed=0):
    values = generator(seed).random(shape)
    return (
        values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)
    )


def run(module, op, image):
    kernel = module.EFFECTS[op.name] if isinstance(op, Effect) else module.KERNELS[type(op), IMAGE]
    return kernel(op, image).reshape(image.shape)


def close(got, want, levels):
    """Whole numbers agree to so many levels, floats to a millionth of white a level."""
    assert got.dtype == want.dtype
    step = 1e-6 if got.dtype.kind == "f" else 1
    assert np.abs(got.astype(np.float64) - want.astype(np.float64)).max() <= levels * step


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_the_fast_kernels_follow_the_definition(op, shape, dtype):
    image = picture(shape, dtype)
    kept = image.copy()
    exact = isinstance(op, Effect) and op.name == "median"
    # 8-bit Gaussians run in fixed point, and sharpening doubles what the blur was rounded by
    close(run(fast, op, image), run(slow, op, image), 0 if exact else 2)
    assert np.array_equal(image, kept)


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_a_crop_that_is_a_view_sees_nothing_of_its_surroundings(op):
    whole = picture((40, 50, 3), "uint8")
    view = whole[5:30, 7:40]
    assert np.array_equal(run(fast, op, view), run(fast, op, view.copy()))


@pytest.mark.parametrize("op", OPS[:5] + OPS[7:], ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_even_picture_stays_as_it_is(op, dtype):
    image = np.full((9, 14, 3), 0.7 if dtype == "float32" else 200, dtype)
    assert np.allclose(run(fast, op, image), image, rtol=0, atol=1e-6)


def test_sharpened_floats_stay_in_range():
    image = picture((30, 30, 3), "float32")
    out = run(fast, Convolve("kernel", kernel=RULE), image)
    assert out.min() == 0.0
    assert out.max() == 1.0


def test_a_kernel_is_laid_over_the_picture_as_it_is_written():
    image = np.zeros((5, 5, 1), np.float32)
    image[2, 2] = 1.0
    out = run(fast, Convolve("kernel", kernel=((0, 0, 0), (0, 0, 1), (0, 0, 0))), image)
    assert out[2, 1, 0] == 1.0  # the pixel to the left of the bright one reads from its right
