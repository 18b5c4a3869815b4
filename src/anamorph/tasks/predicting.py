"""Predictions of files: into memory, or into a folder, where a run that was stopped goes on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from anamorph.core.errors import DataError
from anamorph.data import find_pictures
from anamorph.tasks.board import Board
from anamorph.tasks.predictor import Predictor, Row, bundle_from
from anamorph.tasks.results import Results

File = str | os.PathLike[str]


def predict(  # noqa: PLR0913 - one call, each parameter but two by its name
    bundle: Any,
    source: File | Iterable[File],
    out: File | None = None,
    *,
    tta: str | None = None,
    tiles: Mapping[str, Any] | None = None,
    batch: int | None = None,
    device: str = "auto",
    workers: int = 0,
    root: File = "runs",
    overwrite: bool = False,
    board: Board | None = None,
) -> list[Row]:
    """Predict pictures with a bundle; nothing else is needed.

    A picture that cannot be read has an ``error`` in its row, and does not end it.

    Args:
        bundle: a `Bundle`, the folder of one or of a run, a name in the ledger (``model@best``), or
            several of these, which are asked together.
        source: folder of pictures, a picture, or paths.
        out: folder for ``predictions.csv``, masks, or ``detections.json``. What is there already of
            the same bundle and settings is not predicted again; rows then hold no maps, which could
            be larger than memory.
        tta: views of each picture, as ``"d4"``; None is what the bundle says, "none" none.
        tiles: ``{"tile": 512, "overlap": 0.25}``, where it is not as the bundle says.
        batch: pictures or tiles at once.
        device: "auto", "cpu", "cuda", …
        workers: processes that read pictures.
        root: folder of the ledger.
        overwrite: begin anew in a folder that has predictions of something else.
        board: is told how it goes.

    Raises:
        DataError: there are no pictures, or ``out`` has predictions of something else.
    """
    loaded = bundle_from(bundle, root)
    base, names = files_of(source)
    predictor = Predictor(loaded, device=device, tta=tta, tiles=tiles, batch=batch, workers=workers)
    told = board or Board()
    if out is None:
        rows = []
        for row in predictor.over([os.fspath(Path(base, name)) for name in names]):
            rows.append(row)
            told.seen(len(rows), len(names))
        return rows
    results = Results(Path(out), loaded, predictor.plain(), overwrite=overwrite)
    todo = [name for name in names if not results.has(name, Path(base, name))]
    done = len(names) - len(todo)
    with results:
        rows_ = predictor.over([os.fspath(Path(base, name)) for name in todo])
        for at, (name, row) in enumerate(zip(todo, rows_, strict=True), 1):
            results.add(name, Path(base, name), row)
            told.seen(done + at, len(names))
    return results.finish(names)


def files_of(source: File | Iterable[File]) -> tuple[str, list[str]]:
    """A folder, and the names of the pictures below it.

    Raises:
        DataError: there are none.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_file():
            return os.fspath(path.parent), [path.name]
        names = list(find_pictures(path))
        if not names:
            raise DataError(f"{path} holds no pictures")
        return os.fspath(path), names
    found = [os.fspath(each) for each in source]
    if not found:
        raise DataError("no pictures are given")
    return "", found
