"""Dense distortions: the fast kernels against the specification, and against what pictures show."""

from dataclasses import replace

import numpy as np
import pytest

from anamorph.backends.opencv import remap as fast
from anamorph.backends.opencv.remap_labels import remap_boxes, remap_points, solve
from anamorph.backends.reference import remap as slow
from anamorph.core import constants as K
from anamorph.core.errors import ParameterError
from anamorph.core.labels import Boxes, Points
from anamorph.ir import matrix as mx
from anamorph.ir.fields import field_of
from anamorph.ir.ops import Remap, Sampling
from backends.distortions import KINDS, SIZE, op_of

BORDERS = tuple(K.BORDERS)


def _picture(size, channels, dtype, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.random((size[0] // 8 + 2, size[1] // 8 + 2, channels))
    smooth = np.kron(coarse, np.ones((8, 8, 1)))[: size[0], : size[1]]
    smooth = np.clip(smooth + rng.normal(0, 0.05, smooth.shape), 0, 1)
    if dtype == "float32":
        return smooth.astype(np.float32)
    return np.rint(smooth * np.iinfo(dtype).max).astype(dtype)


def _three(x):
    return x if x.ndim == 3 else x[..., None]


def _unlike(a, b):
    return np.abs(_three(a).astype(np.float64) - _three(b).astype(np.float64))


# ------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interpolation", [0, 1, 2, 3, 4, 5, 6])
def test_pictures_equal_the_specification(kind, interpolation):
    op = op_of(kind, interpolation=interpolation, fill=40)
    image = _picture(SIZE, 3, "uint8")
    apart = _unlike(fast.remap_image(op, image), slow.remap_image(op, image))
    if interpolation in (K.INTER_NEAREST, K.INTER_NEAREST_EXACT):
        assert (apart > 0).mean() < 0.002
    else:
        assert (apart > 1 + 8 * (interpolation in (2, 4))).mean() < 0.002


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("kind", ["camera", "elastic"])
def test_borders_equal_the_specification(kind, border):
    op = op_of(kind, border=border, fill=(10, 200, 90))
    image = _picture(SIZE, 3, "uint8")
    apart = _unlike(fast.remap_image(op, image), slow.remap_image(op, image))
    assert (apart > 1).mean() < 0.002


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8, 130])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_dtype_and_number_of_channels(channels, dtype):
    size = (24, 31)
    top = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    fill = tuple(top * (0.2 + 0.6 * k / channels) for k in range(channels))
    op = replace(op_of("camera", size), sampling=Sampling(fill=fill), params=(0.8,))
    image = _picture(size, channels, dtype)
    before = image.copy()
    done = fast.remap_image(op, image)
    np.testing.assert_array_equal(image, before)
    assert done.dtype == image.dtype
    assert _unlike(done, slow.remap_image(op, image)).max() <= top * 0.006 + (dtype == "uint8")


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (7, 513)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("border", [K.BORDER_CONSTANT, K.BORDER_REFLECT_101])
def test_odd_sizes(size, kind, border):
    op = op_of(kind, size, border=border)
    image = _picture(size, 3, "uint8")
    done = fast.remap_image(op, image)
    assert _three(done).shape == image.shape
    assert (_unlike(done, slow.remap_image(op, image)) > 1).mean() < 0.02


@pytest.mark.parametrize("interpolation", [K.INTER_CUBIC, K.INTER_LANCZOS4])
def test_floats_do_not_overshoot(interpolation):
    image = (np.indices((40, 50)).sum(axis=0) // 7 % 2).astype(np.float32)[..., None]
    done = fast.remap_image(op_of("elastic", (40, 50), interpolation=interpolation), image)
    assert done.min() >= 0
    assert done.max() <= 1


def test_views_are_read_and_not_changed():
    whole = _picture((100, 120), 3, "uint8")
    view = whole[10:71, 20:103]
    done = fast.remap_image(op_of(), view)
    np.testing.assert_array_equal(done, fast.remap_image(op_of(), view.copy()))


def test_a_fill_of_the_wrong_length_is_refused():
    with pytest.raises(ParameterError, match="one for each of the 3 channels"):
        fast.remap_image(op_of(fill=(1, 2)), _picture(SIZE, 3, "uint8"))


# ---------------------------------------------------------------------------------- masks


MASKS = ["bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("dtype", [*MASKS, "float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_masks_keep_dtype_and_values_whatever_they_are(dtype, channels):
    labels = _picture(SIZE, channels, "uint8") // 64
    names = np.arange(4, dtype=np.uint64)
    kind = np.dtype(dtype).kind
    if kind in "iu":
        names = np.uint64(np.iinfo(dtype).max) - names
    elif kind == "f":
        names = names + 0.5
    mask = names[labels].astype(dtype)
    for border in (K.BORDER_CONSTANT, K.BORDER_REFLECT):
        op = op_of("camera", border=border, fill_mask=1)
        done = fast.remap_mask(op, mask)
        assert done.dtype == mask.dtype
        expected = slow.remap_mask(op, mask)
        assert (_three(done) != expected).mean() < 0.002
        assert set(np.unique(done)) <= set(np.unique(mask)) | {np.ones(1, dtype)[0]}


def test_a_fill_of_64_bits_is_exact():
    value = 2**60 + 1
    mask = np.zeros((*SIZE, 1), np.int64)
    done = fast.remap_mask(op_of("camera", fill_mask=value), mask)
    assert set(np.unique(done)) == {0, value}


@pytest.mark.parametrize("dtype", ["bool", "int64", "uint8", "float32"])
def test_masks_may_be_interpolated(dtype):
    mask = (_picture(SIZE, 1, "uint8") > 128).astype(dtype)
    if dtype != "bool":
        mask = mask * np.array(9, dtype)
    op = op_of(mask_interpolation=K.INTER_LINEAR)
    done = fast.remap_mask(op, mask)
    assert done.dtype == mask.dtype
    assert (_unlike(done, slow.remap_mask(op, mask)) > 1.01).mean() < 0.003


@pytest.mark.parametrize("kind", KINDS)
def test_masks_lie_where_nearest_pictures_do(kind):
    labels = _picture(SIZE, 3, "uint8")
    op = op_of(kind, interpolation=K.INTER_NEAREST)
    np.testing.assert_array_equal(fast.remap_image(op, labels), fast.remap_mask(op, labels))


# ---------------------------------------------------------------------------- large sizes


@pytest.mark.parametrize("size", [(3, 40000), (40000, 2)])
@pytest.mark.parametrize("kind", ["grid", "fisheye", "elastic"])
def test_sides_beyond_what_opencv_holds(size, kind):
    op = op_of(kind, size)
    ramp = np.linspace(0, 1, max(size), dtype=np.float32)
    image = np.broadcast_to(ramp if size[1] == max(size) else ramp[:, None], size)[..., None].copy()
    done = fast.remap_image(op, image)
    assert (_unlike(done, slow.remap_image(op, image)) > 2e-4).mean() < 0.002
    mask = np.rint(image * 65535).astype(np.int64) + 2**40
    labels = fast.remap_mask(op, mask)
    assert (_three(labels) != slow.remap_mask(op, mask)).mean() < 0.01


def test_the_primitive_says_when_it_tiles():
    assert fast.primitive(op_of(), SIZE) == "remap"
    assert fast.primitive(op_of("grid", (3, 40000)), (3, 40000)) == "remap (tiled)"


@pytest.mark.parametrize("border", BORDERS)
def test_blocks_equal_the_whole(border, monkeypatch):
    image = _picture(SIZE, 3, "uint8")
    for interpolation in (K.INTER_NEAREST, K.INTER_LINEAR, K.INTER_CUBIC):
        op = op_of("camera", border=border, interpolation=interpolation)
        whole = fast.remap_image(op, image)
        with monkeypatch.context() as patch:
            patch.setattr(fast, "SIDE_LIMIT", 40)
            patch.setattr(fast, "_BLOCK", 23)
            parts = fast.remap_image(op, image)
        assert (_unlike(whole, parts) > 1).mean() < 0.001


def test_displacements_of_a_hundred_thousand_pixels_find_their_mirror_image():
    op = Remap("camera", (4e5,), SIZE, Sampling(border=K.BORDER_REFLECT, interpolation=0))
    image = _picture(SIZE, 1, "uint8")
    assert (_unlike(fast.remap_image(op, image), slow.remap_image(op, image)) > 0).mean() < 0.03


# ----------------------------------------------------------------------- next to matrices


def _composed(kind, before, after, source, canvas):
    before, after = (tuple(map(float, m)) for m in (before, after))
    return Remap(kind, KINDS[kind], SIZE, Sampling(), before, after, canvas, source)


MATRICES = {
    "crop": ((mx.IDENTITY, mx.translation(-20, -10)), SIZE, (40, 50)),
    "flip": ((mx.IDENTITY, (-1.0, 0, 83, 0, 1.0, 0, 0, 0, 1)), SIZE, SIZE),
    "transposed crop": ((mx.IDENTITY, (0, 1.0, -10, 1.0, 0, -20, 0, 0, 1)), SIZE, (50, 40)),
    "half turn": ((mx.IDENTITY, (-1.0, 0, 83, 0, -1.0, 61, 0, 0, 1)), SIZE, SIZE),
    "other quarter": ((mx.IDENTITY, (0, -1.0, 61, 1.0, 0, 0, 0, 0, 1)), SIZE, (83, 61)),
    "quarter": ((mx.IDENTITY, (0, 1.0, 0, -1.0, 0, 83, 0, 0, 1)), SIZE, (83, 61)),
    "resized before": ((mx.scaling(83 / 120, 61 / 100), mx.IDENTITY), (100, 120), SIZE),
    "resized after": ((mx.IDENTITY, mx.scaling(2, 2)), SIZE, (122, 166)),
    "zoomed": ((mx.IDENTITY, mx.matmul(mx.scaling(2, 2), mx.rotation(20, (41, 30)))), SIZE, (50, 60)),
    "turned before": ((mx.rotation(25, (41, 30)), mx.IDENTITY), SIZE, SIZE),
    "perspective": (
        (mx.homography([(0, 0), (83, 0), (83, 61), (0, 61)], [(9, 5), (75, 2), (80, 58), (3, 50)]),
         mx.IDENTITY), SIZE, SIZE,
    ),
    "perspective after": (
        (mx.IDENTITY,
         mx.homography([(9, 5), (75, 2), (80, 58), (3, 50)], [(0, 0), (83, 0), (83, 61), (0, 61)])),
        SIZE, SIZE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MATRICES)
def test_matrices_beside_the_field(kind, name):
    (before, after), source, canvas = MATRICES[name]
    op = _composed(kind, before, after, source, canvas)
    y, x = np.mgrid[0 : source[0], 0 : source[1]] + 0.5
    ramps = np.stack([x / 200, y / 200, np.ones_like(x)], axis=-1).astype(np.float32)
    done, expected = fast.remap_image(op, ramps), slow.remap_image(op, ramps)
    whole = (expected[..., 2] > 0.999) & (done[..., 2] > 0.999)
    assert whole.mean() > 0.5
    apart = np.abs(done - expected)[whole][:, :2] * 200
    creased = field_of(kind, KINDS[kind], SIZE).creased
    # nodes three pixels apart cut the corner of a crease that changes the slope by one
    assert np.percentile(apart, 99) < (0.45 if creased else 0.2)
    rng = np.random.default_rng(0)
    points = Points(np.zeros((6, 6)), np.arange(6))
    points.data[:, :2] = (0.2 + 0.6 * rng.random((6, 2))) * (source[1], source[0])
    points.data[:, 3] = rng.random(6)
    points.data[:, 4:] = 1.0
    found = remap_points(op, points)
    _same_points(found, slow.remap_points(op, points), kind)


def _same_points(found, expected, kind):
    np.testing.assert_allclose(found.data[:, :3], expected.data[:, :3], atol=0.01)
    turn = (found.data[:, 3] - expected.data[:, 3] + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(turn, 0, atol=0.02)
    np.testing.assert_allclose(found.data[:, 4:], expected.data[:, 4:], rtol=0.02, err_msg=kind)


# --------------------------------------------------------------------------------- labels


def _points(places):
    data = np.zeros((len(places), 6))
    data[:, :2] = places
    data[:, 3:] = 0.4, 2.0, 1.0
    return Points(data, np.arange(len(places)))


@pytest.mark.parametrize("kind", KINDS)
def test_blobs_follow_their_keypoints(kind):
    size = (200, 260)
    op = op_of(kind, size)
    places = np.random.default_rng(3).random((25, 2)) * (200, 140) + 30
    found = remap_points(op, _points(places)).data[:, :2]
    y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    checked = 0
    for place, moved in zip(places, found, strict=True):
        blob = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 8).astype(np.float32)
        shown = _three(fast.remap_image(op, blob[..., None]))[..., 0]
        near = (np.abs(x - moved[0]) < 12) & (np.abs(y - moved[1]) < 12)
        weight = np.where(near, shown, 0) ** 2
        if not (12 < moved[0] < 248 and 12 < moved[1] < 188) or weight.sum() < 1:
            continue
        centre = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
        assert np.hypot(*(moved - centre)) < 0.5
        checked += 1
    assert checked > 15


@pytest.mark.parametrize("kind", KINDS)
def test_points_equal_the_specification(kind):
    places = np.random.default_rng(4).random((10, 2)) * (83, 61)
    op = op_of(kind)
    _same_points(remap_points(op, _points(places)), slow.remap_points(op, _points(places)), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_has_a_solution_even_in_a_folded_field(kind):
    params = {
        "elastic": (2000, 8, "gaussian", False, False, 1),
        "thin_plate": (5, 0.3, 1),
        "piecewise": (6, 6, (40.0, 40.0), 1),
        "mesh": (5, 5, 60, 1),
        "camera": (-1.0,),
        "fisheye": (-2.0,),
    }.get(kind, KINDS[kind])
    field = field_of(kind, params, SIZE)
    assert field.folded or kind == "grid"
    places = np.random.default_rng(5).random((200, 2)) * (143, 121) - 30
    found = solve(field, places)
    missed = np.abs(found + field.at(found) - places).max(axis=1)
    assert missed.max() < 0.01


def test_points_without_a_place_stay_nan_and_fixed_ones_are_all_there():
    points = _points([[10.0, 10.0], [np.nan, np.nan], [500.0, -300.0]])
    points.fixed = True
    found = remap_points(op_of("camera"), points)
    assert found.fixed
    assert len(found.data) == 3
    assert np.isnan(found.data[1, :2]).all()
    assert np.isfinite(found.data[[0, 2]]).all()


def test_a_mirror_beside_the_field_flips_angle_and_parity():
    op = replace(op_of("elastic"), params=(0.001, 8, "gaussian", False, False, 1))
    op = replace(op, after=(-1.0, 0.0, 83.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    found = remap_points(op, _points([[10.0, 20.0]])).data[0]
    np.testing.assert_allclose(found, [73, 20, 0, np.pi - 0.4, 2, -1], atol=1e-3)


def test_nothing_stays_nothing():
    assert len(remap_points(op_of(), _points(np.empty((0, 2)))).data) == 0
    for width in (4, 8):
        none = Boxes(np.empty((0, width)), np.empty(0, np.int64))
        assert remap_boxes(op_of(), none).data.shape == (0, width)
