"""Labels: their types, their number, and what a call says when they cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from defects.scene import piped

IMAGE = np.zeros((60, 80, 3), np.uint8)
BOXES = [[5, 5, 15, 15], [60, 40, 75, 55], [10, 10, 20, 30]]
POINTS = [(6, 6), (70, 50), (11, 12)]
THING = object()
LABELS = [
    [1, 2, 3], [2**24 + 1, 2**60 + 1, 10**30], [True, False, True], [0.1, 1e300, -2.5],
    ["cat", "dog", "ant"], ["a", 7, None], [None, None, None], [THING, int, {}],
    [(1, 2), (3, 4), (5, 6)], [[1], [2, 3], []], [np.int8(3), np.float32(0.1), np.uint64(2**63)],
    [b"x", 1j, frozenset({1})],
]  # fmt: skip
ARRAYS = [
    np.array([2**24 + 1, 3, 2**60 + 1]), np.array([True, False, True]), np.array([0.1, 1e300, 2]),
    np.array(["cat", "dog", "elephant"]), np.array([1, 2, 3], np.uint8),
    np.array([[1, 2], [3, 4], [5, 6]]), np.array([None, THING, (1,)], object),
    np.array([1, 2, 3], np.float32), np.array(["2026-11-22"] * 3, "datetime64[D]"),
]  # fmt: skip


def members(value: Any) -> list[Any]:
    return [m.tolist() if isinstance(m, np.ndarray) else m for m in value]


@pytest.mark.parametrize("form", [list, tuple])
@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: type(labels[0]).__name__)
def test_labels_of_any_type_come_back_as_themselves(labels: list[Any], form: Any) -> None:
    given = form(labels)
    out = piped(A.Crop(0, 0, 40, 40, p=1))(
        image=IMAGE, bboxes=BOXES, kinds=given, keypoints=POINTS, ids=given
    )
    for key in ("kinds", "ids"):
        assert type(out[key]) is form
        assert len(out[key]) == 2
        assert out[key][0] is labels[0]
        assert out[key][1] is labels[2]


@pytest.mark.parametrize("labels", ARRAYS, ids=lambda a: str(a.dtype))
def test_arrays_of_labels_keep_dtype_and_value(labels: Any) -> None:
    out = piped(A.Crop(0, 0, 40, 40, p=1))(
        image=IMAGE, bboxes=BOXES, kinds=labels, keypoints=POINTS, ids=labels
    )
    for key in ("kinds", "ids"):
        assert out[key].dtype == labels.dtype
        assert members(out[key]) == members(labels[[0, 2]])


def test_no_call_knows_of_the_one_before() -> None:
    pipe = piped(A.HorizontalFlip(p=1))
    for labels in ([1, 2, 3], [2.5, 1.0, 0.5], ["a", "b", "c"], [None, (1, 2), True], [4, 5, 6]):
        out = pipe(image=IMAGE, bboxes=BOXES, kinds=labels, keypoints=POINTS, ids=labels)
        assert out["kinds"] == out["ids"] == labels
        assert [*map(type, out["kinds"])] == [*map(type, labels)]


def test_further_columns_hold_anything_also_the_name_of_the_class() -> None:
    rows = [(5, 5, 15, 15, "cat", THING), (60, 40, 75, 55, "dog", None)]
    points = [(6, 6, "eye", 2**60 + 1), (70, 50, None, (1, 2))]
    pipe = A.Compose(
        [A.Crop(0, 0, 40, 40, p=1)],
        bbox_params=A.BboxParams("pascal_voc"),
        keypoint_params=A.KeypointParams("xy"),
    )
    out = pipe(image=IMAGE, bboxes=rows, keypoints=points)
    assert out["bboxes"] == [[5, 5, 15, 15, "cat", THING]]
    assert out["keypoints"] == [[6, 6, "eye", 2**60 + 1]]


# -------------------------------------------------------------------- what cannot be


def sentence(action: Any) -> str:
    with pytest.raises(A.AnamorphError) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text
    assert isinstance(caught.value, ValueError | TypeError | LookupError)
    return text


def test_labels_without_their_params() -> None:
    pipe = A.Compose([A.HorizontalFlip(p=1)])
    assert "bbox_params=" in sentence(lambda: pipe(image=IMAGE, bboxes=BOXES))
    assert "keypoint_params=" in sentence(lambda: pipe(image=IMAGE, keypoints=POINTS))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_one_label_a_row(count: int) -> None:
    pipe = piped(A.HorizontalFlip(p=1))
    good = {
        "image": IMAGE,
        "bboxes": BOXES,
        "kinds": [*"abc"],
        "keypoints": POINTS,
        "ids": [1, 2, 3],
    }
    for key in ("kinds", "ids"):
        text = sentence(lambda key=key: pipe(**good | {key: ["x"] * count}))
        assert key in text
        assert str(count) in text
        empty = {"kinds": "bboxes", "ids": "keypoints"}[key]
        text = sentence(lambda key=key, e=empty: pipe(**good | {e: [], key: ["x", "y"]}))
        assert f"{key} has 2 labels for 0" in text
        missing = {k: v for k, v in good.items() if k != key}
        assert key in sentence(lambda missing=missing: pipe(**missing))


@pytest.mark.parametrize(
    "labels", [7, "abc", b"abc", {"a": 1}, iter("abc"), np.array(7), None, {1}]
)
def test_what_is_no_list_of_labels(labels: Any) -> None:
    pipe = piped(A.HorizontalFlip(p=1))
    good = {
        "image": IMAGE,
        "bboxes": BOXES,
        "kinds": [*"abc"],
        "keypoints": POINTS,
        "ids": [1, 2, 3],
    }
    for key in ("kinds", "ids"):
        text = sentence(lambda key=key: pipe(**good | {key: labels}))
        assert text.startswith(f"{key} is a {type(labels).__name__}: it must be a list")


def test_rows_that_hold_no_numbers() -> None:
    pipe = piped(A.HorizontalFlip(p=1))
    calls = {"image": IMAGE, "bboxes": [], "kinds": [], "keypoints": [], "ids": []}
    for rows in ([["cat", 1, 2, 3]], [[1, 2, 3, "cat"]], ["abcd"], [[1, 2, 3]], 7, [7]):
        text = sentence(lambda rows=rows: pipe(**calls | {"bboxes": rows, "kinds": ["x"]}))
        assert text.startswith("bboxes")
    for rows in ([["cat", 1]], ["ab"], [[1]], 7, [7]):
        text = sentence(lambda rows=rows: pipe(**calls | {"keypoints": rows, "ids": ["x"]}))
        assert text.startswith("keypoints")


@pytest.mark.parametrize(
    "dtype",
    ["int32", "int64", "int8", "uint32", "float64", "float16", "bool", "complex64", "object"],
)
def test_pictures_of_other_dtypes_are_refused_in_one_sentence(dtype: str) -> None:
    image = np.zeros((8, 8, 3), dtype)
    for transform in (A.Resize(4, 4), A.HorizontalFlip(p=1), A.RandomGamma(p=1), A.NoOp()):
        for data in ({"image": image}, {"images": image[None]}, {"volume": image[None]}):
            text = sentence(lambda t=transform, data=data: A.Compose([t])(**data))
            assert f"has dtype {dtype}: it must be uint8, uint16, or float32" in text


def test_masks_hold_numbers() -> None:
    for dtype in ("complex64", "object", "U3"):
        mask = np.zeros((60, 80), dtype)
        pipe = A.Compose([A.HorizontalFlip(p=1)])
        assert "mask has dtype" in sentence(
            lambda mask=mask, pipe=pipe: pipe(image=IMAGE, mask=mask)
        )


# ---------------------------------------------------------------- further names of targets


def test_additional_targets_of_every_kind_follow_as_their_models_do() -> None:
    mask = np.arange(4800).reshape(60, 80)
    image = np.repeat(mask[..., None] % 251, 3, 2).astype(np.uint8)
    pipe = piped(
        A.Affine(rotate=(20, 20), scale=0.9, p=1), A.Crop(10, 5, 70, 50, p=1),
        additional_targets={
            "image2": "image", "mask2": "mask", "masks2": "masks", "boxes2": "bboxes",
            "points2": "keypoints",
        },
    )  # fmt: skip
    out = pipe(
        image=image, image2=image.copy(), mask=mask, mask2=mask.copy(), masks=[mask, mask + 1],
        masks2=[mask, mask + 1], bboxes=BOXES, kinds=[*"abc"], boxes2=BOXES, keypoints=POINTS,
        points2=POINTS, ids=[*"abc"],
    )  # fmt: skip
    for key, model in (("image2", "image"), ("mask2", "mask"), ("masks2", "masks")):
        assert np.array_equal(out[key], out[model])
    assert out["boxes2"] == out["bboxes"]
    assert out["points2"] == out["keypoints"]
    assert len(out["bboxes"]) == len(out["kinds"]) > 0
    assert len(out["keypoints"]) == len(out["ids"]) > 0


def test_labels_belong_to_the_only_boxes_and_keypoints_there_are() -> None:
    pipe = piped(
        A.Crop(0, 0, 40, 40, p=1), additional_targets={"boxes2": "bboxes", "points2": "keypoints"}
    )
    out = pipe(image=IMAGE, boxes2=BOXES, kinds=[*"abc"], points2=POINTS, ids=[1, 2, 3])
    assert (len(out["boxes2"]), out["kinds"]) == (2, ["a", "c"])
    assert (len(out["points2"]), out["ids"]) == (2, [1, 3])
    both = pipe(image=IMAGE, bboxes=BOXES[1:], boxes2=BOXES, kinds=[*"bc"], keypoints=[], ids=[])
    assert (len(both["bboxes"]), len(both["boxes2"]), both["kinds"]) == (1, 2, ["c"])


def test_labels_that_could_belong_to_two() -> None:
    pipe = piped(A.NoOp(p=1), additional_targets={"left": "bboxes", "right": "bboxes"})
    text = sentence(lambda: pipe(image=IMAGE, left=BOXES, right=BOXES, kinds=[*"abc"]))
    assert "label fields belong to bboxes" in text


def test_calls_without_an_image() -> None:
    mask = np.arange(12).reshape(3, 4)
    pipe = A.Compose([A.HorizontalFlip(p=1)], additional_targets={"depth": "mask", "near": "image"})
    assert np.array_equal(pipe(mask=mask)["mask"], mask[:, ::-1])
    assert np.array_equal(pipe(depth=mask)["depth"], mask[:, ::-1])
    assert np.array_equal(pipe(masks=[mask])["masks"][0], mask[:, ::-1])
    assert np.array_equal(pipe(near=mask.astype(np.uint8))["near"], mask[:, ::-1])
    assert "has none of the targets" in sentence(lambda: pipe(name="x"))
    boxes = piped(A.HorizontalFlip(p=1))
    text = sentence(lambda: boxes(bboxes=BOXES, kinds=[*"abc"]))
    assert "how large the picture is" in text
