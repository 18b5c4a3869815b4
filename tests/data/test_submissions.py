"""Submissions: run lengths beside plain loops, tables, and each fault in a sentence."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from anamorph.core.errors import DataError, ParameterError
from anamorph.data.submissions import (
    EMPTIES,
    Submission,
    check_submission,
    class_submission,
    coco_results,
    detection_submission,
    from_coco,
    instances_of,
    labels_of,
    mask_of,
    mask_submission,
    probability_submission,
    runs_of,
    to_coco,
    without_overlaps,
)

masks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=7))
ORDERS = st.sampled_from(["columns", "rows"])


def _plainly(mask, order, start):
    """Run lengths, pixel by pixel."""
    flat = mask.T.ravel() if order == "columns" else mask.ravel()
    found, run = [], None
    for at, inside in enumerate([*flat.tolist(), False]):
        if inside and run is None:
            run = at
        if not inside and run is not None:
            found += [run + start, at - run]
            run = None
    return " ".join(map(str, found))


@given(mask=masks, order=ORDERS, start=st.sampled_from([0, 1]))
def test_run_lengths_are_those_of_counting(mask, order, start):
    text = runs_of(mask, order=order, start=start)
    assert text == _plainly(mask, order, start)
    assert np.array_equal(mask_of(text, mask.shape, order=order, start=start), mask)


@given(mask=masks, packed=st.booleans())
def test_coco_there_and_back(mask, packed):
    assert np.array_equal(from_coco(json.loads(json.dumps(to_coco(mask, packed=packed)))), mask)


def test_coco_is_that_of_another_encoder():
    coder = pytest.importorskip("faster_coco_eval.core.mask")
    mask = np.random.default_rng(0).random((37, 23)) < 0.4
    theirs = coder.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert to_coco(mask)["counts"] == theirs["counts"].decode()


def test_the_known_example():
    """Kaggle: '1 3 10 5' are pixels 1, 2, 3, 10, 11, 12, 13, 14, down first."""
    mask = mask_of("1 3 10 5", (4, 5))
    assert (np.flatnonzero(mask.T.ravel()) + 1).tolist() == [1, 2, 3, 10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    "empty", [*sorted(EMPTIES, key=repr), None, float("nan"), " ", "NaN", "-1  1"]
)
def test_what_stands_for_nothing(empty):
    assert not mask_of(empty, (2, 3)).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (0, 3)])
@pytest.mark.parametrize("value", [0, 255])
def test_edge_sizes(shape, value):
    mask = np.full(shape, value, np.uint8)
    text = runs_of(mask, empty="-1 1")
    assert (text == "-1 1") == (not mask.any())
    assert np.array_equal(mask_of(text, shape), mask > 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 2 3", "are 3 numbers: pairs"),
        ("1 a", "not whole numbers"),
        ("1 2.5", "not whole numbers"),
        ("0 2", "start before the first"),
        ("1 0", None),
        ("3 0 5 1", "a run of length 0"),
        ("3 -2", "a run of length -2"),
        ("5 3", "end at pixel 7 of 6"),
        ("4 1 1 1", "not sorted"),
        ("1 3 2 1", "overlap"),
        ("1 99999999999999999999", "not whole numbers"),
    ],
)
def test_wrong_run_lengths(text, says):
    if says is None:
        assert not mask_of(text, (2, 3)).any()
        return
    with pytest.raises(DataError, match=says):
        mask_of(text, (2, 3))


@pytest.mark.parametrize("call", [
    lambda: runs_of(np.zeros((2, 2)), order="c"), lambda: runs_of(np.zeros((2, 2)), start=2),
    lambda: mask_of("", (2, 2), order="down"),
])  # fmt: skip
def test_unknown_orders(call):
    with pytest.raises(ParameterError):
        call()


@pytest.mark.parametrize("call", [
    lambda: runs_of(np.zeros(3)), lambda: to_coco(np.zeros((2, 2, 2))), lambda: labels_of(np.zeros((2, 2))),
    lambda: instances_of(np.zeros(3)), lambda: from_coco({"size": [2, 2]}),
    lambda: from_coco({"size": [2, 2], "counts": [9]}), lambda: without_overlaps(np.zeros((2, 2))),
    lambda: without_overlaps(np.zeros((2, 2, 2)), scores=[1]),
])  # fmt: skip
def test_wrong_shapes(call):
    with pytest.raises(DataError):
        call()


# ------------------------------------------------------------------------------- instances


def test_instances_there_and_back():
    labels = np.array([[0, 5, 5], [2, 0, 5]])
    stack = instances_of(labels)
    assert stack.shape == (2, 2, 3)
    assert np.array_equal(labels_of(stack), [[0, 2, 2], [1, 0, 2]])
    assert np.array_equal(labels_of([runs_of(mask) for mask in stack], (2, 3)), labels_of(stack))
    assert labels_of([], (2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    with pytest.raises(DataError, match="objects 0 and 1 share a pixel"):
        labels_of(np.ones((2, 2, 2)))


@given(stack=arrays.arrays(np.bool_, (4, 5, 6)), scored=st.booleans())
def test_overlaps_go_and_nothing_else(stack, scored):
    scores = [0.1, 0.9, 0.5, 0.9] if scored else None
    before = stack.copy()
    apart = without_overlaps(stack, scores)
    assert np.array_equal(stack, before)
    assert (apart.sum(0) <= 1).all()
    assert np.array_equal(apart.any(0), stack.any(0))
    if scored:
        assert np.array_equal(apart[1], stack[1])


def test_small_objects_survive_below_great_ones():
    stack = np.zeros((2, 4, 4), np.bool_)
    stack[0] = True
    stack[1, 1, 1] = True
    assert without_overlaps(stack).sum((1, 2)).tolist() == [15, 1]


# ------------------------------------------------------------------------------- tables


def test_probabilities(tmp_path):
    made = probability_submission(
        ["a", "b"], np.array([[0.1, 0.9], [1 / 3, 2 / 3]], np.float32), ["cat", "dog"]
    )
    made.write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        "id,cat,dog\na,0.100000001,0.899999976\nb,0.333333343,0.666666687\n"
    )
    assert Submission.read(tmp_path / "out.csv") == made
    assert probability_submission([1], [0.5], ["target"], key="Id").columns == ("Id", "target")
    with pytest.raises(DataError, match="cannot hold nan"):
        probability_submission(["a"], [[np.nan]], ["x"])
    with pytest.raises(DataError, match=r"\(1, 2\) is wanted"):
        probability_submission(["a"], [[0.5]], ["x", "y"])


def test_classes():
    assert class_submission(["a", "b"], ["x,y", ["cat", "dog"]]).to_csv() == (
        'id,label\na,"x,y"\nb,cat dog\n'
    )
    assert class_submission(np.arange(2), np.array([3, 4])).rows == (("0", "3"), ("1", "4"))
    with pytest.raises(DataError, match="2 ids have 1 labels"):
        class_submission([1, 2], [1])


def test_masks_of_one_class_of_several_and_of_instances():
    one, none = np.eye(3), np.zeros((3, 3))
    assert mask_submission(["a", "b"], iter([one, none]), empty="-1").rows == (
        ("a", "1 1 5 1 9 1"), ("b", "-1"),
    )  # fmt: skip
    both = mask_submission(["a"], [np.stack([one, none])], classes=["x", "y"])
    assert both.rows == (("a_x", "1 1 5 1 9 1"), ("a_y", ""))
    wide = mask_submission(["a"], [np.stack([one, none])], classes=["x", "y"], class_column="cls")
    assert wide.columns == ("id", "cls", "rle")
    assert wide.rows[1] == ("a", "y", "")
    each = mask_submission(["a", "b"], [instances_of([[1, 2]]), np.zeros((0, 1, 2))])
    assert each.rows == (("a", "1 1"), ("a", "2 1"), ("b", ""))
    with pytest.raises(DataError, match="b has no mask"):
        mask_submission(["a", "b"], [one])
    with pytest.raises(DataError, match="more masks than the 1 ids"):
        mask_submission(["a"], [one, one])
    with pytest.raises(DataError, match=r"\(3, H, W\) is wanted"):
        mask_submission(["a"], [one], classes=["x", "y", "z"])


FOUND = {
    "boxes": np.array([[1, 2, 4, 8], [0, 0, 2, 2.5]]),
    "scores": np.array([0.25, 0.75], np.float32),
    "labels": np.array([0, 1]),
}
NOTHING = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "labels": np.zeros(0, int)}


def test_boxes():
    made = detection_submission(["a", "b"], [FOUND, NOTHING], names=["cat", "dog"])
    assert made.rows == (("a", "dog 0.75 0 0 2 2.5 cat 0.25 1 2 3 6"), ("b", ""))
    with pytest.raises(DataError, match="2 boxes, 1 scores"):
        detection_submission(["a"], [{**FOUND, "scores": np.zeros(1)}])


def test_coco_results(tmp_path):
    path = tmp_path / "results.json"
    stack = np.stack([np.eye(3), np.ones((3, 3))])
    assert (
        coco_results(path, [7, 8], [{**FOUND, "masks": stack}, NOTHING], categories=[10, 20]) == 2
    )
    first, second = json.loads(path.read_text())
    assert first == {
        "image_id": 7, "category_id": 20, "bbox": [0.0, 0.0, 2.0, 2.5], "score": 0.75,
        "segmentation": to_coco(stack[1]),
    }  # fmt: skip
    assert second["category_id"] == 10


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path):
    target = tmp_path / "out.csv"
    target.mkdir()
    with pytest.raises(OSError, match=r"out\.csv"):
        Submission(("id",), (("a",),)).write(target)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_reading(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_bytes(b'\xef\xbb\xbfid,rle\r\na,"1 2"\r\n\r\nb,\r\n')
    assert Submission.read(path).rows == (("a", "1 2"), ("b", ""))
    for content, says in (
        (b"", "is empty"),
        (b"a,b\n1\n", "1 cells for 2"),
        (b"\xff\xfe\xff", "no CSV"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=says):
            Submission.read(path)


def test_like_a_sample():
    sample = Submission(("id", "x", "y"), (("b", "0", "0"), ("a", "0", "0")))
    given = Submission(("y", "id", "x"), (("1", "a", "2"), ("3", "b", "4")))
    assert given.like(sample).rows == (("b", "4", "3"), ("a", "2", "1"))
    assert check_submission(given.like(sample), sample) == ()
    with pytest.raises(DataError, match="ids are not"):
        Submission(sample.columns, sample.rows[:1]).like(sample)
    with pytest.raises(DataError, match="columns are"):
        Submission(("id",), ()).like(sample)


# ------------------------------------------------------------------------------- checks

SAMPLE = Submission(("id", "p", "rle"), (("a", "0.5", ""), ("b", "0.5", ""), ("c", "0.5", "")))
GOOD = (("a", "0.1", "1 2"), ("b", "1", ""), ("c", "0", "16 1"))
RULES = {"runs": "rle", "sizes": (4, 4), "ranges": {"p": (0, 1)}}


def _with(at, row):
    return tuple(row if place == at else kept for place, kept in enumerate(GOOD))


@pytest.mark.parametrize(
    ("rows", "kind", "says"),
    [
        (GOOD[:2], "ids", "id 'c' is missing"),
        (GOOD[:1], "ids", "id 'b' is missing, and 1 more"),
        ((*GOOD, ("d", "0", "")), "ids", "id 'd' is not in the sample"),
        ((*GOOD, GOOD[0]), "ids", "id 'a' is there 2 times"),
        (GOOD[::-1], "order", "the first to differ is 'c', where 'a' is wanted"),
        (_with(1, ("b", "", "")), "cells", "row 2 (b): 'p' is blank"),
        (_with(1, ("b", "NaN", "")), "cells", "row 2 (b): 'p' is NaN"),
        (
            _with(1, ("b", "1.5", "")),
            "cells",
            "row 2 (b): 'p' is 1.5: a number in [0, 1] is wanted",
        ),
        (_with(1, ("b", "high", "")), "cells", "'p' is high"),
        (_with(0, ("a", "0", "1 x")), "runs", "not whole numbers"),
        (_with(0, ("a", "0", "1 2 3")), "runs", "are 3 numbers"),
        (_with(0, ("a", "0", "16 2")), "runs", "end at pixel 17 of 16"),
        (_with(0, ("a", "0", "0 2")), "runs", "start before the first pixel"),
        (_with(0, ("a", "0", "5 1 2 1")), "runs", "are not sorted"),
        (_with(0, ("a", "0", "1 5 2 1")), "runs", "overlap each other"),
    ],
)
def test_each_fault_is_told(rows, kind, says):
    found = check_submission(Submission(SAMPLE.columns, rows), SAMPLE, **RULES)
    assert [finding.kind for finding in found] == [kind]
    assert says in str(found[0])


def test_a_good_one(tmp_path):
    assert check_submission(Submission(SAMPLE.columns, GOOD), SAMPLE, **RULES) == ()
    assert (
        check_submission(Submission(SAMPLE.columns, GOOD), SAMPLE, runs="rle", sizes={"a": (4, 4)})
        == ()
    )
    Submission(SAMPLE.columns, GOOD).write(tmp_path / "ours.csv")
    SAMPLE.write(tmp_path / "sample.csv")
    assert check_submission(tmp_path / "ours.csv", tmp_path / "sample.csv", **RULES) == ()


def test_columns_come_first():
    other = Submission(("id", "rle", "p"), ())
    assert "in the order id, rle, p" in str(check_submission(other, SAMPLE)[0])
    assert "are wanted" in str(check_submission(Submission(("id",), ()), SAMPLE)[0])
    with pytest.raises(DataError, match="no column 'runs'"):
        check_submission(SAMPLE, SAMPLE, runs="runs")


def test_objects_of_a_picture_share_no_pixel():
    sample = Submission(("id", "rle"), (("a", ""), ("b", "")))
    rows = (("a", "5 2"), ("a", "1 2"), ("a", "6 1"), ("b", "1 9"))
    given = Submission(sample.columns, rows)
    found = check_submission(given, sample, runs="rle", sizes=(3, 3), instances=True)
    assert [str(finding) for finding in found] == [
        "row 3 (a): shares pixels with another object of its picture"
    ]
    assert check_submission(given, sample, runs="rle", instances=True, apart=False) == ()
    assert check_submission(given, sample, runs="rle")[0].kind == "ids"
