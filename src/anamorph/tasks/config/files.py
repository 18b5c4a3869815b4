"""Configurations as files: YAML with the meaning of each option beside it, and overrides."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from anamorph.core.errors import DataError, ParameterError, UnknownNameError, nearest
from anamorph.tasks.config.configs import CONFIGS, Config
from anamorph.tasks.config.fields import Section, build, kinds, plain

File = str | os.PathLike[str]


def load(source: File | Mapping[str, Any] | Config, overrides: Iterable[str] = ()) -> Config:
    """Read a configuration.

    Args:
        source: a YAML or JSON file, what such a file holds, or a configuration.
        overrides: ``train.epochs=3``: the value is read as YAML.

    Raises:
        DataError: the file cannot be read.
        AnamorphError: an option is unknown, or is not what it may be.

    >>> from anamorph import tasks
    >>> tasks.load({"task": "segment"}, ["train.epochs=3"]).train.epochs
    3
    """
    content = dict(plain_of(source))
    for text in overrides:
        content = override(content, text)
    task = content.pop("task", None)
    if task not in CONFIGS:
        hint = nearest(str(task), CONFIGS)
        raise UnknownNameError(f"task = {task!r}: it must be one of {', '.join(CONFIGS)}{hint}")
    return build(CONFIGS[task], content)


def plain_of(source: File | Mapping[str, Any] | Config) -> Mapping[str, Any]:
    """What a file holds, or what a configuration would write there."""
    if isinstance(source, Config):
        return to_plain(source)
    return source if isinstance(source, Mapping) else read(source)


def read(path: File) -> Mapping[str, Any]:
    """Read a YAML or JSON file that holds options by name.

    Raises:
        DataError: there is no such file, or it holds something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = json.loads(text) if Path(path).suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        raise DataError(f"{path} holds no configuration: options by name are wanted")
    return content


def override(content: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Options with one of them changed, as ``train.epochs=3`` says.

    >>> override({"train": {"epochs": 5}}, "train.epochs=3")
    {'train': {'epochs': 3}}
    """
    key, sign, value = text.partition("=")
    names = key.strip().split(".")
    if not sign or not all(names):
        raise ParameterError(f"{text!r}: section.option=value is wanted, as in train.epochs=3")
    try:
        read_value = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ParameterError(f"{text!r}: {' '.join(str(error).split())}") from error
    changed = dict(content)
    place = changed
    for name in names[:-1]:
        inner = place.get(name)
        if inner is not None and not isinstance(inner, Mapping):
            raise ParameterError(f"{text!r}: {name} is no section")
        place[name] = dict(inner or {})
        place = place[name]
    place[names[-1]] = read_value
    return changed


def to_plain(config: Config) -> dict[str, Any]:
    """A configuration as dictionaries, lists, numbers and texts, its task first."""
    return {"task": config.task, **plain(config)}


def to_yaml(config: Config, notes: Mapping[str, str] | None = None) -> str:
    """A configuration as YAML, with a comment on each option.

    Args:
        config: what to write.
        notes: ``section.option`` → why it has its value, in place of what it is for.

    >>> from anamorph import tasks
    >>> print(tasks.to_yaml(tasks.load({"task": "classify"})).splitlines()[0])
    task: classify
    """
    lines = [f"task: {config.task}"]
    _write(config, "", notes or {}, lines)
    return "\n".join(lines) + "\n"


def _write(part: Section, place: str, notes: Mapping[str, str], lines: list[str]) -> None:
    indent = "  " * (place.count(".") + 1) if place else ""
    inner = kinds(type(part))
    for each in dataclasses.fields(part):
        at = f"{place}.{each.name}" if place else each.name
        value = getattr(part, each.name)
        about = notes.get(at, each.metadata.get("about", ""))
        if inner[each.name] is not None:
            lines += ["", f"{indent}{each.name}:  # {about}"]
            _write(value, at, notes, lines)
        else:
            lines.append(f"{indent}{each.name}: {_inline(plain(value))}  # {about}")


def _inline(value: Any) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
