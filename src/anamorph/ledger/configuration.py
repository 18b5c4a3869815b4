"""``config.yaml``: the resolved configuration of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from anamorph.core.atomic import write_atomically
from anamorph.core.errors import DataError, MissingFileError, ParameterTypeError

FILE = "config.yaml"


def write(folder: Path, config: Mapping[str, Any]) -> None:
    """Write a configuration, as YAML, or as JSON (which is YAML too) where there is no PyYAML.

    Raises:
        ParameterTypeError: it holds what is no plain value.
    """
    try:
        plain = json.loads(json.dumps(config))
    except TypeError as error:
        raise ParameterTypeError(f"config: it must be of plain values: {error}") from error
    try:
        yaml = import_module("yaml")
    except ImportError:
        text = json.dumps(plain, indent=1) + "\n"
    else:
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    write_atomically(folder / FILE, text.encode())


def read(folder: Path) -> dict[str, Any]:
    """The configuration of a run.

    Raises:
        DataError: the file is damaged, or is not there.
    """
    path = folder / FILE
    try:
        found = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} is damaged: it holds no options by name")
    return found


def _parsed(text: str) -> Any:
    if text.startswith("{"):
        return json.loads(text)
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise MissingFileError(
            'config.yaml is read by PyYAML: run  pip install "anamorph[cli]"'
        ) from error
    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # both are safe
    except yaml.YAMLError as error:
        raise DataError(str(error)) from error


def flat(config: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Options by their whole names: ``train.epochs``.

    >>> dict(flat({"train": {"epochs": 3}, "seed": 1}))
    {'train.epochs': 3, 'seed': 1}
    """
    if isinstance(config, Mapping) and config:
        for name, value in config.items():
            yield from flat(value, f"{before}.{name}" if before else str(name))
    else:
        yield before, config
