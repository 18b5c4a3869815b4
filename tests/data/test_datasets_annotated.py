"""Boxes, masks and keypoints as datasets of detection hand them over."""

from __future__ import annotations

import json

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError, ParameterError, UnknownNameError
from anamorph.data import (
    Category,
    CocoDataset,
    Object,
    Polygons,
    Record,
    Runs,
    VocDataset,
    YoloDataset,
    write_annotations,
    write_picture,
)

SIZE = (40, 60)
CATEGORIES = [Category(3, "bird", ("beak", "left_wing", "right_wing")), Category(9, "nest")]
BOX = (10.0, 8.0, 30.0, 24.0)


def blob():
    mask = np.zeros(SIZE, bool)
    mask[20:30, 40:50] = True
    return Runs.of(mask)


RECORDS = [
    Record(
        "a.png",
        SIZE,
        (
            Object(
                "bird", BOX, ((12, 10, 2), (0, 0, 0), (20, 20, 1)),
                Polygons(((10, 8, 30, 8, 30, 24, 10, 24),)), extra={"area": 320.0, "id": 5},
            ),
            Object("nest", (40, 20, 50, 30), segmentation=blob(), crowd=True, extra={"id": 6}),
            Object("nest", (1, 1, 3, 3), extra={"id": 7}),
        ),
    ),
    Record("sub/b.png", SIZE),
]  # fmt: skip


@pytest.fixture
def place(tmp_path):
    for record in RECORDS:
        write_picture(tmp_path / "images" / record.file, np.zeros((*SIZE, 3), np.uint8))
    write_annotations(tmp_path, RECORDS, CATEGORIES, "coco")
    return tmp_path


def coco(place, *given, **options):
    return CocoDataset(place / "images", place / "annotations.json", *given, **options)


def boxes(form, *labels, **options):
    return A.BboxParams(form, label_fields=list(labels or ["labels"]), **options)


FORMATS = {
    "pascal_voc": BOX,
    "coco": (10, 8, 20, 16),
    "albumentations": (10 / 60, 8 / 40, 30 / 60, 24 / 40),
    "yolo": (20 / 60, 16 / 40, 20 / 60, 16 / 40),
    "cxcywh": (20, 16, 20, 16),
}


@pytest.mark.parametrize("form", FORMATS)
def test_boxes_are_written_as_the_pipeline_reads_them(form, place):
    told = coco(place, A.Compose([], bbox_params=boxes(form)))
    named = coco(place, box_format=form)
    assert np.allclose(told.sample(0)["bboxes"][0], FORMATS[form], atol=1e-12)
    assert np.array_equal(named.sample(0)["bboxes"], told.sample(0)["bboxes"])
    assert np.allclose(told[0]["bboxes"][0], FORMATS[form], atol=1e-6)
    assert told.sample(1)["bboxes"].shape == (0, 4)
    assert len(told[1]["bboxes"]) == 0


def test_labels(place):
    found = coco(place, A.Compose([], bbox_params=boxes("coco", "labels", "names", "crowd", "id")))
    sample = found[0]
    assert found.classes == ("bird", "nest")
    assert list(sample["labels"]) == [0, 1, 1]
    assert list(sample["names"]) == ["bird", "nest", "nest"]
    assert list(sample["crowd"]) == [False, True, False]
    assert list(sample["id"]) == [5, 6, 7]


def test_a_label_that_some_objects_lack(place):
    found = coco(place, A.Compose([], bbox_params=boxes("coco", "area")))
    assert list(found[0]["area"]) == [320.0, None, None]


def test_labels_stay_with_their_boxes(place):
    crop = A.Compose([A.Crop(35, 10, 60, 40)], bbox_params=boxes("pascal_voc", "labels", "id"))
    sample = coco(place, crop)[0]
    assert (list(sample["labels"]), list(sample["id"])) == ([1], [6])
    assert np.allclose(sample["bboxes"], [[5, 10, 15, 20]])


def test_crowds_may_be_left_out(place):
    sample = coco(place, crowd=False).sample(0)
    assert sample["labels"].tolist() == [0, 1]
    assert sample["bboxes"][1].tolist() == [1, 1, 3, 3]


