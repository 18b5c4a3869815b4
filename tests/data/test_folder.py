from __future__ import annotations

import pytest

from anamorph.core.errors import DataError
from anamorph.data import find_pictures, pair_masks


@pytest.fixture
def tree(tmp_path):
    names = ["b.jpg", "a.PNG", "sub/c.tif", "sub/.hidden.jpg", ".cache/d.jpg", "notes.txt"]
    for name in names:
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).touch()
    return tmp_path


def test_pictures_are_sorted_and_recursive(tree):
    assert find_pictures(tree / "images") == ("a.PNG", "b.jpg", "sub/c.tif")


def test_masks_are_paired_by_stem(tree):
    for name in ("a.png", "b.png", "sub/c.png", "unused.png"):
        (tree / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / "masks" / name).touch()
    pairs = pair_masks(find_pictures(tree / "images"), tree / "masks")
    assert pairs["b.jpg"] == tree / "masks/b.png"
    assert pairs["sub/c.tif"] == tree / "masks/sub/c.png"
    (tree / "masks/a.png").unlink()
    (tree / "masks/b.png").unlink()
    with pytest.raises(DataError, match=r"has no mask for a\.PNG and 1 more"):
        pair_masks(find_pictures(tree / "images"), tree / "masks")


def test_equal_stems_are_refused(tree):
    (tree / "images/b.png").touch()
    with pytest.raises(DataError, match=r"b\.jpg and .*b\.png differ in their ending only"):
        find_pictures(tree / "images")


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match="is no folder of pictures"):
        find_pictures(tmp_path / "none")
