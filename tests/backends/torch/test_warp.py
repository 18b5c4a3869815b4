"""Warps of batches: against the reference, sample by sample, and known answers."""

import itertools

import numpy as np
import pytest
import torch

from anamorph.backends.reference import warp as slow
from anamorph.backends.torch import BACKEND, Spec, base, render_ops
from anamorph.backends.torch.window import windowed
from anamorph.core import constants as K
from anamorph.core.errors import BackendError, DataError, DataTypeError, NotInvertibleError
from anamorph.ir import matrix as mx
from anamorph.ir.ops import IMAGE, MASK, SYMMETRIES, Encode, Sampling, Warp


@pytest.fixture(params=["one by one", "together"])
def order(request, monkeypatch):
    """Do samples as a CPU does them, and as other devices do."""
    together = request.param == "together"
    monkeypatch.setattr(base, "prefers_one_by_one", lambda _: not together)


SIZE = (20, 31)
TILT = mx.homography(
    [(0, 0), (31, 0), (31, 20), (0, 20)], [(3.0, 2.0), (29.5, -4.0), (35.0, 24.0), (-2.0, 17.0)]
)
FREE = {
    "turn": mx.matmul(mx.translation(3.3, -2.7), mx.rotation(33, (15, 10))),
    "shear": (0.8, 0.3, -4.2, -0.1, 1.3, 2.9, 0.0, 0.0, 1.0),
    "tilt": TILT,
    "horizon": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -0.05, 0.0, 1.0),
    "part of a pixel": mx.translation(0.3, 0.7),
}
LAID = {
    **{name: Warp.symmetry(name, SIZE).matrix for name in SYMMETRIES},
    "shift": mx.translation(-3, 5),
    "out of sight": mx.translation(100, 0),
    "larger": mx.scaling(40 / 31, 27 / 20),
    "smaller": mx.scaling(11 / 31, 9 / 20),
    "smaller, mirrored": mx.matmul(mx.scaling(-11 / 31, 9 / 20), mx.translation(-31, 0)),
    "zoomed crop": mx.matmul(mx.scaling(40 / 13, 27 / 11), mx.translation(-5, -4)),
    "zoomed, turned": mx.matmul(mx.scaling(40 / 20, 27 / 31), Warp.symmetry("r90", SIZE).matrix),
}
WARPS = FREE | LAID
CANVAS = (27, 40)
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
LEVELS = {"uint8": 1.0, "uint16": 0.02, "float32": 0.02, "float64": 0.02}
"""dtype → how far pixels may be off, in levels of 255."""
MASKS = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64"),
)


def noise(shape, dtype="uint8", seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    return rng.random(shape) < 0.5 if dtype == "bool" else rng.random(shape).astype(dtype)


def batch_of(*pictures):
    return torch.from_numpy(np.stack([p.transpose(2, 0, 1) for p in pictures]))


def pictures_of(batch):
    return batch.numpy().transpose(0, 2, 3, 1)


def own(ops, batch, target=IMAGE):
    """Render ops, one a sample."""
    return BACKEND.pack(ops, Spec.of(batch), target)(batch)


def off(got, want, dtype):
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    return np.abs(got.astype(np.float64) - want.astype(np.float64)).max() * 255 / WHITE[dtype]


# ------------------------------------------------------------------- against the reference


@pytest.mark.parametrize("border", K.BORDERS, ids=K.BORDERS.values())
@pytest.mark.parametrize("interpolation", range(5), ids=lambda i: K.INTERPOLATIONS[i])
@pytest.mark.parametrize("dtype", WHITE)
def test_every_warp_agrees_with_the_reference(interpolation, border, dtype):
    for channels, (name, matrix) in zip(itertools.cycle((3, 1, 5)), WARPS.items(), strict=False):
        image = noise((*SIZE, channels), dtype, channels)
        fill = tuple(np.linspace(0, WHITE[dtype], channels).tolist())
        op = Warp(matrix, CANVAS, Sampling(interpolation, 0, border, fill))
        got = pictures_of(render_ops([op], batch_of(image)))[0]
        assert off(got, slow.warp_image(op, image), dtype) <= LEVELS[dtype], name


@pytest.mark.parametrize("border", K.BORDERS, ids=K.BORDERS.values())
@pytest.mark.parametrize("interpolation", [0, 1, 2, 3])
@pytest.mark.usefixtures("order")
def test_samples_with_warps_of_their_own_agree_with_the_reference(interpolation, border):
    images = [noise((*SIZE, 3), "uint8", seed) for seed in range(len(WARPS))]
    ops = [
        Warp(m, CANVAS, Sampling(interpolation, 0, border, (10.0 * k, 7, 200)))
        for k, m in enumerate(WARPS.values())
    ]
    done = pictures_of(own(ops, batch_of(*images)))
    for op, image, got in zip(ops, images, done, strict=True):
        assert off(got, slow.warp_image(op, image), "uint8") <= 1.0, op


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (7, 1)])
@pytest.mark.parametrize("border", K.BORDERS, ids=K.BORDERS.values())
def test_the_smallest_pictures(size, border):
    image = noise((*size, 2), "float32")
    for interpolation in range(5):
        for matrix in (*FREE.values(), mx.scaling(3, 2), mx.translation(-1, 2)):
            op = Warp(matrix, (5, 4), Sampling(interpolation, 0, border, 0.5))
            got = pictures_of(render_ops([op], batch_of(image)))[0]
            assert off(got, slow.warp_image(op, image), "float32") <= 0.05


