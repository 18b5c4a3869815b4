"""Objects pasted: what is seen of everything, and the bank they come from."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.core.rng import Rng

SIZE = (60, 80)


def disk(h: int, w: int, radius: float) -> Any:
    y, x = np.mgrid[0:h, 0:w]
    return ((y - h / 2 + 0.5) ** 2 + (x - w / 2 + 0.5) ** 2 < radius**2).astype(np.uint8)


def donor(who: int, radius: float = 8, **more: Any) -> dict[str, Any]:
    """A disk of one color, with its center as a keypoint."""
    mask = disk(30, 40, radius)
    return {
        "image": np.full((30, 40, 3), 100 + who, np.uint8),
        "mask": mask,
        "mask_id": who,
        "bbox_labels": {"name": f"n{who}"},
        "keypoints": [[19.5, 14.5]],
        "keypoint_labels": {"joint": [who]},
        **more,
    }


def scene() -> dict[str, Any]:
    """Two rectangles: instances, boxes, a semantic mask and a keypoint in each."""
    masks = [np.zeros(SIZE, np.uint8) for _ in range(2)]
    masks[0][5:35, 5:30] = 1
    masks[1][20:55, 40:75] = 1
    return {
        "image": np.full((*SIZE, 3), 10, np.uint8),
        "mask": masks[0] * 101 + masks[1] * 102,
        "masks": masks,
        "bboxes": [[5.0, 5, 30, 35], [40, 20, 75, 55]],
        "name": ["own0", "own1"],
        "keypoints": [[17.0, 19.0], [57.0, 37.0]],
        "joint": [101, 102],
    }


def pipeline(seed: int = 0, bound: Any = None, **options: Any) -> Any:
    return A.Compose(
        [A.CopyAndPaste(p=1, **options)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["name"]),
        keypoint_params=A.KeypointParams("xy", label_fields=["joint"]),
        seed=seed,
        instance_binding=bound,
    )


def tight(mask: Any) -> list[float]:
    ys, xs = np.nonzero(mask)
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@pytest.mark.parametrize("bound", [None, ("bboxes", "masks")])
@pytest.mark.parametrize("stacked", [False, True], ids=["list", "array"])
@pytest.mark.parametrize("seed", range(12))
def test_every_label_says_what_is_seen(seed: int, bound: Any, *, stacked: bool) -> None:
    data = scene()
    if stacked:
        data["masks"] = np.stack(data["masks"])
    least = 0.3
    pipe = pipeline(seed, bound, min_visibility_after_paste=least)
    donors = [donor(1, 13), donor(2, 9), donor(3, 14)]
    out = pipe(**data, copy_paste_metadata=donors)
    assert type(out["masks"]) is type(data["masks"])
    assert len(out["masks"]) == len(out["bboxes"]) == len(out["name"])
    for mask, box, name in zip(out["masks"], out["bboxes"], out["name"], strict=True):
        value = 101 + int(name[3]) if name.startswith("own") else int(name[1])
        assert np.array_equal(mask > 0, out["mask"] == value)
        assert list(box) == tight(mask)
    whole = {101: 750, 102: 1225, **{k: int(d["mask"].sum()) for k, d in enumerate(donors, 1)}}
    names = {101: "own0", 102: "own1", 1: "n1", 2: "n2", 3: "n3"}
    for value, area in whole.items():
        assert (names[value] in out["name"]) == ((out["mask"] == value).sum() >= least * area)
    for (x, y), value in zip(out["keypoints"], out["joint"], strict=True):
        assert out["mask"][int(y + 0.5), int(x + 0.5)] == value
    for value in (1, 2, 3):
        assert (out["image"][out["mask"] == value] == 100 + value).all()
    assert (out["image"][np.isin(out["mask"], (0, 101, 102))] == 10).all()


def test_boxes_without_masks_shrink_to_what_is_visible() -> None:
    data = {
        "image": np.zeros((20, 40, 3), np.uint8),
        "bboxes": [[0, 0, 40, 20], [1, 1, 3, 3.0]],
        "name": ["a", "b"],
    }
    wall = {
        "image": np.full((20, 30, 3), 9, np.uint8),
        "bbox": [0, 0, 30, 20],
        "bbox_labels": {"name": "w"},
    }
    pipe = A.Compose(
        [A.CopyAndPaste(p=1)], bbox_params=A.BboxParams("pascal_voc", ["name"]), seed=0
    )
    for _ in range(9):
        out = pipe(**data, copy_paste_metadata=[wall])
        x = int(np.flatnonzero(out["image"][0, :, 0])[0])
        rows = dict(zip(out["name"], out["bboxes"], strict=True))
        assert rows["w"] == [x, 0, x + 30, 20]
        assert rows["a"] == [30 if x == 0 else 0, 0, x if x == 10 else 40, 20]
        assert ("b" in rows) == (x >= 2)


def test_places_are_even_and_within() -> None:
    pipe = pipeline(1)
    seen = Counter()
    for _ in range(300):
        out = pipe(image=np.zeros((20, 22, 3), np.uint8), copy_paste_metadata=[donor(1, 9)])
        x0, y0, x1, y1 = tight(out["image"][..., 0])
        assert (x1 - x0, y1 - y0) == (18, 18)
        seen[int(x0), int(y0)] += 1
    assert len(seen) == 15
    assert max(seen.values()) < 45


def test_scale_and_fit() -> None:
    pipe = pipeline(scale_range=(0.5, 0.5))
    out = pipe(**scene(), copy_paste_metadata=[donor(1, 12)])
    assert np.allclose(np.subtract(out["bboxes"][-1][2:], out["bboxes"][-1][:2]), 12, atol=1)
    large = donor(
        1, image=np.full((300, 400, 3), 101, np.uint8), mask=np.ones((300, 400), np.uint8)
    )
    out = pipeline()(**scene(), copy_paste_metadata=[large])
    assert out["bboxes"] == [[0, 0, 80, 60]]
    assert out["name"] == ["n1"]


def test_too_little_to_paste() -> None:
    empty = donor(1, mask=np.zeros((30, 40), np.uint8))
    data = scene()
    assert pipeline()(**data, copy_paste_metadata=[empty])["image"] is data["image"]
    small = pipeline(min_paste_area=10_000)(**data, copy_paste_metadata=[donor(1)])
    assert small["name"] == data["name"]


def test_a_soft_edge() -> None:
    data = scene()
    out = pipeline(3, blend_mode="gaussian", blend_sigma_range=(2, 2))(
        **data, copy_paste_metadata=[donor(1, 12)]
    )
    inside = out["mask"] == 1
    change = out["image"][..., 0].astype(int) - 10
    assert change[inside].min() < 70
    assert change[inside].max() == 91
    assert 0 < change[~inside].max() < 70
    assert np.array_equal(out["masks"][-1] > 0, inside)


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_a_seamless_paste_keeps_gradients_and_surroundings(
    dtype: str, white: int, channels: int
) -> None:
    y, x = np.mgrid[0:60, 0:80]
    ground = np.repeat((0.3 + x / 400 + y / 500)[..., None], channels, 2)
    y, x = np.mgrid[0:30, 0:40]
    ripple = 0.05 * np.sin(x) * np.sin(y)
    above = np.repeat((0.8 + ripple)[..., None], channels, 2)
    image, source = ((v * white).astype(dtype) for v in (ground, above))
    item = {"image": source, "mask": disk(30, 40, 10)}
    pipe = A.Compose([A.CopyAndPaste(p=1, blend_mode="poisson")], seed=1)
    out = pipe(image=image, masks=[], copy_paste_metadata=[item])
    inside = out["masks"][0] > 0
    assert np.array_equal(out["image"][~inside], image[~inside])
    difference = (out["image"].astype(float) - image) / white
    assert np.abs(difference[inside]).max() < 0.12
    assert difference[inside].std() > 0.01


@pytest.mark.parametrize("count", [2, 3])
def test_a_sample_brings_all_its_objects(count: int) -> None:
    masks = [np.zeros((30, 40), np.uint8) for _ in range(count)]
    for k, mask in enumerate(masks):
        mask[3 : 12 + k, 10 * k : 10 * k + 8] = 1
    other = {
        "image": np.full((30, 40, 3), 200, np.uint8),
        "masks": masks,
        "name": [f"m{k}" for k in range(count)],
    }
    out = pipeline()(
        image=np.zeros((200, 200, 3), np.uint8),
        masks=[],
        bboxes=[],
        name=[],
        copy_paste_metadata=[other],
    )
    assert out["name"] == [f"m{k}" for k in range(count)]
    assert [int(m.sum()) for m in out["masks"]] == [8 * (9 + k) for k in range(count)]


def test_plans_and_seeds() -> None:
    data, donors = scene(), [donor(1, 12), donor(2)]
    pipe = pipeline(4, blend_mode="gaussian")
    plan = pipe.plan(**data, copy_paste_metadata=donors)
    again = A.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan == pickle.loads(pickle.dumps(plan))
    pipe.set_random_seed(4)
    wanted, got = pipe(**data, copy_paste_metadata=donors), pipe.render(again, **data)
    for key in data:
        assert np.array_equal(wanted[key], got[key]), key


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (3, r"copy_paste_metadata\[0\] is a int: it must be a dictionary"),
        ({"image": np.zeros((9, 9, 3), np.uint8)}, "has neither mask nor bbox"),
        (donor(1, image=None), r"mask is \(30, 40\) and image \(0, 0\)"),
        (donor(1, mask_id=None), "has no semantic_mask or mask_id"),
        (donor(1, bbox_labels={}), "has no name=, which is a label field"),
        (donor(1, keypoint_labels={}), "has no joint=, which is a label field"),
        (donor(1, image=np.zeros((30, 40), np.uint8)), "has 1 channels and the one it joins 3"),
        (donor(1, mask=None, bbox=[50, 50, 60, 60]), r"copy_paste_metadata\[0\]: bboxes"),
    ],
)
def test_what_is_wrong_is_named(item: Any, message: str) -> None:
    with pytest.raises(A.AnamorphError, match=message):
        pipeline()(**scene(), copy_paste_metadata=[item])


# ------------------------------------------------------------------------------------- bank


def bank(balance: str = "even") -> A.DonorBank:
    samples = []
    for i in range(8):
        name = "rare" if i == 0 else "common"
        samples.append(
            {
                "image": np.full((30, 40, 3), i, np.uint8),
                "masks": [disk(30, 40, 5)],
                "bboxes": [[14, 9, 25, 20]],
                "name": [name],
                "keypoints": [[1, 2], [3, 4]],
                "joint": ["a", "b"],
            }
        )
    return A.DonorBank.from_samples(samples, "name", balance=balance)


@pytest.mark.parametrize(
    ("balance", "share"), [("even", 1 / 2), ("inverse", 7 / 8), ("none", 1 / 8)]
)
def test_classes_are_drawn_in_balance(balance: str, share: float) -> None:
    rng, made = Rng(0), bank(balance)
    drawn = Counter(made.draw(rng)["bbox_labels"]["name"] for _ in range(4000))
    assert abs(drawn["rare"] / 4000 - share) < 0.03


def test_a_bank_is_a_value() -> None:
    made = bank()
    more = made.add(donor(1), "n1")
    assert (len(made), len(more)) == (8, 9)
    assert made == bank() != more
    assert hash(made) == hash(bank())
    assert pickle.loads(pickle.dumps(more)) == more
    assert made.items[0]["keypoint_labels"] == {"joint": ["a", "b"]}
    with pytest.raises(AttributeError):
        made.balance = "none"  # type: ignore[misc]


def test_a_bank_is_pasted_from() -> None:
    pipe = pipeline(2, bank=bank(), count_range=(2, 2))
    again = pickle.loads(pickle.dumps(pipe))
    data = scene()
    del data["mask"]
    out = pipe(**data)
    assert len(out["bboxes"]) == 4
    assert set(out["name"][2:]) <= {"rare", "common"}
    assert Counter(out["joint"][2:]) <= Counter(["a", "b"] * 2)
    assert len(out["joint"]) > 2
    assert np.array_equal(again(**data)["image"], out["image"])
    with pytest.raises(A.AnamorphError, match=r"DonorBank\(8 objects of 2 classes.*pickle the"):
        A.to_dict(pipe)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: A.DonorBank.from_samples([{"image": 1}], "name"),
            r"samples\[0\] has neither masks nor",
        ),
        (
            lambda: A.DonorBank.from_samples([{"masks": [1], "bboxes": []}], "name"),
            "1 masks and 0 bboxes",
        ),
        (lambda: A.DonorBank.from_samples([{"masks": [1]}], "name"), r"samples\[0\] has no name="),
        (lambda: A.DonorBank.from_samples([3], "name"), r"samples\[0\] is a int"),
        (lambda: A.DonorBank(balance="odd"), "DonorBank.balance = 'odd'"),
        (lambda: A.DonorBank(({},), ()), "0 classes for 1 objects"),
        (lambda: A.CopyAndPaste(bank=A.DonorBank()), "it must be a DonorBank that holds something"),
        (
            lambda: A.DonorBank.from_samples(
                [{"masks": [1, 2], "keypoints": [1] * 3, "name": "ab"}], "name"
            ),
            "3 keypoints for 2 objects",
        ),
    ],
)
def test_what_is_no_bank_is_named(make: Any, message: str) -> None:
    with pytest.raises(A.AnamorphError, match=message):
        make()


def test_keypoints_out_of_the_mask_come_along() -> None:
    item = donor(1, 4, keypoints=[[19.5, 14.5], [30.0, 14.5]], keypoint_labels={"joint": [1, 2]})
    pipe = pipeline(0)
    for _ in range(9):
        out = pipe(
            image=np.zeros((200, 200, 3), np.uint8),
            keypoints=[],
            joint=[],
            copy_paste_metadata=[item],
        )
        ys, xs = np.nonzero(out["image"][..., 0])
        wanted = {1: (xs.mean(), ys.mean()), 2: (xs.mean() + 10.5, ys.mean())}
        for joint, point in zip(out["joint"], out["keypoints"], strict=True):
            assert np.allclose(point, wanted[joint])
        assert 1 in out["joint"]
