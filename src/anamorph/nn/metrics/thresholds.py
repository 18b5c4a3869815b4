"""Thresholds that make the most of a score, searched on out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError
from anamorph.core.params import Choice, Flag, Listed, Number, Rule
from anamorph.nn.metrics.arrays import Array, array, marked, same
from anamorph.nn.metrics.components import drop_small
from anamorph.nn.metrics.counts import SCORES, Counts, Floats, mean_of, score
from anamorph.nn.metrics.search import MaskTable, best_of, cuts, label_counts

GRID = tuple(round(0.05 * k, 2) for k in range(1, 20))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a search has found.

    ``thresholds`` and ``min_area`` have one item a class. ``score`` is that on the data of the
    search: too good, since it was searched for there; `ThresholdSearch.cross_fitted` is the honest
    one.
    """

    thresholds: tuple[float, ...]
    min_area: tuple[int, ...]
    score: float
    metric: str

    def apply(self, predictions: Any) -> npt.NDArray[np.bool_]:
        """Decide yes or no.

        Args:
            predictions: probabilities (N,), (N, C), or of pictures (H, W), (C, H, W), (N, C, H, W).

        Raises:
            DataError: there are not as many classes as thresholds.

        >>> Thresholds((0.4,), (0,), 1.0, "f1").apply([0.3, 0.4])
        array([False,  True])
        """
        said = array(predictions)
        known = len(self.thresholds)
        limits = np.asarray(self.thresholds, np.float64)
        axis = _axis(said, known)
        if axis is None:
            decided = marked("Thresholds", said, limits)
            return self._cleaned(decided) if said.ndim > 1 else decided
        if said.shape[axis] != known:
            have = f"predictions of shape {said.shape}"
            raise DataError(f"Thresholds: {have}: there must be {known} classes")
        shaped = limits.reshape(-1, *(1,) * (said.ndim - 1 - axis))
        decided = marked("Thresholds", said, shaped)
        return self._cleaned(decided) if said.ndim > 2 else decided

    def _cleaned(self, masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Masks (..., C, H, W) without components that are too small."""
        if not any(self.min_area):
            return masks
        flat = masks.reshape(-1, *masks.shape[-2:])
        each = [drop_small(m, self.min_area[i % len(self.min_area)]) for i, m in enumerate(flat)]
        return np.stack(each).reshape(masks.shape)


def _axis(said: Array, known: int) -> int | None:
    """Where the classes are; None if there is but one and no axis for it."""
    if said.ndim == 1 or (
        known == 1 and (said.ndim == 3 or (said.ndim == 2 and said.shape[1] != 1))
    ):
        return None
    return {2: 1, 3: 0, 4: 1}.get(said.ndim, 0)


@dataclass(frozen=True, kw_only=True)
class ThresholdSearch:
    """How to search: called with predictions and targets.

    Labels are (N,) or (N, C) arrays; the best cut among all is found exactly, by sorted scores.
    Masks are pictures (H, W) or (C, H, W), in any iterable, each of its own size; of each only
    counts are kept, for each cut and area of the grids.

    Args:
        metric: one of `SCORES`; for several classes, the mean of theirs.
        per_class: one threshold a class; else one for all.
        search: "exact": for labels, every cut between two scores; "grid": those of `grid`, as
            always for masks.
        grid: thresholds to try.
        min_area: areas to try: components of a mask with fewer pixels are left out.
        average: of masks, "pictures": the mean of the scores of pictures; "pixels": the score of
            all pixels together.
        empty: the score of a picture (or class) where nothing is there nor said: 0, 1, or "skip".
        ignore_index: targets of this value count for nothing.

    >>> found = ThresholdSearch(metric="f1").fit([0.1, 0.3, 0.35, 0.8], [0, 1, 0, 1])
    >>> found.thresholds, found.score
    ((0.2,), 0.8)
    """

    metric: Annotated[str, Choice(tuple(SCORES))] = "f1"
    per_class: Annotated[bool, Flag()] = True
    search: Annotated[Literal["exact", "grid"], Choice(("exact", "grid"))] = "exact"
    grid: Annotated[tuple[float, ...], Listed(Number(0, 1), empty=False)] = GRID
    min_area: Annotated[tuple[int, ...], Listed(Number(0, whole=True), empty=False)] = (0,)
    average: Annotated[Literal["pictures", "pixels"], Choice(("pictures", "pixels"))] = "pictures"
    empty: Annotated[Literal["skip"] | float, Choice(("skip", 0, 1))] = 0
    ignore_index: Annotated[int | None, Number(whole=True, optional=True)] = None

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            for rule in hints[field.name].__metadata__:
                if isinstance(rule, Rule):
                    place = f"ThresholdSearch.{field.name}"
                    object.__setattr__(
                        self, field.name, rule.check(place, getattr(self, field.name))
                    )

    def fit(self, predictions: Any, targets: Any) -> Thresholds:
        """Find the best thresholds on these data.

        Raises:
            DataError: shapes differ, there is nothing, or predictions are no probabilities.
        """
        pairs = _labels(predictions, targets)
        if pairs is None:
            return self._best(self._table(predictions, targets), None)
        return self._best_labels(*pairs)

    def cross_fitted(self, predictions: Any, targets: Any, folds: Sequence[Hashable]) -> float:
        """The score when each fold is decided by thresholds that were searched on the others.

        Args:
            predictions: as `fit` takes them, out of fold.
            targets: as `fit` takes them.
            folds: the fold of each row or picture; two at least.
        """
        pairs = _labels(predictions, targets)
        table = None if pairs else self._table(predictions, targets)
        count = len(pairs[0]) if pairs else len(table.counts) if table else 0
        fold_of = np.unique(np.asarray(folds), return_inverse=True)[1].ravel()
        if len(fold_of) != count or fold_of.max(initial=0) < 1:
            have = f"{len(fold_of)} folds of {count} rows"
            raise DataError(f"cross_fitted: {have}: there must be one for each, and two in all")
        if pairs is not None:
            return self._crossed_labels(*pairs, fold_of)
        return self._crossed_masks(table, fold_of) if table else float("nan")

    # ------------------------------------------------------------------------------ labels

    def _best_labels(self, said: Array, there: Array) -> Thresholds:
        columns = [self._counted(said[:, c], there[:, c]) for c in range(said.shape[1])]
        if self.per_class:
            found = [self._cut([column]) for column in columns]
        else:
            found = [self._cut(columns)] * len(columns)
        mean = float(mean_of(np.array([value for _, value in found])))
        return Thresholds(tuple(t for t, _ in found), (0,) * len(columns), mean, self.metric)

    def _counted(self, said: Array, there: Array) -> tuple[Array, Array]:
        kept = slice(None) if self.ignore_index is None else there != self.ignore_index
        return said[kept], there[kept].astype(bool)

    def _cut(self, columns: Sequence[tuple[Array, Array]]) -> tuple[float, float]:
        """The best threshold for some classes together, and the mean of their scores."""
        if self.search == "exact":
            limits = cuts(np.concatenate([said for said, _ in columns]))
        else:
            limits = np.asarray(self.grid, np.float64)
        values = [score(self.metric, label_counts(*c, limits), self.empty) for c in columns]
        place, value = best_of(mean_of(np.stack(values), 0), limits)
        return float(limits[place]), value

    def _crossed_labels(self, said: Array, there: Array, fold_of: Array) -> float:
        decided = np.zeros(said.shape, bool)
        for fold in range(fold_of.max() + 1):
            out = fold_of == fold
            limits = np.asarray(self._best_labels(said[~out], there[~out]).thresholds)
            decided[out] = said[out] >= limits
        valid = (
            np.ones(there.shape, bool) if self.ignore_index is None else there != self.ignore_index
        )
        yes = np.where(valid, there, 0).astype(bool)
        pairs = (decided & yes, decided & ~yes, ~decided & yes, ~decided & ~yes)
        counts = np.stack([(pair & valid).sum(0) for pair in pairs], -1)
        return float(mean_of(score(self.metric, Counts.of(counts), self.empty)))

    # ------------------------------------------------------------------------------- masks

    def _table(self, predictions: Iterable[Any], targets: Iterable[Any]) -> MaskTable:
        table = MaskTable(self.grid, self.min_area, self.ignore_index)
        for said, there in zip(predictions, targets, strict=True):
            table.add(array(said), array(there))
        if not table.counts:
            raise DataError("ThresholdSearch: there are no pictures to search on")
        return table

    def _scored(self, counts: Array) -> Floats:
        """Scores (C, T, A) of counts (P, C, T, A, 4)."""
        if self.average == "pixels":
            return score(self.metric, Counts.of(counts.sum(0)), self.empty)
        return mean_of(score(self.metric, Counts.of(counts), self.empty), 0)

    def _choices(self, counts: Array) -> list[tuple[int, float]]:
        """For each class the place in the grid (T·A) of the best, and its score."""
        values = self._scored(counts)
        flat = values.reshape(len(values), -1)
        limits = np.repeat(np.asarray(self.grid), len(self.min_area))
        if self.per_class:
            return [best_of(row, limits) for row in flat]
        place, _ = best_of(mean_of(flat, 0), limits)
        return [(place, float(row[place])) for row in flat]

    def _best(self, table: MaskTable, rows: Array | None) -> Thresholds:
        counts = np.stack(table.counts)
        choices = self._choices(counts if rows is None else counts[rows])
        places = [divmod(place, len(self.min_area)) for place, _ in choices]
        return Thresholds(
            tuple(self.grid[t] for t, _ in places),
            tuple(self.min_area[a] for _, a in places),
            float(mean_of(np.array([value for _, value in choices]))),
            self.metric,
        )

    def _crossed_masks(self, table: MaskTable, fold_of: Array) -> float:
        counts = np.stack(table.counts)
        pictures, classes = counts.shape[:2]
        flat = counts.reshape(pictures, classes, -1, 4)
        chosen = np.zeros((pictures, classes, 1, 1, 4), counts.dtype)
        for fold in range(fold_of.max() + 1):
            out = fold_of == fold
            places = [place for place, _ in self._choices(counts[~out])]
            picked = flat[out][:, np.arange(classes), places]
            chosen[out] = picked[:, :, None, None]
        return float(mean_of(self._scored(chosen)))


def _labels(predictions: Any, targets: Any) -> tuple[Array, Array] | None:
    """Predictions and targets as (N, C), or None if they are pictures."""
    if not hasattr(predictions, "__getitem__"):  # a stream can only be of pictures
        return None
    first = next(iter(predictions), None) if isinstance(predictions, Sequence) else predictions[:1]
    if first is None:
        raise DataError("ThresholdSearch: there is nothing to search on")
    deep = array(first).ndim + isinstance(predictions, Sequence)
    if deep > 2:
        return None
    said, there = array(predictions), array(targets)
    same("ThresholdSearch", said, there)
    if not said.size:
        raise DataError("ThresholdSearch: there is nothing to search on")
    marked("ThresholdSearch", said, 0.5)  # which refuses logits
    return (said[:, None], there[:, None]) if said.ndim == 1 else (said, there)


def search_thresholds(
    predictions: Any, targets: Any, metric: str = "f1", **options: Any
) -> Thresholds:
    """Find the best thresholds: `ThresholdSearch` in one call.

    >>> search_thresholds([[0.2, 0.9], [0.6, 0.7]], [[0, 1], [1, 0]]).thresholds
    (0.4, 0.8)
    """
    return ThresholdSearch(metric=metric, **options).fit(predictions, targets)


def cross_fitted_score(
    predictions: Any, targets: Any, folds: Sequence[Hashable], metric: str = "f1", **options: Any
) -> float:
    """The honest score of searched thresholds: `ThresholdSearch.cross_fitted` in one call."""
    return ThresholdSearch(metric=metric, **options).cross_fitted(predictions, targets, folds)
