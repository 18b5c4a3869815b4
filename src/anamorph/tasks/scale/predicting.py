"""Predictions of files by many processes, written as one process writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from anamorph.tasks.board import Board
from anamorph.tasks.bundle import Bundle
from anamorph.tasks.predicting import files_of
from anamorph.tasks.predictor import Predictor, Row, bundle_from
from anamorph.tasks.results import FORMS, Results
from anamorph.tasks.scale.engine import DIED, Engine, Entry, Ray, Summary

File = str | os.PathLike[str]


def predict(  # noqa: PLR0913 - one call, each parameter but three by its name
    bundle: Any,
    source: File | Iterable[File],
    out: File,
    *,
    engine: Engine | None = None,
    tta: str | None = None,
    tiles: Mapping[str, Any] | None = None,
    batch: int | None = None,
    device: str = "auto",
    root: File = "runs",
    overwrite: bool = False,
    board: Board | None = None,
) -> Summary:
    """Predict files into a folder; what is there already is not predicted again.

    The folder is that of `anamorph.tasks.predict`, and one goes on where the other stopped; pictures
    that share a batch with others may differ in the last digit. Nothing that is wrong with a file
    ends it.

    Args:
        bundle: as `anamorph.tasks.predict` takes it.
        source: folder of pictures, a picture, or paths; the processes must see them, and ``out``.
        out: folder of the predictions.
        engine: where it is done; `Ray` if None.
        tta: as `anamorph.tasks.predict` takes it, as are those that follow.
        tiles: as there.
        batch: as there.
        device: as there, for each process.
        root: as there.
        overwrite: as there.
        board: as there.

    Raises:
        DataError: there are no pictures, or ``out`` has predictions of something else.
    """
    loaded = bundle_from(bundle, root)
    base, names = files_of(source)
    options = {"tta": tta, "tiles": tiles, "batch": batch, "device": device}
    told = Predictor(loaded, **options).plain()  # type: ignore[arg-type]
    folder = Path(out).absolute()
    results = Results(folder, loaded, told, overwrite=overwrite)
    todo = [name for name in names if not results.has(name, Path(base, name))]
    given = (_Place(loaded, str(Path(base).absolute()) if base else "", folder), options)
    found = _noted(results.path, (engine or Ray()).over(Predicting, given, _asked(todo)))
    failed = dict.fromkeys(todo, DIED)
    before = len(names) - len(todo)
    for count, entry in enumerate(found, 1):
        failed.pop(entry["file"], None)
        if "error" in entry:
            failed[entry["file"]] = entry["error"]
        (board or Board()).seen(before + count, len(names))
    lost = [name for name, why in failed.items() if why == DIED]
    for _ in _noted(results.path, (_failed(name, base, DIED) for name in lost)):
        pass
    Results(folder, loaded, told, overwrite=False).finish(names)
    return Summary(len(todo) - len(failed), before, failed)


def _asked(names: Sequence[str]) -> list[Entry]:
    return [{"file": name} for name in names]


def _noted(path: Path, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Append what is told to the journal that `Results` reads, line by line."""
    with path.open("a", encoding="utf-8") as stream:
        for entry in entries:
            stream.write(json.dumps(entry) + "\n")
            stream.flush()
            yield entry


@final
@dataclass(frozen=True)
class _Place:
    """What is asked, where the files are, and where predictions go."""

    bundle: Bundle
    base: str
    folder: Path


@final
class Predicting:
    """A bundle in one process."""

    predictor: Predictor

    def __init__(self, place: _Place, options: Mapping[str, Any]) -> None:
        """Build the models."""
        self.place = place
        self.predictor = Predictor(place.bundle, **options)
        self.form: Any = FORMS[place.bundle.task.name]

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """Predict a batch of files; where that fails, one after the other."""
        names = [entry["file"] for entry in entries]
        try:
            return self._batch(names)
        except Exception as error:  # noqa: BLE001 - nothing that a file holds may end the run
            if len(names) == 1:
                sentence = f"{names[0]}: {type(error).__name__}: {' '.join(str(error).split())}"
                return [_failed(names[0], self.place.base, sentence)]
            return [told for name in names for told in self([{"file": name}])]

    def _batch(self, names: Sequence[str]) -> list[Entry]:
        named = {str(Path(self.place.base, name)): name for name in names}
        return [self._kept(named[row.file], row) for row in self.predictor.over(list(named))]

    def _kept(self, name: str, row: Row) -> Entry:
        if row.error is not None:
            return _failed(name, self.place.base, row.error)
        entry: Entry = self.form.keep(self.place, name, row)
        return {"file": name, "key": _key(self.place.base, name), **entry}


def _failed(name: str, base: str, why: str) -> Entry:
    return {"file": name, "key": _key(base, name), "error": why}


def _key(base: str, name: str) -> list[int]:
    """By which a picture that has changed is known, as `Results` knows it."""
    try:
        found = Path(base, name).stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]
