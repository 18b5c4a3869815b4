"""Warps of pictures and masks: OpenCV's kernels against the reference, and known answers."""

import cv2
import numpy as np
import pytest

from anamorph.backends.opencv import warp as fast
from anamorph.backends.reference import warp as slow
from anamorph.ir import matrix as mx
from anamorph.ir.ops import SYMMETRIES, Sampling, Warp

BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "replicate": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "reflect_101": cv2.BORDER_REFLECT_101,
    "wrap": cv2.BORDER_WRAP,
}
MODES = {
    cv2.BORDER_REPLICATE: "edge",
    cv2.BORDER_REFLECT: "symmetric",
    cv2.BORDER_REFLECT_101: "reflect",
    cv2.BORDER_WRAP: "wrap",
}
PICTURES = ("uint8", "uint16", "float32")
MASKS = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64"),
)
TURN = mx.matmul(mx.translation(3.3, -2.7), mx.rotation(33, (15, 10)))
SHEAR = (0.8, 0.3, -4.2, -0.1, 1.3, 2.9, 0.0, 0.0, 1.0)
TILT = mx.homography(
    [(0, 0), (31, 0), (31, 20), (0, 20)], [(3.0, 2.0), (29.5, -4.0), (35.0, 24.0), (-2.0, 17.0)]
)
FREE = {"turn": TURN, "shear": SHEAR, "tilt": TILT}
LEVELS = {"uint8": 255, "uint16": 65535, "float32": 1}


def noise(shape, dtype="uint8", seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    return rng.random(shape) < 0.5 if dtype == "bool" else rng.random(shape).astype(dtype)


def smooth(shape, dtype="uint8"):
    y, x, c = np.ogrid[: shape[0], : shape[1], : shape[2]]
    values = 0.5 + 0.4 * np.sin(x / 9 + 1) * np.cos(y / 7 + c)
    values = values * LEVELS[dtype]
    return (np.rint(values) if dtype != "float32" else values).astype(dtype)


def both(op, image):
    kept = image.copy()
    left, right = fast.warp_image(op, image), slow.warp_image(op, image)
    np.testing.assert_array_equal(image, kept)
    assert left.dtype == right.dtype == image.dtype
    return left.reshape(right.shape), right


def difference(op, image):
    """Greatest difference in levels of 255."""
    left, right = both(op, image)
    return np.abs(left.astype(float) - right).max() * 255 / LEVELS[image.dtype.name]


# ------------------------------------------------------------------- against the reference


@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS)
@pytest.mark.parametrize("matrix", FREE.values(), ids=FREE)
@pytest.mark.parametrize("dtype", PICTURES)
def test_linear_agrees_to_a_level_on_noise(matrix, dtype, border):
    for channels in (1, 2, 3, 5, 8):
        image = noise((20, 31, channels), dtype, channels)
        fill = tuple(np.linspace(0, LEVELS[dtype], channels).tolist())
        op = Warp(matrix, (27, 40), Sampling(1, 0, border, fill))
        assert difference(op, image) <= 1.0


@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS)
@pytest.mark.parametrize("matrix", FREE.values(), ids=FREE)
@pytest.mark.parametrize(
    ("kind", "tolerance"), [(cv2.INTER_CUBIC, 2.0), (cv2.INTER_LANCZOS4, 10.0)]
)
def test_wide_kernels_agree(matrix, kind, tolerance, border):
    # OpenCV reads these at 1/32 of a pixel; on white noise Lanczos feels it most
    for dtype in PICTURES:
        op = Warp(matrix, (27, 40), Sampling(kind, 0, border, 0))
        assert difference(op, noise((20, 31, 3), dtype)) <= tolerance


@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS)
@pytest.mark.parametrize("matrix", FREE.values(), ids=FREE)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 9, 16, 130])
def test_nearest_picks_the_same_pixels(matrix, border, channels):
    image = noise((20, 31, channels), "uint8")
    left, right = both(Warp(matrix, (27, 40), Sampling(0, 0, border, 7)), image)
    np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", SYMMETRIES)
