"""Models and losses as configurations name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from anamorph.nn import losses, models
from anamorph.tasks.masks import IGNORED

LOSSES: Mapping[tuple[str, str], str] = {
    ("classify", "multiclass"): "ce",
    ("classify", "multilabel"): "bce",
    ("classify", "ordinal"): "bce",
    ("segment", "binary"): "bce + dice",
    ("segment", "multiclass"): "ce + dice",
    ("segment", "multilabel"): "bce + dice",
}
"""(task, mode) → the loss, unless the configuration names one."""

_OF_BORDERS = {"ordinal": "multilabel"}
"""A grade is seen as a set of labels: the borders that it lies above."""


def classifier(config: Any, outputs: int) -> nn.Module:
    """The classifier of a configuration."""
    given = config.model
    return models.classifier(
        given.encoder,
        outputs,
        config.input.channels,
        pooling=given.pooling,
        dropout=given.dropout,
        weights=given.weights,
        **given.options,
    )


def segmenter(config: Any, outputs: int) -> nn.Module:
    """The model for segmentation of a configuration."""
    given = config.model
    encoder = given.encoder if models.takes_encoder(given.name) else None
    return models.build(
        given.name, encoder, config.input.channels, outputs, given.weights, **given.options
    )


def detector(config: Any, classes: int) -> nn.Module:
    """The detector of a configuration."""
    given = config.model
    size = config.input.size if given.name == "ssd" else None
    return models.detector(
        given.name,
        given.encoder,
        classes,
        config.input.channels,
        weights=given.weights,
        size=size,
        anchors=given.anchors,
        score=given.score,
        nms=given.nms,
        most=given.most,
        **given.options,
    )


def criterion(config: Any) -> Any:
    """The loss of a configuration: a function of logits and targets."""
    given, mode = config.loss, config.mode
    return losses.build(
        LOSSES[config.task, mode] if given.name is None else given.name,
        mode=_OF_BORDERS.get(mode, mode),
        ignore_index=IGNORED,
        smoothing=given.smoothing or None,
        weights=given.weights,
    )