def test_masks_and_boxes_hold_the_same_objects(place):
    """The object without an outline is in neither."""
    sample = coco(place, targets=("bboxes", "masks"))[0]
    assert sample["labels"].tolist() == [0, 1]
    first, second = sample["masks"]
    assert first.sum() == 320
    assert first[8:24, 10:30].all()
    assert np.array_equal(second, blob().mask(SIZE))
    assert len(sample["bboxes"]) == 2


def test_bound_objects_vanish_together(place):
    crop = A.Compose(
        [A.Crop(35, 10, 60, 40)],
        bbox_params=boxes("pascal_voc"),
        instance_binding=["masks", "bboxes"],
    )
    sample = coco(place, crop, targets=("bboxes", "masks"))[0]
    assert list(sample["labels"]) == [1]
    assert [int(mask.sum()) for mask in sample["masks"]] == [100]


def test_a_mask_of_the_classes(place):
    mask = coco(place, targets="mask")[0]["mask"]
    assert mask.dtype == np.uint8
    assert np.unique(mask, return_counts=True)[1].tolist() == [2400 - 420, 320, 100]
    assert (mask[8:24, 10:30] == 1).all()
    assert (mask[20:30, 40:50] == 2).all()
    assert not coco(place, targets="mask")[1]["mask"].any()


def test_keypoints(place):
    sample = coco(place, targets=("bboxes", "keypoints")).sample(0)
    points = sample["keypoints"]
    assert points[[0, 2]].tolist() == [[12, 10], [20, 20]]
    assert np.isnan(points[1]).all()
    assert sample["keypoint_labels"].tolist() == [0, 1, 2]
    assert sample["instance"].tolist() == [0, 0, 0]
    assert sample["visibility"].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("form", "first"), [("xy", [12, 10]), ("yx", [10, 12]), ("xyv", [12, 10, 2])]
)
def test_formats_of_keypoints(form, first, place):
    points = A.KeypointParams(form, label_fields=["keypoint_names"])
    found = coco(place, A.Compose([], keypoint_params=points), targets="keypoints")
    sample = found[0]
    assert np.allclose(sample["keypoints"][0], first)
    assert "beak" in sample["keypoint_names"]
    assert len(found[1]["keypoints"]) == 0


def test_unlabelled_keypoints_stay_in_their_row(place):
    points = A.KeypointParams("xy", label_fields=["keypoint_names"], remove_invisible=False)
    flip = A.Compose([A.HorizontalFlip(p=1)], keypoint_params=points)
    sample = coco(place, flip, targets="keypoints")[0]
    assert list(sample["keypoint_names"]) == ["beak", "left_wing", "right_wing"]
    assert np.allclose(sample["keypoints"][0], [47, 10])
    assert np.isnan(np.asarray(sample["keypoints"][1], float)).all()


