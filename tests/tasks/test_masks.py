"""What stored values of masks mean."""

import numpy as np
import pytest

pytest.importorskip("torch")

from anamorph.core.errors import DataError
from anamorph.tasks.masks import IGNORED, Values

MASK = np.array([[0, 1, 7], [255, 0, 1]], np.uint8)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (Values("binary", 1), [[0, 1, 1], [1, 0, 1]]),
        (Values("binary", 1, (1,)), [[0, 1, 0], [0, 0, 1]]),
        (Values("binary", 1, ignore=7), [[0, 1, IGNORED], [1, 0, 1]]),
        (Values("multiclass", 4, (0, 1, 7, 255)), [[0, 1, 2], [3, 0, 1]]),
        (Values("multiclass", 8, ignore=255), [[0, 1, 7], [IGNORED, 0, 1]]),
    ],
)
def test_targets(values, wanted):
    assert values.target(MASK).tolist() == wanted
    assert values.target(MASK.astype(np.uint16)).tolist() == wanted


def test_channels_are_labels():
    mask = np.stack([MASK, MASK * 0], axis=-1)
    found = Values("multilabel", 2).target(mask)
    assert found.shape == (2, 3, 2)
    assert found[..., 0].tolist() == (MASK > 0).astype(int).tolist()
    assert not found[..., 1].any()
    with pytest.raises(DataError, match="has 1 channels: one for each of the 2 classes"):
        Values("multilabel", 2).target(MASK)


def test_unknown_values_are_refused():
    with pytest.raises(DataError, match=r"a.png has the value 255, which is none of the 8 classes"):
        Values("multiclass", 8).target(MASK, "a.png")


def test_shares():
    assert Values("multiclass", 2, (0, 1), ignore=7).shares(MASK[:, :2] % 2).tolist() == [0.5, 0.5]
    assert Values("binary", 1).shares(MASK).tolist() == [pytest.approx(4 / 6)]
