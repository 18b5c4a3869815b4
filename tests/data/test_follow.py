"""Annotations follow their picture: box, outline, keypoints of an object together."""

from __future__ import annotations

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError
from anamorph.data import Category, Object, Polygons, Record, Runs, polygon
from anamorph.data.follow import Following, prepared

SIZE = (120, 160)
FACE = Category(1, "face", ("nose", "left_eye", "right_eye"), ((0, 1), (0, 2)))
THING = Category(2, "thing")
HEXAGON = np.array([[60, 30], [90, 30], [105, 55], [90, 80], [60, 80], [45, 55.0]])
POINTS = ((75.0, 60.0, 2), (85.0, 45.0, 2), (65.0, 45.0, 1))


def picture():
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    return np.dstack([x, y, x + y]).astype(np.uint8)


def face(**changes):
    given = {
        "box": polygon.bounds([HEXAGON]),
        "keypoints": POINTS,
        "segmentation": Polygons.of([HEXAGON]),
        "extra": {"id": 7, "area": 1.0, "score": 0.5},
    }
    return Object("face", **{**given, **changes})


def followed(transforms, things, **options):
    pipeline = A.Compose(transforms, seed=1, **options)
    image = picture()
    record = Record("a.png", SIZE, tuple(things), {"id": 1, "license": 3})
    following = Following(record, [FACE, THING])
    result = prepared(pipeline)(image=image, **following.arguments())
    return following.record(result, "b.png"), result


def test_nothing_done_is_nothing_changed():
    record, _ = followed([A.NoOp(p=1)], [face()])
    (thing,) = record.objects
    assert thing.box == (45, 30, 105, 80)
    assert thing.keypoints == POINTS
    assert thing.segmentation == Polygons.of([HEXAGON])
    assert thing.extra == {"area": 2250.0, "score": 0.5}
    assert record.extra == {"license": 3}
    assert record.file == "b.png"


@pytest.mark.parametrize(
    ("transform", "moved"),
    [
        (A.HorizontalFlip(p=1), lambda p: (160 - p[:, 0], p[:, 1])),
        (A.VerticalFlip(p=1), lambda p: (p[:, 0], 120 - p[:, 1])),
        (A.Transpose(p=1), lambda p: (p[:, 1], p[:, 0])),
        (A.Crop(20, 10, 150, 110, p=1), lambda p: (p[:, 0] - 20, p[:, 1] - 10)),
        (A.Resize(240, 320, p=1), lambda p: (p[:, 0] * 2, p[:, 1] * 2)),
    ],
)
def test_outlines_stay_exact(transform, moved):
    record, _ = followed([transform], [face()])
    wanted = np.stack(moved(HEXAGON), axis=1)
    (thing,) = record.objects
    assert np.array_equal(thing.segmentation.points()[0], wanted)
    assert thing.box == polygon.bounds([wanted])
    points = np.array([point[:2] for point in POINTS]) + 0.5
    if not isinstance(transform, (A.Crop, A.Resize)):
        points = points[[0, 2, 1]]  # a mirror makes the left eye a right eye
    found = np.array([point[:2] for point in thing.keypoints]) + 0.5
    assert np.allclose(found, np.stack(moved(points), axis=1))


def test_a_turned_box_is_tight_about_its_outline():
    record, _ = followed([A.Affine(rotate=30, p=1)], [face(), face(segmentation=None)])
    tight, loose = record.objects
    assert polygon.bounds(tight.segmentation.points()) == tight.box
    assert loose.box[0] < tight.box[0]
    assert loose.box[2] > tight.box[2]
    assert polygon.area(tight.segmentation.points()) == pytest.approx(2250, rel=1e-3)


def test_a_box_that_was_not_tight_follows_as_a_box():
    amodal = (30.0, 20.0, 130.0, 100.0)
    record, _ = followed([A.HorizontalFlip(p=1)], [face(box=amodal)])
    assert record.objects[0].box == (30, 20, 130, 100)


def test_what_vanishes_vanishes_whole():
    other = Object("thing", (120, 90, 150, 110))
    record, _ = followed([A.Crop(110, 80, 160, 120, p=1)], [face(), other])
    assert [thing.category for thing in record.objects] == ["thing"]
    assert record.objects[0].box == (10, 10, 40, 30)


def test_an_object_cut_by_a_crop_is_cut_in_all_its_parts():
    record, result = followed([A.Crop(70, 0, 160, 120, p=1)], [face()])
    (thing,) = record.objects
    assert thing.box == (0, 30, 35, 80)
    assert thing.keypoints == ((5, 60, 2), (15, 45, 2), (0, 0, 0))
    mask = np.asarray(result["masks"][0]) == 1
    assert np.array_equal(thing.segmentation.mask((120, 90)), mask)
    assert thing.extra["area"] == pytest.approx(mask.sum(), rel=0.02)


@pytest.mark.parametrize("packed", [True, False])
def test_run_lengths_stay_run_lengths(packed):
    mask = polygon.fill([HEXAGON], SIZE)
    runs = Object("thing", (45, 30, 105, 80), segmentation=Runs.of(mask, packed=packed))
    record, _ = followed([A.HorizontalFlip(p=1)], [runs])
    (thing,) = record.objects
    assert thing.segmentation.packed is packed
    assert np.array_equal(thing.segmentation.mask(SIZE), mask[:, ::-1])
    assert thing.box == (55, 30, 115, 80)


