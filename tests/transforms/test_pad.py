"""Margins: how wide, and on which sides."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core import constants as K
from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.ops import Warp
from anamorph.transforms.pad import Pad, PadIfNeeded, sides

SIZE = (40, 60)


def drawn(transform, size=SIZE, seed=0):
    return list(transform.draw(Rng(seed), SimpleNamespace(size=size)))


@pytest.mark.parametrize(
    ("padding", "margin"),
    [
        (5, (5, 5, 5, 5)),
        ((5, 6), (6, 6, 5, 5)),
        ((5, 6, 7, 8), (6, 8, 5, 7)),
        ([0, 1], (1, 1, 0, 0)),
    ],
)
def test_pad(padding, margin):
    assert drawn(Pad(padding)) == [Warp.pad(SIZE, margin)]


def test_pad_passes_its_border_on():
    (op,) = drawn(Pad(3, fill=(1, 2, 3), fill_mask=4, border_mode=K.BORDER_WRAP))
    assert (op.sampling.fill, op.sampling.fill_mask, op.sampling.border) == (
        (1, 2, 3),
        4,
        K.BORDER_WRAP,
    )
    assert drawn(Pad(0)) == []


@pytest.mark.parametrize("padding", [-1, (1, 2, 3), "x", (1, -1)])
def test_pad_refuses(padding):
    with pytest.raises(ParameterError, match=r"Pad\.padding = .*it must be"):
        Pad(padding)


@pytest.mark.parametrize(
    ("position", "margin"),
    [
        ("center", (3, 4, 2, 3)), ("top_left", (0, 7, 0, 5)), ("top_right", (0, 7, 5, 0)),
        ("bottom_left", (7, 0, 0, 5)), ("bottom_right", (7, 0, 5, 0)),
    ],
)  # fmt: skip
def test_position_of_the_picture(position, margin):
    assert drawn(PadIfNeeded(47, 65, position=position)) == [Warp.pad(SIZE, margin)]


def test_random_position_is_drawn_evenly():
    found = {sides((2, 1), "random", Rng(seed)) for seed in range(200)}
    assert found == {(top, 2 - top, left, 1 - left) for top in range(3) for left in range(2)}


@given(
    st.tuples(st.integers(1, 99), st.integers(1, 99)),
    st.integers(1, 200),
    st.integers(1, 200),
    st.sampled_from(["center", "top_left", "top_right", "bottom_left", "bottom_right", "random"]),
)
def test_least_sizes_and_divisors_hold(size, high, wide, position):
    ops = drawn(PadIfNeeded(high, wide, position=position), size)
    assert (ops[-1].size if ops else size) == (max(size[0], high), max(size[1], wide))
    ops = drawn(PadIfNeeded(None, None, high, wide, position=position), size)
    got = ops[-1].size if ops else size
    for after, before, divisor in zip(got, size, (high, wide), strict=True):
        assert after % divisor == 0
        assert 0 <= after - before < divisor


def test_one_rule_a_side():
    assert drawn(PadIfNeeded(41, None, None, 32)) == [Warp.pad(SIZE, (0, 1, 2, 2))]
    for bad in [(100, None), (None, 100), (100, 100, 32)]:
        with pytest.raises(
            ParameterError, match="one of the two must be a number and the other None"
        ):
            PadIfNeeded(*bad)
    with pytest.raises(
        ParameterError, match=r"PadIfNeeded\.position = 'middle': it must be one of"
    ):
        PadIfNeeded(position="middle")


def test_older_names():
    assert PadIfNeeded(9, 9, value=3, mask_value=4) == PadIfNeeded(9, 9, fill=3, fill_mask=4)
    assert PadIfNeeded(9, 9, value=None, mask_value=None) == PadIfNeeded(9, 9)
