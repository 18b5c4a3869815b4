"""Oriented boxes: areas beside the clipper of `core`, fusion of corners, formats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anamorph.core import clipping
from anamorph.core.clipping import Line
from anamorph.core.errors import DataError
from anamorph.core.quads import corners_of, rectangles_of
from anamorph.nn.boxes import NMS, NonMaximumWeighted, SoftNMS, WeightedBoxesFusion, polygons

FUSIONS = [NMS(), SoftNMS(), NonMaximumWeighted(), WeightedBoxesFusion()]
each = pytest.mark.parametrize("fusion", FUSIONS, ids=lambda f: type(f).__name__)


def as_quads(fusion, form="quads"):
    return type(fusion)(**(vars(fusion) | {"format": form}))


def common(a, b):
    """Cut one polygon with the lines through the sides of the other."""
    rings = [a.reshape(4, 2)]
    corners = b.reshape(4, 2)
    for p, q in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        dx, dy = q - p
        if rings and (dx or dy):
            rings = clipping.cut(rings, Line(-dy, dx, dy * p[0] - dx * p[1]))
    return clipping.area(rings) if rings else 0.0


number = st.integers(-6, 6).map(float)
rectangles = st.tuples(number, number, st.integers(1, 8), st.integers(1, 8), st.integers(-6, 6))


def made(rows):
    rows = np.array(rows, np.float64).reshape(-1, 5)
    rows[:, 4] *= 30.0  # many share a side, or lie along each other's
    return polygons.clockwise(corners_of(rows))


@given(st.lists(st.tuples(rectangles, rectangles), min_size=1, max_size=20))
def test_common_area_is_that_of_the_clipper(pairs):
    one, other = (made(rows) for rows in zip(*pairs, strict=True))
    wanted = [common(a, b) for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(polygons.common(one, other), wanted, atol=1e-6)
    np.testing.assert_allclose(polygons.common(other, one), wanted, atol=1e-6)


@given(rectangles, st.floats(0.01, 1000), st.floats(-1e5, 1e5))
def test_a_box_has_all_of_itself(row, scale, away):
    quad = made([row]) * scale + away
    area = polygons.areas(quad)
    np.testing.assert_allclose(polygons.common(quad, quad), area, rtol=1e-6)
    slid = quad + np.tile(quad[:, 2:4] - quad[:, :2], 4)  # along its own side, to touch
    np.testing.assert_allclose(polygons.common(quad, slid) / area, 0.0, atol=1e-6)


def test_known_areas():
    """A square and its like turned by an eighth: a regular octagon."""
    square = corners_of(np.array([[0.0, 0, 2, 2, 0]]))
    turned = corners_of(np.array([[0.0, 0, 2, 2, 45]]))
    np.testing.assert_allclose(polygons.common(square, turned), 8 * (np.sqrt(2) - 1))
    within = corners_of(np.array([[0.0, 0, 0.5, 0.5, 30]]))
    np.testing.assert_allclose(polygons.common(square, within), 0.25)
    np.testing.assert_allclose(polygons.common(within, square), 0.25)


def upright(rows):
    x0, y0, x1, y1 = rows.T
    return np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=1)


def crowd(seed=0, count=60):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 60, (count, 2))
    return {
        "boxes": np.concatenate([low, low + rng.uniform(5, 25, (count, 2))], axis=1),
        "scores": rng.uniform(0.1, 1, count),
        "labels": rng.integers(0, 2, count),
    }


@each
class TestOriented:
    def test_upright_ones_are_as_boxes(self, fusion):
        view = crowd()
        found = fusion(view)
        oriented = as_quads(fusion)(view | {"boxes": upright(view["boxes"])})
        np.testing.assert_allclose(oriented["boxes"], upright(found["boxes"]))
        for key in ("scores", "labels", "index"):
            np.testing.assert_allclose(oriented[key], found[key])

    def test_a_turned_world_gives_turned_results(self, fusion):
        view = crowd(1)
        c, s = np.cos(0.5), np.sin(0.5)
        turn = np.array([[c, s], [-s, c]])
        quads = upright(view["boxes"]).reshape(-1, 4, 2)
        found = as_quads(fusion)(view | {"boxes": quads @ turn})
        still = as_quads(fusion)(view | {"boxes": quads})
        assert found["boxes"].shape[1:] == (4, 2)
        np.testing.assert_allclose(found["boxes"], still["boxes"] @ turn, atol=1e-9)
        np.testing.assert_allclose(found["scores"], still["scores"])

    def test_first_corner_and_direction_do_not_matter(self, fusion):
        view = {"boxes": upright(np.array([[0.0, 0, 8, 4]])), "scores": [0.9]}
        quad = view["boxes"].reshape(4, 2)
        found = []
        for other in (quad, np.roll(quad, 1, 0), np.roll(quad, 2, 0), quad[::-1]):
            moved = other.reshape(1, 8) + 0.5
            found.append(as_quads(fusion)([view, {"boxes": moved, "scores": [0.3]}]))
        for one in found[1:]:
            np.testing.assert_allclose(one["boxes"][0], found[0]["boxes"][0])

    def test_centre_size_and_angle(self, fusion):
        rng = np.random.default_rng(2)
        rows = np.concatenate(
            [
                rng.uniform(0, 50, (40, 2)),
                rng.uniform(5, 20, (40, 2)),
                rng.uniform(-90, 90, (40, 1)),
            ],
            axis=1,
        )
        scores = rng.uniform(0.1, 1, 40)
        found = as_quads(fusion, "obb")({"boxes": rows, "scores": scores})
        corners = as_quads(fusion)({"boxes": corners_of(rows), "scores": scores})
        assert found["boxes"].shape[1] == 5
        np.testing.assert_allclose(found["index"], corners["index"])
        if isinstance(fusion, NMS | SoftNMS):
            np.testing.assert_array_equal(found["boxes"], rows[found["index"]])
        else:
            np.testing.assert_allclose(found["boxes"], rectangles_of(corners["boxes"]))

    def test_size_drops_what_is_outside_and_cuts_nothing(self, fusion):
        rows = np.array([[5.0, 5, 8, 8, 45], [0, 5, 8, 4, 0], [-9, 5, 4, 4, 10]])
        found = as_quads(fusion, "obb")({"boxes": rows, "scores": [0.9, 0.5, 0.8]}, size=(10, 10))
        assert 2 not in found["index"]
        assert found["boxes"][0].tolist() == pytest.approx(
            rows[0].tolist(), abs=1e-9
        ) or not isinstance(fusion, NMS)

    def test_nothing(self, fusion):
        for form, shape in (("quads", (0, 4, 2)), ("quads", (0, 8)), ("obb", (0, 5))):
            found = as_quads(fusion, form)({"boxes": torch.empty(shape), "scores": torch.empty(0)})
            assert tuple(found["boxes"].shape) == shape


def test_half_a_turn_is_no_turn():
    """Two models that say the same box by angles half a turn apart."""
    views = [
        {"boxes": [[10, 10, 8, 4, 89]], "scores": [0.5]},
        {"boxes": [[10, 10, 8, 4, -89]], "scores": [0.5]},
    ]
    found = WeightedBoxesFusion(format="obb")(views)["boxes"]
    assert found.shape == (1, 5)
    np.testing.assert_allclose(found[0, :4], [10, 10, 8, 4], atol=2e-3)
    assert abs(found[0, 4]) == pytest.approx(90)


@pytest.mark.parametrize(
    "corners", [[0, 0, 8, 8, 8, 0, 0, 8], [0, 0, 8, 0, 2, 2, 0, 8], [0, 0, 8, 0, np.inf, 8, 0, 8]]
)
def test_what_is_no_convex_quadrilateral(corners):
    with pytest.raises(DataError, match=r"views\[0\]\['boxes'\]\[0\]"):
        NMS(format="quads")({"boxes": [corners], "scores": [0.5]})
