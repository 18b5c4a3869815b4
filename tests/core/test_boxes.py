"""Bounding boxes: formats, validation, thresholds, oriented boxes."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anamorph.core.boxes import FORMATS, SLIVER, BboxParams, as_bbox_params
from anamorph.core.errors import DataError, ParameterError, ParameterTypeError
from anamorph.core.labels import Boxes

SIZE = (100, 200)
SAME_BOX = {
    "pascal_voc": (10, 20, 30, 50),
    "albumentations": (0.05, 0.2, 0.15, 0.5),
    "coco": (10, 20, 20, 30),
    "yolo": (0.1, 0.35, 0.1, 0.3),
    "cxcywh": (20, 35, 20, 30),
}


def boxes(*rows, seen=None):
    data = np.array(rows, np.float64).reshape(-1, 4)
    return Boxes(data, np.arange(len(data)), seen)


def kept(params, *rows, size=SIZE):
    return params.settle(boxes(*rows), size).index.tolist()


# ------------------------------------------------------------------------------ formats


def test_every_format_has_a_row():
    assert SAME_BOX.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", SAME_BOX)
def test_formats_agree(name):
    params = BboxParams(name)
    read = params.read([SAME_BOX[name]], SIZE)
    np.testing.assert_allclose(read.data, [[10, 20, 30, 50]], rtol=1e-15)
    np.testing.assert_allclose(
        params.write(read, [SAME_BOX[name]], SIZE), [SAME_BOX[name]], rtol=1e-15
    )


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["pascal_voc", "coco", "cxcywh"]),
    x=st.integers(0, 180),
    y=st.integers(0, 80),
    w=st.integers(1, 20),
    h=st.integers(1, 20),
)
def test_pixels_go_round_exactly(name, x, y, w, h):
    given_row = {
        "pascal_voc": [x / 4, y / 4, x / 4 + w, y / 4 + h],
        "coco": [x / 4, y / 4, w, h],
        "cxcywh": [x / 4 + w / 2, y / 4 + h / 2, w, h],
    }[name]
    params = BboxParams(name)
    assert params.write(params.read([given_row], SIZE), [given_row], SIZE) == [given_row]


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(list(FORMATS)),
    row=st.tuples(*[st.floats(0.0, 0.45)] * 2, *[st.floats(0.001, 0.5)] * 2),
)
def test_all_formats_go_round_to_the_last_bits(name, row):
    x, y, w, h = row
    pixels = np.array([[x * 200, y * 100, (x + w) * 200, (y + h) * 100]])
    params = BboxParams(name)
    rows = params.write(Boxes(pixels, np.arange(1)), np.zeros((1, 4)), SIZE)
    np.testing.assert_allclose(params.read(rows, SIZE).data, pixels, atol=1e-12)


def test_further_columns_and_containers_come_back():
    params = BboxParams("coco")
    thing = object()
    rows = [(0, 0, 5, 5, "a", thing), (1, 1, 5, 5, None, 2**60 + 1)]
    read = params.read(rows, SIZE)
    assert params.write(read, rows, SIZE) == [
        [0, 0, 5, 5, "a", thing],
        [1, 1, 5, 5, None, 2**60 + 1],
    ]
    assert params.write(read.take(np.array([1])), rows, SIZE) == [[1, 1, 5, 5, None, 2**60 + 1]]


def test_arrays_stay_arrays():
    params = BboxParams("pascal_voc")
    for dtype, comes in (
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.int64, np.float64),
    ):
        array = np.array([[1, 2, 3, 4, 7]], dtype)
        written = params.write(params.read(array, SIZE), array, SIZE)
        assert written.dtype == comes
        assert written.tolist() == [[1, 2, 3, 4, 7]]
    for columns in (4, 5):
        nothing = np.zeros((0, columns))
        assert params.write(params.read(nothing, SIZE), nothing, SIZE).shape == (0, columns)


# --------------------------------------------------------------------------- validation


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("yolo", [0.5, 0.5, 1.0000003, 1]),
        ("yolo", [0.499999, 0.5, 1.0, 1.0]),
        ("albumentations", [-1e-6, 0, 1.000001, 1]),
        ("coco", [190.01, 10, 10.0, 20]),
        ("pascal_voc", [-0.01, -0.01, 200.01, 100.01]),
        ("pascal_voc", np.float32([0, 0, np.nextafter(np.float32(200), np.float32(300)), 50])),
    ],
)
def test_an_overshoot_of_rounding_is_clipped(name, row):
    read = BboxParams(name).read([row], SIZE).data[0]
    assert read[0] >= 0
    assert read[1] >= 0
    assert read[2] <= 200
    assert read[3] <= 100


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("pascal_voc", [10, 20, 210, 40], "must lie in the picture"),
        ("pascal_voc", [-1, 20, 30, 40], "must lie in the picture"),
        ("pascal_voc", [10, 20, 200.1, 40], "must lie in the picture"),
        ("pascal_voc", [300, 300, 310, 310], "must lie in the picture"),
        ("pascal_voc", [30, 20, 10, 40], "width and height must be above 0"),
        ("pascal_voc", [10, 20, 10, 40], "width and height must be above 0"),
        ("coco", [10, 20, -5, 5], "width and height must be above 0"),
        ("yolo", [50, 50, 1, 1], "must lie in the picture"),
        ("pascal_voc", [10, 20, float("nan"), 40], "must be finite"),
        ("pascal_voc", [10, 20, float("inf"), 40], "must be finite"),
    ],
)
def test_an_invalid_box_is_named_in_one_sentence(name, row, words):
    good = list(SAME_BOX[name])
    with pytest.raises(DataError, match=words) as caught:
        BboxParams(name).read([good, row], SIZE)
    message = str(caught.value)
    assert message.startswith(f"bboxes[1] = {row}")
    assert FORMATS[name].columns in message


def test_invalid_boxes_are_clipped_or_dropped_where_asked():
    rows = [[-10, 20, 30, 40], [10, 20, 5, 40], [300, 0, 310, 10], [1, 2, 3, 4]]
    with pytest.raises(DataError, match=r"bboxes\[1\].*above 0"):
        BboxParams("pascal_voc", clip=True).read(rows, SIZE)
    assert BboxParams("pascal_voc", clip=True).read(rows[:1], SIZE).data.tolist() == [
        [0, 20, 30, 40]
    ]
    with pytest.raises(DataError, match=r"bboxes\[0\].*none of it lies in the picture"):
        BboxParams("pascal_voc", clip=True).read(rows[2:], SIZE)
    read = BboxParams("pascal_voc", filter_invalid_bboxes=True).read(rows, SIZE)
    assert read.index.tolist() == [0, 3]
    assert read.data.tolist() == [[0, 20, 30, 40], [1, 2, 3, 4]]


def test_the_callers_array_is_never_changed():
    for name, row in SAME_BOX.items():
        array = np.array([row])
        before = array.copy()
        params = BboxParams(name, clip=True)
        read = params.read(array, SIZE)
        params.write(params.settle(read, (30, 25)), array, SIZE)
        assert np.array_equal(array, before)


@pytest.mark.parametrize("container", [list, tuple, np.array, lambda rows: np.array(rows, object)])
def test_the_sentence_shows_the_row_of_any_container(container):
    with pytest.raises(DataError, match=r"^bboxes\[1\] = [(\[]1, 2, 300, 4"):
        BboxParams("pascal_voc").read(container([[1, 2, 3, 4], [1, 2, 300, 4]]), SIZE)


# --------------------------------------------------------------------------- thresholds


def test_boxes_inside_pass_untouched():
    inside = boxes([0, 0, 200, 100], [3, 4, 5, 6])
    assert BboxParams("coco").settle(inside, SIZE) is inside


def test_what_reaches_out_is_clipped_and_what_is_outside_dropped():
    settled = BboxParams("coco").settle(
        boxes([-5, -5, 10, 10], [190, 90, 220, 120], [201, 0, 210, 5], [0, -9, 5, -1]), SIZE
    )
    assert settled.index.tolist() == [0, 1]
    assert settled.data.tolist() == [[0, 0, 10, 10], [190, 90, 200, 100]]


@pytest.mark.parametrize("over", [0.0, 1e-12, 2.4e-6, 1e-4, 0.009])
def test_a_box_that_touches_the_border_never_survives(over):
    for row in (
        [-10, 10, over, 20], [10, -10, 20, over], [200 - over, 10, 220, 20], [1, 100 - over, 9, 120],
    ):  # fmt: skip
        assert kept(BboxParams("coco"), row) == []
    assert over < SLIVER


def test_thresholds_are_reached_by_what_equals_them():
    row = [10, 20, 30, 40]
    for options in (
        {"min_area": 400}, {"min_width": 20}, {"min_height": 20}, {"min_visibility": 1.0},
        {"max_accept_ratio": 1},
    ):  # fmt: skip
        assert kept(BboxParams("coco", **options), row) == [0]
    for options in ({"min_area": 400.01}, {"min_width": 20.1}, {"min_height": 20.1}):
        assert kept(BboxParams("coco", **options), row) == []


@settings(max_examples=50, deadline=None)
@given(
    x=st.floats(0, 1000, allow_subnormal=False),
    w=st.floats(0.02, 500),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_untouched_boxes_are_wholly_visible(x, w, dtype):
    row = np.array([[x, x, x + w, x + w]], dtype)
    params = BboxParams("pascal_voc", min_visibility=1.0)
    if row[0, 2] - row[0, 0] > SLIVER:
        assert kept(params, *params.read(row, (1600, 1600)).data, size=(1600, 1600)) == [0]


def test_ratio_counts_both_ways():
    assert kept(BboxParams("coco", max_accept_ratio=4), [10, 20, 30, 25], [10, 20, 15, 40]) == [
        0,
        1,
    ]
    assert kept(BboxParams("coco", max_accept_ratio=3.9), [10, 20, 30, 25], [10, 20, 15, 40]) == []


def test_visibility_is_of_the_box_before_clipping():
    params = BboxParams("coco", min_visibility=0.5)
    assert kept(params, [-10, 0, 10, 10], [-11, 0, 10, 10], [-9, 0, 10, 10]) == [0, 2]


def test_visibility_adds_up_over_steps():
    params = BboxParams("coco", min_visibility=0.3)
    first = params.settle(boxes([180, 10, 220, 30]), SIZE)
    assert first.seen.tolist() == [0.5]
    later = Boxes(first.data, first.index)  # a kernel makes new boxes
    second = params.settle(later, (20, 200), before=first)
    assert second.index.tolist() == []
    alone = params.settle(later, (20, 200))
    assert alone.index.tolist() == [0]


def test_visibility_is_found_by_row_when_a_step_dropped_some():
    params = BboxParams("coco", min_visibility=0.3)
    before = boxes([0, 0, 10, 10], [20, 0, 30, 10], seen=np.array([1.0, 0.4]))
    after = Boxes(np.array([[20.0, 0, 30, 10]]), np.array([1]))
    assert params.settle(after, SIZE, before=before).seen.tolist() == [0.4]
    assert params.settle(after, (5, 200), before=before).index.tolist() == []


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(*[st.floats(-150, 250)] * 2, *[st.floats(0, 150)] * 2), min_size=1, max_size=12
    ),
    min_area=st.sampled_from([0.0, 30.0]),
    min_visibility=st.sampled_from([0.0, 0.5]),
    ratio=st.sampled_from([None, 3.0]),
)
def test_settled_boxes_keep_what_is_promised(rows, min_area, min_visibility, ratio):
    data = np.array([[x, y, x + w, y + h] for x, y, w, h in rows])
    params = BboxParams(
        "coco", min_area=min_area, min_visibility=min_visibility, max_accept_ratio=ratio
    )
    done = params.settle(Boxes(data, np.arange(len(data))), SIZE)
    expected = []
    for i, (x0, y0, x1, y1) in enumerate(data.tolist()):
        w, h = min(x1, 200) - max(x0, 0), min(y1, 100) - max(y0, 0)
        if (
            min(w, h) > SLIVER
            and w * h >= min_area
            and (w * h >= min_visibility * (x1 - x0) * (y1 - y0))
            and (ratio is None or max(w, h) <= ratio * min(w, h))
        ):
            expected.append(i)
    assert done.index.tolist() == expected
    assert (done.data >= 0).all()
    assert (done.data <= [200, 100, 200, 100]).all()
    again = params.settle(Boxes(done.data, done.index), SIZE)
    assert np.array_equal(again.data, done.data)


def test_thresholds_ask_to_be_looked_at_last():
    assert BboxParams("coco", min_area=3).settles_last
    assert BboxParams("coco", check_each_transform=False).settles_last
    assert not BboxParams("coco").settles_last


# --------------------------------------------------------------------------- parameters


def test_parameters_are_a_value():
    params = BboxParams("coco", ["a"], min_area=3)
    assert params == BboxParams(format="coco", label_fields=("a",), min_area=3)
    assert hash(params) == hash(BboxParams("coco", ("a",), 3))
    assert params != BboxParams("coco")
    assert eval(repr(params), {"BboxParams": BboxParams}) == params
    assert pickle.loads(pickle.dumps(params)) == params
    assert BboxParams(**params.values()) == params
    assert as_bbox_params(params.values()) == params
    assert as_bbox_params(None) is None
    with pytest.raises(AttributeError):
        params.min_area = 4


def test_other_spellings():
    assert BboxParams(coord_format="yolo", clip_bboxes_on_input=True) == BboxParams(
        "yolo", clip=True
    )
    assert BboxParams("coco", clip_after_transform=True) == BboxParams("coco")
    with pytest.raises(ParameterError, match="clip_after_transform"):
        BboxParams("coco", clip_after_transform=False)
    assert BboxParams("coco", label_fields="name").label_fields == ("name",)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "format is missing"),
        ({"format": "cocco"}, "did you mean coco"),
        ({"format": "coco", "min_are": 3}, "no parameter 'min_are'; did you mean min_area"),
        ({"format": "coco", "min_area": -1}, r"min_area = -1"),
        ({"format": "coco", "min_visibility": 1.5}, r"min_visibility = 1.5.*\[0, 1\]"),
        ({"format": "coco", "max_accept_ratio": 0.5}, "max_accept_ratio = 0.5"),
        ({"format": "coco", "clip": "yes"}, "clip = 'yes'"),
        ({"format": "coco", "label_fields": [1]}, "label_fields"),
        ({"format": "coco", "bbox_type": "oob"}, "did you mean obb"),
    ],
)
def test_wrong_parameters_are_refused(arguments, words):
    with pytest.raises((ParameterError, ParameterTypeError), match=words):
        BboxParams(**arguments)


def test_only_parameters_or_a_dictionary():
    with pytest.raises(ParameterTypeError, match="bbox_params = 'coco'"):
        as_bbox_params("coco")
