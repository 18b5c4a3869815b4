"""Kernels of volumes: the fast ones against the specification, and against NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.opencv import volume_sampling
from anamorph.backends.reference import BACKEND as SLOW
from anamorph.core.labels import Points
from anamorph.ir import matrix3 as mx
from anamorph.ir.ops import IMAGE, MASK, POINTS, Op, Sampling
from anamorph.ir.volume import Fill3, Remap3, Tensor3, Warp3

SHAPE = (7, 11, 13)
SYMMETRIES = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3))
)
BORDERS = range(5)
STEP = {"uint8": 1, "uint16": 1, "float32": 2e-4, "bool": 0, "int64": 0, "float64": 0}


def volume(
    shape: tuple[int, ...] = SHAPE, channels: int = 1, dtype: str = "uint8", seed: int = 0
) -> Any:
    """Noise a little smoothed, so that places that differ a little read alike."""
    g = np.random.default_rng(seed)
    x = g.random((*shape, channels))
    for axis in range(3):
        x = (x + np.roll(x, 1, axis) + np.roll(x, -1, axis)) / 3
    x = (x - x.min()) / (np.ptp(x) or 1)
    if dtype == "bool":
        return x > 0.5
    top = {"uint8": 255, "uint16": 65535, "int64": 2**40}.get(dtype, 1)
    return (np.round(x * top) if top > 1 else x).astype(dtype)


def both(op: Op, target: Any, *value: Any) -> tuple[Any, Any]:
    return FAST.kernel(op, target)(op, *value), SLOW.kernel(op, target)(op, *value)


def alike(op: Op, x: Any, target: Any = IMAGE) -> None:
    """Compare the kernels: at most one step apart, and none where voxels are picked."""
    before = x.copy()
    fast, slow = both(op, target, x)
    assert np.array_equal(x, before)
    assert fast.dtype == slow.dtype == x.dtype
    assert fast.shape == slow.shape
    if target is MASK or x.dtype.kind == "b":
        off = float((fast != slow).mean())
        assert off <= 0.002, f"{off:.2%} of the voxels differ"
        return
    gap = np.abs(fast.astype(np.float64) - slow).max()
    assert gap <= (65535 * 2e-4 if x.dtype == np.uint16 else STEP[x.dtype.name]), gap


def turned(
    angles: tuple[float, float, float], scale: tuple[float, float, float] = (1, 1, 1)
) -> Any:
    m = mx.scaling(*scale)
    for axis, angle in zip("xyz", angles, strict=True):
        m = mx.matmul(mx.rotation(axis, angle), m)
    return mx.about(m, (SHAPE[2] / 2, SHAPE[1] / 2, SHAPE[0] / 2))


MATRICES = {
    "free": turned((17, -31, 44), (1.1, 0.9, 1.3)),
    "about x": turned((25, 0, 0), (1.2, 1, 1)),
    "about y": turned((0, -40, 0), (1, 0.8, 1)),
    "about z": turned((0, 0, 33), (1, 1, 0.77)),
    "zoom": turned((0, 0, 0), (1.5, 0.6, 0.9)),
    "half": turned((0, 0, 0), (1, 2, 3)),
    "mirrored": turned((90, 0, 0), (-1.3, 0.9, 1)),
}


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("name", MATRICES)
def test_warps_equal_the_specification(name: str, border: int) -> None:
    for interpolation in (0, 1):
        sampling = Sampling(interpolation, interpolation, border, 77, 77)
        op = Warp3(mx.snapped(MATRICES[name]), (9, 10, 12), SHAPE, sampling)
        alike(op, volume(), MASK if interpolation == 0 else IMAGE)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9, 130])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("name", ["free", "about z", "about x"])
def test_warps_of_any_channels(name: str, dtype: str, channels: int) -> None:
    fill = tuple(np.linspace(0, 1, channels).tolist()) if dtype == "float32" else 3
    op = Warp3(MATRICES[name], (6, 8, 9), SHAPE, Sampling(fill=fill))
    alike(op, volume(channels=channels, dtype=dtype))


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint16", "float64"])
@pytest.mark.parametrize("name", ["free", "about z", "zoom"])
def test_masks_of_any_dtype(name: str, dtype: str) -> None:
    mask = (volume(channels=2) > 100).astype(dtype)
    if dtype == "int64":
        mask *= 2**40 + 5
    alike(Warp3(MATRICES[name], SHAPE, SHAPE), mask, MASK)
    alike(Remap3("spline", ((5, 6, 7), 1.0, 3), SHAPE), mask, MASK)


@pytest.mark.parametrize("to", [(14, 22, 26), (3, 5, 4), (7, 11, 13), (1, 1, 1), (20, 5, 13)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_resizing(to: tuple[int, int, int], dtype: str) -> None:
    op = Warp3.resize(SHAPE, to)
    alike(op, volume(dtype=dtype, channels=3))
    alike(op, volume(dtype="int64"), MASK)
    constant = np.full((*SHAPE, 1), volume(dtype=dtype).max())
    done = FAST.kernel(op, IMAGE)(op, constant)
    assert np.allclose(done, constant.max(), atol=1e-6)  # no border shows


@pytest.mark.parametrize("border", BORDERS)
def test_fields_equal_the_specification(border: int) -> None:
    for interpolation in (0, 1):
        sampling = Sampling(interpolation, interpolation, border, 9, 9)
        op = Remap3("spline", ((6, 7, 7), 0.9, 5), SHAPE, sampling)
        x = volume(channels=3)
        fast, slow = both(op, IMAGE, x)
        gap = np.abs(fast.astype(int) - slow)
        assert np.quantile(gap, 0.98 if interpolation == 0 else 1.0) <= 2


@pytest.mark.parametrize("channels", [1, 3, 20])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "bool", "int64"])
def test_symmetries_equal_numpy(dtype: str, channels: int) -> None:
    x = volume(channels=channels, dtype=dtype)
    for axes, flips in SYMMETRIES:
        op = Warp3.symmetry(SHAPE, axes, flips)
        steps = tuple(slice(None, None, -1 if f else 1) for f in flips)
        wanted = x.transpose(*axes, 3)[steps]
        for done in both(op, MASK, x):
            assert np.array_equal(done, wanted)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_frames_equal_numpy(border: int, channels: int) -> None:
    modes = {1: "edge", 2: "symmetric", 3: "wrap", 4: "reflect"}
    x = volume(channels=channels)
    sides = (2, 1, 0, 4, 3, 2)
    op = Warp3.pad(SHAPE, sides, Sampling(border=border, fill=7))
    width = (*zip(sides[::2], sides[1::2], strict=True), (0, 0))
    wanted = np.pad(x, width, modes[border]) if border else np.pad(x, width, constant_values=7)
    for done in both(op, IMAGE, x):
        assert np.array_equal(done, wanted)


def test_lattices_that_turn_crop_and_frame_at_once() -> None:
    x = volume(channels=2)
    for seed, (axes, flips) in enumerate(SYMMETRIES):
        turn = Warp3.symmetry(SHAPE, axes, flips)
        g = np.random.default_rng(seed)
        shift = mx.translation(*g.integers(-4, 5, 3).tolist())
        m = mx.matmul(shift, turn.matrix)
        for border in (0, 1, 4):
            size = tuple(g.integers(3, 12, 3).tolist())
            fast, slow = both(Warp3(m, size, SHAPE, Sampling(border=border, fill=(5, 9))), IMAGE, x)
            assert np.array_equal(fast, slow)


def test_nothing_of_the_volume_in_sight() -> None:
    for m in (mx.translation(99, 0, 0), mx.matmul(mx.translation(0, 0, -99.5), MATRICES["free"])):
        done = FAST.kernel(op := Warp3(m, SHAPE, SHAPE, Sampling(fill=8)), IMAGE)(op, volume())
        assert (done == 8).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 1), (9, 1, 2), (2, 2, 2)])
@pytest.mark.parametrize("border", BORDERS)
def test_degenerate_volumes(shape: tuple[int, int, int], border: int) -> None:
    sampling = Sampling(border=border, fill=3, fill_mask=3)
    centre = tuple(n / 2 for n in reversed(shape))
    for angles in ((20, 30, 40), (0, 0, 30), (10, 0, 0)):
        m = mx.IDENTITY3
        for axis, angle in zip("xyz", angles, strict=True):
            m = mx.matmul(mx.rotation(axis, angle), m)
        alike(Warp3(mx.about(m, centre), (3, 4, 5), shape, sampling), volume(shape))


def test_views_are_read() -> None:
    x = volume((12, 20, 24), channels=3)[2:9, 4:15, 5:18]
    assert not x.flags.c_contiguous
    for m in MATRICES.values():
        alike(Warp3(m, (9, 10, 12), SHAPE), x)
    alike(Warp3.symmetry(SHAPE, (2, 0, 1), (True, False, True)), x)
    alike(Remap3("spline", ((4, 4, 4), 0.4, 5), SHAPE), x)


@pytest.mark.parametrize("limit", [30, 5])
def test_large_volumes(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for sampling in (Sampling(), Sampling(0, border=1), Sampling(border=4)):
        op = Warp3(MATRICES["free"], SHAPE, SHAPE, sampling)
        whole = FAST.kernel(op, IMAGE)(op, volume())
        monkeypatch.setattr(volume_sampling, "_LIMIT", limit)  # columns of slices; then by NumPy
        parts = FAST.kernel(op, IMAGE)(op, volume())
        monkeypatch.undo()
        assert np.abs(whole.astype(int) - parts).max() <= 1


def test_cuboids() -> None:
    x = volume(channels=3)
    op = Fill3(((1, 2, 3, 5, 6, 7), (0, 0, 0, 1, 1, 1)), (1, 2, 3), 9)
    wanted = x.copy()
    wanted[3:7, 2:6, 1:5] = wanted[0, 0, 0] = (1, 2, 3)
    for done in both(op, IMAGE, x):
        assert np.array_equal(done, wanted)
    mask = volume(dtype="int64")
    wanted = mask.copy()
    wanted[3:7, 2:6, 1:5] = wanted[0, 0, 0] = 9
    for done in both(op, MASK, mask):
        assert np.array_equal(done, wanted)
    alike(Fill3(op.regions, 0, None), mask, MASK)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
@pytest.mark.parametrize("channels", [1, 3, 40])
def test_tensors(channels: int, dtype: str) -> None:
    x = volume(channels=channels, dtype=dtype)
    for done in both(Tensor3(), IMAGE, x):
        assert done.shape == (channels, *SHAPE)
        assert np.array_equal(done.numpy(), x.transpose(3, 0, 1, 2))
        assert not np.shares_memory(done.numpy(), x)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize(
    "op",
    [
        *(Warp3(m, (9, 10, 12), SHAPE) for m in MATRICES.values()),
        Warp3.symmetry(SHAPE, (2, 0, 1), (True, False, False)),
        Warp3.crop(SHAPE, (2, 3, 4), (3, 4, 5)),
        Remap3("spline", ((6, 7, 7), 0.9, 5), SHAPE),
        Fill3(((2, 2, 2, 9, 9, 6),)),
    ],
)
def test_points_equal_the_specification(op: Op, *, fixed: bool) -> None:
    g = np.random.default_rng(4)
    data = np.column_stack([g.uniform(0, n, 30) for n in (13, 11, 7)] + [g.uniform(0, 6, 30)] * 2)
    data = np.column_stack([data, np.ones(30)])
    fast, slow = both(op, POINTS, Points(data, np.arange(30), fixed), SHAPE[1:])
    assert np.array_equal(fast.index, slow.index)
    assert np.allclose(fast.data, slow.data, atol=1e-8)
    assert not fixed or len(fast.data) == 30
    empty = FAST.kernel(op, POINTS)(op, Points(np.zeros((0, 6)), np.arange(0)), SHAPE[1:])
    assert len(empty.data) == 0
