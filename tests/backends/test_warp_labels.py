"""Warps of boxes and keypoints against the reference, and against pixels."""

import math

import numpy as np
import pytest

from anamorph.backends.opencv import warp as fast
from anamorph.backends.reference import warp as slow
from anamorph.core import constants as K
from anamorph.core.labels import Boxes, Points
from anamorph.ir import matrix as mx
from anamorph.ir.ops import SYMMETRIES, Sampling, Warp

SIZE = (40, 50)
MATRICES = {
    "shift": mx.translation(3, -4),
    "turn": mx.rotation(30, (25, 20)),
    "shear": (0.8, 0.3, -4.2, -0.1, 1.3, 2.9, 0.0, 0.0, 1.0),
    "mirror": (-0.7, 0.2, 44.0, 0.1, 0.6, 5.0, 0.0, 0.0, 1.0),
    "tilt": (0.9, 0.1, 3.0, -0.1, 1.1, 2.0, 0.004, -0.003, 1.0),
    **{name: Warp.symmetry(name, SIZE).matrix for name in SYMMETRIES},
}
MIRRORS = (K.BORDER_REFLECT, K.BORDER_REFLECT_101)
HORIZON = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -0.04, 0.0, 1.0)  # everything right of x = 25 is behind


def points(n=6, seed=0, *, fixed=False):
    rng = np.random.default_rng(seed)
    data = np.column_stack(
        [
            rng.random(n) * 50,
            rng.random(n) * 40,
            rng.random(n),
            rng.random(n) * 6,
            rng.random(n) + 1,
            np.ones(n),
        ]
    )
    return Points(data, np.arange(n), fixed)