@pytest.mark.parametrize("dtype", MASKS)
@pytest.mark.parametrize("border", K.BORDERS, ids=K.BORDERS.values())
@pytest.mark.usefixtures("order")
def test_masks_are_picked_exactly(dtype, border):
    mask = noise((*SIZE, 2), dtype)
    for matrix in WARPS.values():
        op = Warp(matrix, CANVAS, Sampling(1, 0, border, 0, 1))
        got = pictures_of(render_ops([op], batch_of(mask), MASK))[0]
        np.testing.assert_array_equal(got, slow.warp_mask(op, mask))
        assert got.dtype == mask.dtype
    ops = [Warp(m, CANVAS, Sampling(1, 0, border, 0, 1)) for m in WARPS.values()]
    for got, op in zip(pictures_of(own(ops, batch_of(*[mask] * len(ops)), MASK)), ops, strict=True):
        np.testing.assert_array_equal(got, slow.warp_mask(op, mask))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32"])
def test_masks_may_be_interpolated(dtype):
    mask = noise((*SIZE, 1), dtype)
    mask = mask // 2**13 if dtype == "int64" else mask  # float64 holds no more
    for matrix in (FREE["turn"], LAID["smaller"]):
        op = Warp(matrix, CANVAS, Sampling(0, 1))
        got = pictures_of(render_ops([op], batch_of(mask), MASK))[0]
        np.testing.assert_allclose(
            got.astype(float),
            slow.warp_mask(op, mask).astype(float),
            atol=1e-4 + (dtype == "uint8"),
        )


