"""Scores of what is there: a bundle on labelled pictures, a run on its own predictions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anamorph.core.errors import DataError, ParameterTypeError
from anamorph.tasks.base import Found, Scores
from anamorph.tasks.board import Board
from anamorph.tasks.bundle import Bundle
from anamorph.tasks.config.configs import Config
from anamorph.tasks.config.fields import build
from anamorph.tasks.oof import folds_of, read_oof
from anamorph.tasks.pictures import Pictures, pictures_of
from anamorph.tasks.predictor import Predictor, bundle_from

File = str | os.PathLike[str]


def evaluate(  # noqa: PLR0913 - one call, each parameter but two by its name
    what: Any,
    data: File | Mapping[str, Any] | Config | None = None,
    *,
    tta: str | None = None,
    tiles: Mapping[str, Any] | None = None,
    batch: int | None = None,
    device: str = "auto",
    workers: int = 0,
    root: File = "runs",
    board: Board | None = None,
) -> Scores:
    """Score a bundle on labelled pictures, or a run on its out-of-fold predictions.

    Args:
        what: as `predict` takes it.
        data: a folder that is laid out as that of the training pictures, the options of a ``data``
            section, or a configuration. None scores the stored out-of-fold predictions of a run:
            the mean over its folds, and under ``NAME_std`` the deviation.
        tta: as in `predict`, as are those that follow.
        tiles: as in `predict`.
        batch: as in `predict`.
        device: as in `predict`.
        workers: as in `predict`.
        root: as in `predict`.
        board: as in `predict`.

    Raises:
        DataError: the pictures have other classes, or none could be read.
    """
    if data is None:
        return _of_run(what, root)
    bundle = bundle_from(what, root)
    pictures = labelled(bundle, data)
    predictor = Predictor(bundle, device=device, tta=tta, tiles=tiles, batch=batch, workers=workers)
    found, told = Found(), board or Board()
    paths = [pictures.path(at) for at in range(len(pictures))]
    truth = partial(predictor.task.truth, pictures)
    for at, row in enumerate(predictor.over(paths, truth=truth)):
        if row.error is not None:
            told.say(f"left out: {row.error}")
        else:
            found.add(at, row.prediction, row.truth)
        told.seen(at + 1, len(paths))
    if not found.entries:
        raise DataError("none of the pictures could be read")
    return predictor.task.scores(found, bundle.decision)


def labelled(bundle: Bundle, data: File | Mapping[str, Any] | Config) -> Pictures:
    """Labelled pictures in the classes of a bundle."""
    config: Any = bundle.members[0].config
    given = config.data
    if isinstance(data, Config):
        section = data.data
    elif isinstance(data, Mapping):
        section = build(type(given), dict(data), "data")
    elif isinstance(data, str | os.PathLike):
        section = _placed(given, Path(data))
    else:
        raise ParameterTypeError(f"data is a {type(data).__name__}: a folder or options are wanted")
    if given.kind in {"folders", "masks"} and not section.classes and given.kind == section.kind:
        classes = bundle.classes if given.kind == "folders" else given.classes
        section = replace(section, classes=classes, values=given.values)
    folds = replace(config.folds, group=None)  # what is only scored is not split
    pictures = pictures_of(replace(config, data=section, folds=folds))
    if pictures.classes != bundle.classes:
        raise DataError(
            f"the pictures have the classes {', '.join(pictures.classes)}, but the bundle was "
            f"trained on {', '.join(bundle.classes)}"
        )
    return pictures


def _placed(given: Any, folder: Path) -> Any:
    """A data section for another folder: what stood beside the pictures is looked for there."""
    if given.kind == "folders":
        return replace(given, images=os.fspath(folder), classes=())
    above = Path(
        os.path.commonpath(
            [p for p in (given.images, given.masks, given.annotations, given.table) if p]
        )
    )
    moved = {
        name: os.fspath(folder / os.path.relpath(getattr(given, name), above))
        for name in ("images", "masks", "annotations", "table")
        if getattr(given, name)
    }
    return replace(given, **moved)


def _of_run(what: Any, root: File) -> Scores:
    """Means over the folds of a run."""
    if isinstance(what, Bundle):
        raise ParameterTypeError("a bundle has no predictions of its own: data is wanted")
    given = getattr(what, "path", what)
    bundle = Bundle.load(given, root)
    told: Scores = {}
    folder = Path(given) if Path(given).exists() else Path(root) / str(bundle.about["run"])
    task = bundle.task
    each = [task.scores(read_oof(folder, fold), task.usual()) for fold in folds_of(folder)]
    if not each:
        raise DataError(f"{folder} has no out-of-fold predictions")
    for name in each[0]:
        values = [scores[name] for scores in each]
        told |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values))}
    return told
