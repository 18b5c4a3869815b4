"""Small folders of pictures with masks and annotations in all three formats."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from anamorph.data import (
    Category,
    Object,
    Polygons,
    Record,
    Runs,
    write_annotations,
    write_mask,
    write_picture,
)

SIZE = (48, 64)
CATEGORIES = [
    Category(1, "face", ("nose", "left_eye", "right_eye"), ((0, 1), (0, 2))),
    Category(2, "thing"),
]


def picture(seed):
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    rng = np.random.default_rng(seed)
    colors = np.dstack([x * 3, y * 4, x + y]) + rng.integers(0, 20, (*SIZE, 3))
    return colors.astype(np.uint8)


def record(name):
    square = np.array([[20, 10], [44, 10], [44, 30], [20, 30.0]])
    blob = np.zeros(SIZE, bool)
    blob[30:40, 5:15] = True
    return Record(
        name,
        SIZE,
        (
            Object(
                "face", (20, 10, 44, 30), ((32, 22, 2), (38, 15, 2), (26, 15, 1)),
                Polygons.of([square]), extra={"area": 480.0},
            ),
            Object("thing", (5, 30, 15, 40), segmentation=Runs.of(blob), crowd=True),
        ),
    )  # fmt: skip


def plain(name):
    """The same without what YOLO and VOC cannot hold."""
    return Record(
        name,
        SIZE,
        tuple(Object(thing.category, thing.box) for thing in record(name).objects),
    )


@pytest.fixture
def data(tmp_path):
    """Pictures a.png, b.jpg, sub/c.png with masks and annotations."""
    names = ("a.png", "b.jpg", "sub/c.png")
    for at, name in enumerate(names):
        write_picture(tmp_path / "images" / name, picture(at))
        mask = np.zeros(SIZE, np.uint8)
        mask[10:30, 20:44] = 1 + at
        write_mask(tmp_path / "masks" / name.replace(".jpg", ".png"), mask)
    bare = [Category(category.id, category.name) for category in CATEGORIES]
    write_annotations(tmp_path / "coco", [record(n) for n in names], CATEGORIES, "coco")
    write_annotations(tmp_path / "yolo", [plain(n) for n in names], bare, "yolo")
    write_annotations(tmp_path / "voc", [plain(n) for n in names], bare, "voc")
    return SimpleNamespace(
        root=tmp_path,
        images=tmp_path / "images",
        masks=tmp_path / "masks",
        coco=tmp_path / "coco/annotations.json",
        yolo=tmp_path / "yolo",
        voc=tmp_path / "voc",
        names=names,
    )


@pytest.fixture
def anamorph_run(capsys):
    """Run a command in this process; gives the exit status and what was printed."""
    from anamorph.cli.app import run

    def call(*words):
        status = run([str(word) for word in words])
        told = capsys.readouterr()
        return SimpleNamespace(status=status, out=told.out, err=told.err)

    return call


@pytest.fixture
def tree():
    """All files of a folder with their content."""

    def read(folder):
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read


@pytest.fixture
def coco_of():
    def read(folder):
        return json.loads((folder / "annotations.json").read_text(encoding="utf-8"))

    return read
