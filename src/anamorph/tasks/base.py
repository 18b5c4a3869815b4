"""What every task is: from labelled pictures to a model, from its outputs to scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from anamorph.pipeline.compose import Compose
from anamorph.tasks import parts
from anamorph.tasks.config.configs import Config
from anamorph.tasks.pictures import Labels, Pictures

Scores = dict[str, float]


@dataclass(frozen=True)
class Decision:
    """What makes labels of probabilities.

    ``thresholds`` has one a class (for grades: the places where one ends and the next begins),
    ``min_area`` the least pixels of a piece of a mask, one a class; both may be empty.
    """

    thresholds: tuple[float, ...] = ()
    min_area: tuple[int, ...] = ()


@dataclass
class Found:
    """Predictions beside what is true, by the number of the picture, in any order."""

    entries: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def add(self, index: int, prediction: Any, truth: Any) -> None:
        """Take in a picture."""
        self.entries[index] = prediction, truth

    def update(self, other: Found) -> None:
        """Take in what another process found."""
        self.entries.update(other.entries)

    @property
    def indices(self) -> list[int]:
        """Numbers of the pictures, sorted."""
        return sorted(self.entries)

    @property
    def predictions(self) -> list[Any]:
        """Of each picture, by its number."""
        return [self.entries[at][0] for at in self.indices]

    @property
    def truths(self) -> list[Any]:
        """Of each picture, by its number."""
        return [self.entries[at][1] for at in self.indices]


class Pairs(Protocol):
    """Predictions beside what is true, in the same order; they need not all be in memory."""

    @property
    def predictions(self) -> Sequence[Any]:
        """Of each picture."""
        ...

    @property
    def truths(self) -> Sequence[Any]:
        """Of each picture."""
        ...


class Task(ABC):
    """One task under one configuration."""

    name: ClassVar[str]
    metrics: ClassVar[Mapping[str, str]]
    """Mode → the metric that ranks, unless the configuration names one."""
    views: ClassVar[str]
    """What test-time augmentation calls the output."""

    def __init__(self, config: Config, classes: Sequence[str]) -> None:
        self.config: Any = config
        self.classes: tuple[str, ...] = tuple(classes)

    @property
    def metric(self) -> tuple[str, str]:
        """The metric that ranks, and whether it is to be "max" or "min"."""
        name = self.config.metric or self.metrics[self.config.mode]
        return name, self.goal(name)

    @abstractmethod
    def goal(self, name: str) -> str:
        """Whether a metric is better when greater ("max") or smaller ("min").

        Raises:
            UnknownNameError: the task has no metric of that name.
        """

    # ------------------------------------------------------------ labels

    @abstractmethod
    def label(self, pictures: Pictures, index: int) -> Mapping[str, Any]:
        """What goes with a training picture through the pipeline."""

    @abstractmethod
    def truth(self, pictures: Pictures, index: int) -> Any:
        """What the prediction of a picture is compared with, in the picture's own coordinates."""

    @abstractmethod
    def strata(self, pictures: Pictures) -> Labels:
        """(n,) classes or (n, classes) of 0 and 1, by which pictures are split and balanced."""

    # ------------------------------------------------------------ the model

    @abstractmethod
    def model(self) -> nn.Module:
        """A new model, its encoder with the weights that the configuration names."""

    @cached_property
    def criterion(self) -> Any:
        """The loss of logits beside targets; detectors have their own."""
        return parts.criterion(self.config)

    @abstractmethod
    def loss(self, model: nn.Module, batch: Mapping[str, Any], shares: Any) -> Tensor:
        """The mean loss of a batch that lies on the model's device.

        Args:
            model: in training mode.
            batch: as the loader gives it.
            shares: None, or what `anamorph.tasks.mixing` made of the batch.
        """

    @abstractmethod
    def viewer(self, models: Sequence[nn.Module], weights: Sequence[float]) -> nn.Module:
        """A module that says what models say together, as probabilities or detections."""

    # ------------------------------------------------------------ predictions

    @abstractmethod
    def split(self, said: Any) -> list[Any]:
        """What a viewer says of a batch, picture by picture, on the CPU."""

    @abstractmethod
    def home(self, said: Any, plan: Any, pipeline: Compose) -> Any:
        """A prediction in the coordinates of the picture that it was made from."""

    def tiled(
        self, viewer: nn.Module, picture: Any, prepare: Any, options: Mapping[str, Any]
    ) -> Any:
        """The prediction of a picture that is seen in tiles."""
        raise NotImplementedError

    @abstractmethod
    def merge(self, predictions: Sequence[Any], weights: Sequence[float]) -> Any:
        """One prediction of several of the same picture."""

    # ------------------------------------------------------------ scores

    @abstractmethod
    def scores(self, found: Pairs, decision: Decision) -> Scores:
        """All metrics by name."""

    def decide(self, found: Pairs) -> Decision:
        """The decision that is best on predictions of pictures that were not trained on."""
        del found
        return self.usual()

    @property
    def searches(self) -> bool:
        """Whether scores depend on a decision that is searched."""
        return bool(self.usual().thresholds)

    def usual(self) -> Decision:
        """The decision where nothing was searched."""
        return Decision()

    @abstractmethod
    def final(self, prediction: Any, decision: Decision) -> Any:
        """What is told of a picture: a class, a mask, boxes."""


def averaged(outputs: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The weighted mean of probabilities."""
    total = sum(weights)
    parts = [output * (weight / total) for output, weight in zip(outputs, weights, strict=True)]
    return torch.stack(parts).sum(0)
