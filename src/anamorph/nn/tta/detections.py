"""Detections: boxes of every view at home, and one picture's views fused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from anamorph.core.errors import DataError, DataTypeError, MissingDataError, ParameterError
from anamorph.nn.tta.gathering import Gathering, Look
from anamorph.nn.tta.outputs import Output, Pairs, traded
from anamorph.nn.tta.view import View

Fusion = Callable[[list[dict[str, Any]]], Any]


class Detections(Gathering):
    """A list of dictionaries, one a picture: boxes (M, 4), scores, labels, and more by the row."""

    def __init__(self, output: Output, path: str, batch: int) -> None:
        self.output = output
        self.path = path
        self.batch = batch
        self.views: list[tuple[Look, list[dict[str, Any]]]] = []

    def add(self, value: Any, look: Look) -> None:
        if not isinstance(value, list | tuple) or len(value) != self.batch:
            raise DataTypeError(
                f"the model's output{self.path} is no list of {self.batch}: for the task "
                "'detection' it must be a list of dictionaries, one a picture"
            )
        self.views.append((look, [self.home(found, look.view) for found in value]))

    def home(self, found: Any, view: View) -> dict[str, Any]:
        """Bring what was found in one picture home; what lies beyond the picture goes.

        Raises:
            MissingDataError: there are no boxes.
            DataError: boxes are not (M, 4).
        """
        if not isinstance(found, Mapping) or "boxes" not in found:
            raise MissingDataError(
                f"the model's output{self.path} holds {type(found).__name__} without 'boxes': it "
                "must hold dictionaries of boxes, scores and labels"
            )
        boxes = found["boxes"]
        if boxes.dim() != 2 or boxes.shape[1] != 4:
            raise DataError(
                f"the model's output{self.path} has boxes of shape {tuple(boxes.shape)}: they must "
                "be (M, 4), x0, y0, x1, y1"
            )
        at_home = view.boxes(boxes)
        keep = (at_home[:, 2] > at_home[:, 0]) & (at_home[:, 3] > at_home[:, 1])
        moved = {key: self._column(key, column, view) for key, column in found.items()}
        if view.mirrored and self.output.flip_pairs:
            key = "keypoints" if "keypoints" in moved else "labels"
            moved[key] = _TRADED[key](moved[key], self.output.flip_pairs)
        moved["boxes"] = at_home.to(boxes.dtype) if boxes.is_floating_point() else at_home
        count = len(boxes)
        return {
            key: column[keep] if isinstance(column, Tensor) and len(column) == count else column
            for key, column in moved.items()
        }

    def _column(self, key: str, column: Any, view: View) -> Any:
        move = _MOVED.get(key)
        return column if move is None else move(column, view)

    def result(self) -> list[Any]:
        views = sorted(self.views, key=lambda held: held[0].number)
        fuse = fusion(self.output.merge, [look.weight for look, _ in views])
        pictures = zip(*(found for _, found in views), strict=True)
        return [_like(of_one[0], fuse(list(of_one))) for of_one in pictures]


def _like(view: Mapping[str, Any], fused: Any) -> Any:
    """Leave out where boxes were among those of all views: nobody has these."""
    dropped = isinstance(fused, dict) and "index" not in view
    return {key: fused[key] for key in fused if key != "index"} if dropped else fused


def fusion(given: Any, weights: list[float]) -> Fusion:
    """Find what fuses the views of one picture, and tell it the weights of views.

    Raises:
        ParameterError: it does not take any.
    """
    from anamorph.nn.boxes import WeightedBoxesFusion  # noqa: PLC0415 - only detectors need it

    fuse: Any = WeightedBoxesFusion() if given is None else given
    if len(set(weights)) == 1:
        return fuse  # type: ignore[no-any-return]
    if dataclasses.is_dataclass(fuse) and getattr(fuse, "weights", 0) is None:
        return dataclasses.replace(fuse, weights=tuple(weights))  # type: ignore[type-var, return-value]
    raise ParameterError(
        f"TTA.weights are not those of {fuse!r}: give them to the function that fuses boxes"
    )


def _masks(masks: Tensor, view: View) -> Tensor:
    """Bring masks (M, h, w) or (M, 1, h, w) home; what was not seen is empty."""
    out = masks.shape[-2], masks.shape[-1]
    home = view.home(out)
    flat = masks if masks.dim() > 3 else masks.unsqueeze(1)
    soft = flat if flat.is_floating_point() else flat.float()
    moved = view.maps(soft, home)
    coverage = view.coverage(home, out)
    if coverage is not None:
        moved = moved * (coverage > 0).to(moved.device)
    if not flat.is_floating_point():
        moved = (moved >= 0.5).to(flat.dtype)
    return moved.reshape(*masks.shape[:-2], *home)


def _points(points: Tensor, view: View) -> Tensor:
    return view.points(points, "continuous").to(points.dtype)


_MOVED: Mapping[str, Callable[[Tensor, View], Tensor]] = {
    "masks": _masks,
    "keypoints": _points,
}
"""Column of a detection → how it is brought home. Others are kept."""


def _traded(labels: Tensor, pairs: Pairs) -> Tensor:
    named = labels
    for a, b in pairs:
        named = torch.where(labels == a, b, torch.where(labels == b, a, named))
    return named


_TRADED: Mapping[str, Callable[[Tensor, Pairs], Tensor]] = {
    "labels": _traded,
    "keypoints": traded,
}
"""Column of a detection → how its members trade places in a mirror."""
