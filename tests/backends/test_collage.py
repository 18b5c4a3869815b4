"""Pieces laid over pictures: the fast kernels against the definition."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.backends import BACKENDS
from anamorph.backends.opencv.seamless import harmonic
from anamorph.core.labels import Boxes, Points
from anamorph.ir.collage import Collage, Member, Piece
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Picture

FAST, SLOW = BACKENDS["opencv"], BACKENDS["reference"]
SIZE = (23, 31)
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}


def picture(size: tuple[int, int], channels: int, dtype: str, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).random((*size, channels))
    return (values if dtype == "float32" else np.rint(values * WHITE[dtype])).astype(dtype)


def disk(h: int, w: int) -> Any:
    y, x = np.mgrid[0:h, 0:w]
    return ((y - h / 2 + 0.5) ** 2 + (x - w / 2 + 0.5) ** 2 < (min(h, w) / 2 - 1) ** 2).astype(
        np.uint8
    )


def pieces(channels: int = 3, dtype: str = "uint8", **options: Any) -> tuple[Piece, ...]:
    cover = disk(9, 12)
    first = Piece(
        (4, 5),
        (9, 12),
        Picture.of(picture((9, 12), channels, dtype, 1)),
        mask=7,
        cover=Picture.of(cover),
        **options,
    )
    whole = Piece((20, 0), (6, 11), Picture.of(picture((6, 11), channels, dtype, 2)), mask=3)
    return first, whole


def both(op: Collage, target: Any, *value: Any) -> tuple[Any, Any]:
    return tuple(b.kernel(op, target)(op, *value) for b in (FAST, SLOW))  # type: ignore[return-value]


@pytest.mark.parametrize("dtype", list(WHITE))
@pytest.mark.parametrize("channels", [1, 3, 4, 7])
@pytest.mark.parametrize("options", [{}, {"sigma": 1.3}, {"seamless": True}], ids=str)
def test_pictures(dtype: str, channels: int, options: dict[str, Any]) -> None:
    image = picture(SIZE, channels, dtype)
    kept = image.copy()
    for canvas in (None, (30, 40)):
        op = Collage(
            pieces(channels, dtype, **options), canvas, (3, 4) if canvas else (0, 0), fill=0
        )
        fast, slow = both(op, IMAGE, image)
        level = 1 if dtype != "float32" else 1e-5
        if "seamless" in options:
            level = {"uint8": 1, "uint16": 30, "float32": 4e-4}[dtype]
        assert fast.dtype == image.dtype
        assert np.abs(fast.astype(float) - slow.astype(float)).max() <= level
        assert np.array_equal(image, kept)
        assert not np.may_share_memory(fast, image)


def test_opacity_of_each_pixel() -> None:
    alpha = np.linspace(0, 1, 9 * 12, dtype=np.float32).reshape(9, 12)
    image = picture(SIZE, 3, "uint8")
    piece = Piece(
        (2, 3), (9, 12), Picture.of(picture((9, 12), 3, "uint8", 1)), alpha=Picture.of(alpha)
    )
    fast, slow = both(Collage((piece,)), IMAGE, image)
    assert np.abs(fast.astype(int) - slow).max() <= 1
    assert np.array_equal(fast[11, 13], piece.image.array[8, 11])  # type: ignore[union-attr]
    assert np.array_equal(fast[3, 2], image[3, 2])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_masks(dtype: str, channels: int) -> None:
    mask = np.ones((*SIZE, channels), dtype)
    shown = (np.arange(9 * 12 * channels).reshape(9, 12, channels) % 2).astype(dtype)
    layers = (
        Piece((4, 5), (9, 12), mask=Picture.of(shown), cover=Picture.of(disk(9, 12))),
        Piece((20, 0), (6, 11), mask=0),
        Piece((0, 0), (3, 3)),
    )
    for canvas in (None, (30, 40)):
        fast, slow = both(Collage(layers, canvas, fill_mask=1), MASK, mask)
        assert fast.dtype == mask.dtype
        assert np.array_equal(fast, slow)


def test_values_that_do_not_fit_are_refused() -> None:
    mask = np.zeros((*SIZE, 1), np.uint8)
    op = Collage((Piece((0, 0), (2, 2), mask=300),))
    for backend in (FAST, SLOW):
        with pytest.raises(A.AnamorphError, match="a mask of uint8 cannot hold"):
            backend.kernel(op, MASK)(op, mask)
    other = Collage((Piece((0, 0), (2, 2), Picture.of(np.zeros((2, 2, 3), np.float32))),))
    for backend in (FAST, SLOW):
        with pytest.raises(A.AnamorphError, match="cannot be laid over"):
            backend.kernel(other, IMAGE)(other, np.zeros((9, 9, 3), np.uint8))


@pytest.mark.parametrize("least", [0.0, 0.05, 0.4])
@pytest.mark.parametrize("canvas", [None, (40, 50)])
def test_boxes(least: float, canvas: Any) -> None:
    g = np.random.default_rng(4)
    low = g.uniform(0, 20, (60, 2))
    data = np.concatenate([low, np.minimum(low + g.uniform(0.5, 14, (60, 2)), (31, 23))], 1)
    data[:4] = [[7, 7, 12, 11], [21, 1, 30, 5], [6.5, 6, 18, 12], [4, 5, 16, 14]]
    op = Collage(pieces(), canvas, (0, 1) if canvas else (0, 0), hides=True, min_visible=least)
    fast, slow = both(op, BOXES, Boxes(data, np.arange(60)), SIZE)
    assert fast.index.tolist() == slow.index.tolist()
    assert 0 < len(fast.index) < 60
    assert np.allclose(fast.data, slow.data, atol=1e-9)


def test_oriented_boxes_go_only_when_wholly_covered() -> None:
    quads = np.array([[21, 1, 25, 1, 25, 4, 21, 4], [15, 1, 25, 1, 25, 4, 15, 4.0]])
    op = Collage(pieces(), hides=True)
    fast, slow = both(op, BOXES, Boxes(quads, np.arange(2)), SIZE)
    assert fast.index.tolist() == slow.index.tolist() == [1]
    assert np.array_equal(fast.data, quads[1:])


def test_boxes_that_masks_tell_of() -> None:
    data = np.array([[2.0, 2, 10, 10], [3, 4, 9, 9]])
    op = Collage(pieces(), hides=True, shown=((0, 2, 2, 8, 7), (1, 0, 0, 0, 0)))
    fast, slow = both(op, BOXES, Boxes(data, np.array([5, 6])), SIZE)
    for boxes in (fast, slow):
        assert boxes.index.tolist() == [5]
        assert boxes.data.tolist() == [[2, 2, 8, 7]]


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("canvas", [None, (40, 50)])
def test_points(canvas: Any, *, fixed: bool) -> None:
    g = np.random.default_rng(5)
    data = np.zeros((80, 6))
    data[:, :2] = g.uniform(-3, 33, (80, 2))
    data[7, :2] = np.nan
    if not fixed:
        data = data[~np.isnan(data[:, 0])]
    op = Collage(pieces(), canvas, (5, 6) if canvas else (0, 0), hides=True)
    fast, slow = both(op, POINTS, Points(data, np.arange(len(data)), fixed), SIZE)
    assert fast.index.tolist() == slow.index.tolist()
    assert np.allclose(fast.data, slow.data, equal_nan=True)
    assert fixed == (len(fast.index) == len(data))


def test_it_is_a_value() -> None:
    rows = (("bboxes", (((1.0, 2.0, 3.0, 4.0), (1, 2, 3, 4, None), (("name", "cat"),)),)),)
    member = Member((1, 2), Picture.of(np.ones((2, 3), np.uint8)))
    op = Collage(pieces(sigma=2.0), (30, 40), rows=rows, members=(("masks", (member,)),), lost=(1,))
    plan = A.Plan((op,), SIZE)
    again = A.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan == pickle.loads(pickle.dumps(plan))
    assert hash(again) == hash(plan)
    assert plan.sizes == (SIZE, (30, 40))
    assert plan.inverse().sizes[-1] == SIZE


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (17, 18), (70, 61)])
def test_harmonic_values_are_the_means_of_their_neighbours(shape: tuple[int, int]) -> None:
    g = np.random.default_rng(0)
    inside = g.random(shape) < 0.8
    inside[:, -1] = True  # reaches the border, where there are fewer neighbours
    values = g.normal(0, 50, (*shape, 2)).astype(np.float32)
    found = harmonic(values, inside, 1e-4)
    full = np.where(inside[:, :, None], found, values).astype(np.float64)
    wide = np.pad(full, ((1, 1), (1, 1), (0, 0)))
    here = np.pad(np.ones(shape), 1)
    total = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    count = here[:-2, 1:-1] + here[2:, 1:-1] + here[1:-1, :-2] + here[1:-1, 2:]
    if (inside).all() or shape == (1, 1):
        assert np.array_equal(found, np.zeros_like(values))
        return
    wanted = total / count[:, :, None]
    rooted = _reached(inside)
    assert np.abs(wanted - full)[rooted].max() < 0.01


def _reached(inside: Any) -> Any:
    """Pixels inside from which a path leads to the rim; without one, nothing says what they are."""
    known = ~inside
    for _ in range(inside.size):
        wide = np.pad(known, 1)
        new = known | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
        if (new == known).all():
            break
        known = new
    return known & inside
