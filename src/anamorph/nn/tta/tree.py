"""What gathers outputs of any shape: a tree like that of the model's output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anamorph.nn.tta.detections import Detections
from anamorph.nn.tta.gathering import First, Gathering, Members
from anamorph.nn.tta.outputs import Output, Spec, kind_of, single, specs_of
from anamorph.nn.tta.values import Dense, Labels, Points, Values

GATHERINGS: Mapping[str, type[Values | Detections]] = {
    "classification": Labels,
    "dense": Dense,
    "heatmaps": Dense,
    "keypoints": Points,
    "detection": Detections,
}
"""Task → what gathers it."""


def gathering_for(value: Any, spec: Spec, batch: int, path: str = "") -> Gathering:
    """Make what gathers outputs like this one.

    Args:
        value: what a model says of one view.
        spec: tasks (see `anamorph.nn.tta.outputs.Spec`).
        batch: number of pictures.
        path: where the value stands in the model's output, for messages.
    """
    if spec is None or value is None:
        return First()
    detects = isinstance(spec, Output) and spec.task == "detection"
    kind = None if detects else kind_of(value)
    if kind is None:
        return GATHERINGS[single(spec, path).task](spec, path, batch)
    members = kind.members(value)
    specs = specs_of(spec, members, path)
    return Members(
        {key: gathering_for(v, specs[key], batch, f"{path}[{key!r}]") for key, v in members.items()}
    )
