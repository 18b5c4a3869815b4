"""Logistic stacking: a factor for the log-odds of each model, and a bias for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.core.errors import DataError

_RIDGE = 1e-3
"""Pull of factors to equal weights, as a share of the mean loss."""
_EPS = 1e-7
_STEPS = 200


@dataclass(frozen=True)
class Fitted:
    """Factors and biases; ``sums`` tells that classes add up to 1."""

    weights: tuple[float, ...]
    bias: tuple[float, ...]
    sums: bool


def log_odds(predictions: NDArray[Any], targets: NDArray[Any]) -> Fitted:
    """Fit factors and biases to the log loss, by L-BFGS in float64.

    Args:
        predictions: (models, n) or (models, n, classes) probabilities.
        targets: (n,) numbers of classes for (models, n, classes); else 0 and 1 of the
            predictions' shape.

    Raises:
        DataError: these are no probabilities, or targets do not go with them.
    """
    if predictions.min() < 0 or predictions.max() > 1:
        raise DataError("stacking needs probabilities: some predictions are not in [0, 1]")
    shape = predictions.shape[1:]
    sums = targets.ndim == 1 and len(shape) == 2
    if not sums and targets.shape != shape:
        raise DataError(f"targets of shape {targets.shape} do not go with predictions of {shape}")
    allowed = range(shape[1]) if sums else (0, 1)
    if not np.isin(targets, allowed).all():
        raise DataError(f"targets must be whole numbers in [{allowed[0]}, {allowed[-1]}]")
    x = _scores(predictions, sums=sums)
    y = torch.from_numpy(np.asarray(targets, np.int64 if sums else np.float64))
    count = len(predictions)
    weights = torch.full((count,), 1 / count, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(x.shape[2:] or (1,), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights, bias], max_iter=_STEPS, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = _loss(_mixed(x, weights, bias), y, sums=sums)
        loss = loss + _RIDGE * ((weights - 1 / count).square().sum() + bias.square().sum())
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch's own
    return Fitted(tuple(weights.tolist()), tuple(bias.tolist()), sums)


def stacked(
    predictions: NDArray[Any], weights: Sequence[float], bias: Sequence[float], *, sums: bool
) -> NDArray[np.float64]:
    """Probabilities by factors and biases."""
    scores = _mixed(
        _scores(predictions, sums=sums),
        torch.tensor(list(weights), dtype=torch.float64),
        torch.tensor(list(bias), dtype=torch.float64),
    )
    return np.asarray((scores.softmax(1) if sums else scores.sigmoid()).numpy())


def _scores(predictions: NDArray[Any], *, sums: bool) -> Tensor:
    p = torch.from_numpy(np.asarray(predictions, np.float64)).clamp(_EPS, 1 - _EPS)
    return p.log() if sums else torch.logit(p)


def _mixed(scores: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    mixed: Tensor = torch.tensordot(weights, scores, 1)
    return mixed + bias


def _loss(scores: Tensor, targets: Tensor, *, sums: bool) -> Tensor:
    if sums:
        return torch.nn.functional.cross_entropy(scores, targets)
    return torch.nn.functional.binary_cross_entropy_with_logits(scores, targets)
