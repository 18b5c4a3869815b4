"""Mosaics: pixels where the definition says, and labels that come along as they are."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

import anamorph as A


def coordinates(h: int, w: int, who: int) -> Any:
    """A picture whose pixels say where they are, and of which picture."""
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([x / 1000, y / 1000, np.full((h, w), who / 100)], -1).astype(np.float32)


def scene(who: int, label: Any, h: int = 40, w: int = 50, **more: Any) -> dict[str, Any]:
    """A sample with one object, whose mask, box and keypoint agree."""
    mask = np.zeros((h, w), np.uint8)
    mask[8:30, 10:40] = who
    return {
        "image": np.full((h, w, 3), 10 * who, np.uint8),
        "mask": mask,
        "masks": [(mask > 0).astype(np.uint8)],
        "bboxes": [[10.0, 8.0, 40.0, 30.0]],
        "name": [label],
        "keypoints": [[25.0, 19.0]],
        "joint": [label],
        **more,
    }


def pipeline(seed: int = 0, bound: Any = None, **options: Any) -> Any:
    settings = {"target_size": (60, 70), "cell_shape": (40, 50), "p": 1} | options
    return A.Compose(
        [A.Mosaic(**settings)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["name"]),
        keypoint_params=A.KeypointParams("xy", label_fields=["joint"]),
        seed=seed,
        instance_binding=bound,
    )


@pytest.mark.parametrize("center", [0.0, 0.2, 0.5, 0.83, 1.0])
def test_a_window_of_whole_cells(center: float) -> None:
    """With corners in all four cells, the mosaic is a window of the cells put side by side."""
    mosaic = A.Mosaic(
        grid_yx=(2, 2),
        cell_shape=(40, 50),
        target_size=(60, 70),
        center_range=(center, center),
        p=1,
    )
    image = coordinates(40, 50, 1)
    others = [{"image": coordinates(40, 50, who)} for who in (2, 3, 4)]
    out = A.Compose([mosaic], seed=3)(image=image, mosaic_metadata=others)["image"]
    top, left = min(int(center * 21), 20), min(int(center * 31), 30)
    y, x = np.mgrid[top : top + 60, left : left + 70]
    assert np.allclose(out[..., 0], x % 50 / 1000, atol=1e-6)
    assert np.allclose(out[..., 1], y % 40 / 1000, atol=1e-6)
    who = np.rint(out[..., 2] * 100).astype(int)
    cells = {
        (r, c): set(who[(y // 40 == r) & (x // 50 == c)].tolist()) for r in (0, 1) for c in (0, 1)
    }
    found = [next(iter(one)) for one in cells.values() if one]
    assert all(len(one) <= 1 for one in cells.values())
    assert len(set(found)) == len(found)
    areas = {
        next(iter(v)): ((y // 40 == r) & (x // 50 == c)).sum() for (r, c), v in cells.items() if v
    }
    assert areas[1] == max(areas.values())


def test_cover_and_contain() -> None:
    image = np.full((20, 40, 1), 200, np.uint8)
    image[:, 20:] = 100
    options: dict[str, Any] = {"grid_yx": (1, 1), "cell_shape": (20, 20), "target_size": (20, 20)}
    call = {"image": image, "mosaic_metadata": []}
    cover = A.Mosaic(**options, p=1)(**call)["image"]
    assert (cover == 200).all()
    contain = A.Mosaic(**options, fit_mode="contain", fill=7, p=1)(**call)["image"]
    assert (contain[:5] == 7).all()
    assert (contain[15:] == 7).all()
    assert (contain[5:15, :9] == 200).all()
    assert (contain[5:15, 11:] == 100).all()


@pytest.mark.parametrize("seed", range(6))
def test_labels_of_all_pictures_agree(seed: int) -> None:
    names = ["own", "b", 2**40 + 1, None]
    own, *others = (scene(who, name) for who, name in enumerate(names, 1))
    out = pipeline(seed)(**own, mosaic_metadata=others)
    assert out["mask"].shape == out["image"].shape[:2] == (60, 70)
    for box, name in zip(out["bboxes"], out["name"], strict=True):
        who = names.index(name) + 1
        ys, xs = np.nonzero(out["mask"] == who)
        assert box == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    for (x, y), name in zip(out["keypoints"], out["joint"], strict=True):
        assert out["mask"][int(y), int(x)] == names.index(name) + 1
    assert [int(m.sum()) for m in out["masks"][:1]] == [int((out["mask"] == 1).sum())]
    assert len(out["masks"]) == 4
    assert set(np.unique(out["mask"][out["image"][..., 0] == 20])) <= {0, 2}


@pytest.mark.parametrize("seed", range(6))
def test_objects_stay_together(seed: int) -> None:
    own, *others = (scene(who, who) for who in (1, 2, 3, 4))
    bound = ("bboxes", "masks", "keypoints")
    out = pipeline(seed, bound)(**own, mosaic_metadata=others)
    assert len(out["bboxes"]) == len(out["masks"]) == len(out["name"])
    for box, mask, name in zip(out["bboxes"], out["masks"], out["name"], strict=True):
        assert np.array_equal(mask, out["mask"] == name)
        ys, xs = np.nonzero(mask)
        assert box == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@pytest.mark.parametrize(
    "container",
    [list, tuple, np.array, lambda v: np.array(v, np.uint8), lambda v: np.array(v, object)],
)
def test_containers_of_labels_are_kept(container: Any) -> None:
    own, *others = (scene(who, who) for who in (1, 2, 3, 4))
    for item in (own, *others):
        item["name"] = container(item["name"])
        item["bboxes"] = np.array(item["bboxes"], np.float32)
    out = pipeline()(**own, mosaic_metadata=others)
    assert type(out["name"]) is type(own["name"])
    assert getattr(out["name"], "dtype", 0) == getattr(own["name"], "dtype", 0)
    assert out["bboxes"].dtype == np.float32
    assert min(out["name"]) == 1
    assert len(out["name"]) == len(out["bboxes"]) > 1


def test_further_columns_stay_with_their_rows() -> None:
    own, *others = (scene(who, who) for who in (1, 2, 3, 4))
    for who, item in enumerate((own, *others), 1):
        item["bboxes"] = [[*item["bboxes"][0], f"kind {who}"]]
    out = pipeline()(**own, mosaic_metadata=others)
    assert [row[4] for row in out["bboxes"]] == [f"kind {name}" for name in out["name"]]


@pytest.mark.parametrize("key", ["masks", "images"])
def test_stacks_in_arrays_are_shown_again_as_lists_are(key: str) -> None:
    one = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
    pipe = A.Compose([A.Mosaic(target_size=(20, 24), cell_shape=(12, 16), p=1)], seed=1)
    found = []
    for form in (np.stack, list):
        pipe.set_random_seed(1)
        given = {key: form([one, one[::-1].copy()])}
        found.append(pipe(image=one, mosaic_metadata=[], **given)[key])
    whole, listed = found
    assert isinstance(whole, np.ndarray)
    assert isinstance(listed, list)
    assert np.array_equal(whole, np.stack(listed))


def test_a_picture_with_too_few_others_is_shown_again() -> None:
    own = scene(1, "own")
    given = own["bboxes"], own["name"]
    options = {"center_range": (0.5, 0.5), "target_size": (80, 100)}
    out = pipeline(**options)(**own, mosaic_metadata=[])
    assert out["name"] == ["own"] * 4
    assert len(out["masks"]) == 4
    assert sorted(map(tuple, out["bboxes"])) == [
        (10 + dx, 8 + dy, 40 + dx, 30 + dy) for dx in (0, 50) for dy in (0, 40)
    ]
    assert (own["bboxes"], own["name"]) == given


def test_polygons_and_oriented_boxes_come_along() -> None:
    square = [[10.0, 8.0, 40.0, 8.0, 40.0, 30.0, 10.0, 30.0]]
    item = {
        "image": np.zeros((40, 50, 3), np.uint8),
        "polygons": square,
        "bboxes": [[25, 19, 30, 22, 0.0]],
    }
    mosaic = A.Mosaic(target_size=(80, 100), cell_shape=(40, 50), p=1)
    out = A.Compose([mosaic], bbox_params=A.BboxParams("obb"))(**item, mosaic_metadata=[item] * 3)
    assert len(out["polygons"]) == 4
    assert {(p[0], p[1]) for p in out["polygons"]} == {(10, 8), (60, 8), (10, 48), (60, 48)}
    assert sorted(map(tuple, out["bboxes"])) == [
        (25 + dx, 19 + dy, 30, 22, 0) for dx in (0, 50) for dy in (0, 40)
    ]


def test_further_pictures_and_masks_have_their_own() -> None:
    mosaic = A.Mosaic(target_size=(80, 100), cell_shape=(40, 50), fill_mask=9, p=1)
    pipe = A.Compose([mosaic], additional_targets={"infrared": "image", "zones": "mask"}, seed=0)
    item = {
        "image": np.full((40, 50, 3), 1, np.uint8),
        "infrared": np.full((40, 50, 3), 101, np.uint8),
        "mask": np.full((40, 50), 1, np.uint8),
        "zones": np.full((40, 50), 11, np.uint8),
    }
    others = [{key: value + who for key, value in item.items()} for who in (1, 2)]
    others.append({"image": item["image"] + 3, "infrared": item["infrared"] + 3})
    out = pipe(**item, mosaic_metadata=others)
    who = out["image"][..., 0].astype(int) - 1
    assert np.array_equal(out["infrared"][..., 0], who + 101)
    assert np.array_equal(out["mask"], np.where(who == 3, 9, who + 1))
    assert np.array_equal(out["zones"], np.where(who == 3, 9, who + 11))


def test_thresholds_hold_for_others_too() -> None:
    own, *others = (scene(who, who) for who in (1, 2, 3, 4))
    options = {"center_range": (0.5, 0.5)}
    everything = pipeline(**options)(**own, mosaic_metadata=others)
    pipe = A.Compose(
        pipeline(**options).transforms,
        bbox_params=A.BboxParams("pascal_voc", label_fields=["name"], min_visibility=0.4),
        keypoint_params=A.KeypointParams("xy", label_fields=["joint"]),
        seed=0,
    )
    out = pipe(**own, mosaic_metadata=others)
    seen = {
        n: (b[2] - b[0]) * (b[3] - b[1]) / 660
        for b, n in zip(everything["bboxes"], everything["name"], strict=True)
    }
    assert set(out["name"]) == {n for n, part in seen.items() if part >= 0.4}


def test_it_is_replayed_and_written_as_data() -> None:
    own, *others = (scene(who, f"n{who}") for who in (1, 2, 3, 4))
    pipe = pipeline(5)
    plan = pipe.plan(**own, mosaic_metadata=others)
    again = A.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan == pickle.loads(pickle.dumps(plan))
    pipe.set_random_seed(5)
    wanted = pipe(**own, mosaic_metadata=others)
    got = pipe.render(again, **own)
    for key in ("image", "mask", "bboxes", "name", "keypoints", "joint"):
        assert np.array_equal(wanted[key], got[key]), key


def test_the_backends_agree() -> None:
    own, *others = (scene(who, who, 30 + who, 44 - who) for who in (1, 2, 3, 4))
    for item in (own, *others):
        item["image"] = np.random.default_rng(0).integers(
            0, 256, item["image"].shape, dtype=np.uint8
        )
    pipes = [
        A.Compose([A.Mosaic(cell_shape=(40, 50), target_size=(60, 70), p=1)], seed=2, backend=name)
        for name in ("opencv", "reference")
    ]
    fast, slow = (p(image=own["image"], mask=own["mask"], mosaic_metadata=others) for p in pipes)
    assert np.abs(fast["image"].astype(int) - slow["image"]).max() <= 2
    assert (fast["mask"] != slow["mask"]).mean() < 0.01


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "mosaic_metadata is a NoneType: it must be a list"),
        ({}, "mosaic_metadata is a dict: it must be a list"),
        ([3] * 3, r"mosaic_metadata\[\d\] is a int: it must be a dictionary"),
        ([{}] * 3, r"mosaic_metadata\[\d\] has no image"),
        ([{"image": np.zeros((9, 9), np.uint8)}] * 3, r"has 1 channels and the one it joins 3"),
        (
            [{"image": np.zeros((9, 9, 3), np.float32)}] * 3,
            r"is float32 and the one it joins uint8",
        ),
        ([scene(2, 2, mask=np.zeros((3, 3), np.uint8))] * 3, r"mosaic_metadata\[\d\]: mask is 3×3"),
        ([scene(2, 2, name=[])] * 3, r"mosaic_metadata\[\d\]: name has 0 labels"),
        ([scene(2, 2, bboxes=[[0, 0, 99, 99]])] * 3, r"mosaic_metadata\[\d\]: bboxes\[0\]"),
    ],
)
def test_what_is_wrong_is_named(metadata: Any, message: str) -> None:
    with pytest.raises(A.AnamorphError, match=message):
        pipeline()(**scene(1, 1), mosaic_metadata=metadata)


def test_labels_that_others_lack_are_named() -> None:
    other = scene(2, 2)
    del other["name"]
    with pytest.raises(
        A.AnamorphError, match=r"mosaic_metadata\[\d\] has no name=, which is a label"
    ):
        pipeline()(**scene(1, 1), mosaic_metadata=[other] * 3)
    with pytest.raises(A.AnamorphError, match="the call has no mosaic_metadata="):
        pipeline()(**scene(1, 1))
