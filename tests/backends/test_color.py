"""Colour kernels: the fast ones against the specification, on every dtype, channel count, size."""

import numpy as np
import pytest

from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.opencv import cast as fast_cast
from anamorph.backends.opencv import color as fast_color
from anamorph.backends.opencv import tone as fast_tone
from anamorph.backends.reference import color as slow_color
from anamorph.core.constants import WHITE
from anamorph.ir.ops import IMAGE, Cast, ColorMatrix, Curve, Effect
from backends.comparing import CHANNELS, CURVES, DENSE, DTYPES, ONE_LEVEL, SIZES, agree, picture


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("steps", CURVES.values(), ids=CURVES)
def test_curves(steps, dtype):
    for size in SIZES:
        for channels in CHANNELS:
            image = picture(size, channels, dtype)
            loose = {"mean": 1.0, "points": DENSE}.get(steps[-1][0], 0.0)
            agree(Curve(steps), image, max(loose, ONE_LEVEL[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [2, 3, 5])
def test_curves_with_numbers_a_channel(channels, dtype):
    each = tuple(0.5 + 0.2 * c for c in range(channels))
    bits = tuple(range(1, channels + 1))
    tables = tuple((0.0, 0.1 * c, 1.0) for c in range(channels))
    for steps in (
        (("linear", each, 0.1),),
        (("linear", 1.0, tuple(0.1 - 0.05 * c for c in range(channels))), ("gamma", each)),
        (("posterize", bits),),
        (("bezier", each, 0.7),),
        (("points", *tables),),
    ):
        loose = DENSE if steps[0][0] == "points" else 0.0
        agree(Curve(steps), picture((33, 21), channels, dtype), max(loose, ONE_LEVEL[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_pictures_use_tables_and_small_ones_do_not_differ(dtype):
    image = picture((300, 301), 3, dtype)
    for steps in (CURVES["chain"], (("gamma", (0.5, 1.0, 2.0)),)):
        whole = agree(Curve(steps), image, ONE_LEVEL[dtype])
        part = fast_tone.curve(Curve(steps), image[:9])
        assert np.allclose(part, whole[:9], atol=ONE_LEVEL[dtype] * WHITE[dtype] / 255)


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_are_read_and_left_alone(dtype):
    wide = picture((40, 60), 3, dtype)
    ops = (
        Curve(CURVES["chain"]),
        Curve((("linear", (1.0, 0.5, 2.0), 0.0),)),
        ColorMatrix(((0.5, 0.3, 0.2, 0.0),) * 3),
        ColorMatrix(((0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0))),
        ColorMatrix(((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.5), (0.0, 0.0, 1.0, 0.0))),
        Effect("hsv", (10.0, 20.0, -10.0)),
        Effect("equalize", ("cv", True, None)),
        Effect("autocontrast", (1.0, None, "pil")),
        Effect("clahe", (2.0, (4, 4))),
        Effect("gray", ("max", 3)),
        Cast("float32", 1 / 58.0, -2.0),
        Cast("float32", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)),
        Cast("float32", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), "CHW"),
        Effect("normalize_stats", ("image_per_channel",)),
    )
    for op in ops:
        run = FAST.kernel(op, IMAGE)
        for view in (wide[3:31, 7:40], wide[::2, ::3]):
            before = wide.copy()
            out = run(op, view)
            assert np.array_equal(out, run(op, view.copy())), op
            assert np.array_equal(wide, before), op
            assert not np.shares_memory(out, wide), op


MATRICES = {
    "sepia": ((0.393, 0.769, 0.189, 0.0), (0.349, 0.686, 0.168, 0.0), (0.272, 0.534, 0.131, 0.0)),
    "gray": ((0.299, 0.587, 0.114, 0.0),) * 3,
    "gray alone": ((0.299, 0.587, 0.114, 0.0),),
    "average of five": ((0.2,) * 5 + (0.0,),) * 2,
    "swap": ((0, 0, 1.0, 0), (0, 1.0, 0, 0), (1.0, 0, 0, 0)),
    "turn": ((0, 0, 1.0, 0), (1.0, 0, 0, 0), (0, 1.0, 0, 0)),
    "turn of five": tuple(
        (*tuple(float(j == (i + 2) % 5) for j in range(5)), 0.0) for i in range(5)
    ),
    "blank": ((1.0, 0, 0, 0), (0, 0, 0, 0.0), (0, 0, 1.0, 0)),
    "blank to gray": ((0, 0, 0, 0.25), (0, 1.0, 0, 0), (0, 0, 0, 0.5)),
    "spread": ((1.0, 0.0),) * 3,
    "spread to five": ((1.0, 0.0),) * 5,
    "saturate": ((1.8, -0.5, -0.3, 0.0), (-0.4, 1.7, -0.3, 0.0), (-0.4, -0.5, 1.9, 0.0)),
    "offset": ((0.5, 0.0, 0.0, 0.3), (0.0, 0.5, 0.0, -0.2), (0.1, 0.0, 0.5, 0.9)),
    "to two": ((0.5, 0.5, 0.0, 0.0), (0.0, 0.5, 0.5, 0.0)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", MATRICES.values(), ids=MATRICES)
def test_color_matrices(rows, dtype):
    for size in SIZES:
        agree(ColorMatrix(rows), picture(size, len(rows[0]) - 1, dtype), ONE_LEVEL[dtype])


@pytest.mark.parametrize("channels", [129, 200])
def test_more_channels_than_opencv_counts(channels):
    image = picture((9, 11), channels, "uint8")
    each = tuple(np.linspace(0.5, 1.5, channels).tolist())
    agree(Curve((("gamma", each),)), image, 1)
    agree(Curve((("gamma", 0.5),)), image, 1)
    order = tuple(
        (*tuple(float(j == channels - 1 - i) for j in range(channels)), 0.0)
        for i in range(channels)
    )
    agree(ColorMatrix(order), image, 0)
    agree(ColorMatrix(((1 / channels,) * channels + (0.0,),)), image, 1)
    agree(Cast("float32", each, 1.0, "CHW"), image, 1e-2)
    agree(Cast("float32", each, 1.0, steps=(("gamma", each),)), image, 3)
    agree(Effect("equalize", ("cv", True, None)), image, 1)
    agree(Effect("normalize_stats", ("image_per_channel",)), image, 1e-2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shift", [(0, 0, 0), (15, 0, 0), (-100.4, 0, 0), (0, 40, 0), (0, 0, -30.5), (33, -25, 12.2)]
)
def test_hsv(shift, dtype):
    for size in SIZES:
        image = picture(size, 3, dtype)
        if dtype == "uint8":  # a level of hue that rounds the other way is up to 9 levels of RGB
            agree(Effect("hsv", shift), image, 9, mean=1)
        else:
            agree(Effect("hsv", shift), image, 2 * ONE_LEVEL[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shift", [(0, 80, 0), (30, 80, 0), (20, 200, -10)])
def test_saturation_brings_no_color_into_gray(shift, dtype):
    image = picture((20, 30), 3, dtype)
    image[:, 10:] = image[:, 10:, :1]
    for kernel in (fast_color.hsv, slow_color.hsv):
        out = kernel(Effect("hsv", shift), image)
        assert np.array_equal(out[:, 10:, 0], out[:, 10:, 1])
        assert np.array_equal(out[:, 10:, 0], out[:, 10:, 2])
        assert not np.array_equal(out[:, :10], image[:, :10])
    agree(Effect("hsv", shift), image[:, 10:], ONE_LEVEL[dtype])


def test_hue_of_grays_and_full_turns():
    gray = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    assert np.array_equal(fast_color.hsv(Effect("hsv", (37, 0, 0)), gray), gray)
    image = picture((20, 20), 3, "float32")
    turned = fast_color.hsv(Effect("hsv", (180, 0, 0)), image)
    assert np.allclose(turned, image, atol=1e-5)
    red = np.array([[[255, 0, 0]]], np.uint8)
    green = fast_color.hsv(Effect("hsv", (60, 0, 0)), red)
    assert green.tolist() == [[[0, 255, 0]]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["max", "desaturation", "from_lab", "pca"])
def test_ways_to_gray(method, dtype):
    for size in SIZES:
        for channels in (3,) if method == "from_lab" else CHANNELS:
            image = picture(size, channels, dtype, seed=3)
            # OpenCV's Lab of floats interpolates in a grid of 33 levels
            tolerance = 1 if dtype == "uint8" else 0.5 if method == "from_lab" else 0.05
            out = agree(Effect("gray", (method, 3), channels=3), image, tolerance)
            assert np.ptp(out, axis=2).max() == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_pictures_stay_finite(dtype):
    for level in (0.0, 0.4, 1.0):
        image = np.full((12, 14, 3), level * WHITE[dtype], dtype)
        for op in (
            Effect("equalize", ("cv", True, None)),
            Effect("equalize", ("pil", False, None)),
            Effect("autocontrast", (0, None, "cdf")),
            Effect("autocontrast", (2, None, "pil")),
            Effect("gray", ("pca", 3), channels=3),
            Effect("clahe", (4.0, (8, 8))),
            Effect("hsv", (20, 20, 20)),
            Curve((("mean", 1.5, -0.5, "gray"),)),
        ):
            out = FAST.kernel(op, IMAGE)(op, image)
            assert np.isfinite(out).all(), op
            assert out.min() >= 0, op
            assert out.max() <= WHITE[dtype], op
        for kind in ("image", "image_per_channel", "min_max", "min_max_per_channel"):
            out = fast_cast.normalize_stats(Effect("normalize_stats", (kind,)), image)
            assert np.abs(out).max() == 0, kind


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(1, 1), (4, 1), (1, 3), (33, 21)])
@pytest.mark.parametrize("blank", [0.0, 0.3])
def test_channels_are_dropped(blank, size, dtype):
    for channels in (2, 3, 4, 5):
        rows = np.eye(channels, channels + 1)
        rows[1] = 0.0
        rows[1, -1] = blank
        op = ColorMatrix(tuple(map(tuple, rows.tolist())))
        agree(op, picture(size, channels, dtype), 1e-6 if dtype == "float32" else 0.0)
