"""``run.json``: what is known of a run, and the one way to change it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import sqrt
from pathlib import Path
from typing import Any, TypeAlias

from anamorph.core.atomic import write_atomically
from anamorph.core.errors import DataError, MissingFileError
from anamorph.ledger import locks

FILE = "run.json"
EDIT = ".edit.lock"
ALIVE = ".alive.lock"
"""Held by the process that trains, for as long as it lives."""

Record: TypeAlias = dict[str, Any]


def read(folder: Path) -> Record:
    """What is known of a run.

    Raises:
        MissingFileError: the folder is not that of a run.
        DataError: the file is damaged.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingFileError(f"{folder} is no run: it has no {FILE}") from None
    except (NotADirectoryError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict) or content.get("id") != folder.name:
        raise DataError(f"{path} is damaged: it does not tell of {folder.name}")
    return content


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """Write it, whole or not at all."""
    write_atomically(folder / FILE, (json.dumps(record, indent=1) + "\n").encode())


def change(folder: Path, edit: Callable[[Record], None]) -> Record:
    """Read, edit and write it while nobody else does; gives what is written.

    A note that is typed in while the run trains is not lost when training writes its scores.
    """
    with locks.alone(folder / EDIT):
        record = read(folder)
        edit(record)
        write(folder, record)
    return record


def stamp(folder: Path) -> str | None:
    """By which a file that was written anew is known; None where there is none."""
    try:
        found = (folder / FILE).stat()
    except OSError:
        return None
    return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"


def aggregated(per_fold: Mapping[int, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Scores over folds: mean, standard deviation of a sample (none of a single fold), each fold's.

    >>> aggregated({0: {"dice": 0.5}, 1: {"dice": 1.0}})["dice"]["mean"]
    0.75
    """
    names = sorted({name for scores in per_fold.values() for name in scores})
    found = {}
    for name in names:
        folds = [fold for fold in sorted(per_fold) if name in per_fold[fold]]
        values = [float(per_fold[fold][name]) for fold in folds]
        mean = sum(values) / len(values)
        spread = None
        if len(values) > 1:
            spread = sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
        found[name] = {"mean": mean, "std": spread, "folds": values, "numbers": folds}
    return found
