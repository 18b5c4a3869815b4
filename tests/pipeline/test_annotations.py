"""Boxes, keypoints and labels through whole pipelines: where other libraries go wrong."""

import numpy as np
import pytest

import anamorph as A

PHOTO = np.zeros((100, 200, 3), np.uint8)


def with_boxes(*transforms, params, **data):
    pipeline = A.Compose(list(transforms), bbox_params=params, seed=5)
    return pipeline(image=data.pop("image", PHOTO), **data)


def test_a_flip_of_twenty_pixels_gives_twenty_pixels():
    out = with_boxes(
        A.HorizontalFlip(p=1), params=A.BboxParams("pascal_voc"), bboxes=[[10, 20, 30, 40]]
    )
    assert out["bboxes"] == [[170, 20, 190, 40]]


@pytest.mark.parametrize("row", [[0.5, 0.5, 1.0000003, 1], [0.000999, 0.5, 0.002, 0.1]])
def test_rounded_yolo_boxes_pass(row):
    out = with_boxes(A.HorizontalFlip(p=1), params=A.BboxParams("yolo"), bboxes=[row])
    np.testing.assert_allclose(out["bboxes"], [[1 - row[0], *row[1:]]], atol=2e-6)


@pytest.mark.parametrize("name", ["pascal_voc", "albumentations", "yolo"])
def test_no_crop_leaves_phantoms(name):
    params = A.BboxParams(name, ["id"])
    for width in range(20, 200, 7):
        picture = np.zeros((40, width, 3), np.uint8)
        for edge in range(1, width - 1, 5):
            rows = A.BboxParams(name).write(
                A.BboxParams("pascal_voc").read([[0, 0, edge, 11]], (40, width)),
                np.zeros((1, 4)),
                (40, width),
            )
            out = with_boxes(
                A.Crop(edge, 0, width, 40, p=1),
                params=params,
                image=picture,
                bboxes=rows.astype(np.float32),
                id=["phantom"],
            )
            assert len(out["bboxes"]) == 0
            assert out["id"] == []


@pytest.mark.parametrize(
    "labels",
    [
        [2**24 + 1, 3],
        [True, False],
        ["cat", 7],
        [(1, 2), None],
        (0.1, 0.2),
        np.array([2**60 + 1, 3]),
    ],
)
def test_labels_come_back_as_they_were_and_no_call_knows_of_another(labels):
    pipeline = A.Compose([A.Crop(0, 0, 50, 50, p=1)], bbox_params=A.BboxParams("coco", ["label"]))
    rows = [[10, 10, 5, 5], [100, 10, 5, 5]]
    for given in (labels, [2.5, "x"], labels):
        out = pipeline(image=PHOTO, bboxes=rows, label=given)["label"]
        assert type(out) is type(given)
        assert len(out) == 1
        assert type(out[0]) is type(given[0])
        assert out[0] == given[0]


def test_left_and_right_are_exchanged_by_what_mirrors_only():
    params = A.KeypointParams(
        "xy", ["name"], flip_pairs=[(0, 1)], flip_labels={"name": {"left": "right"}}
    )
    rows, names = [[10, 5], [90, 5]], ["left", "right"]
    expected = {
        A.HorizontalFlip(p=1): [[109, 5], [189, 5]],
        A.VerticalFlip(p=1): [[90, 94], [10, 94]],
        A.Rotate((180, 180), p=1): [[189, 94], [109, 94]],
    }
    for transform, points in expected.items():
        out = A.Compose([transform], keypoint_params=params)(
            image=PHOTO, keypoints=rows, name=names
        )
        assert out["name"] == names
        np.testing.assert_allclose(out["keypoints"], points, atol=1e-9)


# ------------------------------------------------------------------------ oriented boxes


def rectangle(height, width, row):
    """Mask of an oriented box, from the definition."""
    x, y, w, h, angle = row
    a = np.radians(angle)
    dy, dx = np.mgrid[0:height, 0:width] + 0.5
    dx, dy = dx - x, dy - y
    along, down = dx * np.cos(a) - dy * np.sin(a), dx * np.sin(a) + dy * np.cos(a)
    return ((abs(along) <= w / 2) & (abs(down) <= h / 2)).astype(np.uint8)


OPS = [
    A.HorizontalFlip(p=1),
    A.VerticalFlip(p=1),
    A.Transpose(p=1),
    A.RandomRotate90(p=1),
    A.D4(p=1),
    A.Rotate((37, 37), p=1),
    A.Affine(scale=0.8, rotate=(-20, -20), translate_px=(4, 4), p=1),
    A.Resize(150, 300, p=1),
    A.Crop(20, 10, 180, 95, p=1),
    A.Pad(13, p=1),
]


@pytest.mark.parametrize("transform", OPS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("angle", [0.0, 25.0, 90.0, -70.0, 140.0])
def test_oriented_boxes_follow_their_masks(transform, angle):
    row = [100.0, 50.0, 48.0, 18.0, angle]
    mask = rectangle(100, 200, row)
    out = with_boxes(transform, params=A.BboxParams("obb"), mask=mask, bboxes=[[*row, "id"]])
    assert out["bboxes"][0][5] == "id"
    drawn = rectangle(*out["mask"].shape, out["bboxes"][0][:5])
    both, either = (drawn & out["mask"]).sum(), (drawn | out["mask"]).sum()
    assert both / either > 0.9


@pytest.mark.parametrize(
    "transform", [A.Affine(shear=(15, 15), p=1), A.Perspective(p=1), A.Resize(60, 300, p=1)]
)
def test_oriented_boxes_enclose_their_masks_where_they_bend(transform):
    row = [100.0, 50.0, 48.0, 18.0, 25.0]
    out = with_boxes(
        transform, params=A.BboxParams("obb"), mask=rectangle(100, 200, row), bboxes=[row]
    )
    x, y, w, h, angle = out["bboxes"][0]
    around = rectangle(*out["mask"].shape, [x, y, w + 2, h + 2, angle])
    assert not (out["mask"] & ~around.astype(bool)).any()
    assert w * h < 1.5 * out["mask"].sum()