REFUSED = {
    "no params": (A.Compose([]), {}, "has no bbox_params"),
    "no fields": (
        A.Compose([], bbox_params=A.BboxParams("coco")),
        {},
        "has no label_fields",
    ),
    "a misspelt field": (
        A.Compose([], bbox_params=boxes("coco", "lables")),
        {},
        "'lables'.*did you mean labels",
    ),
    "oriented boxes": (A.Compose([], bbox_params=boxes("obb")), {}, "'obb'.*can be given"),
    "another format": (
        A.Compose([], bbox_params=boxes("coco")),
        {"box_format": "yolo"},
        "is 'coco', but the dataset gives 'yolo'",
    ),
    "no points": (A.Compose([]), {"targets": "keypoints"}, "has no keypoint_params"),
    "angles": (
        A.Compose([], keypoint_params=A.KeypointParams("xya", label_fields=["instance"])),
        {"targets": "keypoints"},
        "'xya'",
    ),
    "fields of points": (
        A.Compose([], keypoint_params=A.KeypointParams("xy", label_fields=["names"])),
        {"targets": "keypoints"},
        "'names'.*keypoint_names",
    ),
    "a target": (None, {"targets": ("boxes",)}, "'boxes'.*did you mean bboxes"),
    "no target": (None, {"targets": ()}, "is empty"),
    "a format": (None, {"box_format": "voc"}, "box_format = 'voc'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_misread_is_refused(case, place):
    given, options, told = REFUSED[case]
    with pytest.raises((ParameterError, UnknownNameError), match=told):
        coco(place, given, **options)


def test_a_subset_refuses_a_pipeline_that_would_misread(place):
    found = coco(place, A.Compose([], bbox_params=boxes("coco")))
    with pytest.raises(ParameterError, match="is 'yolo', but the dataset gives 'coco'"):
        found.subset([0], A.Compose([], bbox_params=boxes("yolo")))
    with pytest.raises(UnknownNameError, match="'area'"):
        found.subset([0], A.Compose([], bbox_params=boxes("coco", "area")))


def _change(place, change):
    path = place / "annotations.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_missing_pictures_are_refused_or_left_out(place):
    (place / "images/a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        coco(place)
    found = coco(place, skip_broken=True)
    assert len(found) == 1
    assert found.sample(0)["image"].endswith("sub/b.png")
    (told,) = found.broken
    assert "a.png cannot be read" in told


def test_malformed_annotations_are_refused_or_left_out(place):
    _change(place, lambda content: content["annotations"][0].update(bbox=[1, 2, 3]))
    with pytest.raises(DataError, match="bbox"):
        coco(place)
    assert len(coco(place, skip_broken=True)) == 1


def test_a_size_that_differs(place):
    _change(place, lambda content: content["images"][0].update(width=61))
    with pytest.raises(DataError, match="is 60x40, but"):
        coco(place)


def test_coco_takes_the_pictures_that_it_lists(place):
    write_picture(place / "images/more.png", np.zeros((*SIZE, 3), np.uint8))
    assert len(coco(place)) == 2
    one = coco(place, names=["sub/b"])
    assert [one.sample(0)["image"]] == [str(place / "images/sub/b.png")]
    (place / "val.txt").write_text("a.png\n\nsub/b.png\n")
    assert len(coco(place, names=place / "val.txt")) == 2
    with pytest.raises(DataError, match="nowhere cannot be read"):
        coco(place, names=["nowhere"])


def test_folders_in_the_names_of_pictures(place):
    """A COCO file may say train/a.png where the folder of pictures is train itself."""
    _change(place, lambda c: [i.update(file_name=f"train/{i['file_name']}") for i in c["images"]])
    assert coco(place).sample(0)["labels"].tolist() == [0, 1, 1]


def test_yolo_takes_all_pictures_of_the_folder(place):
    labels = place / "yolo/labels"
    labels.mkdir(parents=True)
    (place / "yolo/classes.txt").write_text("bird\nnest\n")
    (labels / "a.txt").write_text("1 0.5 0.5 0.1 0.2\n")
    found = YoloDataset(place / "images", place / "yolo", box_format="yolo")
    assert [len(found.sample(at)["bboxes"]) for at in (0, 1)] == [1, 0]
    assert np.allclose(found.sample(0)["bboxes"], [[0.5, 0.5, 0.1, 0.2]])
    (labels / "gone.txt").write_text("1 0.5 0.5 0.1 0.2\n")
    with pytest.raises(DataError, match="gone cannot be read"):
        YoloDataset(place / "images", place / "yolo")


def test_voc_gives_further_elements(place):
    thing = Object("nest", (1, 2, 5, 9), extra={"difficult": "1", "pose": "Left"})
    record = Record("a.png", SIZE, (thing,))
    write_annotations(place / "voc", [record], CATEGORIES, "voc")
    told = A.Compose([], bbox_params=boxes("pascal_voc", "names", "difficult", "pose"))
    sample = VocDataset(place / "images", place / "voc", told)[0]
    assert (sample["names"], list(sample["difficult"])) == (["nest"], [1])
    assert sample["pose"] == ["Left"]


def test_what_is_kept_is_small(place):
    """Columns, not objects: a picture more costs what its numbers do."""
    import pickle

    many = [{"id": at, "file_name": "a.png", "height": 40, "width": 60} for at in range(1)]
    notes = [
        {"id": at, "image_id": 0, "category_id": 9, "bbox": [1, 2, 3, 4]} for at in range(5000)
    ]
    _change(place, lambda content: content.update(images=many, annotations=notes))
    assert len(pickle.dumps(coco(place))) < 5000 * 40 + 4000
