"""Casts: floats, whole numbers, statistics, tensors."""

import numpy as np
import pytest

from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.opencv import cast as fast_cast
from anamorph.backends.opencv import color as fast_color
from anamorph.backends.opencv import tone as fast_tone
from anamorph.backends.reference import BACKEND as SLOW
from anamorph.backends.reference import cast as slow_cast
from anamorph.backends.reference import color as slow_color
from anamorph.core.constants import WHITE
from anamorph.core.errors import DataError
from anamorph.ir.ops import IMAGE, MASK, Cast, ColorMatrix, Curve, Effect
from backends.comparing import CHANNELS, CURVES, DTYPES, SIZES, agree, picture

# ------------------------------------------------------------------------------------ casts


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_casts_to_floats(layout, dtype):
    white = WHITE[dtype]
    for size in SIZES:
        for channels in CHANNELS:
            image = picture(size, channels, dtype)
            each = tuple((1 + 0.1 * c) / white for c in range(channels))
            shift = tuple(0.3 * c - 1 for c in range(channels))
            for op in (
                Cast("float32", 1 / white, layout=layout),
                Cast("float32", 2 / white, -1.0, layout),
                Cast("float32", each, shift, layout),
            ):
                agree(op, image, 1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_casts_run_the_tones_in_full_precision(layout, dtype):
    white = WHITE[dtype]
    for channels in CHANNELS:
        image = picture((31, 33), channels, dtype)
        each = tuple(0.6 + 0.1 * c for c in range(channels))
        for steps in (CURVES["chain"], (("linear", 1.1, 0.05), ("gamma", each))):
            op = Cast("float32", tuple(e / white for e in each), each, layout, steps=steps)
            agree(op, image, 255 * 1.5 / 65535)  # a word's rounding, not a byte's


def test_cast_into_a_buffer_of_the_callers():
    for steps in ((), CURVES["chain"], (("gamma", (0.5, 1.0, 2.0)),)):
        for layout, shape in (("HWC", (20, 24, 3)), ("CHW", (3, 20, 24))):
            for dtype in DTYPES:
                op = Cast("float32", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), layout, steps=steps)
                image = picture((20, 24), 3, dtype)
                out = np.full(shape, np.nan, np.float32)
                assert fast_cast.cast_into(op, image, out) is out
                assert np.array_equal(out, fast_cast.cast(op, image)), (steps, layout, dtype)
    op = Cast(layout="CHW")
    out = np.zeros((3, 20, 24), np.uint8)
    assert np.array_equal(fast_cast.cast_into(op, picture((20, 24), 3, "uint8"), out), out)
    assert out.any()


@pytest.mark.parametrize(
    ("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("uint32", 2**32 - 1)]
)
def test_casts_to_whole_numbers_round_and_saturate(dtype, white):
    image = np.array([[[0.0], [0.45 / 255], [1.6 / 255], [1.0], [1.2], [-0.3]]], np.float32)
    out = fast_cast.cast(Cast(dtype, float(white)), image).ravel()
    want = np.clip(np.rint(image.ravel().astype(np.float64) * white), 0, white)
    assert out.dtype == dtype
    assert np.abs(out.astype(np.float64) - want).max() <= white * 1e-7
    assert out[3] == out[4] == white
    assert out[5] == 0


def test_casts_refuse_what_has_no_meaning():
    image = picture((4, 4), 3, "uint8")
    for run in (fast_cast.cast, slow_cast.cast):
        with pytest.raises(DataError, match="2 channels and the picture has 3"):
            run(Cast("float32", (1.0, 2.0)), image)
        with pytest.raises(DataError, match="needs a float32 picture"):
            run(Cast("uint16", 65535.0), image)
    for run in (fast_color.color_matrix, slow_color.color_matrix):
        with pytest.raises(DataError, match="2 channels and the picture has 3"):
            run(ColorMatrix(((1.0, 0.0, 0.0),)), image)
    with pytest.raises(DataError, match="5 channels and the picture has 3"):
        fast_tone.curve(Curve((("linear", (1.0,) * 5, 0.0),)), image)
    five = picture((4, 4), 5, "uint8")
    for op in (Effect("hsv", (1, 1, 1)), Effect("equalize", ("cv", False, None))):
        for backend in (FAST, SLOW):
            with pytest.raises(DataError, match=r"needs .*3 channels and the picture has 5"):
                backend.kernel(op, IMAGE)(op, five)


@pytest.mark.parametrize("kind", ["image", "image_per_channel", "min_max", "min_max_per_channel"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_normalisation_by_statistics(kind, dtype):
    for size in SIZES:
        for channels in CHANNELS:
            image = picture(size, channels, dtype)
            op = Effect("normalize_stats", (kind,))
            got, want = fast_cast.normalize_stats(op, image), slow_cast.normalize_stats(op, image)
            assert got.dtype == np.float32
            assert np.allclose(got, want, atol=2e-4), (size, channels)


def test_normalisation_is_clipped_at_twenty():
    image = np.zeros((60, 60, 1), np.uint8)
    image[0, 0] = 255
    out = fast_cast.normalize_stats(Effect("normalize_stats", ("image",)), image)
    assert out.max() == 20


# ---------------------------------------------------------------------------------- tensors


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_tensors_own_their_memory(dtype, channels):
    torch = pytest.importorskip("torch")
    image = picture((6, 8), channels, dtype)
    tensor = fast_cast.cast(Cast(layout="CHW", tensor=True), image)
    assert tensor.is_contiguous()
    assert tensor.shape == (channels, 6, 8)
    assert tensor.dtype == getattr(torch, dtype)
    assert np.array_equal(tensor.numpy(), image.transpose(2, 0, 1))
    image[:] = 0
    assert tensor.to(torch.float32).max() > 0


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "uint16", "float64", "int32"])
def test_masks_become_tensors(dtype):
    pytest.importorskip("torch")
    run = fast_cast.KERNELS[Cast, MASK]
    mask = (np.arange(48).reshape(6, 8, 1) % 5).astype(dtype)
    flat = run(Cast(layout="CHW", tensor=True), mask)
    assert flat.shape == (6, 8)
    assert str(flat.dtype) == f"torch.{dtype}"
    deep = np.concatenate([mask, mask], axis=2)
    assert run(Cast(layout="CHW", tensor=True), deep).shape == (6, 8, 2)
    turned = run(Cast(layout="CHW", tensor=True, transpose_mask=True), deep)
    assert turned.shape == (2, 6, 8)
    assert turned.is_contiguous()
    deep[:] = 0
    assert turned.any()
    assert flat.is_contiguous()
