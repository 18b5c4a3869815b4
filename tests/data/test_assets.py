"""The photographs that come with the package, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import anamorph
from anamorph.data import find_pictures, pair_masks, read_annotations, read_mask, read_picture

ASSETS = Path(anamorph.__file__).parent / "assets"
PICTURES = find_pictures(ASSETS / "images")


@pytest.mark.parametrize("name", PICTURES)
def test_annotations_fit_the_photographs(name):
    picture = read_picture(ASSETS / "images" / name)
    mask = read_mask(pair_masks(PICTURES, ASSETS / "masks")[name])
    source = read_annotations(ASSETS / "annotations.json")
    size = picture.shape[:2]
    assert mask.shape == size
    ids = {category.name: category.id for category in source.categories}
    for thing in source.record(name, size).objects:
        inside = thing.segmentation.mask(size)
        rows, columns = np.nonzero(inside)
        tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert thing.box == pytest.approx(tight, abs=1.5)
        assert (mask[inside] == ids[thing.category]).mean() > 0.85
        for x, y, _ in thing.keypoints:
            assert inside[round(y), round(x)]


def test_every_photograph_is_annotated_and_licensed():
    source = read_annotations(ASSETS / "annotations.json")
    assert source.unmatched(PICTURES) == ()
    licenses = (ASSETS / "LICENSES.txt").read_text(encoding="utf-8")
    assert all(f"images/{name}" in licenses for name in PICTURES)
    assert sum(path.stat().st_size for path in ASSETS.rglob("*")) < 1_000_000
