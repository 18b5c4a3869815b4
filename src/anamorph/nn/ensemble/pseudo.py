"""Pseudo-labels: what models are sure of, as labels of samples that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import Flag, Number
from anamorph.nn.ensemble.stored import opened

Values = NDArray[Any]

_SHARE = Number(0, 1)


@final
@dataclass(frozen=True, slots=True, eq=False)
class PseudoLabels:
    """Samples that were chosen, their labels, and how sure the models are, the order of the samples kept.

    ``labels`` are (m,) classes, or (m, classes): 0 and 1 of several labels a sample, or probabilities of
    soft ones. ``counts`` has how many samples each class has.
    """

    indices: NDArray[np.int64]
    labels: Values
    confidence: NDArray[np.float64]
    counts: tuple[int, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.indices)


def pseudo_labels(
    predictions: Any,
    *,
    confidence: float = 0.9,
    agreement: float = 1.0,
    quota: int | Mapping[int, int] | None = None,
    soft: bool = False,
    multilabel: bool = False,
) -> PseudoLabels:
    """Choose samples that models are sure of.

    Args:
        predictions: (n, classes) probabilities, or (models, n, classes).
        confidence: least probability of the class, in the mean of the models; of several labels a
            sample, each must be at least this or at most 1 less this.
        agreement: least share of the models that say what their mean says.
        quota: greatest number of samples a class, the surest first, or one for each class: so that
            frequent classes do not drown others. A class that is not named has none.
        soft: labels are the mean probabilities.
        multilabel: classes do not exclude each other.

    Raises:
        DataError: these are no probabilities.
        ParameterError: a bound is outside [0, 1]; or a quota for several labels a sample.

    >>> from anamorph.nn.ensemble import pseudo_labels
    >>> found = pseudo_labels(np.array([[0.95, 0.05], [0.6, 0.4], [0.02, 0.98]]))
    >>> found.indices.tolist(), found.labels.tolist(), found.counts
    ([0, 2], [0, 1], (1, 1))
    """
    _SHARE.check("pseudo_labels.confidence", confidence)
    _SHARE.check("pseudo_labels.agreement", agreement)
    Flag().check("pseudo_labels.soft", soft)
    Flag().check("pseudo_labels.multilabel", multilabel)
    if multilabel and quota is not None:
        raise ParameterError("pseudo_labels.quota: samples with several labels cannot have one")
    said = _stacked(predictions)
    mean = said.mean(axis=0)
    choice = mean >= 0.5 if multilabel else mean.argmax(axis=1)
    votes = said >= 0.5 if multilabel else said.argmax(axis=2)
    same = (votes == choice[None]).mean(axis=0)
    sure = np.maximum(mean, 1 - mean).min(axis=1) if multilabel else mean.max(axis=1)
    same = same.min(axis=1) if multilabel else same
    kept = (sure >= confidence) & (same >= agreement - 1e-9)
    if not multilabel:
        kept &= _within(quota, choice, np.where(kept, sure, -1.0), mean.shape[1])
    at = np.flatnonzero(kept)
    hard = choice[at].astype(np.int64)
    counts = hard.sum(axis=0) if multilabel else np.bincount(hard, minlength=mean.shape[1])
    labels = mean[at] if soft else hard
    return PseudoLabels(at, labels, sure[at], tuple(counts.tolist()))


def fold_pseudo_labels(predictions: Mapping[int, Any], **rules: Any) -> dict[int, PseudoLabels]:
    """Pseudo-labels for the training of each fold, from models of that fold alone.

    A model of another fold was trained on the pictures that this one is validated on: its labels would
    carry them into the training, and the validation score would flatter. So fold k takes none
    but those of the models that have not seen its validation pictures.

    Args:
        predictions: fold → what its model, or its models, say of the samples without labels.
        rules: as in :func:`pseudo_labels`.

    Raises:
        DataError: the folds' predictions differ in shape.
    """
    shapes = {opened(given, f"predictions[{k}]").shape[-2:] for k, given in predictions.items()}
    if len(shapes) > 1:
        raise DataError(f"predictions of folds have shapes {sorted(shapes)}: one shape is wanted")
    return {fold: pseudo_labels(given, **rules) for fold, given in predictions.items()}


def _stacked(predictions: Any) -> NDArray[np.float64]:
    if isinstance(predictions, list | tuple):
        said = np.stack(
            [opened(given, f"predictions[{at}]") for at, given in enumerate(predictions)]
        )
    else:
        said = opened(predictions, "predictions")
    said = said[None] if said.ndim == 2 else said
    if said.ndim != 3 or 0 in (said.shape[0], said.shape[2]):
        raise DataError(
            f"predictions have shape {said.shape}: (n, classes) or (models, n, classes)"
        )
    wide = said.astype(np.float64)
    if not ((wide >= 0) & (wide <= 1)).all():
        raise DataError("pseudo-labels need probabilities: some predictions are not in [0, 1]")
    return wide


def _within(
    quota: int | Mapping[int, int] | None, choice: Values, sure: Values, classes: int
) -> NDArray[np.bool_]:
    """Which samples are among the surest of their class; -1 is not sure at all."""
    if quota is None:
        return np.ones(len(choice), np.bool_)
    allowed = np.zeros(len(choice), np.bool_)
    for label in range(classes):
        most = quota.get(label, 0) if isinstance(quota, Mapping) else quota
        Number(0, whole=True).check("pseudo_labels.quota", most)
        here = np.flatnonzero((choice == label) & (sure >= 0))
        allowed[here[np.argsort(-sure[here], kind="stable")[:most]]] = True
    return allowed
