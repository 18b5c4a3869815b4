"""Names of runs and of what is promoted."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from anamorph.core.errors import ParameterError

_LETTERS = "23456789bcdfghjkmnpqrstvwxz"
"""Of the ending: no vowels, so that it is no word, and nothing that looks like another."""

_TASK = re.compile(r"[a-z0-9][a-z0-9_]*")
_RUN = re.compile(rf"\d{{8}}-\d{{6}}-{_TASK.pattern}-[a-z0-9]+")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*@[A-Za-z0-9][\w.+-]*")
_TRIES = 1000


def now() -> str:
    """The time, UTC, to the millisecond: ``2026-11-30T16:45:00.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_folder(root: Path, task: str) -> Path:
    """Make the folder of a new run; its name is its id, unique because only one can make it."""
    if not _TASK.fullmatch(task):
        raise ParameterError(
            f"task = {task!r}: it must be small letters, digits and _, as it is part of the run's id"
        )
    root.mkdir(parents=True, exist_ok=True)
    for _ in range(_TRIES):
        ending = "".join(secrets.choice(_LETTERS) for _ in range(4))
        folder = root / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{task}-{ending}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise ParameterError(f"{root} has no name left for a run of {task} in this second")


def is_run(name: str) -> bool:
    """Tell whether the name of a folder is that of a run."""
    return _RUN.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """A promoted name, if it is one.

    >>> checked_name("cells@best")
    'cells@best'
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"{name!r} is no name to promote to: it must be NAME@ALIAS, as cells@best is"
        )
    return name
