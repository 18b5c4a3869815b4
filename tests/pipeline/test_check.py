"""The linter of pipelines: one case a rule, and good pipelines of which nothing is said."""

from __future__ import annotations

from typing import Any

import pytest

import anamorph as A
from anamorph.pipeline.check import RULES

LABELLED = {"keypoint_params": A.KeypointParams("xy", label_fields=["names"])}
BOXED = {"bbox_params": A.BboxParams("coco", label_fields=["kinds"])}
SIZE = (200, 300)

WRONG: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "crop-too-large": ([A.Resize(100, 100), A.RandomCrop(128, 90)], {}, r"transforms\[1\] RandomCrop"),
    "undefined": (
        [A.ToGray(num_output_channels=1, p=1), A.ISONoise()], {}, r"transforms\[1\] ISONoise",
    ),
    "fails": ([A.GridDropout(unit_size_range=(900, 900))], {}, r"transforms\[0\] GridDropout"),
    "after-tensor": (
        [A.ToTensorV2(), A.OneOf([A.Blur(), A.HorizontalFlip()])], {},
        r"transforms\[1\]\.transforms\[0\] Blur: it comes after ToTensorV2",
    ),
    "after-normalize": (
        [A.Normalize(), A.RandomGamma()], {}, r"RandomGamma: it works on values in \[0, 1\]",
    ),
    "needs-boxes": ([A.BBoxSafeRandomCrop()], {}, "no bbox_params"),
    "needs-key": ([A.RandomCropNearBBox()], {}, "cropping_bbox"),
    "sides-not-swapped": ([A.HorizontalFlip()], LABELLED, "labels in names would keep"),
    "mask-interpolated": ([A.Rotate(mask_interpolation=1)], {}, "mixes neighbouring labels"),
    "never": ([A.OneOf([A.Blur(p=0), A.MedianBlur()]), A.Sequential([A.Blur()], p=0)], {}, "p = 0"),
    "nothing": ([A.Rotate((0, 0))], {}, r"transforms\[0\] Rotate: it changes nothing"),
    "cancels": ([A.InvertImg(p=1), A.InvertImg(p=1)], {}, "it undoes the InvertImg before it"),
    "repeated": ([A.Resize(90, 90), A.Resize(50, 50)], {}, "overruled"),
}  # fmt: skip


def test_every_rule_has_a_case() -> None:
    assert WRONG.keys() == RULES.keys()


@pytest.mark.parametrize("rule", WRONG)
def test_it_is_found_with_its_place(rule: str) -> None:
    members, options, words = WRONG[rule]
    found = [f for f in A.check_pipeline(A.Compose(members, **options), SIZE) if f.rule == rule]
    assert found
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(str(found[0]))
    assert found[0].level == RULES[rule][0]


GOOD = {
    "classification": [
        A.RandomResizedCrop((224, 224)), A.HorizontalFlip(), A.ColorJitter(), A.Normalize(),
        A.ToTensorV2(),
    ],
    "padding first": [A.PadIfNeeded(512, 512), A.RandomCrop(512, 512)],
    "sizes by chance": [A.RandomScale((0.5, 1)), A.RandomCrop(400, 400, pad_if_needed=True)],
    "geometry after Normalize": [A.Normalize(), A.HorizontalFlip(), A.Affine(rotate=(-9, 9))],
    "grey, then tones": [A.ToGray(num_output_channels=1, p=1), A.RandomGamma(), A.CLAHE()],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_nothing_is_said_of_good_pipelines(name: str) -> None:
    assert A.check_pipeline(A.Compose(GOOD[name]), SIZE) == []


def test_sizes_reach_through_chance() -> None:
    pipe = A.Compose([A.OneOf([A.Resize(80, 80), A.NoOp()], p=1), A.RandomCrop(100, 100)])
    assert [f.rule for f in A.check_pipeline(pipe, SIZE)] == ["crop-too-large"]
    safe = A.Compose([A.Resize(80, 80), A.SmallestMaxSize(120), A.RandomCrop(100, 100)])
    assert A.check_pipeline(safe, SIZE) == []
    assert A.check_pipeline(A.Compose([A.RandomCrop(5000, 5000)])) == []  # the size is not known


def test_swap_maps_and_names_are_seen() -> None:
    swap = A.KeypointParams("xy", label_fields=["n"], flip_labels={"n": {"left": "right"}})
    flip = [A.HorizontalFlip()]
    assert A.check_pipeline(A.Compose(flip, keypoint_params=swap), SIZE) == []
    plain = A.Compose(flip, keypoint_params=A.KeypointParams("xy", label_fields=["n"]))
    assert A.check_pipeline(plain, SIZE, labels=["nose", "chin"]) == []
    found = A.check_pipeline(plain, SIZE, labels=["nose", "left_eye"])
    assert "left_eye would keep" in found[0].text


def test_what_is_skipped_is_no_error() -> None:
    pipe = A.Compose([A.ISONoise()], undefined="skip")
    assert [f.rule for f in A.check_pipeline(pipe, SIZE, channels=8)] == ["nothing"]


def test_errors_come_first_and_boxes_may_be_there() -> None:
    members = [A.HorizontalFlip(p=0), A.BBoxSafeRandomCrop(), A.Crop(0, 0, 900, 900)]
    found = A.check_pipeline(A.Compose(members, **BOXED), SIZE)
    assert [f.level for f in found] == sorted(f.level for f in found)
    assert {f.rule for f in found} == {"never", "crop-too-large"}