@pytest.mark.parametrize("kind", range(7))
@pytest.mark.parametrize("to", [(13, 40), (40, 13), (9, 11), (41, 60), (20, 31)])
def test_resize_agrees_in_every_direction(name, kind, to):
    scaled = Warp.resize((20, 31), to)
    turned = Warp.symmetry(name, to)
    grows_unevenly = kind == cv2.INTER_AREA and (to[0] > 20 or to[1] > 31)
    for dtype in PICTURES:
        op = Warp(mx.matmul(turned.matrix, scaled.matrix), turned.size, Sampling(kind))
        found = difference(
            op, smooth((20, 31, 3), dtype) if grows_unevenly else noise((20, 31, 3), dtype)
        )
        assert found <= (0 if kind in (0, 6) else 2.0)


@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS)
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_scaled_cut_and_framed_at_once(border, kind):
    matrix = mx.matmul(mx.translation(-7, 9), mx.scaling(40 / 31, 0.5))
    for matrix_, size in (
        (matrix, (30, 70)),
        (mx.matmul(mx.scaling(2, 3), mx.translation(-5, 4)), (60, 50)),
    ):
        op = Warp(matrix_, size, Sampling(kind, 0, border, (9, 200, 80)))
        assert difference(op, noise((20, 31, 3))) <= (0 if kind == 0 else 7.5)


def test_horizon_shows_fill():
    image = smooth((20, 31, 3))
    m = mx.matmul(mx.translation(40, 10), (1.0, 0.1, 0.0, 0.0, 1.0, 0.0, -0.04, 0.01, 1.0))
    for border in BORDERS.values():
        for kind in (0, 1, 2):
            op = Warp(m, (50, 60), Sampling(kind, 0, border, (1, 2, 3)))
            left, right = both(op, image)
            same = (np.abs(left.astype(int) - right) <= 3).all(axis=2)
            assert same.mean() > 0.98  # close to the horizon a place is a matter of rounding
            behind = ~slow.places(m, (50, 60))[2]
            assert behind.any()
            assert (left[behind] == (1, 2, 3)).all()


def test_cubic_far_beyond_a_small_picture():
    for h, w in ((1, 1), (1, 9), (5, 4)):
        for border in BORDERS.values():
            op = Warp(
                (1.0, 0.2, 33.3, 0.0, 1.0, -20.5, 0.0, 0.0, 1.0), (30, 80), Sampling(2, 0, border)
            )
            assert difference(op, noise((h, w, 1))) <= 2.0


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (7, 513, 1), (2, 2, 600)])
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_odd_sizes(shape, kind):
    for matrix, size in (
        (TURN, (8, 9)),
        (mx.scaling(3 / shape[1], 2 / shape[0]), (2, 3)),
        (mx.translation(4, 5), (9, 12)),
    ):
        for border in BORDERS.values():
            # a picture of one pixel's height is all edges: Lanczos' 1/32 pixel shows there most
            assert difference(Warp(matrix, size, Sampling(kind, 0, border, 3)), noise(shape)) <= (
                8.0 if kind == 4 else 2.0
            )


def test_views_with_gaps_are_read_right():
    big = noise((30, 40, 3))
    view = big[5:25, 3:34]
    for matrix in (
        *FREE.values(),
        mx.scaling(0.5, 0.5),
        mx.translation(3, 4),
        Warp.symmetry("t", (20, 31)).matrix,
    ):
        op = Warp(matrix, (25, 25), Sampling(border=4))
        np.testing.assert_array_equal(fast.warp_image(op, view), fast.warp_image(op, view.copy()))


# --------------------------------------------------------------------------- known answers


def known(name, image):
    turned = image.swapaxes(0, 1)
    return {
        "e": image,
        "r90": np.rot90(image, 1),
        "r180": np.rot90(image, 2),
        "r270": np.rot90(image, 3),
        "h": image[:, ::-1],
        "v": image[::-1],
        "t": turned,
        "hvt": turned[::-1, ::-1],
    }[name]


@pytest.mark.parametrize("name", SYMMETRIES)
@pytest.mark.parametrize("dtype", MASKS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 33, 129, 600])
def test_symmetries_of_any_dtype_and_channels(name, dtype, channels):
    mask = noise((5, 7, channels), dtype)
    op = Warp.symmetry(name, (5, 7))
    expected = known(name, mask)
    for kernel in (fast.warp_mask, slow.warp_mask):
        found = kernel(op, mask).reshape(expected.shape)
        assert found.dtype == mask.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("border", MODES.items(), ids=MODES.values())
