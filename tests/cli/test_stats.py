"""``anamorph stats``."""

from __future__ import annotations

import json
import sys

import pytest


def words(text):
    return [line.split() for line in text.splitlines()]


def test_pictures(anamorph_run, data):
    (data.images / "sub/c.png").unlink()
    told = anamorph_run("stats", data.images)
    assert told.status == 0
    assert told.out.startswith("2 pictures, 0 broken\n")
    assert "sizes: 1 different, 2 times 64x48" in told.out
    assert "uint8, 3 channels: 2 pictures" in told.out
    assert "A.Normalize(mean=(" in told.out
    assert "classes" not in told.out


def test_folders_are_classes_if_all_pictures_lie_in_some(anamorph_run, data):
    (data.images / "top").mkdir()
    for name in ("a.png", "b.jpg"):
        (data.images / name).rename(data.images / "top" / name)
    rows = words(anamorph_run("stats", data.images).out)
    assert rows[rows.index(["classes:", "2"]) + 2 :][:2] == [["top", "2"], ["sub", "1"]]


@pytest.mark.parametrize("form", ["coco", "yolo", "voc"])
def test_annotations(form, anamorph_run, data):
    told = anamorph_run("stats", data.images, "--annotations", getattr(data, form))
    assert told.status == 0
    rows = words(told.out)
    assert ["face", "3", "3"] in rows
    assert ["boxes:", "6,", "6", "small,", "0", "medium,", "0", "large"] in rows
    assert ["in", "a", "picture", "2", "2", "2", "2", "2", "2"] in rows


def test_masks(anamorph_run, data):
    rows = words(anamorph_run("stats", data.images, "--masks", data.masks).out)
    assert ["masks:", "4", "values"] in rows
    assert ["1", "1", "480", "5.21%"] in rows


def test_json(anamorph_run, data):
    found = json.loads(anamorph_run("stats", data.images, "--annotations", data.coco, "--json").out)
    assert found["pictures"] == 3
    assert found["boxes"]["count"] == 6


def test_workers_change_nothing(anamorph_run, data):
    lines = [anamorph_run("stats", data.images, "--workers", n).out for n in (0, 2)]
    assert lines[0] == lines[1]


def test_broken_files_are_named(anamorph_run, data):
    (data.images / "a.png").write_bytes(b"\x89PNG")
    (data.images / "b.jpg").write_bytes((data.images / "b.jpg").read_bytes()[:-100])
    told = anamorph_run("stats", data.images, "--annotations", data.coco)
    assert told.status == 1
    assert told.out.startswith("1 pictures, 2 broken\n")
    broken = [line for line in told.out.splitlines() if line.startswith("broken: ")]
    assert sorted("a.png" in line for line in broken) == [False, True]
    assert sum("b.jpg" in line for line in broken) == 1


def test_plots(anamorph_run, data, monkeypatch):
    place = data.root / "page.png"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib.figure", None)
        told = anamorph_run("stats", data.images, "--plots", place)
        assert (told.status, place.exists()) == (2, False)
        assert "anamorph[plots]" in told.err
    pytest.importorskip("matplotlib")
    assert anamorph_run("stats", data.images, "--plots", place).status == 0
    assert place.read_bytes().startswith(b"\x89PNG")


def test_mistakes(anamorph_run, data, tmp_path):
    told = anamorph_run("stats", data.images, "--masks", data.masks, "--annotations", data.coco)
    assert told.status == 2
    assert "one of them" in told.err
    assert "is no folder of pictures" in anamorph_run("stats", tmp_path / "none").err
    (tmp_path / "empty").mkdir()
    told = anamorph_run("stats", tmp_path / "empty")
    assert told.out.startswith("0 pictures, 0 broken")
    assert "no arguments for Normalize: there are no pictures" in told.out