def boxes(n=6, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.random((n, 2)) * (35, 28)
    return Boxes(np.hstack([low, low + 1 + rng.random((n, 2)) * 10]), np.arange(n))


def oriented(n=6, seed=0):
    rng = np.random.default_rng(seed)
    center, half, angle = (
        rng.random((n, 1, 2)) * (50, 40),
        1 + rng.random((n, 2)) * (12, 4),
        rng.random(n) * 6,
    )
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half[:, None]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(
        2, 0, 1
    )
    return Boxes((center + corners @ turn).reshape(n, 8), np.arange(n))


def agree(left, right):
    np.testing.assert_array_equal(left.index, right.index)
    np.testing.assert_allclose(left.data, right.data, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
@pytest.mark.parametrize("method", ["largest_box", "ellipse"])
def test_labels_agree_with_the_reference(matrix, method):
    op = Warp(matrix, (45, 60), Sampling(box_method=method))
    for n in (0, 1, 6):
        for given, kernel in (
            (points(n), "warp_points"),
            (boxes(n), "warp_boxes"),
            (oriented(n), "warp_boxes"),
        ):
            kept = given.data.copy()
            left, right = getattr(fast, kernel)(op, given), getattr(slow, kernel)(op, given)
            np.testing.assert_array_equal(given.data, kept)
            agree(left, right)


@pytest.mark.parametrize("border", MIRRORS)
@pytest.mark.parametrize("name", ["shift", "turn", "shear", "mirror"])
def test_mirrored_copies_agree_with_the_reference(name, border):
    op = Warp(mx.matmul(mx.scaling(0.4, 0.4), MATRICES[name]), (45, 60), Sampling(border=border))
    left, right = fast.warp_points(op, points(), SIZE), slow.warp_points(op, points(), SIZE)
    assert len(left.data) > 6
    agree(left, right)
    left, right = fast.warp_boxes(op, boxes(), SIZE), slow.warp_boxes(op, boxes(), SIZE)
    assert len(left.data) > 6
    agree(left, right)


def test_angles_turn_one_way_for_all():
    given = Points(np.array([[10.0, 20.0, 0.0, math.radians(20), 2.0, 1.0]]), np.arange(1))
    expected = {
        "e": 20,
        "r90": 110,
        "r180": 200,
        "r270": 290,
        "h": 160,
        "v": 340,
        "t": 250,
        "hvt": 70,
    }
    for name, angle in expected.items():
        done = fast.warp_points(Warp.symmetry(name, SIZE), given).data[0]
        assert math.degrees(done[3]) == pytest.approx(angle)
        assert done[5] == (1 if name in ("e", "r90", "r180", "r270") else -1)
        assert done[4] == pytest.approx(2.0)
    done = fast.warp_points(Warp.rotation(30, SIZE), given).data[0]
    assert math.degrees(done[3]) == pytest.approx(50)


def test_angles_and_scales_follow_small_arrows():
    for name in ("shear", "mirror", "tilt"):
        op = Warp(MATRICES[name], (45, 60))
        given = points(20, 3)
        done = fast.warp_points(op, given)
        for row, mapped in zip(given.data, done.data, strict=True):
            step = 1e-5
            x, y = mx.apply(
                op.matrix, row[0] + step * math.cos(row[3]), row[1] - step * math.sin(row[3])
            )
            angle = math.atan2(-(y - mapped[1]), x - mapped[0])
            assert math.cos(angle - mapped[3]) == pytest.approx(1, abs=1e-6)


def test_a_scale_grows_by_the_greater_side():
    given = Points(np.array([[10.0, 20.0, 0.0, 0.0, 2.0, 1.0]]), np.arange(1))
    for sx, sy in ((0.5, 2.0), (4.0, 1.0), (0.5, 0.5)):
        turned = mx.matmul(mx.rotation(30), mx.scaling(sx, sy))
        assert fast.warp_points(Warp(turned, SIZE), given).data[0, 4] == pytest.approx(
            2 * max(sx, sy)
        )


def test_flips_of_boxes_are_exact():
    given = Boxes(np.array([[10.0, 5.0, 30.0, 25.0]]), np.arange(1))
    done = fast.warp_boxes(Warp.symmetry("h", SIZE), given).data[0]
    assert done.tolist() == [20.0, 5.0, 40.0, 25.0]
    done = fast.warp_boxes(Warp.symmetry("r90", SIZE), given).data[0]
    assert done.tolist() == [5.0, 20.0, 25.0, 40.0]


def test_points_behind_the_horizon():
    op = Warp(HORIZON, (40, 200))
    given = points(30, 1)
    front = given.data[:, 0] < 25
    assert 0 < front.sum() < 30
    for kernel in (fast.warp_points, slow.warp_points):
        done = kernel(op, given)
        np.testing.assert_array_equal(done.index, np.flatnonzero(front))
        kept = kernel(op, points(30, 1, fixed=True))
        assert len(kept.data) == 30
        np.testing.assert_array_equal(np.isnan(kept.data[:, 0]), ~front)


def test_boxes_are_cut_at_the_horizon():
    given = Boxes(np.array([[5.0, 5, 10, 10], [20, 5, 30, 10], [30, 5, 40, 10]]), np.arange(3))
    for kernel in (fast.warp_boxes, slow.warp_boxes):
        done = kernel(Warp(HORIZON, (40, 200)), given)
        assert done.index.tolist() == [0, 1]
        assert done.data[1, 0] == pytest.approx(20 / 0.2)
        assert done.data[1, 2] > 1e5
        assert done.data[1, 1] == pytest.approx(25)


@pytest.mark.parametrize("border", MIRRORS)
@pytest.mark.parametrize("sides", [(5, 5, 5, 5), (0, 30, 45, 0), (90, 100, 130, 70)])
def test_copies_stand_where_the_pixels_are(border, sides):
    op = Warp.pad((20, 30), sides, Sampling(0, 0, border))
    places = np.array([[3, 4], [28, 18], [0, 0], [29, 7]])
    for column, row in places.tolist():
        image = np.zeros((20, 30, 1), np.uint8)
        image[row, column] = 255
        shown = fast.warp_image(op, image).reshape(op.size)
        expected = {(x + 0.5, y + 0.5) for y, x in np.argwhere(shown).tolist()}
        data = np.array([[column + 0.5, row + 0.5, 0, 0, 1, 1]])
        done = fast.warp_points(op, Points(data, np.zeros(1, int)), (20, 30))
        found = [tuple(p) for p in done.data[:, :2].tolist()]
        assert found[0] == (column + 0.5 + sides[2], row + 0.5 + sides[0])
        assert len(found) == len(set(found))
        assert set(found) == expected
        box = Boxes(np.array([[column, row, column + 1.0, row + 1.0]]), np.zeros(1, int))
        spans = fast.warp_boxes(op, box, (20, 30)).data
        assert {((a + c) / 2, (b + d) / 2) for a, b, c, d in spans.tolist()} == expected


def test_no_copies_where_they_cannot_be():
    op = Warp.pad((20, 30), (9, 9, 9, 9), Sampling(border=K.BORDER_REFLECT))
    data = np.array([[2.5, 3.5, 0, 0, 1, 1]])
    one = np.zeros(1, int)
    assert len(fast.warp_points(op, Points(data, one), (20, 30)).data) > 1
    assert len(fast.warp_points(op, Points(data, one, fixed=True), (20, 30)).data) == 1
    for border in (K.BORDER_CONSTANT, K.BORDER_REPLICATE, K.BORDER_WRAP):
        plain = Warp.pad((20, 30), (9, 9, 9, 9), Sampling(border=border))
        assert len(fast.warp_points(plain, Points(data, one), (20, 30)).data) == 1
    far = np.array([[15.0, 10.0, 0, 0, 1, 1]])
    small = Warp.pad((20, 30), (2, 2, 2, 2), Sampling(border=K.BORDER_REFLECT))
    assert len(fast.warp_points(small, Points(far, one), (20, 30)).data) == 1


@pytest.mark.parametrize("name", ["turn", "shear", "mirror", "tilt"])
def test_boxes_hold_the_pixels_of_their_objects(name):
    op = Warp(MATRICES[name], (60, 80), Sampling(0, 0))
    for box in np.add(boxes(8, 5).data, (0, 0, 5, 5)).round().clip(0, (50, 40, 50, 40)):
        x0, y0, x1, y1 = box.astype(int)
        mask = np.zeros((*SIZE, 1), np.uint8)
        mask[y0:y1, x0:x1] = 1
        y, x = np.nonzero(fast.warp_mask(op, mask).reshape(60, 80))
        done = fast.warp_boxes(op, Boxes(box[None], np.arange(1))).data[0].clip(0, [80, 60, 80, 60])
        tight = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
        assert np.abs(done - tight).max() <= 1.5


def test_ellipses_lie_inside_the_largest_box():
    given = boxes()
    for name in ("turn", "shear", "tilt"):
        large = fast.warp_boxes(Warp(MATRICES[name], SIZE), given).data
        small = fast.warp_boxes(
            Warp(MATRICES[name], SIZE, Sampling(box_method="ellipse")), given
        ).data
        assert (small[:, :2] > large[:, :2]).all()
        assert (small[:, 2:] < large[:, 2:]).all()
    circle = Boxes(np.array([[10.0, 10.0, 20.0, 20.0]]), np.arange(1))
    op = Warp(mx.rotation(45, (15, 15)), SIZE, Sampling(box_method="ellipse"))
    np.testing.assert_allclose(fast.warp_boxes(op, circle).data, circle.data)


def test_oriented_boxes_stay_rectangles():
    given = oriented()
    for matrix in MATRICES.values():
        quads = fast.warp_boxes(Warp(matrix, SIZE), given).data.reshape(-1, 4, 2)
        sides = np.roll(quads, -1, axis=1) - quads
        dots = (sides * np.roll(sides, -1, axis=1)).sum(axis=2)
        np.testing.assert_allclose(dots, 0, atol=1e-6)
        np.testing.assert_allclose(sides[:, 0] + sides[:, 2], 0, atol=1e-9)
