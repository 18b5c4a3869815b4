"""Objects that stay together: masks, boxes, keypoints and labels of one go as one."""

import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import DataError
from anamorph.core.params import Probability
from anamorph.ir.ops import Cast

H, W = 60, 80
PLACES = [(5, 5, 15, 15), (60, 40, 75, 55), (30, 20, 50, 40)]


def objects(stacked=False):  # noqa: FBT002
    """Three rectangles with mask, box, two keypoints and labels each."""
    masks = np.zeros((3, H, W), np.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, PLACES, strict=True):
        mask[y0:y1, x0:x1] = 1
    points = [p for x0, y0, x1, y1 in PLACES for p in ((x0, y0), (x1 - 1, y1 - 1))]
    return {
        "image": np.zeros((H, W, 3), np.uint8),
        "masks": masks if stacked else list(masks),
        "bboxes": [(*place, f"extra{i}") for i, place in enumerate(PLACES)],
        "keypoints": points,
        "name": ["a", "b", "c"],
        "joint": [f"{name}{k}" for name in "abc" for k in (0, 1)],
    }


def pipeline(*transforms, bboxes=None, fields=("joint",), **options):
    return A.Compose(
        list(transforms),
        bbox_params=A.BboxParams("pascal_voc", ["name"], **(bboxes or {})),
        keypoint_params=A.KeypointParams("xy", list(fields)),
        instance_binding=["bboxes", "masks", "keypoints"],
        **options,
    )


@pytest.mark.parametrize("stacked", [False, True])
def test_an_object_whose_box_is_lost_is_lost_everywhere(stacked):
    data = objects(stacked)
    out = pipeline(A.Crop(20, 10, 80, 60, p=1))(**data)
    assert out["name"] == ["b", "c"]
    assert [row[4] for row in out["bboxes"]] == ["extra1", "extra2"]
    assert out["joint"] == ["b0", "b1", "c0", "c1"]
    assert isinstance(out["masks"], np.ndarray if stacked else list)
    assert len(out["masks"]) == 2
    assert out["masks"][0].shape == (50, 60)
    for mask, (x0, y0, x1, y1, *_) in zip(out["masks"], out["bboxes"], strict=True):
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x0, y0, x1, y1)
    assert len(data["masks"]) == 3
    assert len(data["bboxes"]) == 3


def test_thresholds_of_boxes_hold_for_the_whole_object():
    out = pipeline(A.NoOp(p=1), A.HorizontalFlip(p=1), bboxes={"min_area": 120})(**objects())
    assert out["name"] == ["b", "c"]
    assert len(out["masks"]) == 2
    assert out["joint"] == ["b0", "b1", "c0", "c1"]


def test_thresholds_hold_at_the_end_too():
    out = pipeline(A.HorizontalFlip(p=1), bboxes={"min_area": 120, "check_each_transform": False})(
        **objects()
    )
    assert out["name"] == ["b", "c"]
    assert len(out["masks"]) == 2


def test_an_object_whose_mask_is_emptied_is_lost_everywhere():
    data = objects()
    data["masks"][2][:] = 0
    data["masks"][2][22:24, 31:33] = 1  # little of what its box spans
    out = pipeline(A.Crop(34, 0, 80, 60, p=1))(**data)
    assert out["name"] == ["b"]
    assert len(out["masks"]) == 1
    assert out["joint"] == ["b0", "b1"]


def test_an_object_that_never_had_a_mask_lives_by_its_box():
    data = objects()
    data["masks"][2][:] = 0
    out = pipeline(A.HorizontalFlip(p=1))(**data)
    assert out["name"] == ["a", "b", "c"]
    assert not out["masks"][2].any()


def test_boxes_are_tight_after_a_turn_and_exact_without():
    data = objects()
    data["bboxes"] = [(5.25, 5.25, 15, 15), *data["bboxes"][1:]]
    data["bboxes"][1:] = [row[:4] for row in data["bboxes"][1:]]
    straight = pipeline(A.HorizontalFlip(p=1))(**data)
    assert straight["bboxes"][0] == [W - 15, 5.25, W - 5.25, 15]
    turned = pipeline(A.Rotate((30, 30), p=1))(**data)
    assert len(turned["masks"]) == len(turned["bboxes"]) > 1
    for mask, box in zip(turned["masks"], turned["bboxes"], strict=True):
        rows, columns = np.nonzero(mask)
        assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == box[:4]


