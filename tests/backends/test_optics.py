"""Lenses, glass, zooms, ringing, unsharp masks and patches: the fast kernels beside the slow."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import anamorph
from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.reference import BACKEND as SLOW
from anamorph.core.rng import generator
from anamorph.ir import glass, slic
from anamorph.ir.ops import IMAGE, Convolve, Effect
from anamorph.transforms.blur import bell_kernel, line_kernel
from anamorph.transforms.sharpen import jinc_kernel

SHAPES = [(60, 81, 3), (1, 1, 3), (1, 9, 1), (7, 53, 5), (2, 2, 130)]
DTYPES = ["uint8", "uint16", "float32"]
LEVEL = {"uint8": 1.0, "uint16": 257.0, "float32": 1 / 255}


def bell(size):
    rows = bell_kernel(size, (1.0, 2.0), 0.5, 0.7)
    total = sum(map(sum, rows))
    return tuple(tuple(v / total for v in row) for row in rows)


EXACT = [
    Convolve("disk", (3, 3), (0.0, 0.0)),
    Convolve("disk", (7, 7), (0.5, 0.5)),
    Convolve("disk", (19, 19), (0.4, 0.4)),
    Convolve("disk", (21, 21), (0.1, 0.1)),
    Convolve("disk", (41, 41), (0.5, 0.5)),
    Convolve("kernel", (7, 7), kernel=bell(7)),
    Convolve("kernel", (13, 13), kernel=bell(13)),
    Convolve("kernel", (7, 7), kernel=jinc_kernel(7, 1.2)),
    Convolve("kernel", (15, 15), kernel=jinc_kernel(15, 0.8)),
    Convolve("kernel", (15, 15), kernel=jinc_kernel(15, 1.57)),
    Convolve("kernel", (21, 21), kernel=line_kernel(21, 0.5, 0.0, (10.0, 10.0))),
    Effect("glass", (0.7, 4, 2, "fast"), 3),
    Effect("glass", (0.0, 2, 1, "exact"), 4),
]


def smooth(shape, dtype, seed=0):
    """Noise with a few large shapes, as pictures have."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = 0.5 + 0.4 * np.sin(x / 7.0 + y / 11.0)
    values = np.clip(waves[..., None] + generator(seed).normal(0, 0.1, shape), 0, 1)
    if dtype == "float32":
        return values.astype(dtype)
    return np.rint(values * np.iinfo(dtype).max).astype(dtype)


