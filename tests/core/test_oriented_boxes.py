"""Oriented boxes: formats, geometry, thresholds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anamorph.core.boxes import FORMATS, BboxParams
from anamorph.core.errors import DataError
from anamorph.core.labels import Boxes
from anamorph.core.quads import corners_of, rectangles_of, visible

SIZE = (100, 200)
SAME_BOX = {
    "pascal_voc": (10, 20, 30, 50),
    "albumentations": (0.05, 0.2, 0.15, 0.5),
    "coco": (10, 20, 20, 30),
    "yolo": (0.1, 0.35, 0.1, 0.3),
    "cxcywh": (20, 35, 20, 30),
}


# ------------------------------------------------------------------------ oriented boxes


def test_an_angle_turns_counter_clockwise_on_the_screen():
    corners = corners_of(np.array([[50.0, 50, 40, 20, 0], [50, 50, 40, 20, 90]]))
    assert corners[0].tolist() == [30, 40, 70, 40, 70, 60, 30, 60]
    assert corners[1].tolist() == [40, 70, 40, 30, 60, 30, 60, 70]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(20, 80),
    st.floats(20, 80),
    st.floats(0.5, 30),
    st.floats(0.5, 30),
    st.floats(-400, 400),
)
def test_oriented_boxes_go_round(x, y, w, h, angle):
    row = [x, y, w, h, angle]
    back = rectangles_of(corners_of(np.array([row])))[0]
    np.testing.assert_allclose(back[:4], row[:4], atol=1e-9)
    assert -90 <= back[4] < 90
    assert abs((back[4] - angle + 90) % 180 - 90) < 1e-6
    params = BboxParams("obb")
    written = params.write(params.read([row], (100, 100)), [row], (100, 100))[0]
    np.testing.assert_allclose(written, row, atol=1e-9)
    assert written[4] == angle


def test_the_fifth_column_beside_other_formats_turns_clockwise():
    params = BboxParams("pascal_voc", bbox_type="obb")
    row = [80, 40, 120, 60, 30.0, "cat"]
    read = params.read([row], SIZE)
    np.testing.assert_allclose(read.data, corners_of(np.array([[100.0, 50, 40, 20, -30]])))
    written = params.write(read, [row], SIZE)[0]
    np.testing.assert_allclose(written[:5], row[:5], atol=1e-12)
    assert written[5] == "cat"
    turned = Boxes(corners_of(np.array([[100.0, 50, 40, 20, 10]])), np.arange(1))
    np.testing.assert_allclose(
        params.write(turned, [row], SIZE)[0][:5], [80, 40, 120, 60, -10], atol=1e-9
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_an_angle(name):
    params = BboxParams(name, bbox_type="obb")
    row = [*SAME_BOX[name], 20.0]
    read = params.read(np.array([row]), SIZE)
    np.testing.assert_allclose(rectangles_of(read.data), [[20, 35, 20, 30, -20]], atol=1e-9)
    np.testing.assert_allclose(params.write(read, np.array([row]), SIZE), [row], atol=1e-12)


def test_oriented_boxes_are_whole_or_gone():
    corners = corners_of(
        np.array([[0.0, 50, 40, 20, 30], [-15, 50, 20, 4, 0], [-10, 50, 20, 4, 0]])
    )
    settled = BboxParams("obb").settle(Boxes(corners, np.arange(3)), SIZE)
    assert settled.index.tolist() == [0]
    assert np.array_equal(settled.data, corners[:1])
    assert BboxParams("obb", min_visibility=0.5).settle(settled, SIZE).index.tolist() == [0]
    assert BboxParams("obb", min_visibility=0.51).settle(settled, SIZE).index.tolist() == []
    assert BboxParams("obb", min_width=41).settle(settled, SIZE).index.tolist() == []
    assert BboxParams("obb", min_area=401).settle(settled, SIZE).index.tolist() == []


def test_area_in_sight_of_a_diamond():
    diamond = corners_of(np.array([[0.0, 0, 20, 20, 45]]))
    whole, area, extent = visible(diamond, SIZE)[0]
    assert whole == pytest.approx(400)
    assert area == pytest.approx(100)
    assert extent == pytest.approx(np.sqrt(200))


@pytest.mark.parametrize(
    "row",
    [[50, 50, 0, 10, 0], [50, 50, 10, -1, 0], [50, 50, 10, 10, float("nan")], [300, 50, 9, 9, 0]],
)
def test_invalid_oriented_boxes(row):
    good = [50, 50, 10, 10, 0]
    with pytest.raises(DataError, match=r"bboxes\[1\] = "):
        BboxParams("obb").read([good, row], SIZE)
    read = BboxParams("obb", filter_invalid_bboxes=True).read([row, good], SIZE)
    assert read.index.tolist() == [1]


def test_no_oriented_boxes():
    for nothing in ([], np.zeros((0, 5))):
        params = BboxParams("obb")
        read = params.read(nothing, SIZE)
        assert read.data.shape == (0, 8)
        assert len(params.write(params.settle(read, SIZE), nothing, SIZE)) == 0
