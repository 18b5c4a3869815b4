"""Compression beside a model of its lossy steps; low resolution beside its definition."""

import numpy as np
import pytest

from anamorph.backends.opencv import codec as fast
from anamorph.backends.reference import codec as slow
from anamorph.core import constants as K
from anamorph.core.errors import BackendError
from anamorph.core.rng import generator
from anamorph.ir.ops import IMAGE, Effect, Encode

DTYPES = ["uint8", "uint16", "float32"]
TOP = {"uint8": 255, "uint16": 65535, "float32": 1}


def smooth(height, width, channels, dtype):
    """A picture such as codecs are made for."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [0.5 + 0.3 * np.sin(x / (7 + c) + c) * np.cos(y / (9 + c)) for c in range(channels)]
    image = np.stack(planes, -1) + generator(0).normal(0, 0.01, (height, width, channels))
    image = np.clip(image, 0, 1) * TOP[dtype]
    return image.astype(dtype) if dtype == "float32" else np.rint(image).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("quality", [5, 50, 95])
def test_jpeg_loses_what_the_standard_says(quality, channels, dtype):
    image = smooth(61, 83, channels, dtype)
    kept = image.copy()
    op = Encode("jpeg", quality)
    got = fast.KERNELS[Encode, IMAGE](op, image).reshape(image.shape)
    want = slow.KERNELS[Encode, IMAGE](op, image)
    assert got.dtype == image.dtype
    assert np.array_equal(image, kept)
    apart = np.abs(got.astype(np.float64) - want).mean() / TOP[dtype] * 255
    lost = np.abs(got.astype(np.float64) - image).mean() / TOP[dtype] * 255
    assert apart < max(0.9, 0.12 * lost)  # libjpeg rounds chroma between the steps


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_webp_keeps_more_at_a_higher_quality(channels, dtype):
    image = smooth(61, 83, channels, dtype)
    lost = [
        np.abs(fast.encode(Encode("webp", q), image).reshape(image.shape).astype(float) - image)
        for q in (5, 95)
    ]
    assert lost[1].mean() < lost[0].mean() < 0.1 * TOP[dtype]


def test_webp_has_no_reference():
    with pytest.raises(BackendError, match="webp"):
        slow.encode(Encode("webp", 5), smooth(9, 9, 3, "uint8"))


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (7, 513, 3)])
def test_small_and_narrow_pictures(shape, codec):
    out = fast.encode(Encode(codec, 50), np.full(shape, 128, np.uint8))
    assert out.reshape(shape).std() < 2


@pytest.mark.parametrize(("codec", "width"), [("jpeg", 66_000), ("webp", 17_000)])
def test_pictures_larger_than_the_format_allows(codec, width):
    image = np.tile(smooth(8, 100, 3, "uint8"), (1, width // 100, 1))
    out = fast.encode(Encode(codec, 95), image)
    assert out.shape == image.shape
    assert np.abs(out.astype(float) - image).mean() < 6


WAYS = [
    (K.INTER_NEAREST, K.INTER_NEAREST),
    (K.INTER_AREA, K.INTER_NEAREST),
    (K.INTER_LINEAR, K.INTER_CUBIC),
    (K.INTER_LINEAR_EXACT, K.INTER_LINEAR),
    (K.INTER_CUBIC, K.INTER_LANCZOS4),
    (K.INTER_NEAREST, K.INTER_LINEAR),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(24, 32), (25, 31), (1, 9), (7, 53), (1, 1)], ids=str)
@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("ways", WAYS, ids=repr)
@pytest.mark.parametrize("scale", [0.25, 0.6, 0.001])
def test_downscale_follows_the_definition(scale, ways, channels, size, dtype):
    image = smooth(*size, channels, dtype)
    op = Effect("downscale", (scale, *ways))
    got = fast.downscale(op, image).reshape(image.shape).astype(np.float64)
    want = slow.downscale(op, image)
    assert np.abs(got - want).max() / TOP[dtype] <= 2.1 / 255 * (dtype == "uint8") + 2e-4


def test_downscale_by_one_changes_nothing():
    image = smooth(9, 8, 3, "uint8")
    assert fast.downscale(Effect("downscale", (1.0, 1, 1)), image) is image


def test_downscaled_floats_stay_in_range():
    image = (generator(0).random((40, 40, 3)) > 0.5).astype(np.float32)
    out = fast.downscale(Effect("downscale", (0.5, K.INTER_CUBIC, K.INTER_CUBIC)), image)
    assert out.min() >= 0.0
    assert out.max() <= 1.0
