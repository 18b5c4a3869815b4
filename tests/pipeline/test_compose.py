"""Compositions: who acts, how often, in which order; and what a call may hold."""

from __future__ import annotations

import collections
import io
import json
from typing import Any

import numpy as np
import pytest

import anamorph as A

IMAGE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def names(pipe: Any) -> list[str]:
    """Draw once and name who acted."""
    return [n.transform for n in pipe.plan(image=IMAGE).notes if n.applied]


def tally(pipe: Any, n: int = 600) -> collections.Counter[tuple[str, ...]]:
    """Count who acted together."""
    return collections.Counter(tuple(names(pipe)) for _ in range(n))


A1, A2, A3 = A.HorizontalFlip(p=1), A.VerticalFlip(p=1), A.Transpose(p=1)


def test_one_of_draws_by_weight_and_always_applies() -> None:
    pipe = A.Compose([A.OneOf([A.HorizontalFlip(p=0.1), A.VerticalFlip(p=0.3)], p=1)], seed=1)
    counts = tally(pipe)
    assert set(counts) == {("HorizontalFlip",), ("VerticalFlip",)}
    assert 100 < counts["HorizontalFlip",] < 200


def test_one_of_within_probability() -> None:
    counts = tally(A.Compose([A.OneOf([A1, A2], p=0.3)], seed=2))
    assert 360 < counts[()] < 480


def test_some_of_keeps_order_and_random_order_does_not() -> None:
    assert set(tally(A.Compose([A.SomeOf([A1, A2, A3], n=2)], seed=1))) == {
        ("HorizontalFlip", "VerticalFlip"),
        ("HorizontalFlip", "Transpose"),
        ("VerticalFlip", "Transpose"),
    }
    assert len(tally(A.Compose([A.RandomOrder([A1, A2, A3], n=2)], seed=1))) == 6
    assert len(names(A.Compose([A.SomeOf([A1, A2], n=7)]))) == 2
    assert len(names(A.Compose([A.SomeOf([A1, A2], n=7, replace=True)]))) == 7
    assert {
        len(names(A.Compose([A.SomeOf([A1, A2, A3], n=(1, 3))], seed=s))) for s in range(30)
    } == {1, 2, 3}


def test_one_or_other() -> None:
    counts = tally(A.Compose([A.OneOrOther(A.NoOp(p=0), A.VerticalFlip(p=0), p=0.2)], seed=3))
    assert set(counts) == {("NoOp",), ("VerticalFlip",)}
    assert 70 < counts["NoOp",] < 180
    with pytest.raises(A.AnamorphError, match="takes two transforms"):
        A.OneOrOther(transforms=[A1])


def test_sequential_and_nesting() -> None:
    pipe = A.Compose(
        [A.Sequential([A1, A.OneOf([A.Sequential([A2, A3], p=1)], p=1)], p=0.5)], seed=1
    )
    assert set(tally(pipe)) == {(), ("HorizontalFlip", "VerticalFlip", "Transpose")}


def test_compose_p_and_force() -> None:
    pipe = A.Compose([A1], p=0)
    assert pipe(image=IMAGE)["image"] is IMAGE
    assert np.array_equal(pipe(image=IMAGE, force_apply=True)["image"], IMAGE[:, ::-1])


def test_selective_channels() -> None:
    pipe = A.Compose([A.SelectiveChannelTransform([A.InvertImg(p=1)], channels=(1,))])
    out = pipe(image=IMAGE, mask=IMAGE[..., 0])
    assert np.array_equal(out["image"][..., 0], IMAGE[..., 0])
    assert np.array_equal(out["image"][..., 1], 255 - IMAGE[..., 1])
    assert out["mask"] is not None
    with pytest.raises(A.AnamorphError, match="has 3 channels"):
        A.Compose([A.SelectiveChannelTransform([A1], channels=(7,))])(image=IMAGE)


def test_operators_and_sequence() -> None:
    pipe = A.Compose([A1], seed=4)
    longer = pipe + [A2, A3]  # noqa: RUF005 - the operator is what is tested
    assert [type(t).__name__ for t in longer] == ["HorizontalFlip", "VerticalFlip", "Transpose"]
    assert (A3 + pipe if hasattr(A3, "__add__") else pipe.__radd__(A3))[0] == A3
    assert len(longer - A.VerticalFlip) == 2
    assert longer[1] == A2
    assert len(longer[1:]) == 2
    assert longer.seed == 4
    with pytest.raises(A.AnamorphError, match="no member"):
        pipe - A.Transpose