@pytest.mark.parametrize("offset", [(3, 4), (-2, 5), (30, -1), (-9, -9), (40, 50), (-60, 2)])
def test_shifts_show_the_border(border, offset):
    number, mode = border
    image = noise((6, 8, 3))
    wide = np.pad(image, ((80, 80), (80, 80), (0, 0)), mode=mode)
    x, y = offset
    op = Warp(mx.translation(x, y), (12, 17), Sampling(1, 0, number))
    expected = wide[80 - y : 92 - y, 80 - x : 97 - x]
    for dtype in ("uint8", "int64", "bool"):
        np.testing.assert_array_equal(
            fast.warp_mask(op, image.astype(dtype)), expected.astype(dtype)
        )
    np.testing.assert_array_equal(fast.warp_image(op, image), expected)
    np.testing.assert_array_equal(slow.warp_image(op, image), expected)


@pytest.mark.parametrize("dtype", MASKS)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("matrix", [*FREE.values(), mx.scaling(0.4375, 0.6), mx.translation(3, 4)])
def test_masks_keep_values(dtype, channels, matrix):
    mask = noise((20, 30, channels), dtype)
    if dtype == "int64":
        mask[::2] |= 1 << 62
    fill = 1 if dtype == "bool" else 5
    op = Warp(matrix, (12, 18), Sampling(fill_mask=fill))
    left, right = fast.warp_mask(op, mask), slow.warp_mask(op, mask)
    assert left.dtype == mask.dtype
    np.testing.assert_array_equal(left.reshape(right.shape), right)


def test_negative_and_large_fills_of_masks():
    op = Warp(mx.rotation(30, (5, 5)), (10, 10), Sampling(fill_mask=-1))
    for dtype in ("int8", "int16", "int32", "int64", "float16", "float64"):
        assert fast.warp_mask(op, np.zeros((10, 10, 1), dtype))[0, 0] == -1
    op = Warp(mx.rotation(30, (5, 5)), (10, 10), Sampling(fill_mask=(1 << 60) + 1))
    assert fast.warp_mask(op, np.zeros((10, 10, 1), np.int64))[0, 0] == (1 << 60) + 1
    assert fast.warp_mask(op, np.zeros((10, 10, 1), np.uint8))[0, 0] == 255


def test_masks_may_be_interpolated():
    for dtype in MASKS:
        mask = noise((20, 31, 1), dtype)
        for matrix in (TURN, mx.scaling(0.5, 0.5)):
            op = Warp(matrix, (10, 15), Sampling(mask_interpolation=1))
            left, right = fast.warp_mask(op, mask), slow.warp_mask(op, mask)
            assert left.dtype == mask.dtype
            if dtype != "bool":
                bound = 2e-3 if mask.dtype.kind == "f" else 0.01 * 2.0 ** (8 * mask.itemsize) + 1
                gap = np.abs(left.reshape(right.shape).astype(float) - right)
                # other types go OpenCV's general way, at 1/32 of a pixel
                assert np.median(gap) <= bound


@pytest.mark.parametrize("angle", [0, 10, 30, 45, 60, 90, 180, 270, 359])
def test_masks_equal_nearest_pictures(angle):
    label = noise((40, 50, 1), "uint8")
    for matrix in (
        mx.rotation(angle, (25, 20)),
        mx.matmul(mx.scaling(0.5, 0.5), mx.rotation(angle, (24.5, 19.5))),
        mx.matmul(mx.scaling(17 / 50, 23 / 40), mx.IDENTITY),
        mx.matmul(TILT, mx.rotation(angle, (25, 20))),
    ):
        op = Warp(matrix, (40, 50), Sampling(0, 0))
        expected = fast.warp_mask(op, label).reshape(40, 50)
        for dtype in MASKS:
            for channels in (1, 2, 3, 4, 5, 7):
                many = np.repeat(label, channels, axis=2).astype(dtype)
                found = fast.warp_mask(op, many).reshape(40, 50, channels)
                np.testing.assert_array_equal(
                    found, np.repeat(expected[..., None], channels, 2).astype(dtype)
                )
        for dtype in PICTURES:
            image = np.repeat(label, 3, axis=2).astype(dtype)
            np.testing.assert_array_equal(
                fast.warp_image(op, image)[..., 1], expected.astype(dtype)
            )


