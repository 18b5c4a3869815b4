"""Outputs of any shape: containers are kept, every member is merged, mirrors trade places."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from types import MappingProxyType

import pytest
import torch
from torch import nn

from anamorph.core.errors import (
    DataError,
    DataTypeError,
    MissingDataError,
    ParameterError,
    ParameterTypeError,
)
from anamorph.nn.boxes import NMS, WeightedBoxesFusion
from anamorph.nn.tta import TTA, FiveCrop, Output, Padded, Symmetries

BATCH = torch.rand(2, 3, 6, 9)
Pair = namedtuple("Pair", "mask label")  # noqa: PYI024 - such are what models give, too


@dataclass(frozen=True)
class Said:
    mask: torch.Tensor
    label: torch.Tensor
    aux: torch.Tensor | None = None


class Listed(OrderedDict):
    """A mapping with attributes, as some libraries give."""


TASKS = {"mask": "dense", "label": "classification"}
CONTAINERS = {
    "dict": (lambda mask, label: {"mask": mask, "label": label}, TASKS),
    "ordered": (lambda mask, label: Listed(mask=mask, label=label), TASKS),
    "default": (lambda mask, label: defaultdict(list, mask=mask, label=label), TASKS),
    "tuple": (lambda mask, label: (mask, label), ("dense", "classification")),
    "list": (lambda mask, label: [mask, label], ["dense", "classification"]),
    "named tuple": (Pair, ("dense", "classification")),
    "dataclass": (Said, {**TASKS, "aux": None}),
}


def members(value):
    if isinstance(value, dict):
        return list(value.values())
    return [value.mask, value.label] if isinstance(value, Said) else list(value)


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize(("make", "task"), CONTAINERS.values(), ids=CONTAINERS.keys())
def test_containers_are_kept(make, task, count):
    own = make(BATCH, BATCH.mean((2, 3)))
    output = TTA(lambda b: make(b, b.mean((2, 3))), "d4", task, batch_views=count)(BATCH)
    assert type(output) is type(own)
    assert output is not own
    for found, want in zip(members(output), members(own), strict=True):
        torch.testing.assert_close(found, want)


def test_attributes_and_factories_of_mappings_are_kept():
    output = TTA(lambda b: defaultdict(list, mask=b), "d4", {"mask": "dense"})(BATCH)
    assert output["other"] == []
    proxied = TTA(lambda b: MappingProxyType({"mask": b}), "d4", {"mask": "dense"})(BATCH)
    assert list(proxied) == ["mask"]


def test_nests():
    def model(batch):
        return {"main": (batch, [batch.mean((2, 3)), {"deep": batch + 1}]), "none": None}

    task = {"main": ("dense", ["classification", {"deep": "dense"}]), "none": "dense"}
    output = TTA(model, "d4", task, batch_views=3)(BATCH)
    torch.testing.assert_close(output["main"][0], BATCH)
    torch.testing.assert_close(output["main"][1][0], BATCH.mean((2, 3)))
    torch.testing.assert_close(output["main"][1][1]["deep"], BATCH + 1)
    assert output["none"] is None
    assert list(output) == ["main", "none"]


def test_one_task_for_all_members():
    output = TTA(lambda b: {"a": b, "b": (b + 1, b + 2)}, "d4", "dense")(BATCH)
    torch.testing.assert_close(output["b"][1], BATCH + 2)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_none_takes_from_the_first_view(count):
    calls = []

    def model(batch):
        calls.append(batch)
        return {"mask": batch, "which": batch.new_full((len(batch),), len(calls)), "name": "net"}

    tta = TTA(model, "d2", {"mask": "dense", "which": None, "name": None}, batch_views=count)
    output = tta(BATCH)
    assert output["which"].tolist() == [1, 1]
    assert output["name"] == "net"


def test_each_output_has_its_own_way():
    def model(batch):
        return {"mask": batch, "label": batch.mean((2, 3)), "raw": batch}

    task = {
        "mask": Output("dense", "sigmoid", "gmean"),
        "label": Output("classification", "softmax"),
        "raw": "dense",
    }
    output = TTA(model, "d4", task)(BATCH)
    torch.testing.assert_close(output["mask"], BATCH.sigmoid())
    torch.testing.assert_close(output["label"], BATCH.mean((2, 3)).softmax(1))
    torch.testing.assert_close(output["raw"], BATCH)


@pytest.mark.parametrize("shape", [(), (4,), (4, 3)])
def test_maps_of_more_or_fewer_dimensions(shape):
    def model(batch):
        size = batch.shape[2:]
        return batch[:, 0].reshape(2, *(1,) * len(shape), *size).expand(2, *shape, *size)

    output = TTA(model, "d4", "dense")(BATCH)
    assert torch.equal(output, model(BATCH))


REFUSED = {
    "a member missing": ({"mask": "dense"}, ParameterError, r"nothing is said of \['label'\]"),
    "a member too many": (
        {**TASKS, "more": "dense"}, ParameterError, r"there is no \['more'\]",
    ),
    "members of a tensor": (
        {"mask": {"deep": "dense"}, "label": None}, ParameterError, r"output\['mask'\], which has none",
    ),
    "no task": ({"mask": 3, "label": None}, ParameterTypeError, "it must be a name"),
    "labels as maps": ("dense", DataError, r"output\['label'\] has shape \(2, 3\)"),
    "detections": ("detection", DataTypeError, "must be a list of dictionaries"),
    "points": ({"mask": "keypoints", "label": None}, DataError, "the task is 'heatmaps'"),
}  # fmt: skip


@pytest.mark.parametrize(("task", "error", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(task, error, words):
    with pytest.raises(error, match=words):
        TTA(lambda b: {"mask": b, "label": b.mean((2, 3))}, "d4", task)(BATCH)


def test_outputs_that_cannot_be_merged_are_refused():
    with pytest.raises(DataTypeError, match=r"is of torch\.int64: for the task 'dense'"):
        TTA(lambda b: b.argmax(1), "d4", "dense")(BATCH)
    with pytest.raises(DataTypeError, match=r"output\['n'\] is a int"):
        TTA(lambda b: {"n": 3}, "d4", "dense")(BATCH)  # noqa: ARG005
    with pytest.raises(DataError, match=r"its first dimension must be the batch, 2"):
        TTA(lambda b: b.mean(0), "d4", "dense")(BATCH)
    with pytest.raises(DataError, match=r"its first dimension must be the batch, 2"):
        TTA(lambda b: b.sum(), "d4", batch_views=4)(BATCH)
    said = iter([{"a": BATCH}, {"b": BATCH}])
    with pytest.raises(DataError, match=r"gave \['b'\] for one view and \['a'\] for another"):
        TTA(lambda _: next(said), "hflip", "dense")(BATCH)


# ----------------------------------------------------------------------- left and right


def sides(batch):
    """Where the left mark (channel 0) and the right one (channel 1) are, if left is left."""
    points = []
    for channel in (0, 1, 2):
        place = batch[:, channel].flatten(1).argmax(1)
        points.append(torch.stack([place % batch.shape[3], place // batch.shape[3]], -1))
    middle, *others = points
    first, second = others
    swap = (first[:, :1] > second[:, :1]).expand_as(first)
    left, right = torch.where(swap, second, first), torch.where(swap, first, second)
    return torch.stack([middle, left, right], 1).float()


def marks():
    batch = torch.zeros(1, 3, 10, 20)
    batch[0, 0, 5, 9] = batch[0, 1, 4, 3] = batch[0, 2, 6, 15] = 1
    return batch


def test_mirrored_keypoints_trade_places():
    """A net that calls the leftmost hand left does so in mirrors, too."""
    batch = marks()
    own = sides(batch)
    assert torch.equal(TTA(sides, "hflip", "keypoints", flip_pairs=((1, 2),))(batch), own)
    assert not torch.equal(TTA(sides, "hflip", "keypoints")(batch), own)


def test_only_mirrors_make_places_trade():
    """Four of the eight symmetries are mirrors."""
    batch = torch.zeros(1, 1, 4, 6)
    output = TTA(
        lambda _: torch.tensor([[0.0, 1.0, 8.0]]), "d4", "classification", flip_pairs=((1, 2),)
    )(batch)
    assert output.tolist() == [[0, 4.5, 4.5]]
    turned = TTA(
        lambda _: torch.tensor([[0.0, 1.0, 8.0]]), "rot90", "classification", flip_pairs=((1, 2),)
    )(batch)
    assert turned.tolist() == [[0, 1, 8]]


def test_mirrored_heatmaps_trade_places():
    heat = torch.rand(1, 3, 5, 7)
    swapped = heat[:, [0, 2, 1]]
    views = iter([heat, swapped.flip(3)])
    output = TTA(lambda _: next(views), "hflip", "heatmaps", flip_pairs=[(1, 2)])(
        torch.zeros(1, 1, 5, 7)
    )
    assert torch.equal(output, heat)


def test_pairs_beyond_the_output_are_refused():
    with pytest.raises(DataError, match=r"holds \(3, 4\): the output has 3 places"):
        TTA(nn.Identity(), "hflip", "dense", flip_pairs=((3, 4),))(BATCH)


def test_confidences_of_keypoints_are_merged():
    said = iter([torch.tensor([[[1.0, 2.0, 0.4]]]), torch.tensor([[[7.0, 2.0, 0.8]]])])
    output = TTA(lambda _: next(said), "hflip", "keypoints")(torch.zeros(1, 1, 4, 9))
    torch.testing.assert_close(output, torch.tensor([[[1.0, 2.0, 0.6]]]))


# --------------------------------------------------------------------------- detections


def found(boxes, scores, labels=None, **more):
    labels = [1] * len(boxes) if labels is None else labels
    rows = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return {"boxes": rows, "scores": torch.tensor(scores), "labels": torch.tensor(labels), **more}


def _forward(plan, boxes):
    for op in plan.ops:
        a, b, c, d, e, f, *_ = op.matrix
        x, y = boxes[:, 0::2], boxes[:, 1::2]
        x, y = a * x + b * y + c, d * x + e * y + f
        boxes = torch.stack([x.amin(1), y.amin(1), x.amax(1), y.amax(1)], 1)
    return boxes


def test_boxes_of_all_symmetries_become_one():
    """Views of equal size are run one after the other: the order of plans is not that of calls."""
    box = torch.tensor([[3.0, 2.0, 12.0, 6.0]])
    plans = {tuple(p.sizes[-1]): [] for p in Symmetries("d4").plans((10, 20))}
    for plan in Symmetries("d4").plans((10, 20)):
        plans[plan.sizes[-1]].append(plan)

    def model(batch):
        plan = plans[tuple(batch.shape[2:])].pop(0)
        return [found(_forward(plan, box).tolist(), [0.5])]

    (merged,) = TTA(model, "d4", "detection")(torch.zeros(1, 1, 10, 20))
    torch.testing.assert_close(merged["boxes"], box)


def test_what_lies_beyond_the_picture_goes():
    said = [found([[0, 0, 4, 4], [30, 20, 32, 24]], [0.9, 0.8])]
    (merged,) = TTA(lambda _: said, Padded(32), "detection")(torch.zeros(1, 1, 20, 20))
    assert merged["boxes"].shape == (0, 4)
    assert merged["scores"].shape == (0,)


def test_labels_trade_places_in_mirrors():
    said = iter([[found([[0, 0, 4, 4]], [0.5], [2])], [found([[16, 0, 20, 4]], [0.5], [3])]])
    tta = TTA(lambda _: next(said), "hflip", "detection", flip_pairs=((2, 3),))
    (merged,) = tta(torch.zeros(1, 1, 10, 20))
    assert merged["labels"].tolist() == [2]


def test_keypoints_of_detections_trade_places_in_mirrors():
    straight = torch.tensor([[[1.0, 2.0, 1.0], [4.0, 3.0, 1.0]]])
    mirrored = torch.tensor([[[16.0, 3.0, 1.0], [19.0, 2.0, 1.0]]])
    said = iter(
        [
            [found([[0, 0, 5, 5]], [0.5], keypoints=straight)],
            [found([[15, 0, 20, 5]], [0.5], keypoints=mirrored)],
        ]
    )
    tta = TTA(lambda _: next(said), "hflip", "detection", merge=lambda v: v, flip_pairs=((0, 1),))
    (views,) = tta(torch.zeros(1, 1, 10, 20))
    assert torch.equal(views[0]["keypoints"], straight)
    assert torch.equal(views[1]["keypoints"], straight)
    assert views[1]["labels"].tolist() == [1]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32])
def test_masks_of_detections_come_along(dtype):
    mask = torch.zeros(1, 6, 9)
    mask[0, 1:4, 2:8] = 1

    def model(batch):
        corners = [[0, 0, batch.shape[3], batch.shape[2]]]
        return [found(corners, [0.5], masks=(p[:1] > 0.5).to(dtype)) for p in batch]

    views = "d4" + FiveCrop((5, 7))
    (views,) = TTA(model, views, "detection", merge=lambda v: v)(mask[None])
    for view in views[:8]:
        assert view["masks"].dtype == dtype
        assert torch.equal(view["masks"].float(), mask)
    union = torch.stack([view["masks"].float() for view in views[8:]]).amax(0)
    assert torch.equal(union, mask)


def test_weights_reach_the_fusion():
    said = [[found([[0, 0, 10, 10]], [0.9])], [found([[6, 0, 18, 10]], [0.5])]]
    calls = iter(said * 3)
    fuse = WeightedBoxesFusion(iou=0.3)
    (one,) = TTA(lambda _: next(calls), "hflip", "detection", merge=fuse)(torch.zeros(1, 1, 10, 20))
    tta = TTA(lambda _: next(calls), "hflip", "detection", merge=fuse, weights=(3, 1))
    (other,) = tta(torch.zeros(1, 1, 10, 20))
    assert len(one["boxes"]) == len(other["boxes"]) == 1
    assert other["boxes"][0, 2] < one["boxes"][0, 2]
    with pytest.raises(ParameterError, match="give them to the function that fuses boxes"):
        TTA(lambda _: next(calls), "hflip", "detection", merge=lambda v: v, weights=(3, 1))(
            torch.zeros(1, 1, 10, 20)
        )


def test_views_reach_a_function_in_their_order():
    """Also where views of equal size are run first."""
    model = lambda b: [found([[0, 0, 1, 1]], [b.shape[2] / 100], n=torch.ones(1))] * len(b)  # noqa: E731
    (views,) = TTA(model, "rot90", "detection", merge=lambda v: v)(torch.zeros(1, 1, 10, 20))
    assert [round(100 * v["scores"].item()) for v in views] == [10, 20, 10, 20]
    heights = TTA(
        lambda b: b.new_full((1, 1), b.shape[2]), "rot90", merge=lambda values, _: values
    )(torch.zeros(1, 1, 10, 20))
    assert heights.flatten().tolist() == [10, 20, 10, 20]


def test_pictures_of_any_sizes_for_detectors():
    model = lambda b: [found([[0, 0, b.shape[3], b.shape[2]]], [0.5]) for _ in b]  # noqa: E731
    pictures = [torch.zeros(3, 10, 20), torch.zeros(3, 8, 5)]
    merged = TTA(model, "d4", "detection", merge=NMS())(pictures)
    assert [m["boxes"].tolist() for m in merged] == [[[0, 0, 20, 10]], [[0, 0, 5, 8]]]


def test_a_detection_in_a_larger_output():
    model = lambda b: {"boxes of": [found([[1, 1, 4, 4]], [0.5])] * len(b), "mask": b}  # noqa: E731
    task = {"boxes of": "detection", "mask": "dense"}
    output = TTA(model, "identity", task, batch_views=4)(BATCH)
    assert len(output["boxes of"]) == 2
    assert torch.equal(output["mask"], BATCH)


def test_detections_without_boxes_are_refused():
    with pytest.raises(MissingDataError, match="without 'boxes'"):
        TTA(lambda b: [{}] * len(b), "d4", "detection")(BATCH)
    with pytest.raises(DataError, match=r"boxes of shape \(3, 5\)"):
        TTA(lambda b: [{"boxes": torch.zeros(3, 5)}] * 2, "d4", "detection")(BATCH)  # noqa: ARG005


def test_maps_are_not_averaged_where_they_lie():
    with pytest.raises(DataError, match="task='dense'"):
        TTA(lambda batch: batch, "d4")(torch.rand(1, 3, 8, 8))
    pooled = TTA(lambda batch: batch.mean((2, 3), keepdim=True), "d4")(torch.rand(1, 3, 8, 8))
    assert pooled.shape == (1, 3, 1, 1)