def test_labels_of_64_bits_and_their_fill_keep_their_value():
    high = 2**62 + 1
    mask = torch.tensor([[[[high, high + 1]]]])
    op = Warp(mx.translation(1, 0), (1, 3), Sampling(fill_mask=high + 2))
    assert render_ops([op], mask, MASK).tolist() == [[[[high + 2, high, high + 1]]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_half(dtype):
    image = noise((*SIZE, 3), "float32")
    for matrix in (FREE["turn"], LAID["smaller"], LAID["r90"]):
        op = Warp(matrix, CANVAS, Sampling(fill=0.25))
        got = render_ops([op], batch_of(image).to(dtype))
        assert got.dtype == dtype
        want = slow.warp_image(op, image)
        assert np.abs(pictures_of(got.float())[0] - want).max() < 0.01


# ----------------------------------------------------------------------------- known answers


def test_the_symmetries_move_values_only():
    batch = torch.arange(6, dtype=torch.int64).reshape(1, 1, 2, 3)
    want = {
        "e": batch,
        "h": batch.flip(3),
        "v": batch.flip(2),
        "r90": torch.rot90(batch, 1, (2, 3)),
        "r180": torch.rot90(batch, 2, (2, 3)),
        "r270": torch.rot90(batch, 3, (2, 3)),
        "t": batch.transpose(2, 3),
        "hvt": torch.rot90(batch, 2, (2, 3)).transpose(2, 3),
    }
    for name in SYMMETRIES:
        assert torch.equal(render_ops([Warp.symmetry(name, (2, 3))], batch), want[name]), name


def test_ops_fuse_before_they_are_rendered():
    batch = batch_of(noise((*SIZE, 3)))
    there = Warp.resize(SIZE, (200, 310)), Warp.resize((200, 310), SIZE)
    assert torch.equal(render_ops(there, batch), batch)
    assert not torch.equal(render_ops(there, batch, fuse="none"), batch)


def test_ops_that_do_not_touch_masks_are_passed_over():
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.int64)
    assert render_ops([Encode("jpeg", 50)], mask, MASK) is mask


def test_the_batch_is_left_alone():
    for layout in (torch.contiguous_format, torch.channels_last):
        batch = batch_of(*[noise((*SIZE, 3), seed=k) for k in range(2)])
        batch = batch.contiguous(memory_format=layout)
        before = batch.clone()
        for matrix in WARPS.values():
            out = render_ops([Warp(matrix, CANVAS)], batch)
            assert torch.equal(batch, before)
            assert torch.equal(out, render_ops([Warp(matrix, CANVAS)], before))


@pytest.mark.parametrize("border", K.BORDERS, ids=K.BORDERS.values())
@pytest.mark.parametrize("interpolation", [0, 1, 2, 3])
@pytest.mark.usefixtures("order")
def test_a_crop_is_the_window_of_the_warp_after_it(interpolation, border):
    sampling = Sampling(interpolation, 0, border, 33)
    crops = Warp.crop(3, 2, 28, 17), Warp.crop(0, 5, 11, 20), Warp.crop(30, 0, 31, 1)
    images = [noise((*SIZE, 3), "uint8", seed) for seed in range(9)]
    ops, want = [], []
    for k, image in enumerate(images):
        crop = crops[k // 3]
        zoom = mx.matmul(mx.translation(4, 3), mx.scaling(0.5, 2))
        turn = Warp.symmetry("r90" if k % 2 else "h", crop.size).matrix
        after = Warp((mx.rotation(20), turn, zoom)[k % 3], CANVAS, sampling)
        (joined,) = windowed([crop, after], SIZE)
        ops.append(joined)
        want.append(slow.warp_image(after, slow.warp_image(crop, image)))
    together = pictures_of(own(ops, batch_of(*images)))
    for k, op in enumerate(ops):
        alone = pictures_of(own([op], batch_of(images[k])))[0]
        assert off(alone, want[k], "uint8") <= 1.0, k
        assert off(together[k], want[k], "uint8") <= 1.0, k


def test_no_samples_give_no_samples():
    for matrix in WARPS.values():
        assert render_ops([Warp(matrix, CANVAS)], torch.zeros(0, 3, *SIZE)).shape == (0, 3, *CANVAS)


@pytest.mark.parametrize("border", K.BORDERS, ids=K.BORDERS.values())
@pytest.mark.parametrize("interpolation", range(4), ids=lambda i: K.INTERPOLATIONS[i])
def test_all_is_done_where_the_batch_is(interpolation, border):
    """Tensors without memory do not mix with those of the CPU."""
    names = ("turn", "tilt", "r90", "shift", "smaller", "zoomed crop")
    ops = [Warp(WARPS[n], CANVAS, Sampling(interpolation, 0, border, 5)) for n in names]
    batch = torch.empty((len(ops), 3, *SIZE), dtype=torch.uint8, device="meta")
    assert BACKEND.pack(ops, Spec.of(batch)).to("meta")(batch).device.type == "meta"
    for op in ops:
        assert render_ops([op], batch).shape == (len(ops), 3, *CANVAS)


# -------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("interpolation", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("name", ["turn", "tilt", "r90", "smaller", "zoomed crop", "shift"])
def test_gradients_pass(name, interpolation):
    batch = torch.rand(1, 1, 5, 4, dtype=torch.float64) * 0.5 + 0.25
    batch.requires_grad_()
    for border in (K.BORDER_CONSTANT, K.BORDER_REFLECT_101):
        op = Warp(WARPS[name], (3, 5), Sampling(interpolation, 0, border))
        assert torch.autograd.gradcheck(lambda x, op=op: render_ops([op], x), batch)


@pytest.mark.usefixtures("order")
def test_gradients_reach_samples_with_ops_of_their_own():
    batch = torch.rand(len(WARPS), 1, *SIZE, requires_grad=True)
    own([Warp(m, CANVAS) for m in WARPS.values()], batch).sum().backward()
    seen = batch.grad.sum((1, 2, 3)) > 0
    names = list(WARPS)
    assert [names[k] for k in torch.nonzero(~seen).flatten().tolist()] == ["out of sight"]


# ----------------------------------------------------------------------------------- errors


def test_what_is_refused():
    batch = torch.zeros(1, 3, 4, 4)
    with pytest.raises(DataTypeError, match="batch is a ndarray"):
        render_ops([], np.zeros((1, 3, 4, 4)))
    with pytest.raises(DataError, match="shape"):
        render_ops([], torch.zeros(3, 4, 4))
    with pytest.raises(BackendError, match="no kernel for Encode on image"):
        render_ops([Encode("jpeg", 50)], batch)
    with pytest.raises(NotInvertibleError, match="flattens"):
        render_ops([Warp((1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0), (4, 4))], batch)
    with pytest.raises(DataError, match="different shapes"):
        own([Warp.crop(0, 0, 2, 2), Warp.crop(0, 0, 3, 3)], torch.zeros(2, 3, 4, 4))
