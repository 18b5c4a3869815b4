from __future__ import annotations

import numpy as np
import pytest

from anamorph.core.errors import DataError
from anamorph.data import Category, Object, Polygons, Record, read_annotations, write_annotations

SIZE = (60, 80)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "labels/sub").mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.25 0.5\n\n1 0.1 0.2 0.3 0.2 0.3 0.4\n")
    (tmp_path / "labels/sub/b.txt").write_text("")
    return tmp_path


def test_boxes_and_polygons(folder):
    source = read_annotations(folder)
    assert [category.name for category in source.categories] == ["cat", "dog"]
    cat, dog = source.record("a.jpg", SIZE).objects
    assert cat.box == (30, 15, 50, 45)
    assert dog.category == "dog"
    assert dog.segmentation.parts[0] == pytest.approx((8, 12, 24, 12, 24, 24))
    assert dog.box == pytest.approx((8, 12, 24, 24))
    assert source.record("sub/b.png", SIZE).objects == ()
    assert source.record("none.png", SIZE).objects == ()
    assert source.pictures() == ("a", "sub/b")
    assert source.unmatched(["a.jpg"]) == ("sub/b",)


def test_round_trip(folder, tmp_path):
    source = read_annotations(folder)
    records = [source.record(name, SIZE) for name in ("a.jpg", "sub/b.jpg")]
    out = tmp_path / "out"
    write_annotations(out, records, source.categories, "yolo")
    assert (out / "labels/a.txt").read_text() == ("0 0.5 0.5 0.25 0.5\n1 0.1 0.2 0.3 0.2 0.3 0.4\n")
    assert (out / "labels/sub/b.txt").read_text() == ""
    assert (out / "classes.txt").read_text() == "cat\ndog\n"
    again = read_annotations(out)
    assert again.categories == source.categories
    assert [again.record(r.file, r.size) for r in records] == records


@pytest.mark.parametrize(("shape", "line"), [
    ([2, 3], "0 0.5 0.5 0.25 0.5 0.25 0.5 2 0 0 0"),
    ([3, 2], "0 0.5 0.5 0.25 0.5 0.25 0.5 0.5 0.25 0.75 0.75"),
])  # fmt: skip
def test_poses(shape, line, tmp_path):
    swaps = [1, 0, 2][: shape[0]]
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text(
        f"names:\n  0: 'a: person'\n  1: other\nkpt_shape: {shape}\nflip_idx: {swaps}\n"
    )
    (tmp_path / "labels/a.txt").write_text(line + "\n")
    source = read_annotations(tmp_path)
    record = source.record("a.jpg", SIZE)
    assert len(record.objects[0].keypoints) == shape[0]
    assert record.objects[0].keypoints[0] == (20, 30, 2)
    write_annotations(tmp_path / "out", [record], source.categories, "yolo")
    assert (tmp_path / "out/labels/a.txt").read_text() == line + "\n"
    assert read_annotations(tmp_path / "out").categories == source.categories


def test_a_pose_is_known_by_its_count(tmp_path):
    (tmp_path / "a.txt").write_text("2 0.5 0.5 0.25 0.5 0.25 0.5 2\n")
    source = read_annotations(tmp_path)
    assert [category.name for category in source.categories] == ["0", "1", "2"]
    assert source.record("a.jpg", SIZE).objects[0].keypoints == ((20, 30, 2),)


def test_parts_are_joined_in_one_line(tmp_path):
    left = np.array([[0, 0], [10, 0], [10, 10], [0, 10.0]])
    thing = Object(
        "cat", (0, 0, 40, 10), segmentation=Polygons.of([left, left + np.array([30, 0])])
    )
    record = Record("a.jpg", SIZE, (thing,))
    write_annotations(tmp_path, [record], [Category(0, "cat")], "yolo")
    (back,) = read_annotations(tmp_path).record("a.jpg", SIZE).objects
    assert np.array_equal(back.segmentation.mask(SIZE), thing.segmentation.mask(SIZE))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.25", "line 2 has 4 values"),
        ("0 0.5 0.5 0.25 x", "line 2: could not convert"),
        ("0 0.5 0.5 0.25 nan", "not finite"),
        ("1.5 0.5 0.5 0.25 0.5", "class = '1.5'"),
        ("7 0.5 0.5 0.25 0.5", "class = 7: there are 2 classes"),
    ],
)
def test_errors_name_file_and_line(folder, line, reason):
    (folder / "labels/a.txt").write_text(f"0 0.5 0.5 0.25 0.5\n{line}\n")
    with pytest.raises(DataError, match=reason) as caught:
        read_annotations(folder).record("a.jpg", SIZE)
    assert str(folder / "labels/a.txt") in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("names: 3", "names = 3"),
        ("names: [a, a]", "alike"),
        ("names: [a]\nkpt_shape: 7", "kpt_shape = 7"),
        ("names: [a]\nkpt_shape: [3, 2]\nflip_idx: [1, 0]", "flip_idx"),
        ("names: [", "is no YAML"),
    ],
)
def test_errors_in_the_yaml(text, reason, tmp_path):
    (tmp_path / "data.yaml").write_text(text)
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    with pytest.raises(DataError, match=reason):
        read_annotations(tmp_path)


def test_what_yolo_cannot_hold(tmp_path):
    for thing, reason in (
        (Object(None, (0, 0, 1, 1)), "category"),
        (Object("cat"), "without box"),
    ):
        with pytest.raises(DataError, match=reason):
            write_annotations(
                tmp_path, [Record("a.jpg", SIZE, (thing,))], [Category(0, "cat")], "yolo"
            )
