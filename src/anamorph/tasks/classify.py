"""Classes, sets of labels, or grades of whole pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from anamorph.nn.metrics import mode_of
from anamorph.pipeline.compose import Compose
from anamorph.tasks import measures, parts
from anamorph.tasks.base import Decision, Pairs, Scores, Task
from anamorph.tasks.mixing import Shares
from anamorph.tasks.pictures import Labels, Pictures
from anamorph.tasks.viewing import ACTIVATIONS, MapViewer


@final
class Classify(Task):
    """A picture has one class (multiclass), any number of labels (multilabel), or a grade (ordinal).

    A prediction is an array of probabilities, one a class. Grades are seen as in Frank and Hall
    (2001): an output for each border between two of them says how likely the grade lies above.
    """

    name = "classify"
    views = "classification"
    metrics: ClassVar[Mapping[str, str]] = {
        "multiclass": "balanced_accuracy",
        "multilabel": "f1",
        "ordinal": "kappa_quadratic",
    }

    def goal(self, name: str) -> str:
        return mode_of("multilabel" if self.config.mode == "multilabel" else "multiclass", name)

    def label(self, pictures: Pictures, index: int) -> Mapping[str, Any]:
        return {"label": pictures.known[index]}

    def truth(self, pictures: Pictures, index: int) -> Any:
        return self.label(pictures, index)["label"]

    def strata(self, pictures: Pictures) -> Labels:
        return pictures.known

    # ------------------------------------------------------------ the model

    @property
    def outputs(self) -> int:
        """How many numbers the model gives."""
        return len(self.classes) - int(self.config.mode == "ordinal")

    def model(self) -> nn.Module:
        return parts.classifier(self.config, self.outputs)

    def loss(self, model: nn.Module, batch: Mapping[str, Any], shares: Shares | None) -> Tensor:
        logits = model(batch["image"]).float()
        target = self._target(batch["label"])
        own: Tensor = self.criterion(logits, target)
        if shares is None:
            return own
        other: Tensor = self.criterion(logits, target[shares.partners])
        return own * shares.own + other * (1 - shares.own)

    def _target(self, label: Tensor) -> Tensor:
        if self.config.mode == "ordinal":
            borders = torch.arange(self.outputs, device=label.device)
            return (label[:, None] > borders).float()
        return label

    def viewer(self, models: Sequence[nn.Module], weights: Sequence[float]) -> nn.Module:
        return MapViewer(models, weights, ACTIVATIONS[self.config.mode])

    # ------------------------------------------------------------ predictions

    def split(self, said: Tensor) -> list[Any]:
        array = said.float().cpu().numpy()
        return list(_of_grades(array) if self.config.mode == "ordinal" else array)

    def home(self, said: Any, plan: Any, pipeline: Compose) -> Any:
        del plan, pipeline
        return said

    def merge(self, predictions: Sequence[Any], weights: Sequence[float]) -> Any:
        return np.average(np.stack(predictions), axis=0, weights=weights).astype(np.float32)

    # ------------------------------------------------------------ scores

    def scores(self, found: Pairs, decision: Decision) -> Scores:
        probabilities, truths = np.stack(found.predictions), np.stack(found.truths)
        decided = np.stack([self._decided(each, decision) for each in probabilities])
        return measures.classes(self.config.mode, probabilities, decided, truths, self.metric[0])

    def decide(self, found: Pairs) -> Decision:
        probabilities, truths = np.stack(found.predictions), np.stack(found.truths)
        if self.config.mode == "multilabel":
            return Decision(measures.label_thresholds(probabilities, truths))
        if self.config.mode == "ordinal":
            return Decision(
                measures.grade_borders(_level(probabilities), truths, len(self.classes))
            )
        return self.usual()

    def usual(self) -> Decision:
        count = len(self.classes)
        usual: Mapping[str, tuple[float, ...]] = {
            "multiclass": (),
            "multilabel": (0.5,) * count,
            "ordinal": tuple(at + 0.5 for at in range(count - 1)),
        }
        return Decision(usual[self.config.mode])

    def _decided(self, prediction: Any, decision: Decision) -> Any:
        """The number of the class, or for labels 0 and 1."""
        if self.config.mode == "multilabel":
            return (prediction >= np.array(decision.thresholds)).astype(np.int64)
        if self.config.mode == "ordinal":
            return np.searchsorted(np.array(decision.thresholds), _level(prediction), side="right")
        return prediction.argmax()

    def final(self, prediction: Any, decision: Decision) -> Any:
        """Name of the class, or names of the labels."""
        decided = self._decided(prediction, decision)
        if self.config.mode == "multilabel":
            return [self.classes[at] for at in np.flatnonzero(decided)]
        return self.classes[int(decided)]


def _of_grades(above: Any) -> Any:
    """Probabilities of grades, of those that a grade lies above each border."""
    above = np.minimum.accumulate(above, axis=1)
    ends = np.ones((len(above), 1), above.dtype), np.zeros((len(above), 1), above.dtype)
    return -np.diff(np.concatenate([ends[0], above, ends[1]], axis=1), axis=1)


def _level(probabilities: Any) -> Any:
    """The grade that is expected."""
    return probabilities @ np.arange(probabilities.shape[-1])
