"""Weights of bundles, searched on what their runs predicted out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from anamorph.core.errors import DataError
from anamorph.ledger import Ledger
from anamorph.nn.ensemble import search_weights
from anamorph.tasks.base import Decision, Found, Scores, Task
from anamorph.tasks.bundle import Bundle, ensemble
from anamorph.tasks.closing import TUNED
from anamorph.tasks.oof import Oof, folds_of, joined, read_oof


@final
@dataclass(frozen=True)
class Blended:
    """A bundle of bundles, the weight of each, and scores on the out-of-fold predictions.

    ``scores`` has the metric of the blend (it was searched on the same pictures), that under weights
    that were searched on other pictures, and that of each bundle alone.
    """

    bundle: Bundle
    weights: tuple[float, ...]
    scores: Scores


def search(bundles: Sequence[Bundle], names: Sequence[str], root: Any = "runs") -> Blended:
    """Find the weights with which bundles score best on pictures that they were not trained on.

    Args:
        bundles: of one task and the same classes, each of a run that still is there.
        names: what each is called in results.
        root: folder of runs.

    Raises:
        DataError: they did not predict the same pictures, or predicted boxes.
    """
    task = bundles[0].task
    if task.name == "detect":
        raise DataError("weights of detectors are not searched: say them")
    parts = [_of(bundle, root) for bundle in bundles]
    columns = _aligned(parts, names)
    truths = [parts[0].targets[at] for at in columns[0]]
    arrays, targets, judge = _numbers(task, parts, columns, truths)
    name, goal = task.metric
    blend = search_weights(arrays, targets, judge, mode=goal)
    merged = ensemble(bundles, blend.weights)
    decision = task.decide(_found(task, parts, columns, blend.weights, truths))
    scores = {name: blend.score}
    if blend.honest is not None:
        scores[name + TUNED] = blend.honest
    scores |= {f"{name} of {n}": s for n, s in zip(names, blend.singles, strict=True)}
    return Blended(replace(merged, decision=decision), blend.weights, scores)


def _found(
    task: Task,
    parts: Sequence[Oof],
    columns: Sequence[list[int]],
    weights: Sequence[float],
    truths: Sequence[Any],
) -> Found:
    """What all say together of each picture."""
    entries = {}
    for at, truth in enumerate(truths):
        said = [part.predictions[rows[at]] for part, rows in zip(parts, columns, strict=True)]
        entries[at] = task.merge(said, weights), truth
    return Found(entries)


def _of(bundle: Bundle, root: Any) -> Oof:
    run = bundle.about.get("run")
    if run is None:
        raise DataError("a bundle of no single run has no out-of-fold predictions")
    folder = Ledger(root).resolve(str(run)).path
    return joined([read_oof(folder, fold) for fold in folds_of(Path(folder))])


def _aligned(parts: Sequence[Oof], names: Sequence[str]) -> list[list[int]]:
    """Where each has the pictures, which must be the same, in the same order."""
    first = sorted(parts[0].ids)
    columns = []
    for part, name in zip(parts, names, strict=True):
        places: Mapping[str, int] = {picture: at for at, picture in enumerate(part.ids)}
        if sorted(part.ids) != first:
            raise DataError(f"{name} did not predict the same pictures as {names[0]}")
        columns.append([places[picture] for picture in first])
    return columns


def _numbers(
    task: Task, parts: Sequence[Oof], columns: Sequence[list[int]], truths: Sequence[Any]
) -> tuple[list[Any], Any, Any]:
    """Predictions as arrays (n, …), targets, and what judges them.

    Maps of different sizes are laid end to end; a picture is found by its span.
    """
    each = [
        [part.predictions[at] for at in rows] for part, rows in zip(parts, columns, strict=True)
    ]
    usual = task.usual()
    if task.name == "classify":
        arrays = [np.stack(rows) for rows in each]
        return arrays, np.stack(truths), _judge(task, usual)
    numbers = np.arange(len(truths))
    shapes = [truth.shape[:2] for truth in truths]
    most = max(h * w for h, w in shapes)
    classes = each[0][0].shape[2]
    arrays = [np.zeros((len(truths), most, classes), np.float32) for _ in each]
    for array, rows in zip(arrays, each, strict=True):
        for at, said in enumerate(rows):
            array[at, : said.shape[0] * said.shape[1]] = said.reshape(-1, classes)

    def judge(targets: Any, predictions: Any) -> float:
        entries = {}
        for at, number in enumerate(np.asarray(targets).tolist()):
            h, w = shapes[number]
            entries[at] = predictions[at, : h * w].reshape(h, w, classes), truths[number]
        return task.scores(Found(entries), usual)[task.metric[0]]

    return arrays, numbers, judge


def _judge(task: Task, decision: Decision) -> Any:
    def judge(targets: Any, predictions: Any) -> float:
        found = Found(dict(enumerate(zip(predictions, targets, strict=True))))
        return task.scores(found, decision)[task.metric[0]]

    return judge