def test_ties_go_to_the_higher_pixel():
    row = np.arange(8, dtype=np.uint8)[None, :, None]
    halved = Warp.resize((1, 8), (1, 4), Sampling(0))
    np.testing.assert_array_equal(fast.warp_image(halved, row).ravel(), [1, 3, 5, 7])
    shifted = Warp((0.5, 1e-9, 0.25, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), (1, 4), Sampling(0, 0, 1))
    np.testing.assert_array_equal(fast.warp_image(shifted, row).ravel(), [0, 2, 4, 6])
    half = Warp((1.0, 1e-9, 0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), (1, 8), Sampling(0, 0, 1))
    np.testing.assert_array_equal(fast.warp_image(half, row).ravel(), np.arange(8))


def test_nearest_resize_picks_the_pixel_at_the_center():
    rng = np.random.default_rng(0)
    for n, length in [(2, 7), (2816, 264), (512, 224), *rng.integers(1, 3000, (60, 2)).tolist()]:
        row = np.arange(n, dtype=np.uint16)[None, :, None]
        expected = (2 * np.arange(length) + 1) * n // (2 * length)
        found = fast.warp_image(Warp.resize((1, n), (1, length), Sampling(0)), row).ravel()
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_resize_is_opencv_resize(kind):
    image = noise((60, 80, 3))
    for to in ((30, 40), (47, 91), (120, 160)):
        found = fast.warp_image(Warp.resize((60, 80), to, Sampling(kind)), image)
        np.testing.assert_array_equal(found, cv2.resize(image, to[::-1], interpolation=kind))


def test_resize_then_crop_reads_what_was_resized():
    image = noise((64, 64, 3))
    whole = cv2.resize(image, (96, 80))
    op = Warp(mx.matmul(mx.translation(-8, -8), mx.scaling(96 / 64, 80 / 64)), (50, 60))
    np.testing.assert_array_equal(fast.warp_image(op, image), whole[8:58, 8:68])


def test_a_cut_out_part_ends_at_its_own_edges():
    image = noise((33, 64, 1))
    cut = mx.translation(-62, -11)
    op = Warp(mx.matmul(mx.scaling(50, 38 / 14), cut), (38, 50), Sampling(1))
    left, right = both(op, image)
    np.testing.assert_allclose(left.astype(int), right, atol=1)


def test_floats_stay_in_range():
    image = (noise((30, 30, 3), "float32") > 0.5).astype(np.float32)
    for kind in (cv2.INTER_CUBIC, cv2.INTER_LANCZOS4):
        for matrix in (TURN, mx.scaling(1.5, 1.5)):
            found = fast.warp_image(Warp(matrix, (45, 45), Sampling(kind)), image)
            assert found.min() >= 0
            assert found.max() <= 1
    normalized = image * 4 - 2
    found = fast.warp_image(Warp(mx.scaling(1.5, 1.5), (45, 45), Sampling(2)), normalized)
    assert found.min() == -2
    assert found.max() == 2


# --------------------------------------------------------------------------- large pictures


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("border", BORDERS.values(), ids=BORDERS)
def test_sides_beyond_the_limit_of_opencv(kind, border):
    image = smooth((3, 40000, 1), "uint16")
    op = Warp(
        (1.0, 0.0, 0.3, 0.001, 1.0, -20.0, 0.0, 0.0, 1.0), (6, 40010), Sampling(kind, 0, border)
    )
    found = fast.warp_image(op, image).reshape(6, 40010)
    for start in (0, 8190, 16380, 32760, 39800):
        shifted = Warp(mx.matmul(mx.translation(-start, 0), op.matrix), (6, 200), op.sampling)
        part = slow.warp_image(shifted, image)[..., 0]
        gap = np.abs(found[:, start : start + 200].astype(float) - part)
        bound = {0: 0, 1: 40, 2: 400}[kind]
        assert (gap > bound).mean() < 0.01


def test_a_small_source_on_a_huge_canvas():
    image = noise((4, 5, 3))
    for border in BORDERS.values():
        op = Warp(mx.translation(33000, 1), (6, 40000), Sampling(1, 0, border, (1, 2, 3)))
        found = fast.warp_image(op, image)
        np.testing.assert_array_equal(found[1:5, 33000:33005], image)
    turned = Warp(mx.matmul(mx.translation(33000, 0), mx.rotation(45)), (6, 40000))
    assert fast.warp_image(turned, image)[:, 32990:33010].any()