def run(backend, op, image):
    return backend.kernel(op, IMAGE)(op, image).reshape(image.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", EXACT, ids=map(str, range(len(EXACT))))
def test_the_fast_kernels_follow_the_definition(op, shape, dtype):
    image = smooth(shape, dtype)
    kept = image.copy()
    got, want = run(FAST, op, image), run(SLOW, op, image)
    assert got.dtype == image.dtype
    assert np.abs(got.astype(float) - want).max() <= LEVEL[dtype] * (
        1 if dtype == "uint8" else 0.05
    )
    assert np.array_equal(image, kept)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("params", [(0.5, 3, 0.0, 10), (0.3, 7, 0.0, 20), (1.0, 5, 2.0, 0)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_unsharp_masks(shape, params, dtype):
    """Bytes soften the edges of the places by a box: the mean difference is below a level."""
    image = smooth(shape, dtype)
    op = Effect("unsharp", params)
    difference = np.abs(run(FAST, op, image).astype(float) - run(SLOW, op, image)) / LEVEL[dtype]
    if dtype == "uint8":
        assert difference.mean() < 1.6
    else:
        assert difference.max() < 0.01


def test_unsharp_masks_leave_small_differences_alone():
    image = np.full((20, 20, 3), 100, np.uint8)
    image[8:12, 8:12] = 110
    op = Effect("unsharp", (1.0, 5, 0.0, 12))
    assert np.array_equal(run(FAST, op, image), image)
    sharp = run(FAST, Effect("unsharp", (1.0, 5, 0.0, 2)), image)
    assert sharp[8, 8, 0] > 110
    assert sharp[7, 8, 0] < 100


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("params", [(2, 1.03), (5, 1.06), (11, 1.2), (16, 1.15), (25, 1.3)])
def test_zooms_look_as_defined(params, dtype):
    """Whole margins shift single zooms by half a pixel: the change is the same within an eighth."""
    path = Path(anamorph.__file__).parent / "assets" / "images" / "astronaut.jpg"
    image = cv2.imread(str(path))[:256, 128:384]
    if dtype != "uint8":
        image = (image / 255.0 * (65535 if dtype == "uint16" else 1)).astype(dtype)
    op = Effect("zoom", params)
    got, want = run(FAST, op, image).astype(float), run(SLOW, op, image).astype(float)
    change = np.abs(want - image).mean()
    assert np.abs(got - want).mean() < 0.16 * change
    assert np.diff(got, axis=1).std() == pytest.approx(np.diff(want, axis=1).std(), rel=0.1)
    assert got.mean() == pytest.approx(want.mean(), rel=0.01)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_zooms_of_any_shape_leave_even_pictures_even(shape):
    image = np.full(shape, 77, np.uint8)
    for params in ((2, 1.01), (31, 1.3), (256, 9.0)):
        assert (run(FAST, Effect("zoom", params), image) == 77).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("params", [(1.0, 50, 40, 1), (0.5, 100, None, 1), (1.0, 3, 16, 0)])
def test_patches(params, shape, dtype):
    image = smooth(shape, dtype)
    op = Effect("superpixels", params, 3)
    got, want = run(FAST, op, image).astype(float), run(SLOW, op, image)
    assert np.abs(got - want).mean() / LEVEL[dtype] < 0.7  # ties and rounding move single pixels
    assert np.array_equal(run(FAST, Effect("superpixels", (0.0, 50, 40, 1), 3), image), image)


def test_patches_are_as_many_as_asked_for_and_hold_all_pixels():
    planes = generator(1).random((3, 90, 128)).astype(np.float32) * 100
    for count in (1, 7, 100, 400):
        labels, patches = slic.segment(planes, count)
        assert labels.shape == (90, 128)
        assert 0.7 * count <= patches <= 1.4 * count + 1
        assert set(np.unique(labels)) <= set(range(patches))


def test_patches_follow_edges():
    planes = np.zeros((1, 60, 60), np.float32)
    planes[:, :, 33:] = 100.0
    labels, _ = slic.segment(planes, 9)
    assert not set(np.unique(labels[:, :33])) & set(np.unique(labels[:, 33:]))


def test_disks_keep_the_brightness():
    image = smooth((60, 80, 3), "float32")
    for sigma in (0.1, 0.5, 1.0):
        blurred = run(FAST, Convolve("disk", (19, 19), (sigma, sigma)), np.ones_like(image))
        assert np.allclose(blurred, 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("delta", "times", "measured"), [(4, 1, 2.30), (4, 2, 3.27), (2, 1, 1.20), (10, 2, 8.12)]
)
def test_glass_moves_pixels_as_far_as_swaps_do(delta, times, measured):
    """Standard deviations as measured on Albumentations 2.0.8."""
    far = glass.offsets(delta, times, "fast")
    assert far.mean() == pytest.approx(0.0, abs=0.2)
    assert far.std() == pytest.approx(measured, rel=0.04)
    assert np.abs(far).max() <= delta * times
    assert glass.offsets(delta, times, "exact").std() > 1.15 * far.std()


def test_glass_shows_pixels_from_near_by():
    image = np.arange(64 * 64, dtype=np.float32).reshape(64, 64, 1) / 4096
    moved = run(FAST, Effect("glass", (0.0, 3, 1, "fast"), 8), image)
    assert np.isin(moved, image).all()
    rows = np.rint(moved[..., 0] * 4096) // 64
    assert np.abs(rows - np.arange(64)[:, None])[5:-5].max() == 3


@pytest.mark.parametrize("op", [EXACT[2], EXACT[8], EXACT[11], Effect("zoom", (9, 1.2)), Effect("unsharp", (0.5, 5, 0.0, 10)), Effect("superpixels", (1.0, 20, 16, 1), 2)], ids=repr)  # fmt: skip
def test_a_crop_that_is_a_view_sees_nothing_of_its_surroundings(op):
    view = smooth((80, 90, 3), "uint8")[5:70, 7:80]
    assert np.array_equal(run(FAST, op, view), run(FAST, op, view.copy()))
