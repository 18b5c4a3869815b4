"""How the pictures of a run are split, and what the run is known by."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from anamorph.core.errors import ParameterError
from anamorph.data import Folds, make_folds
from anamorph.tasks.base import Task
from anamorph.tasks.config import Config, to_plain
from anamorph.tasks.pictures import Labels, Pictures

_FREE = frozenset({"workers", "device", "checkpoint_seconds", "patience"})
"""Options of ``train`` that may change when a run goes on: no weight depends on them."""


def folds_of(config: Config, task: Task, pictures: Pictures) -> Folds:
    """The folds of a configuration: those of its file, or made as it says.

    Raises:
        ParameterError: the strategy needs what the pictures do not have.
    """
    given = config.folds
    if given.file is not None:
        folds = Folds.load(given.file)
        folds.split(0, pictures.ids)  # refuses other pictures
        return folds
    by = _by(config, task, pictures)
    return make_folds(list(pictures.ids), given.n, seed=config.seed, **by)


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
    by = {} if strategy == "grouped" else {kind: _named(pictures, labels)}
    keep = strategy in {"auto", "grouped"} and groups is not None
    return {**by, **({"groups": groups} if keep else {})}


def _named(pictures: Pictures, labels: Labels) -> Any:
    """Labels as the summary of folds shall show them."""
    if labels.ndim == 2 or pictures.labels is None:
        return labels if labels.ndim == 2 else labels.tolist()
    return [pictures.classes[at] for at in labels.tolist()]


_NAMES = {"labels": "stratified", "multilabel": "multilabel"}


def mark_of(config: Config, pictures: Pictures, folds: Folds) -> dict[str, str]:
    """By what a checkpoint knows the run that it belongs to."""
    told = to_plain(config)
    told["train"] = {name: value for name, value in told["train"].items() if name not in _FREE}
    told.pop("predict")
    return {
        "configuration": digest(told),
        "data": digest([list(pictures.ids), _plain(pictures.labels), list(pictures.classes)]),
        "folds": digest([folds.numbered(pictures.ids).tolist(), folds.seen, folds.left_out]),
    }


def _plain(labels: Labels | None) -> Any:
    return None if labels is None else labels.tolist()


def digest(told: Any) -> str:
    """A hash of plain data."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
