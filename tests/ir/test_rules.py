"""Fusing never changes what is shown where: every ordered pair and many chains, both ways."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from anamorph.backends import BACKENDS
from anamorph.core.labels import Boxes, Points
from anamorph.ir import matrix as mx
from anamorph.ir.ops import (
    IMAGE,
    MASK,
    POINTS,
    Cast,
    ColorMatrix,
    Curve,
    Effect,
    Fill,
    Op,
    Remap,
    Sampling,
    Size,
    Target,
    Tiles,
    Warp,
)
from anamorph.ir.rules import EXACT, RESAMPLING, ROUNDING, RULES, fuse

Make = Callable[[Size, random.Random], Op]
BORDERS = {"constant": 0, "replicate": 1, "reflect": 2, "reflect101": 4}


def zoom(factor: float, border: int) -> Make:
    """Make a turn with a change of scale about the centre."""

    def make(size: Size, rng: random.Random) -> Op:
        c = (size[1] / 2, size[0] / 2)
        grow = mx.matmul(
            mx.translation(*c), mx.matmul(mx.scaling(factor, factor), mx.translation(-c[0], -c[1]))
        )
        turn = mx.rotation(rng.uniform(-25, 25), c)
        return Warp(mx.matmul(turn, grow), size, Sampling(border=border))

    return make


def perspective(size: Size, rng: random.Random) -> Op:
    """Make a mild change of perspective."""
    h, w = size
    source = mx.corners(h, w)
    target = [
        (x + rng.uniform(-0.06, 0.06) * w, y + rng.uniform(-0.06, 0.06) * h) for x, y in source
    ]
    return Warp(mx.homography(source, target), size, Sampling())


def crop(size: Size, rng: random.Random) -> Op:
    """Make a crop of two thirds."""
    h, w = max(1, size[0] * 2 // 3), max(1, size[1] * 2 // 3)
    x, y = rng.randint(0, size[1] - w), rng.randint(0, size[0] - h)
    return Warp.crop(x, y, x + w, y + h)


def pad(border: int, fill: float = 0) -> Make:
    """Make a pad of some pixels."""
    return lambda size, rng: Warp.pad(
        size, (3, 5, rng.randint(0, 9), 4), Sampling(border=border, fill=fill)
    )


def scale(factor: float, border: int = 0) -> Make:
    """Make a resize."""
    return lambda size, _: Warp.resize(
        size,
        (max(1, round(size[0] * factor)), max(1, round(size[1] * factor * 0.9))),
        Sampling(border=border),
    )


def elastic(size: Size, rng: random.Random) -> Op:
    """Make a dense distortion, as the transform draws it."""
    import anamorph as A

    plan = A.Compose([A.ElasticTransform(alpha=30, sigma=8, p=1)], seed=rng.randint(0, 99)).plan(
        image=np.zeros((*size, 3), np.uint8)
    )
    (op,) = plan.ops
    assert isinstance(op, Remap)
    return op


MAKERS: dict[str, Make] = {
    **{s: (lambda size, _, s=s: Warp.symmetry(s, size)) for s in ("h", "v", "t", "r90", "r180")},
    "crop": crop,
    **{f"pad_{b}": pad(i) for b, i in BORDERS.items()},
    "pad_gray": pad(0, 128),
    "shrink": scale(0.7),
    "grow": scale(1.4),
    "shrink_reflect101": scale(0.7, 4),
    **{f"turn_in_{b}": zoom(1.8, i) for b, i in BORDERS.items()},
    **{f"turn_out_{b}": zoom(0.5, i) for b, i in BORDERS.items()},
    **{f"turn_{b}": zoom(1.0, i) for b, i in BORDERS.items()},
    "perspective": perspective,
    "elastic": elastic,
    "curve": lambda _, rng: Curve((("gamma", rng.uniform(0.8, 1.25)), ("linear", 0.9, 0.03))),
    "matrix": lambda *_: ColorMatrix(
        ((0.6, 0.3, 0.1, 0.0), (0.2, 0.7, 0.1, 0.0), (0.1, 0.1, 0.8, 0.0))
    ),
    "fill": lambda size, _: Fill(((2, 2, max(3, size[1] // 5), max(3, size[0] // 5)),), 0),
    "cast": lambda *_: Cast("float32", 1 / 255, (-0.4, -0.5, -0.6)),
    "to_chw": lambda *_: Cast(layout="CHW"),
    "tiles": lambda size, _: Tiles(
        (
            (0, 0, size[1] // 2, 0, size[1] // 2, size[0]),
            (size[1] // 2, 0, 0, 0, size[1] // 2, size[0]),
        )
    ),
    "median": lambda *_: Effect("median", (3,)),
}
LAST = {"cast", "to_chw"}
PAIRS = [
    (a, b)
    for a, b in itertools.product(MAKERS, MAKERS)
    if a not in LAST or (a, b) == ("cast", "to_chw")
]


def smooth(h: int = 48, w: int = 64) -> Any:
    """Make a picture so smooth that one interpolation more or less can hardly be seen."""
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float64)
    planes = [128 + 90 * np.sin(xx / w * 3 + i) * np.cos(yy / h * 2.5 - i) for i in range(3)]
    return np.round(np.stack(planes, -1)).astype(np.uint8)


def labels(h: int = 48, w: int = 64) -> Any:
    """Make a mask of four quarters."""
    yy, xx = np.mgrid[0:h, 0:w]
    return (1 + (yy >= h // 2) * 2 + (xx >= w // 2)).astype(np.uint8)[:, :, None]


def chain(names: list[str], seed: int, size: Size = (48, 64)) -> list[Op]:
    """Make the ops of a chain for a picture of a size."""
    rng = random.Random(seed)
    ops = []
    for name in names:
        op = MAKERS[name](size, rng)
        size = op.size_after(size)
        ops.append(op)
    return ops


def render(
    ops: list[Op], mode: str, target: Target, value: Any, backend: str = "opencv"
) -> tuple[Any, list[str]]:
    """Run ops on one target; give the value and the labels of what fused."""
    touching = [op for op in ops if target in op.targets]
    size = value.shape[:2] if isinstance(value, np.ndarray) else (48, 64)
    steps = fuse(touching, size, mode)
    for step in steps:
        kernel = BACKENDS[backend].kernel(step.op, target)
        labels_too = () if target in {IMAGE, MASK} else (step.source,)
        value = kernel(step.op, value, *labels_too)
        if isinstance(value, np.ndarray) and value.ndim == 2:
            value = value[:, :, None]
        if isinstance(value, Boxes):
            h, w = step.op.size_after(step.source)
            data = value.data.clip(0, [w, h, w, h])
            value = Boxes(data, value.index).take((data[:, 2:] - data[:, :2]).min(1) > 1e-6)
        if isinstance(value, Points):
            h, w = step.op.size_after(step.source)
            xy = value.data[:, :2]
            value = value.take(((xy >= 0) & (xy <= [w, h])).all(1))
    return value, [s.label for s in steps if s.label]


def near_edges(shown: Any, reach: int = 2) -> Any:
    """Find the pixels around the places where one quarter or the fill meets another.

    The frame counts: there the fill may shine in without a pixel of the mask being filled.
    """
    out = np.ones(shown.shape, bool)
    out[reach:-reach, reach:-reach] = False
    for axis in (0, 1):
        change = np.diff(shown.astype(int), axis=axis) != 0
        index = np.argwhere(change)
        for y, x in index:
            out[max(0, y - reach) : y + reach + 2, max(0, x - reach) : x + reach + 2] = True
    return out


def compare(ops: list[Op], share: float = 99) -> None:
    """Check that rendering fused and unfused agrees, within what the labels allow.

    What an interpolation more has blurred may differ in a few pixels: ``share`` percent must not.
    """
    fused, found = render(ops, "all", IMAGE, smooth())
    plain, _ = render(ops, "none", IMAGE, smooth())
    assert fused.shape == plain.shape
    assert fused.dtype == plain.dtype
    mask_fused, found_too = render(ops, "all", MASK, labels())
    mask_plain, _ = render(ops, "none", MASK, labels())
    worst = max(found + found_too, key=[EXACT, ROUNDING, RESAMPLING].index, default=EXACT)
    if worst == EXACT:
        assert np.array_equal(fused, plain)
        assert np.array_equal(mask_fused, mask_plain)
        return
    edge = near_edges(mask_plain[:, :, 0]) | near_edges(mask_fused[:, :, 0])
    wrong = (mask_fused != mask_plain)[:, :, 0] & ~edge
    assert not wrong.any(), f"{wrong.sum()} mask pixels differ away from edges"
    if fused.shape[:2] != edge.shape:  # channels first
        fused, plain = np.moveaxis(fused, 0, -1), np.moveaxis(plain, 0, -1)
    unit = 1 / 255 if fused.dtype == np.float32 else 1
    delta = np.abs(fused.astype(np.float64) - plain.astype(np.float64)) / unit
    if worst == ROUNDING:
        assert delta[~edge].max(initial=0) <= 1.6
    else:
        assert np.percentile(delta[~edge], share) <= 4 if (~edge).any() else True


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_pairs_of_pictures_and_masks(first: str, second: str) -> None:
    for seed in range(2):
        compare(chain([first, second], seed))


@pytest.mark.parametrize(("first", "second"), [p for p in PAIRS if not LAST & {*p}])
def test_pairs_of_labels(first: str, second: str) -> None:
    for seed in range(3):
        ops = chain([first, second], seed)
        g = np.random.default_rng(seed)
        xy = np.stack([g.uniform(2, 60, 9), g.uniform(2, 44, 9)], 1)
        data = np.concatenate([xy, np.zeros((9, 1)), g.uniform(0, 6, (9, 1)), np.ones((9, 2))], 1)
        a, _ = render(ops, "all", POINTS, Points(data, np.arange(9)))
        b, _ = render(ops, "none", POINTS, Points(data, np.arange(9)))
        borders = {op.sampling.border for op in ops if isinstance(op, Warp)}
        if borders & {2, 4}:  # copies may come in another order
            a_rows = {(int(i), *np.round(r[:2], 2)) for i, r in zip(a.index, a.data, strict=True)}
            b_rows = {(int(i), *np.round(r[:2], 2)) for i, r in zip(b.index, b.data, strict=True)}
            assert a_rows == b_rows
        else:
            assert a.index.tolist() == b.index.tolist()
            assert np.allclose(a.data[:, :2], b.data[:, :2], atol=0.05)
            assert np.allclose(np.cos(a.data[:, 3]), np.cos(b.data[:, 3]), atol=0.05)
            assert np.array_equal(a.data[:, 5], b.data[:, 5])


@pytest.mark.parametrize("seed", range(60))
def test_chains(seed: int) -> None:
    rng = random.Random(seed)
    names = [rng.choice([n for n in MAKERS if n not in LAST]) for _ in range(rng.randint(3, 6))]
    compare(chain([*names, *rng.choice([[], ["cast"], ["cast", "to_chw"]])], seed), 90)


@pytest.mark.parametrize("seed", range(12))
def test_the_reference_agrees_on_fused_chains(seed: int) -> None:
    rng = random.Random(1000 + seed)
    names = [rng.choice([n for n in MAKERS if n not in LAST]) for _ in range(3)]
    ops = chain(names, seed)
    fast, _ = render(ops, "all", IMAGE, smooth())
    slow, _ = render(ops, "all", IMAGE, smooth(), "reference")
    delta = np.abs(fast.astype(int) - slow.astype(int))
    assert np.percentile(delta, 98) <= 2, names
    assert np.median(delta) <= 1
    mask_fast, _ = render(ops, "all", MASK, labels())
    mask_slow, _ = render(ops, "all", MASK, labels(), "reference")
    assert (mask_fast != mask_slow).mean() < 0.01


def test_exact_mode_is_exact() -> None:
    for seed, names in enumerate(
        itertools.permutations(["h", "r90", "crop", "pad_constant", "t"], 4)
    ):
        ops = chain(list(names), seed)
        fused, found = render(ops, "exact", IMAGE, smooth())
        assert set(found) <= {EXACT}
        assert np.array_equal(fused, render(ops, "none", IMAGE, smooth())[0])


def test_content_cut_off_stays_cut_off() -> None:
    size = (40, 40)
    steps = fuse([Warp.crop(10, 10, 30, 30), Warp.pad((20, 20), (10, 10, 10, 10))], size)
    assert len(steps) == 2
    steps = fuse([Warp.crop(10, 10, 30, 30), Warp.rotation(20, (20, 20))], size)
    assert len(steps) == 2


def test_different_fills_do_not_fuse() -> None:
    first = Warp.pad((20, 20), (5, 5, 5, 5), Sampling(fill=255))
    assert len(fuse([first, Warp.rotation(20, (30, 30), Sampling(fill=0))], (20, 20))) == 2
    assert len(fuse([first, Warp.rotation(20, (30, 30), Sampling(fill=255))], (20, 20))) == 1


def test_a_long_geometric_chain_becomes_one_resampling() -> None:
    size = (64, 64)
    ops = [
        Warp.symmetry("h", size),
        Warp.rotation(10, size),
        Warp.symmetry("r90", size),
        Warp.crop(8, 8, 56, 56),
        Warp.resize((48, 48), (40, 40)),
        Warp.symmetry("v", (40, 40)),
    ]
    (step,) = fuse(ops, size)
    assert step.origins == (0, 1, 2, 3, 4, 5)
    assert step.label == RESAMPLING


def test_every_rule_is_exercised() -> None:
    seen = set()
    for first, second in PAIRS:
        for seed in range(2):
            a, b = chain([first, second], seed)
            if len(fuse([a, b], (48, 64))) == 1:
                seen.add((type(a), type(b)))
    plane = {pair for pair in RULES if not pair[0].solid}  # volumes: test_volume.py
    assert plane <= seen
