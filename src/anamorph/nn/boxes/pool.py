"""Detections of all views in one table, and the way back to the caller's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anamorph.core.errors import DataError, DataTypeError, MissingDataError, ParameterError
from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes import forms
from anamorph.nn.boxes.arrays import joined, plain
from anamorph.nn.boxes.shapes import SHAPES

Size = tuple[float, float]
View = Mapping[str, Any]

_ROUNDING = 1e-6
"""How far above 1 a score may be: sums of half or single floats are."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How views are read: see `BoxFusion`, whose parameters these are."""

    format: str
    skip: float
    weights: tuple[float, ...] | None
    class_agnostic: bool
    size: Size | None


@dataclass(frozen=True, slots=True)
class Pool:
    """What takes part in a fusion, the best first.

    ``boxes`` is (N, 4) x0, y0, x1, y1 or (N, 8) corners, clockwise on the screen; ``scores`` are
    those given, ``weights`` those of the models, ``models`` which view each box is from, ``groups``
    numbers of classes, ``rows`` places among all the caller's boxes.
    """

    boxes: Floats
    scores: Floats
    weights: Floats
    models: Ints
    groups: Ints
    rows: Ints
    of_models: Floats
    """The weights of all models, whether they found something or not."""

    @property
    def strength(self) -> Floats:
        """Scores times weights: what boxes are ranked by."""
        return self.scores * self.weights


def pooled(views: View | Sequence[View], how: Reading) -> tuple[Pool, dict[str, Any]]:
    """Put views together.

    Returns:
        What takes part, and the columns of all views, one after the other.

    Raises:
        MissingDataError: a view lacks boxes, scores, or a column that others have.
        DataError: a box, score or length is not what it must be.
        DataTypeError: a view is no mapping, or holds no numbers.
        ParameterError: there are not as many weights as views.
    """
    views = [views] if isinstance(views, Mapping) else list(views)
    _check_keys(views)
    of_models = _weights(how.weights, len(views))
    sized = [forms.read(how.format, plain(v["boxes"]), _place(i)) for i, v in enumerate(views)]
    _check_lengths(views, [len(boxes) for boxes in sized])
    columns = {key: _column([view[key] for view in views]) for key in views[0]}
    if columns["boxes"].ndim == 1:  # empty lists
        columns["boxes"] = columns["boxes"].reshape(0, forms.FORMS[how.format].columns)
    boxes = np.concatenate(sized)
    if how.size is not None:
        boxes = forms.clipped(boxes, how.size)
    scores = _scores(views)
    models = np.repeat(np.arange(len(views)), [len(b) for b in sized])
    weights = of_models[models]
    part = (scores >= how.skip) & (weights > 0.0) & (SHAPES[boxes.shape[1]].area(boxes) > 0.0)
    rows = np.flatnonzero(part)
    rows = rows[np.argsort(-(scores * weights)[rows], kind="stable")]
    groups = _groups(columns, how, len(boxes))
    pool = Pool(
        boxes[rows], scores[rows], weights[rows], models[rows], groups[rows], rows, of_models
    )
    return pool, columns


def _place(view: int, key: str = "boxes") -> str:
    return f"views[{view}][{key!r}]"


def _check_keys(views: Sequence[View]) -> None:
    if not views:
        raise DataError("views is empty: it must hold what was found in one view at least")
    for i, view in enumerate(views):
        if not isinstance(view, Mapping):
            raise DataTypeError(
                f"views[{i}] is a {type(view).__name__}: it must be a dictionary with boxes and "
                "scores"
            )
        for key in ("boxes", "scores", *views[0]):
            if key not in view:
                raise MissingDataError(f"views[{i}] has no {key!r}: its keys are {list(view)}")
        extra = [key for key in view if key not in views[0]]
        if extra:
            raise MissingDataError(f"views[0] has no {extra[0]!r}, which views[{i}] has")


def _check_lengths(views: Sequence[View], lengths: Sequence[int]) -> None:
    for i, (view, length) in enumerate(zip(views, lengths, strict=True)):
        for key, column in view.items():
            if not hasattr(column, "__len__") or len(column) != length:
                found = len(column) if hasattr(column, "__len__") else "no"
                raise DataError(
                    f"{_place(i, key)} has {found} rows: it must have one a box, {length}"
                )


def _weights(given: tuple[float, ...] | None, views: int) -> Floats:
    if given is None:
        return np.ones(views)
    if len(given) != views:
        raise ParameterError(f"weights = {given}: it must hold one a view, {views}")
    return np.array(given, np.float64)


def _column(parts: list[Any]) -> Any:
    """Join what views say; empty ones, which may be of any type, do not change the type."""
    return joined([part for part in parts if len(part)] or parts[:1])


def _scores(views: Sequence[View]) -> Floats:
    parts = []
    for i, view in enumerate(views):
        scores = plain(view["scores"])
        place = _place(i, "scores")
        if scores.dtype.kind not in "uifb":
            raise DataTypeError(f"{place} has dtype {scores.dtype}: it must be of numbers")
        if scores.ndim != 1:
            raise DataError(f"{place} has shape {scores.shape}: it must be (N,)")
        wrong = ~((scores >= 0.0) & (scores <= 1.0 + _ROUNDING))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(f"{place}[{row}] = {scores[row]}: it must be in [0, 1]")
        parts.append(scores.astype(np.float64).clip(0.0, 1.0))
    return np.concatenate(parts)


def _groups(columns: Mapping[str, Any], how: Reading, length: int) -> Ints:
    """Number the classes."""
    if how.class_agnostic or "labels" not in columns:
        return np.zeros(length, np.int64)
    labels = plain(columns["labels"])
    if labels.ndim != 1:
        raise DataError(f"labels have shape {labels.shape}: they must be (N,)")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
