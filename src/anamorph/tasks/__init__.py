"""Classification, segmentation, detection: from a folder of pictures to scored predictions.

>>> from anamorph import tasks
>>> config = tasks.load({"task": "classify", "data": {"images": "photos"}}, ["train.epochs=3"])
>>> config.train.epochs, config.model.encoder
(3, 'resnet18')

`fit` trains the folds of a configuration, `predict` and `evaluate` need only the bundle that comes
of it. Torch is loaded with the first of these three, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anamorph.tasks.config import (
    ClassifyConfig,
    Config,
    DetectConfig,
    SegmentConfig,
    load,
    to_plain,
    to_yaml,
)

if TYPE_CHECKING:
    from anamorph.tasks.bundle import Bundle, Member
    from anamorph.tasks.evaluating import evaluate
    from anamorph.tasks.fitting import fit
    from anamorph.tasks.oof import Oof, read_oof
    from anamorph.tasks.predicting import predict
    from anamorph.tasks.proposing import Proposal, propose
    from anamorph.tasks.table import TASKS

__all__ = [
    "TASKS",
    "Bundle",
    "ClassifyConfig",
    "Config",
    "DetectConfig",
    "Member",
    "Oof",
    "Proposal",
    "SegmentConfig",
    "evaluate",
    "fit",
    "load",
    "predict",
    "propose",
    "read_oof",
    "to_plain",
    "to_yaml",
]

_HOMES = {
    "Bundle": "bundle", "Member": "bundle", "evaluate": "evaluating", "fit": "fitting", "Oof": "oof",
    "read_oof": "oof", "predict": "predicting", "Proposal": "proposing", "propose": "proposing",
    "TASKS": "table",
}  # fmt: skip
"""Name → the module that has it."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