def test_unknown_keys_pass_through_or_are_refused() -> None:
    marker = object()
    assert A.Compose([A1])(image=IMAGE, other=marker)["other"] is marker
    with pytest.raises(A.AnamorphError, match="knows no key 'imgae'; did you mean image"):
        A.Compose([A1], strict=True)(image=IMAGE, imgae=IMAGE)


def test_mask_only_and_none() -> None:
    mask = np.eye(20, dtype=np.uint8)
    assert np.array_equal(A.Compose([A1])(mask=mask)["mask"], mask[:, ::-1])
    out = A.Compose([A1])(image=IMAGE, mask=None, masks=[])
    assert out["mask"] is None
    assert out["masks"] == []


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "none of the targets"),
        ({"image": [[1, 2], [3, 4]]}, "image is a list"),
        ({"image": IMAGE.astype(np.float64)}, "has dtype float64"),
        ({"image": IMAGE[0, 0]}, "image has shape"),
        ({"image": np.zeros((0, 4, 3), np.uint8)}, "image has shape"),
        ({"image": IMAGE, "mask": IMAGE[:9, :, 0]}, "must agree"),
        ({"image": IMAGE, "bboxes": [[1, 2, 3, 4]]}, "bbox_params"),
        ({"image": IMAGE, "keypoints": [[1, 2]]}, "keypoint_params"),
        ({"mask": np.array([["a"]])}, "mask has dtype"),
    ],
)
def test_bad_data_gets_one_sentence(data: dict[str, Any], sentence: str) -> None:
    with pytest.raises(A.AnamorphError, match=sentence) as error:
        A.Compose([A1])(**data)
    assert "\n" not in str(error.value)


def test_bad_pipelines_get_one_sentence() -> None:
    with pytest.raises(A.AnamorphError, match=r"write HorizontalFlip\(\.\.\.\)"):
        A.Compose([A.HorizontalFlip])
    with pytest.raises(A.AnamorphError, match="is no transform"):
        A.Compose([3])
    with pytest.raises(A.AnamorphError, match="by name"):
        A.Compose([A1])(IMAGE)
    with pytest.raises(A.AnamorphError, match="did you mean mask"):
        A.Compose([A1], additional_targets={"x": "maks"})
    with pytest.raises(A.AnamorphError, match="must be one of all"):
        A.Compose([A1], fuse="everything")


def test_additional_targets() -> None:
    pipe = A.Compose(
        [A1, A.Normalize()],
        additional_targets={"left": "image", "depth": "mask", "faces": "bboxes"},
        bbox_params=A.BboxParams("pascal_voc"),
    )
    out = pipe(image=IMAGE, left=IMAGE, depth=IMAGE[..., 0], faces=[[0, 0, 10, 10]])
    assert np.array_equal(out["left"], out["image"])
    assert np.array_equal(out["depth"], IMAGE[:, ::-1, 0])
    assert np.allclose(out["faces"], [[54, 0, 64, 10]])


def test_lists_stay_lists_and_stacks_stacks() -> None:
    stack = np.stack([IMAGE, IMAGE])
    out = A.Compose([A1])(images=[IMAGE, IMAGE], masks=np.stack([IMAGE[..., 0]] * 3))
    assert isinstance(out["images"], list)
    assert out["masks"].shape == (3, 48, 64)
    assert A.Compose([A1])(volume=stack)["volume"].shape == stack.shape
    volumes = np.stack([stack, stack])
    assert np.array_equal(A.Compose([A1])(volumes=volumes)["volumes"], volumes[:, :, :, ::-1])


def test_mask_interpolation_for_all() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[:, 10:] = 200
    soft = A.Compose([A.Resize(40, 40)], mask_interpolation=1)(mask=mask)["mask"]
    assert len(np.unique(soft)) > 2
    assert len(np.unique(A.Compose([A.Resize(40, 40)])(mask=mask)["mask"])) == 2


def test_save_and_load_round_trip_everything(tmp_path: Any) -> None:
    pipe = A.Compose(
        [A.OneOf([A.Rotate(limit=20), A.Sequential([A1, A.SomeOf([A2, A3], n=(1, 2))])], p=0.7)],
        bbox_params=A.BboxParams(
            "yolo", label_fields=["k"], min_area=3, filter_invalid_bboxes=True
        ),
        keypoint_params=A.KeypointParams("xya", angle_in_degrees=False),
        additional_targets={"b": "mask"},
        seed=5,
        strict=True,
        mask_interpolation=0,
        save_applied_params=True,
        fuse="exact",
    )
    for form in ("json", "yaml"):
        path = tmp_path / f"pipe.{form}"
        A.save(pipe, path, data_format=form)
        back = A.load(path, data_format=form)
        assert back == pipe
        assert back.seed == 5
        data = {
            "image": IMAGE,
            "bboxes": [[0.5, 0.5, 0.2, 0.2]],
            "k": [1],
            "keypoints": [(3, 4, 0.1)],
        }
        a, b = A.load(path, data_format=form)(**data), back(**data)
        assert np.array_equal(a["image"], b["image"])
        assert a["bboxes"] == b["bboxes"]
    buffer = io.StringIO()
    A.save(pipe, buffer)
    buffer.seek(0)
    assert A.load(buffer) == pipe
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pipe.json", "pipe.yaml"]


