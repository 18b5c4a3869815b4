"""Keypoints: formats, angles, what is visible, left and right."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anamorph.core.errors import DataError, ParameterError, ParameterTypeError
from anamorph.core.keypoints import FORMATS, KeypointParams, as_keypoint_params
from anamorph.core.labels import ANGLE, PARITY, SCALE, Points

SIZE = (100, 200)
ROWS = {
    "xy": [10, 20],
    "yx": [20, 10],
    "xya": [10, 20, 30],
    "xys": [10, 20, 2.5],
    "xyas": [10, 20, 30, 2.5],
    "xysa": [10, 20, 2.5, 30],
    "xyz": [10, 20, 7.25],
    "xyv": [10, 20, 2],
}


def mirrored(points, rows=slice(None)):
    """What a horizontal flip makes of the points."""
    data = points.data.copy()
    data[rows, 0] = SIZE[1] - data[rows, 0]
    data[rows, PARITY] *= -1
    return Points(data, points.index, points.fixed)


def test_every_format_has_a_row():
    assert ROWS.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", ROWS)
def test_formats_put_everything_in_its_column(name):
    data = KeypointParams(name).read([ROWS[name]], SIZE).data[0]
    assert data[:2].tolist() == [10.5, 20.5]
    assert data[ANGLE] == (math.radians(30) if "a" in name else 0)
    assert data[SCALE] == (2.5 if "s" in name else 1)
    assert data[2] == (7.25 if "z" in name else 0)
    assert data[PARITY] == 1


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("name", ROWS)
def test_formats_go_round_with_further_columns(name, fixed):
    thing = object()
    rows = [(*ROWS[name], "eye", thing), [*ROWS[name], None]]
    params = KeypointParams(name, remove_invisible=not fixed)
    read = params.read(rows, SIZE)
    assert params.write(params.settle(read, SIZE), rows, SIZE) == [
        [*ROWS[name], "eye", thing],
        [*ROWS[name], None],
    ]


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 199.999), st.floats(0, 99.999), st.floats(-1000, 1000))
def test_points_that_did_not_move_come_back_to_the_last_bit_or_near(x, y, angle):
    row = [x, y, angle]
    params = KeypointParams("xya")
    written = params.write(params.settle(params.read([row], SIZE), SIZE), [row], SIZE)[0]
    assert written[:2] == pytest.approx([x, y], abs=1e-13)
    assert written[2] == angle % 360 or (written[2] == 0 and angle % 360 == 360)
    assert 0 <= written[2] < 360


def test_angles_in_radians():
    params = KeypointParams("xya", angle_in_degrees=False)
    read = params.read([[1, 2, 7.5]], SIZE)
    assert read.data[0, ANGLE] == 7.5
    assert params.write(read, [[1, 2, 7.5]], SIZE)[0][2] == 7.5 % (2 * math.pi)
    turned = Points(read.data.copy(), read.index)
    turned.data[0, ANGLE] = -math.pi / 2
    assert params.write(turned, [[1, 2, 7.5]], SIZE)[0][2] == pytest.approx(1.5 * math.pi)


def test_arrays_stay_arrays():
    params = KeypointParams("xy")
    for dtype, comes in (
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.int32, np.float64),
    ):
        array = np.array([[1, 2, 9]], dtype)
        written = params.write(params.read(array, SIZE), array, SIZE)
        assert written.dtype == comes
        assert written.tolist() == [[1, 2, 9]]
    several = np.arange(6.0).reshape(3, 2)
    assert params.write(params.read(several, SIZE), several, SIZE).flags.c_contiguous
    for columns in (2, 3):
        nothing = np.zeros((0, columns), np.float32)
        assert params.write(params.read(nothing, SIZE), nothing, SIZE).shape == (0, columns)
    assert params.write(params.read([], SIZE), [], SIZE) == []


# --------------------------------------------------------------------------- visibility


@pytest.mark.parametrize("x", [0, -0.4, 199, 199.4, 199.5, 199.9])
def test_points_of_the_picture_survive_a_step_that_changes_nothing_and_a_flip(x):
    params = KeypointParams("xy")
    read = params.read([[x, 20]], SIZE)
    same = params.settle(read, SIZE)
    assert params.write(same, [[x, 20]], SIZE) == [[pytest.approx(x, abs=1e-12), 20]]
    flipped = params.settle(mirrored(read), SIZE)
    out = params.write(flipped, [[x, 20]], SIZE)
    assert len(out) == 1
    assert out[0][0] == pytest.approx(199 - x, abs=0.5)
    back = params.settle(mirrored(flipped), SIZE)
    assert params.write(back, [[x, 20]], SIZE)[0][0] == pytest.approx(x, abs=0.5)


def test_settling_drops_what_the_canvas_does_not_show():
    params = KeypointParams("xy")
    data = np.zeros((5, 6))
    data[:, :2] = [[0, 0], [200, 100], [200.1, 5], [5, -0.1], [np.nan, 3]]
    points = Points(data, np.arange(5))
    assert params.settle(points, SIZE).index.tolist() == [0, 1]
    assert params.settle(Points(data, np.arange(5), fixed=True), SIZE).index.tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]


@pytest.mark.parametrize("row", [[-1, 20], [200, 20], [10, 100], [10, -3], [math.inf, 3]])
def test_points_outside_are_refused_or_kept(row):
    with pytest.raises(
        DataError, match=r"keypoints\[1\] = .* lies outside of the picture, 200 wide"
    ):
        KeypointParams("xy").read([[1, 2], row], SIZE)
    params = KeypointParams("xy", remove_invisible=False)
    assert params.write(params.settle(params.read([row], SIZE), SIZE), [row], SIZE) == [row]


def test_nan_is_dropped_or_kept_in_its_place():
    rows = [[1, 2], [math.nan, 3], [4, 5]]
    assert KeypointParams("xy").read(rows, SIZE).index.tolist() == [0, 2]
    params = KeypointParams("xy", remove_invisible=False)
    read = params.read(rows, SIZE)
    assert read.fixed
    out = params.write(params.settle(mirrored(read), SIZE), rows, SIZE)
    assert out[0] == [198, 2]
    assert out[2] == [195, 5]
    assert math.isnan(out[1][0])


def test_visibility_of_coco():
    rows = [[10, 20, 2], [0, 0, 0], [150, 20, 1], [30, 30, 2]]
    params = KeypointParams("xyv", remove_invisible=False)
    moved = params.read(rows, SIZE)
    moved.data[:, 0] -= 100
    moved.data[3, :2] = np.nan
    assert params.write(params.settle(moved, SIZE), rows, SIZE) == [
        [-90, 20, 0],
        [0, 0, 0],
        [50, 20, 1],
        [0, 0, 0],
    ]
    dropping = KeypointParams("xyv")
    assert dropping.read(rows, SIZE).index.tolist() == [0, 2, 3]


# ----------------------------------------------------------------------- left and right


NAMES = ["nose", "left_eye", "right_eye", "left_ear"]
EXCHANGE = {"name": {"left_eye": "right_eye", "left_ear": "right_ear"}}


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_labels_are_exchanged_in_a_mirror_with_both_of_a_pair_or_one(kind):
    params = KeypointParams("xy", ["name"], flip_labels=EXCHANGE)
    rows = [[1, 1], [10, 1], [20, 1], [30, 1]]
    flipped = mirrored(params.read(rows, SIZE))
    labels = kind(NAMES)
    out = params.relabel(flipped, "name", labels)
    assert type(out) is type(labels)
    assert list(out) == ["nose", "right_eye", "left_eye", "right_ear"]
    assert list(labels) == NAMES
    single = flipped.take(np.array([2]))
    assert list(params.relabel(single, "name", labels)) == ["left_eye"]
    twice = mirrored(flipped)
    assert list(params.relabel(twice, "name", labels)) == NAMES


def test_other_fields_and_values_stay():
    params = KeypointParams("xy", ["name", "id"], flip_labels={"name": {1: 2}})
    flipped = mirrored(params.read([[1, 1], [2, 2], [3, 3]], SIZE))
    assert params.relabel(flipped, "name", [1, 2, None]) == [2, 1, None]
    assert params.relabel(flipped, "id", [2**60 + 1, "a", (1,)]) == [2**60 + 1, "a", (1,)]
    array = params.relabel(flipped, "name", np.array([1, 2, 2**60 + 1]))
    assert array.dtype == np.int64
    assert array.tolist() == [2, 1, 2**60 + 1]
    assert params.relabel(flipped, "name", np.array([1, [3], None], object)).tolist() == [
        2,
        [3],
        None,
    ]


def test_rows_of_a_skeleton_exchange_places():
    params = KeypointParams("xy", ["name"], flip_pairs=[(1, 2)], flip_labels=EXCHANGE)
    rows = [[1, 1, "n"], [10, 1, "l"], [20, 1, "r"], [30, 1, "e"]]
    flipped = mirrored(params.read(rows, SIZE))
    assert params.write(flipped, rows, SIZE) == [
        [198, 1, "n"], [179, 1, "r"], [189, 1, "l"], [169, 1, "e"],
    ]  # fmt: skip
    assert params.relabel(flipped, "name", NAMES) == ["nose", "left_eye", "right_eye", "right_ear"]
    one = flipped.take(np.array([0, 1]))
    assert params.write(one, rows, SIZE) == [[198, 1, "n"], [189, 1, "l"]]
    two = flipped.take(np.array([1, 3]))
    assert params.relabel(two, "name", NAMES) == ["right_eye", "right_ear"]
    assert params.write(mirrored(flipped), rows, SIZE)[1] == [10, 1, "l"]


def test_a_fixed_skeleton_keeps_rows_without_a_place():
    params = KeypointParams("xy", remove_invisible=False, flip_pairs=[(0, 1)])
    rows = [[math.nan, 1], [10, 1]]
    out = params.write(mirrored(params.read(rows, SIZE)), rows, SIZE)
    assert out[0] == [189, 1]
    assert math.isnan(out[1][0])


# --------------------------------------------------------------------------- parameters


def test_parameters_are_a_value():
    params = KeypointParams("xy", ["name"], flip_pairs=[[1, 2]], flip_labels=EXCHANGE)
    assert params == KeypointParams("xy", ("name",), flip_pairs=((1, 2),), flip_labels=EXCHANGE)
    assert hash(params) == hash(pickle.loads(pickle.dumps(params)))
    assert eval(repr(params), {"KeypointParams": KeypointParams}) == params
    assert KeypointParams(**params.values()) == params
    assert as_keypoint_params(params.values()) == params
    assert as_keypoint_params(None) is None
    assert KeypointParams(coord_format="yx") == KeypointParams("yx")
    closed = {"name": {"left_eye": "right_eye", "right_eye": "left_eye"}}
    assert len(KeypointParams("xy", ["name"], flip_labels=closed).flip_labels[0][1]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "format is missing"),
        ({"format": "xz"}, "format = 'xz'"),
        ({"format": "xy", "remove_invisble": True}, "did you mean remove_invisible"),
        ({"format": "xy", "remove_invisible": 2}, "remove_invisible = 2"),
        ({"format": "xy", "flip_pairs": [(1, 2), (2, 3)]}, "each in one pair"),
        ({"format": "xy", "flip_pairs": [1, 2]}, "pairs of row numbers"),
        ({"format": "xy", "flip_labels": {"name": {"a": "b"}}}, "one of label_fields"),
        ({"format": "xy", "flip_labels": 3}, "it must be a table"),
        (
            {"format": "xy", "label_fields": ["n"], "flip_labels": {"n": {"a": "b", "c": "b"}}},
            "two partners",
        ),
        ({"format": "xy", "label_mapping": {}}, "write flip_labels="),
    ],
)
def test_wrong_parameters_are_refused(arguments, words):
    with pytest.raises((ParameterError, ParameterTypeError), match=words):
        KeypointParams(**arguments)


def test_only_parameters_or_a_dictionary():
    with pytest.raises(ParameterTypeError, match="keypoint_params = 5"):
        as_keypoint_params(5)
