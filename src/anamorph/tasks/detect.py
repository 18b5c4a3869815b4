"""Boxes of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.core.errors import UnknownNameError, nearest
from anamorph.nn.boxes import NMS, WeightedBoxesFusion
from anamorph.nn.tiles import detect as detect_tiles
from anamorph.pipeline.compose import Compose
from anamorph.tasks import measures, parts
from anamorph.tasks.base import Decision, Pairs, Scores, Task
from anamorph.tasks.mixing import Shares
from anamorph.tasks.pictures import Labels, Pictures

Boxes = dict[str, Any]
"""``boxes`` (n, 4) x0, y0, x1, y1 in pixels, ``labels`` (n,) from 0 on, ``scores`` (n,)."""


@final
class Detect(Task):
    """Boxes, each of one class. A prediction has boxes, scores and labels, the best first."""

    name = "detect"
    views = "detection"
    metrics: ClassVar[Mapping[str, str]] = {"boxes": "map"}

    def goal(self, name: str) -> str:
        if name not in _METRICS:
            raise UnknownNameError(
                f"metric = {name!r}: it must be one of {', '.join(_METRICS)}"
                f"{nearest(name, _METRICS)}"
            )
        return "max"

    @property
    def searches(self) -> bool:
        return False

    def label(self, pictures: Pictures, index: int) -> Mapping[str, Any]:
        truth = self.truth(pictures, index)
        return {"bboxes": truth["boxes"], "labels": truth["labels"]}

    def truth(self, pictures: Pictures, index: int) -> Boxes:
        item = pictures.dataset.item(index)
        boxes = np.zeros((0, 4)) if item.boxes is None else item.boxes
        labels = np.zeros(len(boxes), np.int64) if item.labels is None else item.labels
        known = labels >= 0
        return {"boxes": boxes[known], "labels": labels[known]}

    def strata(self, pictures: Pictures) -> Labels:
        return pictures.known

    # ------------------------------------------------------------ the model

    def model(self) -> nn.Module:
        return parts.detector(self.config, len(self.classes))

    def loss(self, model: nn.Module, batch: Mapping[str, Any], shares: Shares | None) -> Tensor:
        del shares
        targets = [
            {"boxes": boxes.float().reshape(-1, 4), "labels": labels.long() + 1}
            for boxes, labels in zip(batch["bboxes"], batch["labels"], strict=True)
        ]
        losses: Mapping[str, Tensor] = model(list(batch["image"]), targets)
        return torch.stack([loss.float() for loss in losses.values()]).sum()

    def viewer(self, models: Sequence[nn.Module], weights: Sequence[float]) -> nn.Module:
        return BoxViewer(models, weights)

    # ------------------------------------------------------------ predictions

    def split(self, said: Sequence[Mapping[str, Tensor]]) -> list[Any]:
        return [_listed(each) for each in said]

    def home(self, said: Boxes, plan: Any, pipeline: Compose) -> Boxes:
        rows = np.arange(len(said["boxes"]))
        done = pipeline.inverse(plan, bboxes=said["boxes"], labels=rows)
        kept = np.array(done["labels"], np.int64)
        boxes = np.asarray(done["bboxes"], np.float32).reshape(-1, 4)
        return {"boxes": boxes, "scores": said["scores"][kept], "labels": said["labels"][kept]}

    def tiled(
        self, viewer: nn.Module, picture: Any, prepare: Any, options: Mapping[str, Any]
    ) -> Boxes:
        known = {name: options[name] for name in ("tile", "overlap", "batch_size", "device")}
        suppress = NMS(iou=self.config.model.nms)
        said = detect_tiles(viewer, picture, prepare=prepare, merge_boxes=suppress, **known)
        return _listed(said)

    def merge(self, predictions: Sequence[Boxes], weights: Sequence[float]) -> Boxes:
        if len(predictions) == 1:
            return predictions[0]
        fuse = WeightedBoxesFusion(iou=_SAME, weights=tuple(weights))
        return _listed(fuse(list(predictions)))

    # ------------------------------------------------------------ scores

    def scores(self, found: Pairs, decision: Decision) -> Scores:
        del decision  # the curve of all scores counts
        most = self.config.model.most
        return measures.boxes(found.predictions, found.truths, self.classes, most)

    def decide(self, found: Pairs) -> Decision:
        return Decision(measures.box_thresholds(found.predictions, found.truths, len(self.classes)))

    def usual(self) -> Decision:
        return Decision((0.5,) * len(self.classes))

    def final(self, prediction: Boxes, decision: Decision) -> Boxes:
        """All boxes, and under ``sure`` whether their score reaches the threshold of their class."""
        least = np.array(decision.thresholds, np.float32)[prediction["labels"]]
        return {**prediction, "sure": prediction["scores"] >= least}


@final
class BoxViewer(nn.Module):
    """What detectors say together: their boxes, fused where there are several."""

    def __init__(self, models: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.models: nn.ModuleList = nn.ModuleList(models)
        self.weights: list[float] = list(weights)

    def forward(self, images: Tensor | Sequence[Tensor]) -> list[Boxes]:
        """Detections, one dictionary a picture; labels count from 0."""
        pictures = list(images)
        said = [model(pictures) for model in self.models]
        for each in (picture for model in said for picture in model):
            each["labels"] = each["labels"] - 1
        if len(said) == 1:
            return list(said[0])
        fuse = WeightedBoxesFusion(iou=_SAME, weights=tuple(self.weights))
        return [fuse([model[at] for model in said]) for at in range(len(pictures))]


def _listed(said: Mapping[str, Any]) -> Boxes:
    """Detections as arrays on the CPU; boxes without area are none."""
    boxes = _array(said["boxes"], np.float32).reshape(-1, 4)
    labels = said.get("labels")
    labels = np.zeros(len(boxes), np.int64) if labels is None else _array(labels, np.int64)
    solid = ((boxes[:, 2:] - boxes[:, :2]) > _LEAST).all(axis=1)
    scores = _array(said["scores"], np.float32)
    return {"boxes": boxes[solid], "scores": scores[solid], "labels": labels[solid]}


_METRICS = ("map", "map50", "map75", "mar")
_SAME = 0.55
"""Intersection over union of boxes of different models that are of one object."""
_LEAST = 1e-3
"""Pixels that a side of a box has at least."""


def _array(value: Any, dtype: Any) -> Any:
    given = value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value
    return np.asarray(given, dtype)
