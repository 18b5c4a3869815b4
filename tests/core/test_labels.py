"""Containers of the caller's: read, picked and written with types kept."""

import numpy as np
import pytest

from anamorph.core.errors import DataError, DataTypeError
from anamorph.core.labels import Boxes, numbers, pick, rows_like

BIG = 2**53 + 1
THING = object()


@pytest.mark.parametrize(
    "labels",
    [
        [BIG, 3, True],
        ["cat", None, (1, 2)],
        (2.5, THING, "x"),
        [np.float32(1.5), {"a": 1}, [1, 2]],
    ],
)
def test_members_of_lists_and_tuples_are_the_very_same(labels):
    picked = pick(labels, np.array([2, 0]))
    assert type(picked) is type(labels)
    assert picked[0] is labels[2]
    assert picked[1] is labels[0]


@pytest.mark.parametrize(
    "labels",
    [
        np.array([BIG, 3, 4]),
        np.array([True, False, True]),
        np.array(["a", "bcd", ""]),
        np.array([1, "a", None], object),
        np.arange(6, dtype=np.float16).reshape(3, 2),
    ],
)
def test_arrays_keep_their_dtype(labels):
    picked = pick(labels, np.array([2, 0]))
    assert picked.dtype == labels.dtype
    assert np.array_equal(picked, labels[[2, 0]])


def test_nothing_picked_is_empty_and_of_the_same_type():
    none = np.zeros(0, np.int64)
    assert pick(["a"], none) == []
    assert pick(("a",), none) == ()
    assert pick(np.array(["a"]), none).dtype == np.dtype("<U1")


def test_tensors_are_picked_as_tensors():
    torch = pytest.importorskip("torch")
    picked = pick(torch.tensor([BIG, 3, 4]), np.array([2, 0]))
    assert picked.dtype == torch.int64
    assert picked.tolist() == [4, BIG]


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2, 3, 4], [5, 6, 7, 8.5]],
        [(1, 2, 3, 4), [5, 6, 7, 8.5]],
        ((1, 2, 3, 4), (5, 6, 7, 8.5)),
        [[1, 2, 3, 4, "cat"], [5, 6, 7, 8.5, None, True]],
        [np.array([1, 2, 3, 4]), np.array([5, 6, 7, 8.5])],
        np.array([[1, 2, 3, 4], [5, 6, 7, 8.5]], np.float32),
        np.asfortranarray([[1, 2, 3, 4, 9], [5, 6, 7, 8.5, 9]]),
        np.array([[1, 2, 3, 4, "cat"], [5, 6, 7, 8.5, None]], object),
    ],
)
def test_leading_columns_of_any_container(rows):
    read = numbers(rows, 4, "bboxes")
    assert read.dtype == np.float64
    assert read.flags.c_contiguous
    assert read.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8.5]]


def test_none_is_no_number_wherever_it_stands():
    assert np.isnan(numbers([[1, None, "a"]], 2, "keypoints")[0, 1])
    assert np.isnan(numbers([[1, None], [1, 2, "a"], [1, "2"]], 2, "keypoints")[0, 1])
    assert np.isnan(numbers(np.array([[1, None]], object), 2, "keypoints")[0, 1])


def test_what_is_read_is_fresh():
    given = np.array([[1.0, 2, 3, 4]])
    numbers(given, 4, "bboxes")[:] = 0
    assert given.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("nothing", [[], (), np.zeros((0, 4)), np.zeros((0, 7)), np.zeros(0)])
def test_no_rows(nothing):
    assert numbers(nothing, 4, "bboxes").shape == (0, 4)


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (5, DataTypeError, "bboxes is a int"),
        ({"a": 1}, DataTypeError, "bboxes is a dict"),
        ([1, 2, 3, 4], DataTypeError, r"bboxes\[0\] = 1: it must be a row of 4 numbers"),
        (["abcd"], DataTypeError, r"bboxes\[0\] = 'abcd'"),
        (["1234"], DataTypeError, r"bboxes\[0\] = '1234'"),
        ([[1, 2, 3, 4], [1, 2, 3]], DataError, r"bboxes\[1\] = \[1, 2, 3\]: it must hold 4"),
        ([[1, 2, 3, 4], [1, "x", 3, 4]], DataTypeError, r"bboxes\[1\].*must be numbers"),
        (np.array([1, 2, 3, 4]), DataError, r"shape \(4,\)"),
        (np.zeros((2, 3)), DataError, r"bboxes\[0\].*4 numbers"),
        (np.array([["a", "b", "c", "d"]]), DataTypeError, "dtype <U1"),
    ],
)
def test_what_are_no_rows_is_refused_in_a_sentence(rows, error, words):
    with pytest.raises(error, match=words):
        numbers(rows, 4, "bboxes")


def test_rows_come_back_in_the_container_of_the_given_ones():
    new, index = np.array([[1.5, 2.5]]), np.array([1])
    assert rows_like([(0, 0, "a"), (0, 0, THING)], new, index) == [[1.5, 2.5, THING]]
    assert rows_like(((0, 0, BIG), (0, 0, BIG)), new, index) == [[1.5, 2.5, BIG]]
    single = rows_like(np.zeros((2, 3), np.float32), new, index)
    assert single.dtype == np.float32
    assert single.shape == (1, 3)
    whole = rows_like(np.array([[0, 0, 1], [0, 0, 2**40]]), new, index)
    assert whole.tolist() == [[1.5, 2.5, 2.0**40]]
    mixed = rows_like(np.array([[0, 0, "a"], [0, 0, THING]], object), new, index)
    assert mixed.dtype == object
    assert mixed[0, 2] is THING


def test_empty_results_keep_their_number_of_columns():
    none = np.zeros((0, 4)), np.zeros(0, np.int64)
    assert rows_like(np.zeros((3, 5)), *none).shape == (0, 5)
    assert rows_like(np.zeros((0, 6), np.float32), *none).shape == (0, 6)
    assert rows_like([[1, 2, 3, 4, "a"]], *none) == []


def test_taking_rows_takes_what_was_seen_of_them():
    boxes = Boxes(np.zeros((2, 4)), np.arange(2), np.array([0.5, 1.0]))
    assert boxes.take(np.array([False, True])).seen.tolist() == [1.0]