def test_reads_what_albumentations_saved() -> None:
    data = {
        "__version__": "2.0.8",
        "transform": {
            "__class_fullname__": "Compose",
            "p": 1.0,
            "transforms": [
                {"__class_fullname__": "HorizontalFlip", "p": 0.5},
                {
                    "__class_fullname__": "albumentations.augmentations.geometric.rotate.Rotate",
                    "limit": [-90.0, 90.0],
                    "p": 0.5,
                },
            ],
            "bbox_params": None,
            "keypoint_params": None,
            "additional_targets": {},
            "is_check_shapes": True,
        },
    }
    assert [type(t).__name__ for t in A.from_dict(json.loads(json.dumps(data)))] == [
        "HorizontalFlip",
        "Rotate",
    ]
    data["transform"]["transforms"][0]["__class_fullname__"] = "HorizontalFlop"
    with pytest.raises(A.AnamorphError, match="did you mean HorizontalFlip"):
        A.from_dict(data)


def test_applied_params_and_replay() -> None:
    pipe = A.Compose([A.Rotate(limit=(20, 20), p=1), A.Blur(p=0)], save_applied_params=True)
    ((name, params),) = pipe(image=IMAGE)["applied_transforms"]
    assert name == "Rotate"
    assert "matrix" in params
    replay = A.ReplayCompose(
        [A.RandomOrder([A1, A2, A3], n=3), A.RandomCrop(20, 20)], seed=1, save_key="how"
    )
    out = replay(image=IMAGE)
    record = json.loads(json.dumps(out["how"]))
    assert np.array_equal(A.ReplayCompose.replay(record, image=IMAGE)["image"], out["image"])
    assert A.ReplayCompose.replay(record, image=IMAGE[:30])["image"].shape == (20, 20, 3)
    applied = [t["applied"] for t in record["transforms"][0]["transforms"]]
    assert applied == [True, True, True]


def test_explain_names_everything() -> None:
    text = str(
        A.Compose(
            [
                A1,
                A.Rotate(limit=(20, 20), p=1),
                A.RandomGamma(p=1),
                A.InvertImg(p=1),
                A2.replace(p=0),
            ]
        ).explain(image=IMAGE)
    )
    for word in (
        "HorizontalFlip + Rotate",
        "[resampling]",
        "RandomGamma + InvertImg",
        "[rounding]",
        "passed over by chance",
        "warpAffine",
        "µs",
    ):
        assert word in text


def test_inverse_brings_labels_home() -> None:
    pipe = A.Compose(
        [
            A1,
            A.RandomCrop(30, 40),
            A.Resize(60, 80),
            A.Rotate(limit=(10, 10), p=1),
            A.InvertImg(p=1),
        ],
        seed=1,
    )
    mask = np.zeros((48, 64), np.uint8)
    mask[20:30, 25:40] = 7
    plan = pipe.plan(image=IMAGE)
    there = pipe.render(plan, image=IMAGE, mask=mask)
    home = A.Compose([]).render(plan.inverse(), mask=there["mask"])["mask"]
    assert home.shape == mask.shape
    assert (home != mask).mean() < 0.03
    with pytest.raises(A.AnamorphError, match="no exact inverse"):
        A.Compose([A.ElasticTransform(p=1)]).plan(image=IMAGE).inverse()


def test_a_transform_by_itself_has_a_seed_and_can_be_written() -> None:
    a, b = A.RandomCrop(20, 20), A.RandomCrop(20, 20)
    a.set_random_seed(5)
    b.set_random_seed(5)
    drawn = [a(image=IMAGE)["image"] for _ in range(3)]
    assert all(np.array_equal(x, b(image=IMAGE)["image"]) for x in drawn)
    assert a == A.RandomCrop(20, 20)
    assert A.from_dict(json.loads(json.dumps(a.to_dict()))) == a
    with pytest.raises(A.AnamorphError, match=r"RandomCrop\.seed = 'x'"):
        a.set_random_seed("x")
