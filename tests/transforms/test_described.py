"""What transforms and pipelines tell of themselves to code written for Albumentations."""

from __future__ import annotations

import numpy as np
import pytest

import anamorph as A
from contracts.table import ALL, build


@pytest.mark.parametrize("name", sorted(set(ALL) - {"Lambda"}))
def test_every_transform_tells_its_parameters(name: str) -> None:
    transform = build(name)
    names = transform.get_transform_init_args_names()
    assert names == tuple(type(transform).fields)
    given = transform.get_transform_init_args()
    assert list(given) == list(names)
    assert type(transform)(**given) == transform
    assert transform.get_base_init_args() == {"p": transform.p}
    assert transform.get_class_fullname() == name
    assert transform.is_serializable()
    assert set(transform.targets) == transform.available_keys


def test_functions_of_targets_act_on_one_value() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    flip = A.HorizontalFlip(p=0)
    assert np.array_equal(flip.targets["image"](image), image[:, ::-1])
    assert np.array_equal(flip.targets["mask"](image), image[:, ::-1])
    assert flip.p == 0
    noise = A.GaussNoise()
    noise.set_random_seed(4)
    first = noise.targets["image"](image)
    noise.set_random_seed(4)
    assert np.array_equal(noise.targets["image"](image), first)


def test_keys_that_are_needed_besides() -> None:
    assert A.RandomCropNearBBox().targets_as_params == ["cropping_bbox"]
    assert A.Mosaic(metadata_key="others").targets_as_params == ["others"]
    assert A.Blur().targets_as_params == []


class Halved(A.ImageOnlyTransform):
    """A transform of a user's."""

    def apply(self, img: np.ndarray, **params: object) -> np.ndarray:
        return img // 2


def test_a_transform_of_a_users_has_the_name_of_its_module() -> None:
    assert Halved.get_class_fullname() == f"{__name__}.Halved"


def test_pipelines_tell_what_they_know() -> None:
    pipeline = A.Compose(
        [A.OneOf([A.Blur(), A.Mosaic()]), Halved()],
        bbox_params=A.BboxParams("coco", label_fields=["kinds"]),
        keypoint_params=A.KeypointParams("xy"),
        additional_targets={"image2": "image"},
    )
    wanted = {"image", "bboxes", "keypoints", "kinds", "image2", "mosaic_metadata", "mask"}
    assert wanted <= pipeline.available_keys
    assert sorted(pipeline.processors) == ["bboxes", "keypoints"]
    assert pipeline.processors["bboxes"].params is pipeline.bbox_params
    assert pipeline.processors["bboxes"].default_data_name == "bboxes"
    plain = A.Compose([A.Blur()])
    assert plain.processors == {}
    assert plain.available_keys == A.Blur().available_keys


def test_what_was_applied_is_told_by_the_numbers_alone() -> None:
    image = np.zeros((4, 6), np.uint8)
    ((name, told),) = A.Compose([A.HorizontalFlip(p=1)], save_applied_params=True)(image=image)[
        "applied_transforms"
    ]
    assert name == "HorizontalFlip"
    assert set(told) == {"matrix", "size", "sampling", "shape"}


class Told(A.DualTransform):
    """A transform of a user's that asks what its pipeline knows."""

    @property
    def targets_as_params(self) -> list[str]:
        return ["level"]

    def get_params_dependent_on_data(
        self, params: dict[str, object], data: dict[str, object]
    ) -> dict[str, object]:
        boxes = self.get_processor("bboxes")
        return {"level": data["level"], "form": boxes and boxes.params.format}

    def apply(self, img: np.ndarray, level: int = 0, **params: object) -> np.ndarray:
        return np.full_like(img, level)

    def apply_to_bboxes(self, bboxes: np.ndarray, **params: object) -> np.ndarray:
        return bboxes


def test_a_users_transform_is_told_what_its_pipeline_knows() -> None:
    image = np.zeros((4, 6), np.uint8)
    pipeline = A.Compose(
        [Told(p=1)], bbox_params=A.BboxParams("coco"), strict=True, save_applied_params=True
    )
    out = pipeline(image=image, bboxes=[[0, 0, 3, 2]], level=7)
    assert (out["image"] == 7).all()
    ((name, told),) = out["applied_transforms"]
    assert name == "Told"
    assert told["level"] == 7
    assert told["form"] == "coco"
    with pytest.raises(ValueError, match="Told needs level in the call"):
        pipeline(image=image)
    assert Told().get_processor("bboxes") is None


def test_refusals_are_of_the_kinds_that_callers_catch() -> None:
    image = np.zeros((4, 6), np.uint8)
    with pytest.raises(KeyError, match="by name") as error:
        A.Compose([])(image)
    assert isinstance(error.value, TypeError)
    with pytest.raises(ValueError, match="strict"):
        A.Compose([], strict=True)(image=image, unheard_of=1)
