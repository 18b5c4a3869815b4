"""Compositions and replay as users of Albumentations write them."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import anamorph as A

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
MASK = IMAGE[..., 0].copy()
FLIP = A.HorizontalFlip(p=1)


def negative(img: Any, **_: Any) -> Any:
    """A user's function."""
    return 255 - img


# ------------------------------------------------------------------------------ compositions


def test_members_as_a_list() -> None:
    pipe = A.Compose([FLIP, A.Normalize(), A.ToTensorV2()], seed=1)
    drawn = A.Compose([t for t in pipe if not isinstance(t, A.Normalize | A.ToTensorV2)])
    assert np.array_equal(drawn(image=IMAGE)["image"], IMAGE[:, ::-1])
    assert len(A.Compose([A.NoOp()] + pipe.transforms[:-2] + [A.NoOp()])) == 3  # noqa: RUF005
    assert FLIP in pipe.transforms
    for attempt in (
        lambda: pipe.transforms.append(FLIP),
        lambda: pipe.transforms.__setitem__(0, FLIP),
        lambda: setattr(pipe, "transforms", [FLIP]),
        lambda: setattr(pipe, "p", 0.5),
        lambda: setattr(pipe, "bbox_params", None),
        lambda: setattr(FLIP, "p", 0.5),
    ):
        with pytest.raises(A.AnamorphError, match="cannot be changed"):
            attempt()


def test_families() -> None:
    for thing, families in {
        FLIP: [A.BasicTransform, A.DualTransform],
        A.Normalize(): [A.BasicTransform, A.ImageOnlyTransform],
        A.Compose([FLIP]): [A.BaseCompose, A.Compose],
        A.OneOf([FLIP]): [A.BaseCompose],
        A.Lambda(): [A.BasicTransform, A.DualTransform],
    }.items():
        every = [A.BasicTransform, A.DualTransform, A.ImageOnlyTransform, A.BaseCompose, A.Compose]
        assert [f for f in every if isinstance(thing, f)] == families


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies(copied: Any) -> None:
    pipe = A.Compose(
        [A.OneOf([FLIP], p=1), A.Lambda(image=negative)], bbox_params={"format": "coco"}
    )
    assert np.array_equal(copied(pipe)(image=IMAGE)["image"], 255 - IMAGE[:, ::-1])
    assert copied(pipe) == pipe


def test_seeds_again_and_again() -> None:
    turn = A.Rotate(p=1)
    for thing in (A.Compose([turn]), A.OneOf([turn], p=1), A.ReplayCompose([turn]), Dim(p=1)):
        results = []
        for _ in range(2):
            thing.set_random_seed(3)
            results.append([thing(image=IMAGE)["image"] for _ in range(2)])
        (a, b), (c, d) = results
        assert np.array_equal(a, c)
        assert np.array_equal(b, d)
        assert not np.array_equal(a, b)


def test_plain_data() -> None:
    pipe = A.Compose([FLIP, A.OneOf([A.Crop(1, 2, 30, 40)], p=1)])
    data = json.loads(json.dumps(pipe.to_dict()))
    assert data["transform"]["transforms"][0] == {"__class_fullname__": "HorizontalFlip", "p": 1}
    assert A.from_dict(data) == pipe
    named = A.Lambda(image=negative, name="negative")
    data = A.to_dict(A.Compose([named]))
    assert A.from_dict(data, nonserializable={"negative": named})[0] is named
    with pytest.raises(A.AnamorphError, match=r"'negative'.*nonserializable="):
        A.from_dict(data)
    with pytest.raises(A.AnamorphError, match="give it a name"):
        A.to_dict(A.Compose([A.Lambda(image=negative)]))


# ------------------------------------------------------------------------------ replay


def test_what_people_do_with_replay() -> None:
    pipe = A.ReplayCompose([A.OneOf([FLIP, A.VerticalFlip(p=0.1)], p=1), A.InvertImg(p=1)], seed=1)
    out = pipe(image=IMAGE)
    record = out["replay"]
    assert [t["applied"] for t in record["transforms"]] == [True, True]
    assert sum(t["applied"] for t in record["transforms"][0]["transforms"]) == 1
    assert record["applied"]
    again = pipe.replay(record, image=IMAGE, mask=MASK)
    assert list(again) == ["image", "mask", "replay"]
    assert np.array_equal(again["image"], out["image"])
    record["transforms"][1]["applied"] = False
    assert np.array_equal(pipe.replay(record, image=IMAGE)["image"], 255 - out["image"])
    record["transforms"][1]["p"] = 0.5
    with pytest.raises(A.AnamorphError, match="edited"):
        pipe.replay(record, image=IMAGE)


def test_replay_cannot_invent() -> None:
    record = A.ReplayCompose([A.HorizontalFlip(p=0)])(image=IMAGE)["replay"]
    record["transforms"][0]["applied"] = True
    with pytest.raises(A.AnamorphError, match="HorizontalFlip was applied, and it was not"):
        A.ReplayCompose.replay(record, image=IMAGE)
    with pytest.raises(A.AnamorphError, match="no ReplayCompose made it"):
        A.ReplayCompose.replay({"transforms": []}, image=IMAGE)


def test_functions_replay_while_their_pipeline_lives() -> None:
    pipe = A.ReplayCompose([A.Lambda(image=negative), A.RandomCrop(20, 20)])
    out = pipe(image=IMAGE)
    assert np.array_equal(pipe.replay(out["replay"], image=IMAGE)["image"], out["image"])
    record = json.loads(json.dumps(out["replay"]))
    del pipe
    with pytest.raises(A.AnamorphError, match="nonserializable="):
        A.ReplayCompose.replay(record, image=IMAGE)


# ------------------------------------------------------------------------------ users' transforms


class Dim(A.ImageOnlyTransform):
    """In the manner of 1.x."""

    def __init__(self, by: float = 2, always_apply: Any = False, p: float = 0.5) -> None:  # noqa: FBT002
        super().__init__(always_apply, p)
        self.by = by

    def get_params(self) -> dict[str, Any]:
        return {"share": self.py_random.random()}

    def apply(self, img: Any, share: float = 0.0, **params: Any) -> Any:
        return (img * share / self.by).astype(img.dtype)
