"""Colour kernels: the fast ones against the specification, on every dtype, channel count, size."""

from importlib.resources import files

import cv2
import numpy as np
import pytest

from anamorph.backends.opencv import cast as fast_cast
from anamorph.backends.opencv import color as fast_color
from anamorph.backends.opencv import histogram as fast_histogram
from anamorph.backends.opencv import tone as fast_tone
from anamorph.backends.reference import cast as slow_cast
from anamorph.backends.reference import color as slow_color
from anamorph.backends.reference import histogram as slow_histogram
from anamorph.backends.reference import tone as slow_tone
from anamorph.core.errors import DataError
from anamorph.ir.ops import IMAGE, MASK, Cast, ColorMatrix, Curve, Effect, Picture

FAST = (fast_tone, fast_color, fast_histogram, fast_cast)
SLOW = (slow_tone, slow_color, slow_histogram, slow_cast)
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
DTYPES = tuple(WHITE)
SIZES = ((1, 1), (1, 9), (2, 2), (7, 51), (31, 33))
CHANNELS = (1, 2, 3, 4, 5)


def kernel(modules, op):
    for module in modules:
        if isinstance(op, Effect) and op.name in module.EFFECTS:
            return module.EFFECTS[op.name]
        if (type(op), IMAGE) in module.KERNELS:
            return module.KERNELS[type(op), IMAGE]
    raise AssertionError(op)


def picture(size, channels, dtype, seed=0):
    """Smooth colours with a little noise, black and white at two corners."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((channels, 4, 5)).astype(np.float32)
    planes = [cv2.resize(c, size[::-1], interpolation=cv2.INTER_LINEAR) for c in coarse]
    x = np.stack(planes, axis=-1) + rng.normal(0, 0.02, (*size, channels))
    x = np.clip(x, 0, 1)
    x[0, 0], x[-1, -1] = 0, 1
    if dtype == "float32":
        return x.astype(np.float32)
    return np.rint(x * WHITE[dtype]).astype(dtype)


def agree(op, image, tolerance, mean=None):
    """Run both kernels; compare in levels of 255, and see that the picture was left alone."""
    before = image.copy()
    got, want = kernel(FAST, op)(op, image), kernel(SLOW, op)(op, image)
    assert np.array_equal(image, before)
    got = got.reshape(want.shape)
    assert got.dtype == want.dtype
    white = WHITE.get(want.dtype.name, 1) if not isinstance(op, Cast) else 255
    off = np.abs(got.astype(np.float64) - want.astype(np.float64)) * (255 / white)
    assert off.max() <= tolerance, f"{op} on {image.dtype}: off by {off.max()} levels"
    if mean is not None:
        assert off.mean() <= mean, f"{op} on {image.dtype}: off by {off.mean()} on average"
    return got


DENSE = 0.02  # tables of floats are laid out in 65,000ths; steep ones show it
ONE_LEVEL = {"uint8": 1.0, "uint16": 1 / 257 + 1e-9, "float32": 1e-3}
CURVES = {
    "linear": (("linear", 1.3, -0.1),),
    "falling": (("linear", -0.7, 0.9),),
    "gamma": (("gamma", 0.6),),
    "invert": (("invert",),),
    "solarize": (("solarize", 0.4),),
    "posterize": (("posterize", 3),),
    "bezier": (("bezier", 0.4, 0.6),),
    "points": (("points", (0.0, 0.1, 0.7, 0.8, 1.0)),),
    "chain": (("linear", 1.5, 0.1), ("gamma", 2.0), ("invert",), ("bezier", 0.1, 0.9)),
    "mean": (("mean", 1.4, -0.4, "gray"),),
    "mean of the rest": (("linear", 1.2, 0.0), ("mean", 0.5, 0.5, "image")),
    "kept in range": (("mean", 1.4, 0.3, "image", True),),
}


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
        run = kernel(FAST, op)
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
            out = kernel(FAST, op)(op, image)
            assert np.isfinite(out).all(), op
            assert out.min() >= 0, op
            assert out.max() <= WHITE[dtype], op
        for kind in ("image", "image_per_channel", "min_max", "min_max_per_channel"):
            out = fast_cast.normalize_stats(Effect("normalize_stats", (kind,)), image)
            assert np.abs(out).max() == 0, kind


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
        for modules in (FAST, SLOW):
            with pytest.raises(DataError, match=r"needs .*3 channels and the picture has 5"):
                kernel(modules, op)(op, five)


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
