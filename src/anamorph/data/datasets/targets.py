"""How annotated objects are handed to a pipeline, and what the pipeline must say to take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.box_formats import FORMATS
from anamorph.core.errors import ParameterError, UnknownNameError, nearest
from anamorph.data.annotations import Category, Object
from anamorph.data.datasets.objects import Objects
from anamorph.pipeline.compose import Compose

POINT_FIELDS = ("keypoint_labels", "keypoint_names", "instance", "visibility")
"""Of a keypoint: its number and name in its class, the place of its object among the picture's
objects, and whether it is seen, as COCO says it."""

_POINT_FORMATS: Mapping[str, tuple[int, ...]] = {"xy": (0, 1), "yx": (1, 0), "xyv": (0, 1, 2)}
"""Format → columns of x, y, visibility."""

_BOX_FORMAT, _FIELDS = "pascal_voc", ("labels",)
_POINT_FORMAT, _SOME_POINT_FIELDS = "xy", ("keypoint_labels", "instance", "visibility")


@final
@dataclass(frozen=True, slots=True)
class Wanted:
    """Which targets are wanted, and how: format and label fields of boxes and of keypoints."""

    targets: tuple[str, ...]
    box_format: str = _BOX_FORMAT
    fields: tuple[str, ...] = _FIELDS
    point_format: str = _POINT_FORMAT
    point_fields: tuple[str, ...] = _SOME_POINT_FIELDS

    @classmethod
    def by(
        cls, place: str, targets: Sequence[str], box_format: str | None, pipeline: Compose | None
    ) -> Wanted:
        """What a pipeline asks for; without one, or where it says nothing, what is usual."""
        chosen = _chosen(place, (targets,) if isinstance(targets, str) else tuple(targets))
        if box_format is not None and box_format not in FORMATS:
            raise UnknownNameError(
                f"{place}.box_format = {box_format!r}: it must be one of {', '.join(FORMATS)}"
                f"{nearest(str(box_format), FORMATS)}"
            )
        if pipeline is None:
            return cls(chosen, box_format or _BOX_FORMAT)
        boxes, points = pipeline.bbox_params, pipeline.keypoint_params
        _check_told(place, "bboxes" in chosen, "bbox_params", boxes)
        _check_told(place, "keypoints" in chosen, "keypoint_params", points)
        told = cls(
            chosen,
            box_format or (boxes.format if boxes else _BOX_FORMAT),
            boxes.label_fields if boxes else _FIELDS,
            points.format if points else _POINT_FORMAT,
            points.label_fields if points else _SOME_POINT_FIELDS,
        )
        told.check(place, pipeline)
        return told

    def check(self, place: str, pipeline: Compose) -> None:
        """Refuse a pipeline that would misread what it is handed."""
        boxes, points = pipeline.bbox_params, pipeline.keypoint_params
        if "bboxes" in self.targets:
            _check_told(place, True, "bbox_params", boxes)
            _check_format(place, "bbox_params", boxes.format, self.box_format, FORMATS)
            _check_fields(place, "bbox_params", boxes.label_fields, self.fields)
        if "keypoints" in self.targets:
            _check_told(place, True, "keypoint_params", points)
            _check_format(
                place, "keypoint_params", points.format, self.point_format, _POINT_FORMATS
            )
            _check_fields(place, "keypoint_params", points.label_fields, POINT_FIELDS)

    def suits(self, thing: Object) -> bool:
        """Whether an object has what is asked for, so that all targets hold the same objects."""
        if "bboxes" in self.targets and thing.box is None:
            return False
        return thing.segmentation is not None or not {"mask", "masks"} & set(self.targets)


@final
@dataclass(frozen=True, slots=True)
class Handed:
    """The annotations of one picture, as a call of a pipeline takes them."""

    objects: Objects
    picture: int
    wanted: Wanted
    categories: tuple[Category, ...]

    def data(self) -> dict[str, Any]:
        """All that is wanted, by its keys."""
        data: dict[str, Any] = {}
        for target in self.wanted.targets:
            data |= TARGETS[target](self)
        classes = [category.name for category in self.categories]
        fields = {
            name: self.objects.field(name, self._rows, classes) for name in self.wanted.fields
        }
        return data | fields

    def boxes(self) -> dict[str, Any]:
        """Boxes, in their format."""
        corners = self.objects.boxes[self._rows].copy()
        return {"bboxes": FORMATS[self.wanted.box_format].from_pixels(corners, self._size)}

    def masks(self) -> dict[str, Any]:
        """A mask of 0 and 1 an object."""
        return {"masks": [mask.astype(np.uint8) for mask in self._inside()]}

    def mask(self) -> dict[str, Any]:
        """One mask of all objects: 0, and from 1 on the classes; a later object covers an earlier."""
        mask = np.zeros(self._size, np.uint8 if len(self.categories) < 255 else np.uint16)
        labels = self.objects.numbers(self._rows).tolist()
        for label, inside in zip(labels, self._inside(), strict=True):
            mask[inside] = label + 1
        return {"mask": mask}

    def keypoints(self) -> dict[str, Any]:
        """Every keypoint of every object in order; one that is not labelled has no place."""
        found = () if self.objects.points is None else self.objects.points[self._rows]
        points = [(at, k, point) for at, own in enumerate(found) for k, point in enumerate(own)]
        places = [(x, y, seen) if seen else (nan, nan, 0) for _, _, (x, y, seen) in points]
        columns = _POINT_FORMATS[self.wanted.point_format]
        fields: dict[str, Any] = {
            "keypoint_labels": np.array([number for _, number, _ in points], np.int64),
            "keypoint_names": [self._name(at, number) for at, number, _ in points],
            "instance": np.array([at for at, _, _ in points], np.int64),
            "visibility": np.array([point[2] for _, _, point in points], np.int64),
        }
        array = np.array(places, np.float64).reshape(-1, 3)[:, columns]
        return {"keypoints": array, **{name: fields[name] for name in self.wanted.point_fields}}

    @property
    def _rows(self) -> slice:
        return self.objects.rows(self.picture)

    @property
    def _size(self) -> tuple[int, int]:
        return self.objects.size(self.picture)

    def _inside(self) -> list[NDArray[np.bool_]]:
        outlines = () if self.objects.outlines is None else self.objects.outlines[self._rows]
        return [outline.mask(self._size) for outline in outlines]

    def _name(self, at: int, number: int) -> str:
        """The name of a keypoint of the object at a place; its number if it has none."""
        label = int(self.objects.labels[self._rows][at])
        names = self.categories[label].keypoints if label >= 0 else ()
        return names[number] if number < len(names) else str(number)


TARGETS: Mapping[str, Callable[[Handed], dict[str, Any]]] = {
    "bboxes": Handed.boxes,
    "masks": Handed.masks,
    "mask": Handed.mask,
    "keypoints": Handed.keypoints,
}
"""Key of a call → what it holds: boxes, a mask an object, one mask of the classes, keypoints."""


def _chosen(place: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    for target in targets:
        if target not in TARGETS:
            raise UnknownNameError(
                f"{place}.targets has {target!r}: {', '.join(TARGETS)} are what there is"
                f"{nearest(str(target), TARGETS)}"
            )
    if not targets:
        raise ParameterError(f"{place}.targets is empty: one or more of {', '.join(TARGETS)}")
    return targets


def _check_told(place: str, wanted: bool, name: str, params: Any) -> None:  # noqa: FBT001
    if wanted and params is None:
        raise ParameterError(f"{place}: the pipeline has no {name}, so it cannot read them")


def _check_format(place: str, name: str, told: str, given: str, known: Mapping[str, Any]) -> None:
    if told not in known:
        raise ParameterError(
            f"{place}: the pipeline's {name}.format is {told!r}: {', '.join(known)} can be given"
        )
    if told != given:
        raise ParameterError(
            f"{place}: the pipeline's {name}.format is {told!r}, but the dataset gives {given!r}"
        )


def _check_fields(place: str, name: str, told: Sequence[str], known: Sequence[str]) -> None:
    if not told:
        raise ParameterError(
            f"{place}: the pipeline's {name} has no label_fields, so that nobody could tell what "
            f"the rows of its results are: {', '.join(known)}"
        )
    for field in told:
        if field not in known:
            raise UnknownNameError(
                f"{place}: the pipeline's {name}.label_fields has {field!r}: {', '.join(known)} "
                f"are what the dataset gives{nearest(field, known)}"
            )