def test_bound_keypoints_by_their_own_field_are_numbered_anew():
    for kind in (list, tuple, np.array):
        data = objects()
        owners = kind([2, 2, 0, 1, 0, 1])
        data["keypoints"] = [(31, 21), (40, 30), (6, 6), (61, 41), (7, 7), (70, 50)]
        out = pipeline(A.Crop(20, 10, 80, 60, p=1), fields=("joint", "instance"))(
            **data, instance=owners
        )
        assert type(out["instance"]) is type(owners)
        assert list(out["instance"]) == [1, 1, 0, 0]
        assert out["joint"] == ["a0", "a1", "b1", "c1"]


def test_nothing_is_lost_when_nothing_is_lost():
    data = objects(stacked=True)
    out = pipeline(A.HorizontalFlip(p=1))(**data)
    assert out["name"] == data["name"]
    assert out["joint"] == data["joint"]
    assert len(out["masks"]) == 3


def test_all_may_be_lost():
    out = pipeline(A.Crop(16, 0, 29, 60, p=1))(**objects(stacked=True))
    assert out["bboxes"] == []
    assert out["name"] == out["joint"] == []
    assert out["masks"].shape == (0, 60, 13)


def test_no_objects_at_all():
    data = objects()
    data |= {"masks": [], "bboxes": [], "keypoints": [], "name": [], "joint": []}
    out = pipeline(A.Rotate((30, 30), p=1))(**data)
    assert out["masks"] == out["bboxes"] == out["keypoints"] == []


def test_a_mirroring_border_makes_no_second_object():
    data = objects()
    out = pipeline(A.Pad(20, border_mode=2, p=1))(**data)
    assert out["name"] == ["a", "b", "c"]
    assert len(out["masks"]) == len(out["bboxes"]) == 3


def test_without_some_targets():
    data = objects()
    del data["keypoints"], data["joint"]
    assert pipeline(A.Crop(20, 10, 80, 60, p=1))(**data)["name"] == ["b", "c"]
    del data["masks"]
    assert pipeline(A.Crop(20, 10, 80, 60, p=1))(**data)["name"] == ["b", "c"]
    only = objects()
    only = {k: only[k] for k in ("image", "masks", "keypoints", "joint")}
    out = pipeline(A.Crop(20, 10, 80, 60, p=1))(**only)
    assert len(out["masks"]) == 2
    assert out["joint"] == ["b0", "b1", "c0", "c1"]


class Tensors(A.PixelTransform):
    """Hand out tensors."""

    p: Probability = 1.0

    def draw(self, rng, scene):
        yield Cast(layout="CHW", tensor=True)


def test_tensors_are_dropped_alike():
    torch = pytest.importorskip("torch")
    for stacked in (True, False):
        out = pipeline(A.Rotate((5, 5), p=1), A.Crop(20, 10, 80, 60, p=1), Tensors())(
            **objects(stacked)
        )
        assert len(out["masks"]) == len(out["bboxes"]) == 2
        assert all(isinstance(mask, torch.Tensor) for mask in out["masks"])
        rows, columns = torch.nonzero(out["masks"][0]).T
        assert out["bboxes"][0][:2] == [columns.min(), rows.min()]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"masks": [np.zeros((H, W), np.uint8)]}, "3 bboxes, 1 masks|1 masks, 3 bboxes"),
        ({"keypoints": [(1, 1)] * 5, "joint": list("abcde")}, "5 keypoints for 3 objects"),
    ],
)
def test_counts_that_do_not_agree(change, words):
    with pytest.raises(DataError, match=words):
        pipeline(A.HorizontalFlip(p=1))(**(objects() | change))


@pytest.mark.parametrize("owners", [[0, 1, 2, 3, 0, 0], [0, 0, 0, 0, 0, -1], ["a"] * 6])
def test_owners_that_do_not_exist(owners):
    with pytest.raises(DataError, match="place of each keypoint's object, 0 to 2"):
        pipeline(A.HorizontalFlip(p=1), fields=("joint", "instance"))(**objects(), instance=owners)


def test_what_holds_no_objects():
    bound = A.Compose([A.HorizontalFlip(p=1)], instance_binding=["mask"])
    with pytest.raises(DataError, match="names mask, which holds no objects"):
        bound(image=np.zeros((4, 4), np.uint8), mask=np.zeros((4, 4), np.uint8))
