"""How the pictures of a run are split, and what the run is known by."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from typing import Any

import numpy as np

from anamorph.core.errors import ParameterError
from anamorph.tasks.base import Task
from anamorph.tasks.config import Config, to_plain
from anamorph.tasks.pictures import Labels, Pictures

_FREE = frozenset({"workers", "device", "checkpoint_seconds", "patience"})
"""Options of ``train`` that may change when a run goes on: no weight depends on them."""


def folds_of(config: Config, task: Task, pictures: Pictures) -> Any:
    """The folds of a configuration: those of its file, or made as it says.

    Raises:
        ParameterError: the strategy needs what the pictures do not have.
    """
    module = import_module("anamorph.data.folds")
    given = config.folds
    if given.file is not None:
        return module.Folds.load(given.file, ids=pictures.ids)
    return module.make_folds(list(pictures.ids), given.n, seed=config.seed, **_by(config, task, pictures))


def _by(config: Config, task: Task, pictures: Pictures) -> dict[str, Any]:
    """By what pictures are split."""
    strategy = config.folds.strategy
    groups = None if pictures.groups is None else list(pictures.groups)
    if strategy == "random":
        return {}
    if strategy == "time":
        if pictures.times is None:
            raise ParameterError("folds.strategy = 'time': data.time_column must name a column")
        return {"times": list(pictures.times)}
    if strategy == "grouped" and groups is None:
        raise ParameterError(
            "folds.strategy = 'grouped': say with folds.group or data.group_column what stays together"
        )
    labels = task.strata(pictures)
    kind = "multilabel" if labels.ndim == 2 else "labels"
    if strategy in {"stratified", "multilabel"} and strategy != _NAMES[kind]:
        raise ParameterError(
            f"folds.strategy = {strategy!r}: these labels are split by {_NAMES[kind]!r}"
        )
    by = {} if strategy == "grouped" else {kind: labels if labels.ndim == 2 else labels.tolist()}
    keep = strategy in {"auto", "grouped"} and groups is not None
    return {**by, **({"groups": groups} if keep else {})}


_NAMES = {"labels": "stratified", "multilabel": "multilabel"}


def mark_of(config: Config, pictures: Pictures, folds: Any) -> dict[str, str]:
    """By what a checkpoint knows the run that it belongs to."""
    told = to_plain(config)
    told["train"] = {name: value for name, value in told["train"].items() if name not in _FREE}
    told.pop("predict")
    return {
        "configuration": digest(told),
        "data": digest([list(pictures.ids), _plain(pictures.labels), list(pictures.classes)]),
        "folds": digest(fold_numbers(pictures, folds).tolist()),
    }


def fold_numbers(pictures: Pictures, folds: Any) -> Any:
    """The fold of each picture."""
    return np.array([folds[name] for name in pictures.ids], np.int64)


def _plain(labels: Labels | None) -> Any:
    return None if labels is None else labels.tolist()


def digest(told: Any) -> str:
    """A hash of plain data."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
