"""Models and losses as configurations name them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anamorph.tasks.config.configs import Config


def classifier(config: Any, outputs: int) -> nn.Module:
    given = config.model
    return import_module("timm").create_model(
        given.encoder, num_classes=outputs, in_chans=config.input.channels, drop_rate=given.dropout
    )


def segmenter(config: Any, outputs: int) -> nn.Module:
    return import_module("segmentation_models_pytorch").Unet(
        encoder_name="tu-" + config.model.encoder, encoder_weights=None, classes=outputs, in_channels=config.input.channels
    )


def detector(config: Any, classes: int) -> nn.Module:
    tv = import_module("torchvision")
    return tv.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes + 1, score_thresh=config.model.score)


def criterion(config: Config, classes: int) -> Callable[[Tensor, Tensor], Tensor]:
    if config.mode == "multiclass":
        return lambda logits, target: F.cross_entropy(logits, target.long(), ignore_index=-100)
    return lambda logits, target: F.binary_cross_entropy_with_logits(logits, target.float().clamp(min=0))
