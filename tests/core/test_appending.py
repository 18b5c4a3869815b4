"""Containers that labels of other pictures are appended to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.core.appending import appended


@pytest.mark.parametrize(
    ("container", "items", "wanted"),
    [
        ([1, "a"], [None], [1, "a", None]),
        ((1,), [2**60], (1, 2**60)),
        (np.array([1, 2], np.uint8), [3], np.array([1, 2, 3], np.uint8)),
        (np.array([1, 2], np.uint8), [300], np.array([1, 2, 300])),
        (np.array([2**25 + 1]), [2**62 + 1], np.array([2**25 + 1, 2**62 + 1])),
        (np.array(["a"]), ["longer"], np.array(["a", "longer"])),
        (np.array([0.5], np.float32), [0.1], np.array([0.5, 0.1], np.float32)),
        (np.array([]), ["cat"], np.array(["cat"])),
        (np.array([[1, 2, 3, 4]]), [[1.5, 2, 3, 4]], np.array([[1.0, 2, 3, 4], [1.5, 2, 3, 4]])),
        (np.zeros((0, 4), np.float32), [[1, 2, 3, 4]], np.array([[1, 2, 3, 4]])),
    ],
)
def test_every_value_is_kept(container: Any, items: list[Any], wanted: Any) -> None:
    before = list(container)
    out = appended("names", container, items)
    assert type(out) is type(wanted)
    assert np.array_equal(np.array(container), np.array(before)) or not before
    if isinstance(wanted, np.ndarray):
        assert out.dtype.kind == wanted.dtype.kind
        assert np.array_equal(out, wanted)
    else:
        assert out == wanted


def test_arrays_of_objects() -> None:
    out = appended("names", np.array(["a", 1], object), [(1, 2)])
    assert out.dtype == object
    assert out.tolist() == ["a", 1, (1, 2)]


@pytest.mark.parametrize(
    ("container", "items"),
    [
        (np.array([1]), ["cat"]),
        (np.array(["cat"]), [1]),
        (np.array([1]), [0.5]),
        (np.array([2**60]), [1e30]),
    ],
)
def test_labels_of_another_kind_are_refused(container: Any, items: list[Any]) -> None:
    with pytest.raises(A.AnamorphError, match="they must be labels of one kind"):
        appended("names", container, items)


def test_other_widths_and_containers_are_refused() -> None:
    with pytest.raises(A.AnamorphError, match=r"bboxes has \(5,\) values a row"):
        appended("bboxes", np.zeros((1, 5)), [[1, 2, 3, 4]])
    with pytest.raises(A.AnamorphError, match="names is a dict"):
        appended("names", {}, [1])


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    out = appended("names", torch.tensor([1, 2]), [3])
    assert out.tolist() == [1, 2, 3]
    assert out.dtype == torch.int64
