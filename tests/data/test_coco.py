from __future__ import annotations

import json

import numpy as np
import pytest

from anamorph.core.errors import DataError
from anamorph.data import Polygons, Runs, read_annotations, write_annotations

MASK = np.zeros((60, 80), bool)
MASK[10:20, 30:50] = True


@pytest.fixture
def content():
    runs = Runs.of(MASK)
    return {
        "info": {"year": 2024, "note": "äöü"},
        "licenses": [{"id": 1, "name": "CC0"}],
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 80, "height": 60, "license": 1},
            {"id": 9, "file_name": "sub/b.jpg", "width": 40, "height": 30},
        ],
        "annotations": [
            {
                "id": 100, "image_id": 7, "category_id": 3, "bbox": [30, 10, 20.5, 10],
                "area": 200, "iscrowd": 0, "segmentation": [[30, 10, 50, 10, 50, 20, 30, 20]],
                "score": 0.5, "attributes": {"hidden": True},
            },
            {
                "id": 101, "image_id": 7, "category_id": 1, "bbox": [0, 0, 4, 4], "iscrowd": 1,
                "segmentation": {"size": [60, 80], "counts": list(runs.counts)},
            },
            {
                "id": 102, "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0,
                "keypoints": [1, 2, 2, 0, 0, 0, 5.5, 6, 1], "num_keypoints": 2,
            },
            {"id": 103, "image_id": 9, "caption": "two people"},
        ],
        "categories": [
            {
                "id": 1, "name": "person", "supercategory": "being",
                "keypoints": ["nose", "left_eye", "right_eye"], "skeleton": [[1, 2], [1, 3]],
            },
            {"id": 3, "name": "cat"},
        ],
    }  # fmt: skip


SIZES = {"a.jpg": (60, 80), "sub/b.jpg": (30, 40)}


def written(content, tmp_path, name="in.json"):
    path = tmp_path / name
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def records(source):
    return [source.record(name, SIZES[name]) for name in SIZES]


def test_round_trip_keeps_everything(content, tmp_path):
    source = read_annotations(written(content, tmp_path))
    write_annotations(tmp_path / "out", records(source), source.categories, "coco", source.extra)
    again = json.loads((tmp_path / "out/annotations.json").read_text(encoding="utf-8"))
    assert again == content


def test_the_common_form(content, tmp_path):
    source = read_annotations(written(content, tmp_path))
    cat, crowd = source.record("a.jpg", (60, 80)).objects
    assert cat.category == "cat"
    assert cat.box == (30.0, 10.0, 50.5, 20.0)
    assert isinstance(cat.segmentation, Polygons)
    assert np.array_equal(cat.segmentation.mask((60, 80)), MASK)
    assert cat.extra == {
        "id": 100,
        "area": 200,
        "score": 0.5,
        "attributes": {"hidden": True},
    }
    assert crowd.crowd
    assert isinstance(crowd.segmentation, Runs)
    assert not crowd.segmentation.packed
    assert np.array_equal(crowd.segmentation.mask((60, 80)), MASK)
    person, caption = source.record("sub/b.jpg", (30, 40)).objects
    assert person.keypoints == ((1, 2, 2), (0, 0, 0), (5.5, 6, 1))
    assert caption.category is None
    assert source.categories[0].skeleton == ((0, 1), (0, 2))
    assert source.categories[0].mirrored() == (0, 2, 1)


def test_packed_runs_stay_packed(content, tmp_path):
    entry = content["annotations"][1]["segmentation"]
    from anamorph.data import rle

    entry["counts"] = rle.pack(entry["counts"])
    source = read_annotations(written(content, tmp_path))
    runs = source.record("a.jpg", (60, 80)).objects[1].segmentation
    assert runs.packed
    assert np.array_equal(runs.mask((60, 80)), MASK)


def test_pictures_are_found_by_a_unique_last_name(content, tmp_path):
    source = read_annotations(written(content, tmp_path))
    assert len(source.record("b.jpg", (30, 40)).objects) == 2
    assert source.record("c.jpg", (30, 40)).objects == ()
    assert source.unmatched(["b.jpg"]) == ("a.jpg",)


def test_ids_that_clash_are_numbered_anew(content, tmp_path):
    source = read_annotations(written(content, tmp_path))
    twice = records(source) * 2
    write_annotations(tmp_path, twice, source.categories, "coco")
    again = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    assert [image["id"] for image in again["images"]] == [1, 2, 3, 4]
    assert [entry["id"] for entry in again["annotations"]] == list(range(1, 9))
    assert {entry["image_id"] for entry in again["annotations"]} == {1, 2, 3, 4}


def broken(content, place, value):
    *way, last = place
    target = content
    for step in way:
        target = target[step]
    target[last] = value
    return content


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("images",), 3, "no COCO file"),
        (("images", 1, "file_name"), None, r"images\[1\] has no file_name"),
        (("images", 1, "id"), 7, r"images\[1\]: id = 7"),
        (("annotations", 2, "image_id"), 8, r"annotations\[2\]: image_id = 8"),
        (("annotations", 0, "category_id"), 4, r"annotations\[0\]: category_id = 4"),
        (("annotations", 0, "bbox"), [1, 2, 3], r"annotations\[0\]: bbox = \[1, 2, 3\]"),
        (("annotations", 0, "bbox"), [1, 2, -3, 4], "bbox"),
        (("annotations", 0, "bbox"), [1, 2, "3", 4], "bbox"),
        (("annotations", 0, "segmentation"), [[1, 2, 3, 4]], r"segmentation\[0\] has 4 numbers"),
        (("annotations", 0, "segmentation"), 5, "neither a list of polygons nor run lengths"),
        (("annotations", 1, "segmentation", "size"), [80, 60], r"size \[80, 60\]"),
        (("annotations", 1, "segmentation", "counts"), [5], "cover 5 pixels"),
        (("annotations", 0, "keypoints"), [1, 2], "keypoints has 2 numbers"),
        (("categories", 1, "id"), 1, "same id or name"),
        (("categories", 1, "id"), "x", r"categories\[1\]"),
        (("images", 0, "width"), 60, "is 80x60, but .* 60x60"),
    ],
)
def test_errors_name_the_place(content, tmp_path, place, value, reason):
    path = written(broken(content, place, value), tmp_path)
    with pytest.raises(DataError, match=reason) as caught:
        records(read_annotations(path))
    assert "in.json" in str(caught.value)


def test_no_json(tmp_path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DataError, match=r"x\.json is no JSON"):
        read_annotations(tmp_path / "x.json")
