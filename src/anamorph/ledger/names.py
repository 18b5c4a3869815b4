"""``names/cells@best.json``: which run a name means, and which ones it meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anamorph.core.atomic import write_atomically
from anamorph.core.errors import DataError
from anamorph.ledger import ids

FOLDER = "names"
_ENDING = ".json"


def point(root: Path, name: str, run: str) -> None:
    """Have a name mean a run. A name is a file of its own, so that it moves in one step."""
    path = _path(root, name)
    history = _read(path)["history"] if path.exists() else []
    told = {"name": name, "run": run, "history": [*history, {"run": run, "at": ids.now()}]}
    write_atomically(path, (json.dumps(told, indent=1) + "\n").encode())


def drop(root: Path, name: str) -> bool:
    """Have a name mean nothing; False if it did not mean anything."""
    path = _path(root, name)
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def meaning(root: Path, name: str) -> str | None:
    """The id of the run that a name means."""
    path = _path(root, name)
    return str(_read(path)["run"]) if path.exists() else None


def listed(root: Path) -> Iterator[tuple[str, str]]:
    """Names and the runs they mean."""
    for path in sorted((root / FOLDER).glob(f"*@*{_ENDING}")):
        yield path.name.removesuffix(_ENDING), str(_read(path)["run"])


def _path(root: Path, name: str) -> Path:
    return root / FOLDER / f"{ids.checked_name(name)}{_ENDING}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        return {"run": content["run"], "history": list(content["history"])}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} is damaged: {error!r}; remove it and promote again") from error
