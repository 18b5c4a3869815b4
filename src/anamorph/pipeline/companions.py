"""Boxes, keypoints, polygons and masks of objects of two samples that are mixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from anamorph.backends import BACKENDS, DEFAULT
from anamorph.core.boxes import BboxParams
from anamorph.core.keypoints import KeypointParams
from anamorph.ir.collage import Collage, Piece
from anamorph.ir.ops import Op, Warp
from anamorph.pipeline.adopt import MEMBERS
from anamorph.pipeline.blending import Mix, Window, as_numpy, as_tensor, is_tensor
from anamorph.pipeline.donors import Donor
from anamorph.pipeline.sample import Sample
from anamorph.pipeline.settings import Settings
from anamorph.transforms.mixpaste import Covered, left_under

_TARGETS = ("bboxes", "keypoints", "polygons", "polylines", MEMBERS)
WEIGHTS: Mapping[str, str] = {"bboxes": "bbox_weights", "keypoints": "keypoint_weights"}
"""Target → the field that says how much of each row is seen, where pictures are mixed by weights."""

Pair = tuple[Mapping[str, Any], Mapping[str, Any]]


def label_settings(boxes: BboxParams | None, points: KeypointParams | None) -> Settings:
    """What samples are read with."""
    return Settings(bbox_params=boxes, keypoint_params=points)


def joined_labels(
    settings: Settings, place: str, pair: Pair, how: tuple[Mix, tuple[int, int], float]
) -> dict[str, Any]:
    """Labels of a sample and its partner, as they are seen in what the two become.

    Args:
        settings: formats of boxes and keypoints.
        place: how messages call the partner.
        pair: the sample and its partner.
        how: the mix, the size of the pictures, and the least visible part of an object.
    """
    mix, size, least = how
    own = pair[0]
    targets = [key for key in _TARGETS if own.get(key) is not None]
    if not targets:
        return {}
    weights = None if mix.window else (mix.weight, 1.0 - mix.weight)
    settings = _settings(settings, targets, pair, None if weights else least)
    parts = [
        _labels(sample, targets, settings, (size, weights and weights[k]))
        for k, sample in enumerate(pair)
    ]
    host = Sample(settings, parts[0], BACKENDS[DEFAULT])
    donor: Donor = host.donor(place, parts[1])
    host.push(_united(donor, size) if mix.window is None else _cut(host, donor, mix.window, least))
    out = host.finish()
    fields = {*targets, *settings.label_fields}
    return {key: _as_before(value, own.get(key)) for key, value in out.items() if key in fields}


def _settings(settings: Settings, targets: list[str], pair: Pair, least: float | None) -> Settings:
    """What two samples are read with: fields of weights, or a least visible part.

    A box and a mask are one object where a sample has as many of both.
    """
    boxes, points = settings.bbox_params, settings.keypoint_params
    if boxes is not None and "bboxes" in targets:
        fields, seen = boxes.label_fields, boxes.min_visibility
        changes: dict[str, Any] = (
            {"label_fields": (*fields, WEIGHTS["bboxes"])}
            if least is None
            else {"min_visibility": max(seen, least)}
        )
        boxes = BboxParams(**{**boxes.values(), **changes})
    if points is not None and "keypoints" in targets and least is None:
        fields = (*points.label_fields, WEIGHTS["keypoints"])
        points = KeypointParams(**{**points.values(), "label_fields": fields})
    bound = [MEMBERS] if MEMBERS in targets else []
    if bound and "bboxes" in targets:
        paired = all(len(sample[MEMBERS]) == len(sample["bboxes"]) for sample in pair)
        bound += ["bboxes"] if paired else []
    return Settings(bbox_params=boxes, keypoint_params=points, instance_binding=tuple(bound))


def _labels(
    sample: Mapping[str, Any],
    targets: list[str],
    settings: Settings,
    how: tuple[tuple[int, int], float | None],
) -> dict[str, Any]:
    """The labels of a sample, on an empty mask that says how large its picture is."""
    size, weight = how
    data: dict[str, Any] = {"mask": np.zeros(size, np.uint8)}
    for key in {*targets, *settings.label_fields}:
        if key in sample:
            value = sample[key]
            data[key] = [as_numpy(v) for v in value] if key == MEMBERS else as_numpy(value)
    for key, field in WEIGHTS.items():
        if weight is not None and key in targets:
            data[field] = [weight] * len(sample[key])
    return data


def _united(donor: Donor, size: tuple[int, int]) -> Op:
    """All labels of both."""
    return Collage((), **_brought(donor, (0, 0), size))


def _cut(host: Sample, donor: Donor, window: Window, least: float) -> Op:
    """Labels of the partner in a window, and those of the sample that are not under it."""
    x0, y0, x1, y1 = window
    if x1 <= x0 or y1 <= y0:
        return Collage(())
    donor.push(Warp.crop(x0, y0, x1, y1))
    piece = Piece((x0, y0), (y1 - y0, x1 - x0), member=0)
    covered = Covered(piece.region, np.ones(piece.size, np.bool_))
    lost, shown = left_under(host, covered, least)
    brought = _brought(donor, (x0, y0), host.size)
    return Collage((piece,), hides=True, min_visible=least, lost=lost, shown=shown, **brought)


def _brought(donor: Donor, at: tuple[int, int], canvas: tuple[int, int]) -> dict[str, Any]:
    """What the partner brings, as fields of a collage."""
    rows = tuple((key, found) for key, found in donor.rows(at, canvas).items() if found)
    members = donor.members(at)
    return {"rows": rows, "members": ((MEMBERS, members),) if members else ()}


def _as_before(value: Any, like: Any) -> Any:
    """Labels as tensors where they were tensors."""
    if isinstance(like, list | tuple) and like and is_tensor(like[0]):
        return [as_tensor(member, like[0]) for member in value]
    return as_tensor(value, like) if isinstance(value, np.ndarray) else value
