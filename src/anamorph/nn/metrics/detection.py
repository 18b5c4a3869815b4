"""COCO's mean average precision, by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, MissingDataError
from anamorph.core.params import Number
from anamorph.nn.metrics.arrays import Array, array

AREAS = ("all", "small", "medium", "large")


class DetectionScores:
    """Mean average precision as COCO defines it, of all classes and of each.

    Args:
        classes: names by label; labels of the targets may be any of 0 … len − 1. None: labels are
            named by their numbers.
        max_detections: how many of a picture's boxes of a class count, the best first. Unlike
            pycocotools, which gives −1 for any number but 100, all scores follow it.

    >>> scores = DetectionScores()
    >>> box = {"boxes": np.array([[0, 0, 10, 10.0]]), "labels": np.array([1])}
    >>> scores.update(["a"], [box | {"scores": np.array([0.9])}], [box])
    >>> scores.compute()["map"]
    1.0
    """

    def __init__(self, classes: Sequence[str] | None = None, max_detections: int = 100) -> None:
        rule = Number(1, whole=True)
        self.classes: tuple[str, ...] | None = tuple(classes) if classes is not None else None
        self.max_detections: int = rule.check("DetectionScores.max_detections", max_detections)
        self._pictures: dict[Hashable, tuple[dict[str, Array], dict[str, Array]]] = {}

    def update(
        self,
        ids: Sequence[Hashable],
        predictions: Sequence[Mapping[str, Any]],
        targets: Sequence[Mapping[str, Any]],
    ) -> None:
        """Take what was found in pictures and what is there.

        Args:
            ids: of the pictures.
            predictions: dictionaries of ``boxes`` (N, 4) x0, y0, x1, y1 in pixels, ``scores``,
                ``labels``.
            targets: dictionaries of ``boxes`` and ``labels``; ``iscrowd`` (N,) for boxes that
                may be found any number of times or not at all, and ``area`` (N,), if there are.

        Raises:
            DataError: lengths differ, or a picture comes twice.
            MissingDataError: a dictionary lacks a column.
        """
        if not len(ids) == len(predictions) == len(targets):
            have = f"{len(ids)} ids, {len(predictions)} predictions, {len(targets)} targets"
            raise DataError(f"DetectionScores: {have}: there must be as many of each")
        for key, said, there in zip(ids, predictions, targets, strict=True):
            if key in self._pictures:
                raise DataError(f"picture {key!r} comes twice")
            found = _columns(key, "predictions", said, ("scores",))
            self._pictures[key] = (found, _columns(key, "targets", there, ()))

    def merge(self, other: DetectionScores) -> None:
        """Add the pictures of another, of another rank say."""
        self._pictures |= other._pictures

    def compute(self) -> dict[str, float]:
        """All scores; NaN where there is nothing of a kind.

        ``map``, ``map50``, ``map75``, ``map_small`` and so on by area, ``mar`` (mean recall),
        ``map/name`` and ``map50/name`` of each class that is in the targets.
        """
        there = [target["labels"] for _, target in self._pictures.values()]
        labels = set(map(int, chain.from_iterable(there)))
        if not labels:
            return dict.fromkeys(("map", "map50", "map75", "mar"), float("nan"))
        precision, recall = self._evaluated()
        out = {"map": _mean(precision[..., 0]), "map50": _mean(precision[0, ..., 0])}
        out |= {"map75": _mean(precision[5, ..., 0]), "mar": _mean(recall[..., 0])}
        for place, area in enumerate(AREAS[1:], 1):
            out |= {
                f"map_{area}": _mean(precision[..., place]),
                f"mar_{area}": _mean(recall[..., place]),
            }
        for place, label in enumerate(sorted(self._labels())):
            if label in labels:
                name = self.classes[label] if self.classes else str(label)
                out[f"map/{name}"] = _mean(precision[:, :, place, 0])
                out[f"map50/{name}"] = _mean(precision[0, :, place, 0])
        return out

    def _labels(self) -> set[int]:
        both = (part["labels"] for pair in self._pictures.values() for part in pair)
        known = {int(label) for labels in both for label in labels}
        if self.classes is not None and known - set(range(len(self.classes))):
            wrong = min(known - set(range(len(self.classes))))
            raise DataError(f"label {wrong}: it must be in [0, {len(self.classes) - 1}]")
        return known

    def _evaluated(self) -> tuple[Array, Array]:
        """Precision (T, R, K, A) and recall (T, K, A); −1 where there is nothing."""
        coco = import_module("faster_coco_eval")
        known = self._labels()
        truth: list[dict[str, Any]] = []
        found: list[dict[str, Any]] = []
        for number, (said, there) in enumerate(self._pictures.values(), 1):
            truth += _rows(number, there, len(truth))
            found += _rows(number, said, len(found))
        base = {
            "images": [{"id": number + 1} for number in range(len(self._pictures))],
            "categories": [{"id": label, "name": str(label)} for label in sorted(known)],
        }
        sides = [coco.COCO(base | {"annotations": rows}) for rows in (truth, found)]
        run = coco.COCOeval_faster(*sides, iouType="bbox", print_function=_silent)
        run.params.maxDets = [self.max_detections]
        run.evaluate()
        run.accumulate()
        shape = (10, 101, len(known), len(AREAS))
        precision = np.asarray(run.eval["precision"]).reshape(shape)
        return precision, np.asarray(run.eval["recall"]).reshape(10, len(known), len(AREAS))


def _silent(*_: object) -> None:
    """Print nothing."""


def _mean(values: Array) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else float("nan")


def _columns(
    key: Hashable, place: str, given: Mapping[str, Any], more: tuple[str, ...]
) -> dict[str, Array]:
    missing = [name for name in ("boxes", "labels", *more) if name not in given]
    if missing:
        raise MissingDataError(f"{place} of picture {key!r} lack {missing[0]}")
    out = {name: array(value) for name, value in given.items() if name in _KEPT}
    out["boxes"] = out["boxes"].reshape(-1, 4).astype(np.float64)
    out["labels"] = out["labels"].astype(np.int64)
    for name, values in out.items():
        if len(values) != len(out["boxes"]):
            have = f"{len(out['boxes'])} boxes and {len(values)} {name}"
            raise DataError(f"{place} of picture {key!r}: {have}: there must be as many")
    return out


_KEPT = ("boxes", "labels", "scores", "iscrowd", "area")


def _rows(picture: int, part: Mapping[str, Array], start: int) -> list[dict[str, Any]]:
    boxes: npt.NDArray[np.float64] = part["boxes"]
    sizes = boxes[:, 2:] - boxes[:, :2]
    areas = part.get("area", sizes.prod(1))
    crowd = part.get("iscrowd", np.zeros(len(boxes), int))
    scores = part.get("scores", np.ones(len(boxes)))
    return [
        {
            "id": start + row + 1,
            "image_id": picture,
            "category_id": int(part["labels"][row]),
            "bbox": [*map(float, boxes[row, :2]), *map(float, sizes[row])],
            "area": float(areas[row]),
            "iscrowd": int(crowd[row]),
            "score": float(scores[row]),
        }
        for row in range(len(boxes))
    ]
