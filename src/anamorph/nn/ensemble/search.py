"""Weights of models, searched on predictions of samples that they were not trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import Choice, Number
from anamorph.core.rng import generator
from anamorph.nn.ensemble.stacking import log_odds, stacked
from anamorph.nn.ensemble.stored import merge_predictions, opened, ranked, same_shape
from anamorph.nn.tta.merges import MERGES, Mean

Values = NDArray[Any]
Metric = Callable[[Values, Values], float]
"""metric(targets, predictions) → how good they are, in scikit-learn's order."""
Weights = NDArray[np.float64]

_SMALLEST = 0.01
"""The last step of the search on the simplex."""
_PATIENCE = 10
_MODE = Choice(("max", "min"))


@final
@dataclass(frozen=True, slots=True)
class Blend:
    """How predictions of models are weighed, and how good that is.

    ``score`` is that of the data that was searched on, never worse than the best of ``singles``;
    ``honest`` that of weights searched on other folds: the one to believe. ``bias`` is that of stacking, of
    which ``weights`` are factors of log-odds.
    """

    method: str
    merge: str
    weights: tuple[float, ...]
    score: float
    singles: tuple[float, ...]
    honest: float | None = None
    bias: tuple[float, ...] = field(default=(), repr=False)

    def __call__(self, predictions: Sequence[Any]) -> Values:
        """Weigh predictions of the same models, in their order.

        Raises:
            DataError: they are not as many.
        """
        if len(predictions) != len(self.weights):
            raise DataError(f"{len(predictions)} predictions for {len(self.weights)} weights")
        if not self.bias:
            return merge_predictions(predictions, self.weights, self.merge)
        arrays = [opened(given, f"predictions[{at}]") for at, given in enumerate(predictions)]
        same_shape(arrays)
        return stacked(np.stack(arrays), self.weights, self.bias, sums=self.merge == "softmax")


@dataclass(frozen=True)
class _Space:
    """Where weighted sums are made, and the way back."""

    there: Callable[[Values], Values]
    back: Callable[[Values], Values]


@dataclass(frozen=True)
class _Search:
    """A search under way: values of models in the space of the merge, and what judges them."""

    raw: Values
    values: Values
    targets: Values
    metric: Metric
    sign: int
    back: Callable[[Values], Values]
    steps: int

    def of(self, chosen: NDArray[np.bool_]) -> _Search:
        """The same search on some of the samples."""
        return dataclasses.replace(
            self,
            raw=self.raw[:, chosen],
            values=self.values[:, chosen],
            targets=self.targets[chosen],
        )

    def worth(self, mixed: Values) -> float:
        """The metric, such that more is better."""
        score = float(self.metric(self.targets, self.back(mixed)))
        if score != score:  # noqa: PLR0124 - NaN
            raise DataError("the metric is not a number: perhaps a class is not there")
        return self.sign * score

    def weighed(self, weights: Weights) -> Values:
        """The weighted sum of the models' values."""
        mixed: Values = np.tensordot(weights, self.values, 1)
        return mixed

    def singles(self) -> list[float]:
        """The worth of each model alone."""
        return [self.worth(value) for value in self.values]


def search_weights(  # noqa: PLR0913 - each says one thing
    oof: Sequence[Any],
    targets: Any,
    metric: Metric,
    method: str = "hillclimb",
    *,
    mode: str = "max",
    merge: str = "mean",
    folds: int | Sequence[int] | None = 5,
    steps: int = 100,
    seed: int = 0,
) -> Blend:
    """Search the weights of models on out-of-fold predictions.

    The more models and the fewer samples, the better weights look on the data that they were
    searched on. So the search is repeated without each fold, and the fold judged by what was found.

    Args:
        oof: of each model (n, …) predictions, in the order of targets.
        targets: (n, …) as the metric takes them.
        metric: f(targets, predictions).
        method: "hillclimb" adds the model that helps most, again and again (Caruana et al. 2004);
            "simplex" moves weight between pairs of models in shrinking steps; "logistic" stacks
            log-odds by logistic regression, for probabilities: (n, classes) with targets (n,), or
            targets of 0 and 1 of the predictions' shape.
        mode: whether "max" or "min" of the metric is good.
        merge: "mean", "gmean", "hmean", "logit_mean" or "rank".
        folds: number of the fold of each sample, or how many to draw; None estimates nothing.
        steps: of hillclimb.
        seed: of drawn folds.

    Raises:
        DataError: shapes do not agree, or the metric gives NaN.
        ParameterError: there is no such method, mode or merge.

    >>> from anamorph.nn.ensemble import search_weights
    >>> truth = np.array([0.0, 1.0, 2.0, 3.0])
    >>> error = lambda targets, found: float(np.abs(targets - found).mean())
    >>> found = search_weights([truth - 1, truth + 3], truth, error, "simplex", mode="min", folds=None)
    >>> found.weights, found.score
    ((0.75, 0.25), 0.0)
    """
    Choice(tuple(METHODS)).check("search_weights.method", method)
    Choice(tuple(SPACES)).check("search_weights.merge", merge)
    _MODE.check("search_weights.mode", mode)
    Number(1, whole=True).check("search_weights.steps", steps)
    arrays = [opened(given, f"oof[{at}]") for at, given in enumerate(oof)]
    if not arrays:
        raise ParameterError("search_weights got no predictions: one or more are wanted")
    count = same_shape(arrays)[0]
    truth = np.asarray(targets)
    if len(truth) != count or count == 0:
        raise DataError(f"{count} predictions have {len(truth)} targets: one each is wanted")
    raw = np.stack(arrays).astype(np.float64)
    if not np.isfinite(raw).all():
        raise DataError("out-of-fold predictions hold a number that is not finite")
    sign = 1 if mode == "max" else -1
    space = SPACES[merge]
    values = np.stack([space.there(value) for value in raw])
    search = _Search(raw, values, truth, metric, sign, space.back, steps)
    singles = search.singles()
    run = METHODS[method]
    kept = _guarded(run(search), singles)
    honest = None if folds is None else _nested(search, run, _parts(folds, count, seed))
    return Blend(
        method=method,
        merge=kept.merge or merge,
        weights=tuple(round(float(weight), 12) for weight in kept.weights),
        score=sign * kept.worth,
        singles=tuple(sign * single for single in singles),
        honest=None if honest is None else sign * honest,
        bias=kept.bias,
    )


