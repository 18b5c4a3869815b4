"""Transforms written for Albumentations 2.0.8 keep working unchanged."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.core.params import SymmetricDegrees
from anamorph.ir.ops import Warp

IMAGE = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)


class Brighten(A.ImageOnlyTransform):
    """Adds a drawn number."""

    def __init__(self, limit: int = 20, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.limit = limit

    def get_params(self) -> dict[str, Any]:
        return {"delta": self.py_random.randint(1, self.limit)}

    def apply(self, img: Any, delta: int = 0, **params: Any) -> Any:
        return np.clip(img.astype(int) + delta, 0, 255).astype(np.uint8)

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        return ("limit",)


class CutLeft(A.DualTransform):
    """Cuts a drawn number of columns."""

    def get_params_dependent_on_data(self, params: Any, data: Any) -> dict[str, Any]:
        assert params["shape"][:2] == data["image"].shape[:2]
        return {"cut": int(self.random_generator.integers(5, 15))}

    def apply(self, img: Any, cut: int = 0, **params: Any) -> Any:
        return np.ascontiguousarray(img[:, cut:])

    def apply_to_bboxes(self, bboxes: Any, cut: int = 0, **params: Any) -> Any:
        width = params["shape"][1]
        out = bboxes.copy()
        out[:, [0, 2]] = (out[:, [0, 2]] * width - cut) / (width - cut)
        return out

    def apply_to_keypoints(self, keypoints: Any, cut: int = 0, **params: Any) -> Any:
        out = keypoints.copy()
        out[:, 0] -= cut
        return out


class Tint(A.BasicTransform):
    """Uses the targets property of the oldest form."""

    @property
    def targets(self) -> dict[str, Any]:
        return {"image": self.apply, "extra": self.apply}

    def apply(self, img: Any, **params: Any) -> Any:
        return img // 2


def test_pixels_and_seeds() -> None:
    a, b = (A.Compose([Brighten(p=1)], seed=3) for _ in range(2))
    results = [a(image=IMAGE)["image"] for _ in range(4)]
    assert all(np.array_equal(x, b(image=IMAGE)["image"]) for x in results)
    assert len({int(x[0, 0, 0]) for x in results}) > 1


def test_labels_follow_between_native_transforms() -> None:
    pipe = A.Compose(
        [A.HorizontalFlip(p=1), CutLeft(p=1), A.HorizontalFlip(p=1)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
        keypoint_params=A.KeypointParams("xy", label_fields=["ids"]),
        seed=1,
    )
    out = pipe(
        image=IMAGE,
        mask=IMAGE[..., 0],
        bboxes=[[2, 5, 20, 30], [50, 1, 59, 9]],
        kinds=["a", ("b", 1)],
        keypoints=[(10, 10), (59, 3)],
        ids=[2**40, None],
    )
    width = out["image"].shape[1]
    assert 45 <= width <= 55
    assert np.array_equal(out["image"], IMAGE[:, :width])
    assert np.array_equal(out["mask"], IMAGE[:, :width, 0])
    assert np.allclose(out["bboxes"][0], [2, 5, 20, 30], atol=1e-9)
    assert out["kinds"][0] == "a"
    assert out["keypoints"] == [[10, 10]]
    assert out["ids"] == [2**40]


def test_alone_pickled_and_replayed() -> None:
    t = Brighten(limit=7, p=1)
    assert t(image=IMAGE)["image"].shape == IMAGE.shape
    twin = pickle.loads(pickle.dumps(t))
    assert twin.limit == 7
    pipe = A.ReplayCompose([Brighten(p=1)], seed=1)
    out = pipe(image=IMAGE)
    assert np.array_equal(out["image"], A.ReplayCompose.replay(out["replay"], image=IMAGE)["image"])


def test_serialization_by_module() -> None:
    data = A.to_dict(A.Compose([Brighten(limit=9, p=0.3)]))
    name = data["transform"]["transforms"][0]["__class_fullname__"]
    assert name.endswith("Brighten")
    assert name != "Brighten"
    assert A.from_dict(data).transforms[0].limit == 9


def test_own_targets_property() -> None:
    pipe = A.Compose([Tint(p=1)], additional_targets={"extra": "image"})
    out = pipe(image=IMAGE, extra=IMAGE)
    assert np.array_equal(out["extra"], IMAGE // 2)


def test_the_native_way() -> None:
    class Tilt(A.SpatialTransform):
        """Turn a little."""

        limit: SymmetricDegrees = (-5, 5)
        p: float = 0.5

        def draw(self, rng: Any, scene: Any) -> Any:
            yield Warp.rotation(rng.uniform(*self.limit), scene.size)

    assert isinstance(Tilt(), A.DualTransform)
    with pytest.raises(A.AnamorphError, match=r"Tilt\.limit"):
        Tilt(limit="x")


def test_a_missing_method_is_said() -> None:
    class Half(A.DualTransform):
        """Defines no boxes."""

        def apply(self, img: Any, **params: Any) -> Any:
            return img

    pipe = A.Compose([Half(p=1)], bbox_params=A.BboxParams("coco"))
    with pytest.raises(A.AnamorphError, match="Half must define apply_to_bboxes"):
        pipe(image=IMAGE, bboxes=[[1, 1, 5, 5]])
