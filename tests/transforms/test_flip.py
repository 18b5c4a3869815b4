"""Flips and quarter turns are exact symmetries of the canvas, drawn evenly."""

from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core.rng import Rng
from anamorph.ir import matrix as mx
from anamorph.ir.ops import SYMMETRIES, Warp
from anamorph.transforms.flip import (
    D4,
    HorizontalFlip,
    NoOp,
    RandomRotate90,
    SquareSymmetry,
    TimeReverse,
    Transpose,
    VerticalFlip,
)

SIZES = [(1, 1), (1, 9), (9, 1), (7, 513), (40, 60)]


def drawn(transform, size, seed=0):
    return list(transform.draw(Rng(seed), SimpleNamespace(size=size)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("transform", "name"),
    [(HorizontalFlip, "h"), (VerticalFlip, "v"), (Transpose, "t"), (TimeReverse, "h")],
)
def test_fixed_symmetries(transform, name, size):
    assert drawn(transform(p=1), size) == [Warp.symmetry(name, size)]


def test_pixels_go_where_they_should():
    h, w = size = (40, 60)
    place = {HorizontalFlip: (w - 0.5, 0.5), VerticalFlip: (0.5, h - 0.5), Transpose: (0.5, 0.5)}
    for transform, corner in place.items():
        (op,) = drawn(transform(p=1), size)
        assert mx.apply(op.matrix, 0.5, 0.5) == corner
    (op,) = drawn(Transpose(p=1), size)
    assert mx.apply(op.matrix, 10.5, 3.5) == (3.5, 10.5)


def test_noop_does_nothing():
    assert drawn(NoOp(p=1), (3, 4)) == []


@pytest.mark.parametrize(
    ("transform", "names"),
    [
        (D4, set(SYMMETRIES)),
        (SquareSymmetry, set(SYMMETRIES)),
        (RandomRotate90, {"e", "r90", "r180", "r270"}),
    ],
)
def test_elements_are_drawn_evenly(transform, names):
    size, rng, instance = (3, 5), Rng(7), transform(p=1)
    table = {Warp.symmetry(name, size): name for name in SYMMETRIES}
    count = Counter()
    for _ in range(4000):
        ops = list(instance.draw(rng, SimpleNamespace(size=size)))
        count[table[ops[0]] if ops else "e"] += 1
    assert set(count) == names
    share = 4000 / len(names)
    assert all(abs(n - share) < 6 * share**0.5 for n in count.values())


@given(st.tuples(st.integers(1, 600), st.integers(1, 600)), st.integers(0, 99))
def test_every_element_keeps_pixels_on_pixels(size, seed):
    for op in drawn(D4(), size, seed):
        assert mx.is_lattice(op.matrix)
        assert mx.covers(op.matrix, size, op.size)


def test_fixed_elements_of_other_dialects_are_refused():
    with pytest.raises(
        TypeError, match=r"D4\.group_element = 'r90' is not known here: write Horiz"
    ):
        D4(group_element="r90")
    assert D4(group_element=None) == D4()
