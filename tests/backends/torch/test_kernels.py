"""Kernels for batches against the reference, one table for all of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anamorph.backends.reference import BACKEND as SLOW
from anamorph.backends.torch import BACKEND, Spec, base, render_ops, status
from anamorph.core.constants import WHITE
from anamorph.core.errors import AnamorphError, BackendError, DataError, UndefinedError
from anamorph.ir.ops import (
    IMAGE,
    MASK,
    Cast,
    ColorMatrix,
    Convolve,
    Curve,
    Effect,
    Fill,
    Noise,
    Picture,
    Remap,
    Sampling,
    Tiles,
)
from backends.comparing import CURVES, picture
from backends.torch.table import ROUNDED, SIZE, TABLE, blends, tolerances


@pytest.fixture(params=["one by one", "together"])
def order(request, monkeypatch):
    """Do samples as a CPU does them, and as other devices do."""
    together = request.param == "together"
    monkeypatch.setattr(base, "prefers_one_by_one", lambda _: not together)


ROWS = pytest.mark.parametrize("name", TABLE)
TYPES = pytest.mark.parametrize("dtype", WHITE)
TORCH = {"uint8": torch.uint8, "uint16": torch.uint16, "float32": torch.float32}


def batch_of(pictures):
    return torch.from_numpy(np.stack([p.transpose(2, 0, 1) for p in pictures]))


def rendered(ops, batch, target=IMAGE):
    return BACKEND.pack(ops, Spec.of(batch), target)(batch)


def agree(ops, images, off, target=IMAGE):
    """Render one op a picture in one batch, and compare with the reference picture by picture."""
    batch = batch_of(images)
    before = batch.clone()
    done = rendered(ops, batch, target)
    assert torch.equal(batch, before)
    for op, image, got in zip(ops, images, done, strict=True):
        want = SLOW.kernel(op, target)(op, image)
        want = want if getattr(op, "layout", "") == "CHW" else np.moveaxis(want, -1, 0)
        assert got.numpy().dtype == want.dtype
        white = 255 if isinstance(op, Cast) else WHITE.get(want.dtype.name, 1)
        gap = np.abs(got.double().numpy() - want.astype(np.float64)).max() * 255 / white
        assert gap <= off + 1e-9, f"{op} on {image.dtype}: off by {gap} levels"


def one_by_one(ops):
    """Batches whose results are of one size."""
    sizes = {}
    for op in ops:
        sizes.setdefault((op.size_after(SIZE), op.dtype_after("")), []).append(op)
    return sizes.values()


@TYPES
@ROWS
@pytest.mark.usefixtures("order")
def test_kernels_agree_with_the_reference(name, dtype):
    row = TABLE[name]
    for channels in row.channels:
        for ops in one_by_one(row.ops):
            images = [picture(SIZE, channels, dtype, seed) for seed in range(len(ops))]
            agree(ops, images, row.off[dtype])


def _masked(op):
    """Tell whether an op holds a picture of one size."""
    return isinstance(op, Effect) and any(isinstance(p, Picture) for p in op.params)


@TYPES
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (7, 51)])
def test_small_pictures(size, dtype):
    kinds = Curve, ColorMatrix, Convolve, Noise, Cast, Effect
    for row in TABLE.values():
        ops = [op for op in row.ops if isinstance(op, kinds) and not _masked(op)]
        images = [picture(size, row.channels[-1], dtype, seed) for seed in range(len(ops))]
        for group in one_by_one(ops):
            agree(group, images[: len(group)], row.off[dtype])


@TYPES
@pytest.mark.usefixtures("order")
def test_blends_agree_with_the_reference(dtype):
    for channels in (1, 3, 5):
        ops = blends(channels, dtype)
        agree(ops, [picture(SIZE, channels, dtype, s) for s in range(len(ops))], ROUNDED[dtype])


@ROWS
@pytest.mark.usefixtures("order")
def test_a_sample_looks_the_same_in_any_company(name):
    row = TABLE[name]
    for ops in one_by_one(row.ops):
        images = batch_of([picture(SIZE, row.channels[0], "uint8", s) for s in range(len(ops))])
        together = rendered(ops, images)
        for k, op in enumerate(ops):
            alone = rendered([op], images[k : k + 1])[0]
            gap = (alone.double() - together[k].double()).abs().max()
            assert gap <= (1e-5 if alone.dtype.is_floating_point else 1), op


@ROWS
def test_halves_are_worked_on_in_single_precision(name):
    row = TABLE[name]
    for ops in one_by_one(row.ops):
        images = [picture(SIZE, row.channels[0], "float32", s) for s in range(len(ops))]
        full = rendered(ops, batch_of(images).half().float())
        half = rendered(ops, batch_of(images).half())
        assert half.dtype == (full.dtype if full.dtype != torch.float32 else half.dtype)
        gap = (half.float() - full).abs()
        assert (gap / full.abs().clamp(min=1)).max() < 2e-3, name


@ROWS
def test_channels_may_come_last_in_memory(name):
    row = TABLE[name]
    for ops in one_by_one(row.ops):
        images = batch_of([picture(SIZE, row.channels[-1], "uint8", s) for s in range(len(ops))])
        last = images.contiguous(memory_format=torch.channels_last)
        gap = (rendered(ops, last).double() - rendered(ops, images).double()).abs().max()
        assert gap <= 1, name


@ROWS
def test_jobs_move_in_one_piece(name):
    row = TABLE[name]
    ops = next(iter(one_by_one(row.ops)))
    images = batch_of([picture(SIZE, row.channels[0], "uint8", s) for s in range(len(ops))])
    job = BACKEND.pack(ops, Spec.of(images))
    held = [t.clone() for t in job.held()]
    again = job.holding([t.clone() for t in held])
    assert torch.equal(again(images), job(images))
    moved = job.to("meta")
    assert [t.shape for t in moved.held()] == [t.shape for t in held]
    assert [t.dtype for t in moved.held()] == [t.dtype for t in held]
    assert all(t.device.type == "meta" for t in moved.held())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float16])
@ROWS
def test_all_is_done_where_the_batch_is(name, dtype):
    """Tensors without memory do not mix with those of the CPU."""
    row = TABLE[name]
    for ops in one_by_one(row.ops):
        spec = Spec(SIZE, row.channels[-1], dtype)
        batch = torch.empty((len(ops), spec.channels, *SIZE), dtype=dtype, device="meta")
        out = BACKEND.pack(ops, spec).to("meta")(batch)
        assert out.device.type == "meta"
        assert out.shape[0] == len(ops)


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.smooth])
@pytest.mark.usefixtures("order")
def test_gradients_pass(name):
    row = TABLE[name]
    for ops in one_by_one(row.ops):
        images = [picture((31, 33), row.channels[0], "float32", s) for s in range(len(ops))]
        batch = (batch_of(images) * 0.6 + 0.2).requires_grad_()
        out = rendered(ops, batch)
        (out * torch.linspace(0.5, 1.5, out.shape[-1])).sum().backward()
        assert torch.isfinite(batch.grad).all()
        if not name.startswith("Fill lattice"):
            assert (batch.grad != 0).any(), name


SMOOTH = {
    "blur": Convolve("gaussian", (3, 3), (0.8, 0.8)),
    "sharpen": Effect("sharpen", (0.3, 3, 0.5)),
    "curve": Curve((("linear", 0.9, 0.02), ("gamma", 0.8), ("mean", 0.9, 0.05, "gray"))),
    "colors": ColorMatrix(((0.5, 0.2, 0.1, 0.0), (0.1, 0.5, 0.2, 0.0), (0.2, 0.1, 0.5, 0.1))),
    "distortion": Remap("camera", (0.2,), (5, 6), Sampling(1)),
    "normalize": Cast("float32", 4.0, -2.0),
    "statistics": Effect("normalize_stats", ("image",)),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_right(name):
    torch.manual_seed(3)
    batch = (torch.rand(2, 3, 5, 6, dtype=torch.float64) * 0.4 + 0.3).requires_grad_()
    loose = name in {"normalize", "statistics"}  # they give single precision
    assert torch.autograd.gradcheck(
        lambda x: rendered([SMOOTH[name]] * 2, x),
        batch,
        eps=1e-3 if loose else 1e-6,
        atol=1e-2 if loose else 1e-5,
        check_batched_grad=False,
    )


# ----------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "uint16", "float32"])
@pytest.mark.usefixtures("order")
def test_masks_follow(dtype):
    rng = np.random.default_rng(1)
    ops = (
        (Noise("drop", (0.2, True, 0), 5, mask_value=1), Noise("drop", (0.2, False, 0), 6, 1)),
        (Noise("drop", (0.2, True, 0), 5),),
        (Fill(((1, 2, 8, 9),), 0, mask_value=1), Fill(((1, 2, 3, 9),), 0)),
        (Tiles(((0, 0, 10, 10, 10, 10), (10, 10, 0, 0, 10, 10))),),
        tuple(
            Convolve(kind, (3, 3), kernel=((1, 1, 1), (0, 1, 0), (0, 0, 1)))
            for kind in ("dilate", "erode")
        ),
        (Remap("elastic", (20.0, 4.0, "gaussian", False, False, 5), SIZE, Sampling(1, 0, 4)),),
    )
    for group in ops:
        masks = [rng.integers(0, 2 if dtype == "bool" else 9, (*SIZE, 2)).astype(dtype)] * 2
        masks = masks[: len(group)]
        for got, op, mask in zip(rendered(group, batch_of(masks), MASK), group, masks, strict=True):
            want = SLOW.kernel(op, MASK)(op, mask) if MASK in op.targets else mask
            np.testing.assert_array_equal(got.numpy().transpose(1, 2, 0), want)


# -------------------------------------------------------------------------- gaps and errors


def test_every_kernel_of_the_specification_has_a_word():
    told = {(op, t) for op, targets in status.KERNELS.items() for t in targets}
    assert told == {(op.__name__, target.value) for op, target in SLOW.kernels}
    assert set(status.EFFECTS) == set(SLOW.effects)
    words = {w for targets in status.KERNELS.values() for w in targets.values()}
    assert words | set(status.EFFECTS.values()) <= set(status.WORDS)


def test_the_words_are_true():
    own = {("Windowed", "image"), ("Windowed", "mask")}  # a crop and a warp: two of the others
    here = {(op, t) for op, ts in status.KERNELS.items() for t, w in ts.items() if w == status.HERE}
    assert here | own == {(op.__name__, target.value) for op, target in BACKEND.kernels}
    assert {e for e, word in status.EFFECTS.items() if word == status.HERE} == set(BACKEND.effects)


def test_every_kernel_has_a_row():
    rowed = {type(op).__name__ for row in TABLE.values() for op in row.ops} | {"Blend", "Windowed"}
    assert {op.__name__ for op, _ in BACKEND.kernels} <= rowed
    effects = {op.name for row in TABLE.values() for op in row.ops if isinstance(op, Effect)}
    assert set(BACKEND.effects) == effects


def test_the_page_shows_the_table():
    """Print `tolerances()` and put it into the page where this fails."""
    page = Path(__file__).resolve().parents[3] / "docs" / "guides" / "batches.md"
    assert tolerances() in page.read_text()


@pytest.mark.parametrize(
    ("op", "error", "words"),
    [
        (Effect("rain"), BackendError, "backend torch has no kernel for effect 'rain' on image"),
        (Noise("iso", (0.1, 0.1), 3), BackendError, "noise of kind 'iso'"),
        (Fill(((0, 0, 2, 2),), "inpaint_telea"), BackendError, "fill by 'inpaint_telea'"),
        (ColorMatrix(((1.0, 0.0),)), DataError, "mixes 1 channels and the picture has 3"),
        (Cast("float32", (1.0, 2.0), 0.0), DataError, "2 channels and the picture has 3"),
        (Cast("uint16", 257.0), DataError, "FromFloat needs a float32 picture"),
        (*[*blends(1, "uint8")[:1]], DataError, "the other picture of a blend"),
    ],
)
def test_what_is_refused(op, error, words):
    with pytest.raises(error, match=words):
        render_ops([op], torch.zeros(1, 3, *SIZE, dtype=torch.uint8))


def test_hue_needs_colors():
    with pytest.raises(UndefinedError, match="3 channels"):
        render_ops([Effect("hsv", (1, 2, 3))], torch.zeros(1, 1, *SIZE))
    assert issubclass(UndefinedError, AnamorphError)


def test_curves_of_bytes_come_from_tables_and_fuse_into_the_conversion():
    batch = batch_of([picture(SIZE, 3, "uint8")])
    ops = [Curve(CURVES["chain"]), Cast("float32", 1 / 255.0, 0.0)]
    fused = render_ops(ops, batch)
    apart = render_ops(ops, batch, fuse="none")
    assert (fused - apart).abs().max() <= 0.5001 / 255
    assert (fused - apart).abs().max() > 0