def test_an_outline_that_something_cut_into_is_traced_anew():
    drop = A.CoarseDropout(
        num_holes_range=(1, 1), hole_height_range=(20, 20), hole_width_range=(160, 160),
        fill_mask=0, p=1,
    )  # fmt: skip
    cut = 0
    for _ in range(5):
        pipeline = prepared(A.Compose([drop], seed=4))
        following = Following(Record("a.png", SIZE, (face(),)), [FACE])
        result = pipeline(image=picture(), **following.arguments())
        for thing in following.record(result, "b.png").objects:
            mask = np.asarray(result["masks"][0]) == 1
            again = thing.segmentation.mask(SIZE)
            assert (mask & again).sum() / (mask | again).sum() > 0.97
            cut += mask.sum() < polygon.fill([HEXAGON], SIZE).sum()
    assert cut


def test_a_fill_of_the_border_is_no_object():
    shift = A.Affine(translate_px={"x": 40, "y": 0}, fill_mask=255, p=1)
    record, result = followed([shift], [face()])
    assert (result["masks"][0] == 255).any()
    assert record.objects[0].box == (85, 30, 145, 80)


def test_objects_that_are_only_points_or_nothing_at_all():
    points = Object("face", None, POINTS)
    caption = Object(None, extra={"caption": "a face"})
    record, _ = followed([A.Crop(0, 0, 20, 20, p=1)], [points, caption])
    assert record.objects == (caption,)
    record, _ = followed([A.HorizontalFlip(p=1)], [points, caption])
    assert len(record.objects) == 2
    assert record.objects[0].keypoints[0] == (84, 60, 2)


def test_unlabelled_keypoints_stay_unlabelled():
    points = ((75.0, 60.0, 2), (0.0, 0.0, 0), (65.0, 45.0, 1))
    record, _ = followed([A.HorizontalFlip(p=1)], [face(keypoints=points)])
    assert record.objects[0].keypoints == ((84, 60, 2), (94, 45, 1), (0, 0, 0))


def test_the_pipelines_own_thresholds_hold():
    params = A.BboxParams("coco", label_fields=["unused"], min_visibility=0.9)
    crop = [A.Crop(70, 0, 160, 120, p=1)]
    assert followed(crop, [face()], bbox_params=params)[0].objects == ()
    assert len(followed(crop, [face()])[0].objects) == 1


def test_less_than_a_pixel_is_nothing():
    thin = Object("thing", (10, 10, 50.5, 30))
    assert followed([A.Crop(50, 0, 160, 120, p=1)], [thin])[0].objects == ()


def test_an_outline_without_a_pixel_leaves_its_box():
    dot = np.array([[10.1, 10.1], [10.3, 10.1], [10.3, 10.3]])
    thing = Object("thing", (8, 8, 12, 12), segmentation=Polygons.of([dot]))
    record, _ = followed([A.HorizontalFlip(p=1)], [thing])
    assert record.objects == (Object("thing", (148, 8, 152, 12)),)


def test_copies_in_a_reflecting_border_are_objects_with_their_own_parts():
    shift = A.Affine(translate_px={"x": -50, "y": 0}, border_mode=2, p=1)
    record, result = followed([shift], [face()])
    mask = np.asarray(result["masks"][0]) == 1
    for thing in record.objects:
        left, top, right, bottom = (round(side) for side in thing.box)
        part = thing.segmentation.mask(SIZE)
        assert mask[part].mean() > 0.95
        assert not part[:, :left].any()
        assert not part[:, right:].any()
        for x, y, seen in thing.keypoints:
            assert not seen or (left <= x <= right and top <= y <= bottom)


def test_boxes_are_cut_at_the_border_and_those_outside_are_named():
    record, _ = followed([A.NoOp(p=1)], [Object("thing", (-5, -5, 20, 20))])
    assert record.objects[0].box == (0, 0, 20, 20)
    with pytest.raises(DataError, match=r"a\.png: object 1 has the box .* 160x120"):
        followed([A.NoOp(p=1)], [Object("thing", (200, 5, 220, 20))])


@pytest.mark.parametrize(
    "transform",
    [
        A.Affine(rotate=(-40, 40), scale=(0.7, 1.4), shear=(-15, 15), p=1),
        A.Perspective(scale=(0.05, 0.15), p=1),
        A.RandomResizedCrop((100, 130), p=1),
        A.ElasticTransform(alpha=40, sigma=8, p=1),
        A.GridDistortion(p=1),
        A.D4(p=1),
    ],
)
def test_parts_agree_after_any_geometry(transform):
    pipeline = prepared(A.Compose([transform]))
    following = Following(Record("a.png", SIZE, (face(),)), [FACE])
    for index in range(10):
        result = pipeline.keyed(0, index)(image=picture(), **following.arguments())
        size = result["image"].shape[:2]
        for thing in following.record(result, "b.png").objects:
            mask = np.asarray(result["masks"][0]) == 1
            again = thing.segmentation.mask(size)
            assert (mask ^ again).sum() <= 2 + 0.5 * (mask.sum() + again.sum()) * 0.08
            left, top, right, bottom = thing.box
            rows, columns = np.nonzero(mask)
            tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert thing.box == pytest.approx(tight, abs=1.6)
            for x, y, seen in thing.keypoints:
                assert not seen or (left <= x + 0.5 <= right and top <= y + 0.5 <= bottom)
