"""Metrics of torchmetrics by task and name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from anamorph.core.errors import ParameterError, UnknownNameError, nearest
from anamorph.core.params import Choice

Mode = Literal["max", "min"]
_MEAN = {"average": "macro"}
_ALL = {"average": "micro"}


@dataclass(frozen=True, slots=True)
class Metric:
    """Where a metric is, with what it is built, and which way it is better."""

    path: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    mode: Mode = "max"


def _of(
    kind: str, name: str, options: Mapping[str, Any] | None = None, mode: Mode = "max"
) -> Metric:
    return Metric(f"torchmetrics.classification:{kind}{name}", options or {}, mode)


_LOSS = "anamorph.nn.metrics.log_loss"
METRICS: Mapping[str, Mapping[str, Metric]] = {
    "binary": {
        "accuracy": _of("Binary", "Accuracy"),
        "f1": _of("Binary", "F1Score"),
        "f2": _of("Binary", "FBetaScore", {"beta": 2.0}),
        "precision": _of("Binary", "Precision"),
        "recall": _of("Binary", "Recall"),
        "specificity": _of("Binary", "Specificity"),
        "auroc": _of("Binary", "AUROC"),
        "average_precision": _of("Binary", "AveragePrecision"),
        "kappa": _of("Binary", "CohenKappa"),
        "mcc": _of("Binary", "MatthewsCorrCoef"),
        "iou": _of("Binary", "JaccardIndex"),
        "calibration": _of("Binary", "CalibrationError", mode="min"),
        "log_loss": Metric(f"{_LOSS}:LogLoss", {"kind": "binary"}, "min"),
    },
    "multiclass": {
        "accuracy": _of("Multiclass", "Accuracy", _ALL),
        "balanced_accuracy": _of("Multiclass", "Accuracy", _MEAN),
        "top5": _of("Multiclass", "Accuracy", _ALL | {"top_k": 5}),
        "f1": _of("Multiclass", "F1Score", _MEAN),
        "f2": _of("Multiclass", "FBetaScore", _MEAN | {"beta": 2.0}),
        "precision": _of("Multiclass", "Precision", _MEAN),
        "recall": _of("Multiclass", "Recall", _MEAN),
        "auroc": _of("Multiclass", "AUROC", _MEAN),
        "average_precision": _of("Multiclass", "AveragePrecision", _MEAN),
        "kappa": _of("Multiclass", "CohenKappa"),
        "kappa_quadratic": _of("Multiclass", "CohenKappa", {"weights": "quadratic"}),
        "mcc": _of("Multiclass", "MatthewsCorrCoef"),
        "iou": _of("Multiclass", "JaccardIndex", _MEAN),
        "calibration": _of("Multiclass", "CalibrationError", mode="min"),
        "log_loss": Metric(f"{_LOSS}:LogLoss", {"kind": "multiclass"}, "min"),
    },
    "multilabel": {
        "accuracy": _of("Multilabel", "Accuracy", _MEAN),
        "exact_match": _of("Multilabel", "ExactMatch"),
        "f1": _of("Multilabel", "F1Score", _MEAN),
        "f1_micro": _of("Multilabel", "F1Score", _ALL),
        "f2": _of("Multilabel", "FBetaScore", _MEAN | {"beta": 2.0}),
        "f2_micro": _of("Multilabel", "FBetaScore", _ALL | {"beta": 2.0}),
        "precision": _of("Multilabel", "Precision", _MEAN),
        "recall": _of("Multilabel", "Recall", _MEAN),
        "auroc": _of("Multilabel", "AUROC", _MEAN),
        "average_precision": _of("Multilabel", "AveragePrecision", _MEAN),
        "ranking": _of("Multilabel", "RankingAveragePrecision"),
        "log_loss": Metric(f"{_LOSS}:LogLoss", {"kind": "multilabel"}, "min"),
    },
}
"""Task → name → metric. They take probabilities, (N,) or (N, C), and targets."""

_COUNT = {"binary": None, "multiclass": "num_classes", "multilabel": "num_labels"}


def mode_of(task: str, name: str) -> Mode:
    """Whether a metric is better when greater ("max") or smaller ("min").

    >>> mode_of("multiclass", "log_loss")
    'min'
    """
    return _row(task, name).mode


def build_metrics(task: str, names: Sequence[str], classes: int = 1, **options: Any) -> Any:
    """Make a MetricCollection of torchmetrics, which adds up over ranks.

    Args:
        task: "binary", "multiclass" or "multilabel".
        names: of its row of `METRICS`.
        classes: how many classes or labels there are.
        options: of all the metrics, as ``ignore_index`` or ``sync_on_compute``.

    Raises:
        UnknownNameError: the task has no metric of that name.
    """
    made = {}
    for name in names:
        row = _row(task, name)
        home, kind = row.path.split(":")
        own = dict(row.options) | options
        count = _COUNT[task]
        if count and row.path.startswith("torchmetrics"):
            own[count] = classes
        if own.get("top_k", 0) > classes:
            raise ParameterError(
                f"{name} of {classes} classes: there must be {own['top_k']} at least"
            )
        made[name] = getattr(import_module(home), kind)(**own)
    return import_module("torchmetrics").MetricCollection(made, compute_groups=False)


def _row(task: str, name: str) -> Metric:
    Choice(tuple(METRICS)).check("task", task)
    rows = METRICS[task]
    if name not in rows:
        raise UnknownNameError(
            f"metric = {name!r}: {task} has none of this name{nearest(name, rows)}"
        )
    return rows[name]