@dataclass(frozen=True)
class _Found:
    """Weights, what they are worth, and what only stacking has."""

    weights: Weights
    worth: float
    bias: tuple[float, ...] = ()
    merge: str = ""

    def on(self, search: _Search) -> Values:
        """What these weights predict."""
        if self.bias:
            return stacked(
                search.raw, self.weights.tolist(), self.bias, sums=self.merge == "softmax"
            )
        return search.back(search.weighed(self.weights))


def _guarded(found: _Found, singles: list[float]) -> _Found:
    """What was found, or the best single model where that is better."""
    best = int(np.argmax(singles))
    if found.worth >= singles[best]:
        return found
    return _Found(np.eye(len(singles))[best], singles[best])


def _nested(search: _Search, run: Callable[[_Search], _Found], parts: NDArray[np.int64]) -> float:
    """The worth of predictions, each by weights that were searched without its fold."""
    outcome: Values | None = None
    for fold in np.unique(parts).tolist():
        inside = parts == fold
        rest = search.of(~inside)
        predicted = _guarded(run(rest), rest.singles()).on(search.of(inside))
        outcome = np.empty((len(parts), *predicted.shape[1:])) if outcome is None else outcome
        outcome[inside] = predicted
    return search.sign * float(search.metric(search.targets, np.asarray(outcome)))


def _parts(folds: int | Sequence[int], count: int, seed: int) -> NDArray[np.int64]:
    if isinstance(folds, int):
        Number(2, count, whole=True).check("search_weights.folds", folds)
        return generator(seed).permutation(count).astype(np.int64) % folds
    parts = np.asarray(folds, np.int64)
    if parts.shape != (count,) or len(np.unique(parts)) < 2:
        raise DataError(
            f"folds must be a number for each of the {count} samples, two different or more"
        )
    return parts


# --------------------------------------------------------------------------------- methods


def _hillclimb(search: _Search) -> _Found:
    """Caruana et al. 2004: from the best model, the one that helps most is added, with replacement."""
    count = len(search.values)
    singles = search.singles()
    best = int(np.argmax(singles))
    taken = np.zeros(count)
    taken[best] = 1
    total = search.values[best].copy()
    found = _Found(taken.copy(), singles[best])
    since = 0
    for size in range(2, search.steps + 1):
        tried = [search.worth((total + value) / size) for value in search.values]
        pick = int(np.argmax(tried))
        taken[pick] += 1
        total += search.values[pick]
        since += 1
        if tried[pick] > found.worth:
            found, since = _Found(taken / size, tried[pick]), 0
        if since > _PATIENCE:
            break
    return found


def _simplex(search: _Search) -> _Found:
    """From the best of single models and equal weights, weight moves between pairs while it helps."""
    count = len(search.values)
    starts = [*np.eye(count), np.full(count, 1 / count)]
    worths = [search.worth(search.weighed(start)) for start in starts]
    best = int(np.argmax(worths))
    weights, worth = starts[best].copy(), worths[best]
    step = 0.5
    while step >= _SMALLEST:
        moved = _shift(search, weights, worth, step)
        if moved is None:
            step /= 2
        else:
            weights, worth = moved
    return _Found(weights, worth)


def _shift(
    search: _Search, weights: Weights, worth: float, step: float
) -> tuple[Weights, float] | None:
    """The best move of at most so much weight from one model to another, if any helps."""
    best: tuple[Weights, float] | None = None
    for giver in np.flatnonzero(weights > 0).tolist():
        for taker in range(len(weights)):
            if giver == taker:
                continue
            part = min(step, float(weights[giver]))
            tried = weights.copy()
            tried[giver] -= part
            tried[taker] += part
            reached = search.worth(search.weighed(tried))
            if reached > (worth if best is None else best[1]):
                best = tried, reached
    return best


def _logistic(search: _Search) -> _Found:
    """Stacking (Wolpert 1992) of log-odds, a factor a model and a bias a class."""
    fitted = log_odds(search.raw, search.targets)
    predicted = stacked(search.raw, fitted.weights, fitted.bias, sums=fitted.sums)
    worth = search.sign * float(search.metric(search.targets, predicted))
    merge = "softmax" if fitted.sums else "sigmoid"
    return _Found(np.array(fitted.weights), worth, fitted.bias, merge)


METHODS: Mapping[str, Callable[[_Search], _Found]] = {
    "hillclimb": _hillclimb,
    "simplex": _simplex,
    "logistic": _logistic,
}
"""How weights are searched."""


def _space(mean: Mean) -> _Space:
    def by(function: Any) -> Callable[[Values], Values]:
        if function is None:
            return lambda values: values
        return lambda values: np.asarray(function(torch.from_numpy(np.asarray(values))).numpy())

    return _Space(by(mean.there), by(mean.back))


SPACES: Mapping[str, _Space] = {
    **{name: _space(merge) for name, merge in MERGES.items() if isinstance(merge, Mean)},
    "rank": _Space(ranked, lambda values: values),
}
"""Merges that are means of something."""
