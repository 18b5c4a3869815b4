"""A bundle as one module of tensors in and tensors out, which is what can be converted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, final

import torch
from torch import Tensor, nn

import anamorph
from anamorph.core.errors import ParameterError
from anamorph.tasks.bundle import Bundle
from anamorph.tasks.table import task_of

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "classify": ("probabilities",),
    "segment": ("probabilities",),
    "detect": ("boxes", "scores", "labels"),
}
"""Task → names of what the converted model gives."""


def module_of(bundle: Bundle) -> nn.Module:
    """The models of a bundle as one, on the CPU, in the mode of prediction.

    Raises:
        ParameterError: its models want different preprocessing, or are several detectors.
    """
    told = {json.dumps(anamorph.to_dict(member.pipeline)) for member in bundle.members}
    if len(told) > 1:
        raise ParameterError(
            "the models of the bundle want different preprocessing, which one file cannot have: "
            "convert them one by one"
        )
    if bundle.task.name == "detect" and len(bundle.members) > 1:
        raise ParameterError(
            f"the bundle has {len(bundle.members)} detectors, whose boxes are fused outside of "
            "them: convert them one by one (--only)"
        )
    models = [member.model(task_of(member.config, bundle.classes)) for member in bundle.members]
    if bundle.task.name == "detect":
        return Detector(models[0]).eval()
    viewer = bundle.task.viewer(models, [member.weight for member in bundle.members])
    return (Grades(viewer) if bundle.mode == "ordinal" else viewer).eval()


@final
class Detector(nn.Module):
    """A detector for one picture, whose labels count from 0."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (n, 4), scores (n,) and labels (n,) of a picture 1×C×H×W."""
        said = self.model([image[0]])[0]
        return said["boxes"], said["scores"], said["labels"] - 1


@final
class Grades(nn.Module):
    """Probabilities of grades, of a model that says how likely each border between two is passed."""

    def __init__(self, viewer: nn.Module) -> None:
        super().__init__()
        self.viewer = viewer

    def forward(self, image: Tensor) -> Tensor:
        """(N, grades)."""
        above: Any = self.viewer(image)
        columns = [torch.ones_like(above[:, 0])]
        for at in range(above.shape[1]):
            columns.append(torch.minimum(columns[-1], above[:, at]))
        columns.append(torch.zeros_like(above[:, 0]))
        return torch.stack([upper - lower for upper, lower in pairwise(columns)], 1)
