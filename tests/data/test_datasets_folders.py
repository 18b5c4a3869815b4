"""Folders of classes, and of pictures beside masks."""

from __future__ import annotations

import os

import numpy as np
import pytest

from anamorph.core.errors import DataError, ParameterError
from anamorph.data import ClassFolders, MaskFolders, measure, write_mask, write_picture

PIXELS = np.zeros((4, 5, 3), np.uint8)


@pytest.fixture
def place(tmp_path):
    for name in ("cat/b.png", "cat/deep/er/a.jpg", "dog/x.png", "ant/y.png", "lone.png"):
        write_picture(tmp_path / name, PIXELS)
    (tmp_path / "empty").mkdir()
    return tmp_path


def content(found):
    return [(sample["image"], sample["label"]) for sample in map(found.sample, range(len(found)))]


def test_classes_are_folders_in_order(place):
    found = ClassFolders(place)
    assert found.classes == ("ant", "cat", "dog")
    assert content(found) == [
        (f"{place}/ant/y.png", 0),
        (f"{place}/cat/b.png", 1),
        (f"{place}/cat/deep/er/a.jpg", 1),
        (f"{place}/dog/x.png", 2),
    ]


def test_classes_as_they_are_listed(place):
    found = ClassFolders(place, classes=["dog", "cat"], label="kind")
    assert found.classes == ("dog", "cat")
    assert [found.sample(at)["kind"] for at in range(len(found))] == [1, 1, 0]
    assert found.item(2).label == 0


def test_classes_that_are_not_there(place):
    with pytest.raises(ParameterError, match=r"'dogs', which is no folder.*did you mean dog"):
        ClassFolders(place, classes=["dogs"])
    with pytest.raises(ParameterError, match="a class is there twice"):
        ClassFolders(place, classes=["dog", "dog"])


def test_no_classes(place, tmp_path):
    with pytest.raises(DataError, match="has no folder with pictures in it"):
        ClassFolders(place / "dog")
    with pytest.raises(DataError, match="is no folder of pictures"):
        ClassFolders(tmp_path / "none")


def test_masks_lie_where_pictures_do(place):
    for name in ("ant/y", "cat/b", "cat/deep/er/a", "dog/x", "lone"):
        write_mask(place / f"masks/{name}.png", np.full((4, 5), len(name), np.uint8))
    with pytest.raises(DataError, match="has no mask for"):
        MaskFolders(place, place / "masks")
    found = MaskFolders(place / "cat", place / "masks/cat", classes=("a", "b"))
    assert found.sample(1) == {
        "image": f"{place}/cat/deep/er/a.jpg",
        "mask": f"{place}/masks/cat/deep/er/a.png",
    }
    assert found.classes == ("a", "b")
    with pytest.raises(DataError, match="holds no pictures"):
        MaskFolders(place / "empty", place / "masks")


def test_a_mask_keeps_its_values(tmp_path):
    values = np.array([[0, 700], [65535, 1]], np.uint16)
    write_picture(tmp_path / "images/a.png", PIXELS)
    write_mask(tmp_path / "masks/a.png", values)
    assert np.array_equal(MaskFolders(tmp_path / "images", tmp_path / "masks")[0]["mask"], values)


def test_odd_names(tmp_path):
    write_picture(tmp_path / "größe ü/a b.c.png", PIXELS)
    found = ClassFolders(tmp_path)
    assert found.classes == ("größe ü",)
    assert found[0]["image"].shape == (4, 5, 3)


def test_names_that_are_no_text(tmp_path):
    """Whatever the file system allows."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_picture(tmp_path / "a.png", PIXELS)
    (tmp_path / "a.png").rename(folder / os.fsdecode(b"\xff.png"))
    found = ClassFolders(tmp_path)
    assert found[0]["image"].shape == (4, 5, 3)
    assert len(measure(found).sizes) == 1
