"""Tones that follow from the histogram: the fast kernels against the specification."""

from importlib.resources import files

import cv2
import numpy as np
import pytest

from anamorph.backends.opencv import histogram as fast_histogram
from anamorph.core.constants import WHITE
from anamorph.ir.ops import Effect, Picture
from backends.comparing import CHANNELS, DTYPES, ONE_LEVEL, SIZES, agree, picture


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["cv", "pil"])
def test_equalize(mode, dtype):
    for size in (*SIZES, (60, 70)):
        for channels in CHANNELS:
            image = picture(size, channels, dtype)
            agree(Effect("equalize", (mode, True, None)), image, max(1, ONE_LEVEL[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["cv", "pil"])
def test_equalize_luma_and_masks(mode, dtype):
    image = picture((60, 70), 3, dtype)
    where = np.zeros((60, 70), np.uint8)
    where[10:40, 5:60] = 1
    flat = Picture(where.tobytes(), "uint8", where.shape)
    deep = np.stack([where, where.T.reshape(60, 70), 1 - where], axis=-1)
    full = Picture(np.ascontiguousarray(deep).tobytes(), "uint8", deep.shape)
    agree(Effect("equalize", (mode, True, flat)), image, 1)
    agree(Effect("equalize", (mode, True, full)), image, 1)
    agree(Effect("equalize", (mode, False, None)), image, 5, mean=0.6)
    agree(Effect("equalize", (mode, False, flat)), image, 5, mean=0.6)


def test_equalize_is_opencvs():
    plane = (picture((60, 70), 1, "uint8") // 2 + 30)[:, :, 0]
    out = fast_histogram.equalize(Effect("equalize", ("cv", True, None)), plane[:, :, None])
    assert np.array_equal(out, cv2.equalizeHist(plane))


def test_equalize_with_an_empty_mask_changes_nothing():
    image = picture((9, 9), 3, "uint8")
    empty = Picture(bytes(81), "uint8", (9, 9))
    for mode in ("cv", "pil"):
        op = Effect("equalize", (mode, True, empty))
        assert np.array_equal(fast_histogram.equalize(op, image), image)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["pil", "cdf"])
def test_autocontrast(method, dtype):
    for cutoff in (0, 5, 20.5, 60):
        for ignore in (None, 100):
            for size in SIZES:
                image = (picture(size, 3, "float32") * 0.5 + 0.2).astype(np.float32)
                if dtype != "float32":
                    image = np.rint(image * WHITE[dtype]).astype(dtype)
                op = Effect("autocontrast", (cutoff, ignore, method))
                agree(op, image, max(0.2, ONE_LEVEL[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (31, 33), (40, 48)])
def test_clahe(size, dtype):
    plane = picture(size, 1, dtype)
    for tiles in ((4, 4), (8, 8), (3, 5)):
        agree(Effect("clahe", (3.0, tiles)), plane, 1.01 if dtype == "uint8" else 0.05)


@pytest.mark.parametrize("dtype", DTYPES)
def test_clahe_of_a_photograph(dtype):
    """OpenCV's Lab is itself off by a level, and the limit lets contrast triple."""
    image = photograph()
    if dtype != "uint8":
        agree(Effect("clahe", (3.0, (3, 2))), (image / 255 * WHITE[dtype]).astype(dtype), 15 * 257)
        image = (image / 256 * WHITE[dtype]).astype(dtype)  # between the levels of 8 bits
    agree(Effect("clahe", (3.0, (3, 2))), image, 15, mean=1.5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [2, 5, 8, 130])
def test_clahe_of_channels_that_are_no_colors(channels, dtype):
    image = picture((24, 30), channels, dtype)
    out = agree(Effect("clahe", (3.0, (3, 2))), image, 1.01 if dtype == "uint8" else 0.05)
    alone = fast_histogram.clahe(Effect("clahe", (3.0, (3, 2))), image[:, :, 1:2].copy())
    assert np.array_equal(out[:, :, 1], alone.reshape(image.shape[:2]))


def test_clahe_looks_alike_in_every_dtype():
    image = photograph()
    op = Effect("clahe", (3.0, (3, 2)))
    bytes_ = fast_histogram.clahe(op, image).astype(float)
    floats = fast_histogram.clahe(op, (image / 255).astype(np.float32)) * 255.0
    words = fast_histogram.clahe(op, image.astype(np.uint16) * 257) / 257.0
    assert np.abs(bytes_ - floats).max() < 1e-3
    assert np.array_equal(words, bytes_)
    between = ((image / 255) * 0.999).astype(np.float32)
    floats = fast_histogram.clahe(op, between) * 255.0
    words = fast_histogram.clahe(op, np.rint(between * 65535.0).astype(np.uint16)) / 257.0
    assert np.abs(bytes_ - floats).mean() < 2.5
    assert np.abs(words - floats).max() < 0.05


def photograph():
    folder = files("anamorph") / "assets" / "images"
    image = cv2.cvtColor(cv2.imread(str(folder / "coffee.jpg")), cv2.COLOR_BGR2RGB)
    return cv2.resize(image, (96, 64), interpolation=cv2.INTER_AREA)
