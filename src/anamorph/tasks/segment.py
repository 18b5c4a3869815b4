"""Classes of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.core.errors import UnknownNameError, nearest
from anamorph.nn.metrics import SCORES, drop_small
from anamorph.nn.tiles import predict as predict_tiles
from anamorph.pipeline.compose import Compose
from anamorph.tasks import measures, parts
from anamorph.tasks.base import Decision, Pairs, Scores, Task
from anamorph.tasks.masks import Values
from anamorph.tasks.mixing import Shares
from anamorph.tasks.pictures import Labels, Pictures, covered, mask_of
from anamorph.tasks.viewing import ACTIVATIONS, MapViewer


@final
class Segment(Task):
    """A pixel is foreground or not (binary), has one class (multiclass), or any number (multilabel).

    A prediction is an array H×W×classes of probabilities, a channel a class, one if binary; what is
    true is H×W of classes, or H×W×classes of 0 and 1; `IGNORED` does not count.
    """

    name = "segment"
    views = "dense"
    metrics: ClassVar[Mapping[str, str]] = {
        "binary": "dice",
        "multiclass": "iou",
        "multilabel": "dice",
    }

    def __init__(self, config: Any, classes: Sequence[str]) -> None:
        super().__init__(config, classes)
        self.values: Values = Values.of(config, len(self.classes))
        self._tables: dict[torch.device, Tensor] = {}

    def goal(self, name: str) -> str:
        base = self._base(name)
        if base not in SCORES:
            raise UnknownNameError(
                f"metric = {name!r}: it must be one of {', '.join(SCORES)}, or NAME_pixels"
                f"{nearest(base, SCORES)}"
            )
        return "max"

    @staticmethod
    def _base(name: str) -> str:
        """The score that a metric is one form of."""
        return name.removesuffix("_pixels")

    def label(self, pictures: Pictures, index: int) -> Mapping[str, Any]:
        return {"mask": pictures.dataset.sample(index)["mask"]}

    def truth(self, pictures: Pictures, index: int) -> Any:
        return self.values.target(mask_of(pictures, index), pictures.ids[index]).astype(np.int16)

    def strata(self, pictures: Pictures) -> Labels:
        return covered(self.config, pictures, range(len(pictures)))

    # ------------------------------------------------------------ the model

    def model(self) -> nn.Module:
        return parts.segmenter(self.config, len(self.classes))

    def loss(self, model: nn.Module, batch: Mapping[str, Any], shares: Shares | None) -> Tensor:
        logits = model(batch["image"]).float()
        target = self._target(batch["mask"])
        own: Tensor = self.criterion(logits, target)
        if shares is None:
            return own
        other: Tensor = self.criterion(logits, target[shares.partners])
        return own * shares.own + other * (1 - shares.own)

    def _target(self, mask: Tensor) -> Tensor:
        """(N, H, W) classes, or (N, classes, H, W) of 0 and 1; stored values are looked up."""
        if mask.device not in self._tables:
            self._tables[mask.device] = torch.from_numpy(self.values.table).to(mask.device)
        if self.config.mode == "multilabel":
            mask = mask if mask.dim() == 4 else mask[:, None]
            mask = mask[:, : len(self.classes)]
        elif mask.dim() == 4:
            mask = mask[:, 0]
        target: Tensor = self._tables[mask.device][mask.long()]
        return target[:, None] if self.config.mode == "binary" else target

    def viewer(self, models: Sequence[nn.Module], weights: Sequence[float]) -> nn.Module:
        return MapViewer(models, weights, ACTIVATIONS[self.config.mode])

    # ------------------------------------------------------------ predictions

    def split(self, said: Tensor) -> list[Any]:
        return list(said.float().permute(0, 2, 3, 1).cpu().numpy())

    def home(self, said: Any, plan: Any, pipeline: Compose) -> Any:
        done = pipeline.inverse(plan, maps=np.ascontiguousarray(said))["maps"]
        return np.clip(done.reshape(*done.shape[:2], -1), 0, 1)

    def tiled(
        self, viewer: nn.Module, picture: Any, prepare: Any, options: Mapping[str, Any]
    ) -> Any:
        return predict_tiles(viewer, picture, prepare=prepare, **options)

    def merge(self, predictions: Sequence[Any], weights: Sequence[float]) -> Any:
        return np.average(np.stack(predictions), axis=0, weights=weights).astype(np.float32)

    # ------------------------------------------------------------ scores

    def scores(self, found: Pairs, decision: Decision) -> Scores:
        decided = (self.decided(each, decision) for each in found.predictions)
        name = self._base(self.metric[0])
        wanted = tuple(dict.fromkeys((*measures.OF_MASKS, name)))
        empty = self.config.empty
        return measures.of_masks(
            self.config.mode, decided, found.truths, self.classes, empty=empty, wanted=wanted
        )

    def decide(self, found: Pairs) -> Decision:
        if self.config.mode == "multiclass":
            return self.usual()
        name = self._base(self.metric[0])
        return Decision(
            *measures.mask_thresholds(
                found.predictions, found.truths, metric=name, empty=self.config.empty
            )
        )

    def usual(self) -> Decision:
        return Decision(() if self.config.mode == "multiclass" else (0.5,) * len(self.classes))

    def decided(self, prediction: Any, decision: Decision) -> Any:
        """H×W of classes, or for multilabel H×W×classes of 0 and 1."""
        if self.config.mode == "multiclass":
            return prediction.argmax(axis=2).astype(np.uint8)
        mask = (prediction >= np.array(decision.thresholds, np.float32)).astype(np.uint8)
        for at, least in enumerate(decision.min_area):
            mask[..., at] = drop_small(mask[..., at] > 0, least)
        return mask[..., 0] if self.config.mode == "binary" else mask

    def final(self, prediction: Any, decision: Decision) -> Any:
        """The mask with its stored values, H×W; for multilabel H×W×classes of 0 and 255."""
        decided = self.decided(prediction, decision)
        stored = self.config.data.values
        if self.config.mode == "multilabel":
            return decided * np.uint8(255)
        if self.config.mode == "binary":
            return decided * np.uint8(stored[-1] if stored and stored[-1] < 256 else 255)
        return np.array(stored or range(len(self.classes)), np.uint16)[decided]
