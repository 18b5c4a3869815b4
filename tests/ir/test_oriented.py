"""The least rectangles around mapped oriented boxes."""

import numpy as np
import pytest

from anamorph.ir.oriented import enclose, refit


def _rectangle(cx, cy, w, h, angle):
    c, s = np.cos(angle), np.sin(angle)
    offsets = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
    return (offsets @ np.array([[c, s], [-s, c]]) + (cx, cy)).reshape(1, 8)


@pytest.mark.parametrize("angle", np.linspace(-3, 3, 13))
def test_a_rectangle_stays_what_it_is(angle):
    box = _rectangle(40, 30, 20, 8, angle)
    np.testing.assert_allclose(refit(box), box, atol=1e-9)


def test_a_mirrored_rectangle_keeps_the_order_of_its_corners():
    box = _rectangle(40, 30, 20, 8, 0.3)
    mirrored = (box.reshape(4, 2) * (-1, 1) + (100, 0)).reshape(1, 8)
    np.testing.assert_allclose(refit(mirrored), mirrored, atol=1e-9)


def test_a_sheared_rectangle_is_contained_in_the_least_one():
    quad = np.array([[0.0, 0, 20, 0, 26, 8, 6, 8]])
    fitted = refit(quad).reshape(4, 2)
    width, height = np.linalg.norm(fitted[1] - fitted[0]), np.linalg.norm(fitted[2] - fitted[1])
    assert width * height <= 26 * 8 + 1e-9
    axes = np.stack([(fitted[1] - fitted[0]) / width, (fitted[2] - fitted[1]) / height])
    inside = (quad.reshape(4, 2) - fitted[0]) @ axes.T
    assert inside.min() >= -1e-9
    assert (inside <= np.array([width, height]) + 1e-9).all()


def test_an_outline_is_enclosed_and_tight():
    box = _rectangle(50, 50, 30, 10, 0.7)
    corners = box.reshape(4, 2)
    t = np.linspace(0, 1, 9)[:-1, None]
    outline = np.concatenate([corners[k] * (1 - t) + corners[(k + 1) % 4] * t for k in range(4)])
    np.testing.assert_allclose(enclose(outline[None], box), box, atol=0.05)
