"""From the word PIPELINE on the command line to a pipeline.

It is a YAML or JSON file, a Python ``module:object``, or one line of text. A file holds what
``to_dict`` wrote, or, by hand::

    seed: 7
    bbox_params: {format: coco, min_visibility: 0.1}
    transforms:
      - HorizontalFlip: {p: 0.5}
      - OneOf:
          transforms: [Blur, {GaussNoise: {p: 1}}]
          p: 0.3
      - Rotate(limit=30, border_mode=cv2.BORDER_REFLECT)
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import anamorph
from anamorph.cli import catalog
from anamorph.cli.text import read_line, read_value
from anamorph.core.errors import DataError, ParameterError, UnknownNameError, nearest
from anamorph.pipeline.tree import BaseCompose
from anamorph.transforms.base import Transform

_FILES = (".yaml", ".yml", ".json")
_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def load_pipeline(text: str) -> Any:
    """Make the pipeline that a word of the command line names.

    Raises:
        AnamorphError: when it names none; the sentence tells why.
    """
    if Path(text).suffix.lower() in _FILES:
        return _composed(_from_file(Path(text)), text)
    if _OBJECT.fullmatch(text.strip()):
        return _composed(_from_module(text.strip()), text)
    return _composed(read_line(text, catalog.names()), text)


def configured(pipeline: Any, **options: Any) -> Any:
    """The pipeline with some options of Compose changed."""
    return anamorph.Compose(list(pipeline.transforms), **{**pipeline.values(), **options})


def described(pipeline: Any) -> Any:
    """The pipeline as plain data, by which two runs are compared."""
    try:
        return json.loads(json.dumps(anamorph.to_dict(pipeline)))
    except (TypeError, ValueError):
        # A user's own function has no data form; its repr must do, less the address in memory.
        return re.sub(r" at 0x[0-9a-f]+", "", repr(pipeline))


def brief(node: Any) -> str:
    """A pipeline as text, less the parameters that have their default."""
    if isinstance(node, Transform):
        given = {
            name: value
            for name, value in node.values().items()
            if name not in node.fields or node.fields[name].default != value
        }
        return f"{type(node).__name__}({_keywords(given)})"
    members = ",\n".join(brief(member) for member in node.transforms)
    inner = f"\n{members}".replace("\n", "\n  ")
    options = {} if isinstance(node, anamorph.Compose) else node.values()
    return f"{type(node).__name__}([{inner}\n]{', ' if options else ''}{_keywords(options)})"


def _keywords(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _composed(found: Any, text: str) -> Any:
    """Any of the things that can stand for a pipeline, as a Compose."""
    if isinstance(found, anamorph.Compose):
        return found
    if isinstance(found, (list, tuple)):
        if len(found) == 1 and isinstance(found[0], anamorph.Compose):
            return found[0]
        return anamorph.Compose(list(found))
    if isinstance(found, (Transform, BaseCompose)):
        return anamorph.Compose([found])
    raise ParameterError(
        f"{text} is a {type(found).__name__}: a pipeline, a transform or a list of them is wanted"
    )


def _from_module(text: str) -> Any:
    module, _, name = text.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules beside the user count, as with python -m
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UnknownNameError(f"{text}: no module named {error.name}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise UnknownNameError(f"{text}: {module} has no {part}{nearest(part, dir(found))}")
        found = getattr(found, part)
    makes_one = callable(found) and not isinstance(found, (Transform, BaseCompose))
    return found() if makes_one else found


def _from_file(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise DataError(f"{path} cannot be read: {reason}") from error
    try:
        content = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}") from error
    if isinstance(content, dict) and "transform" in content:
        return anamorph.from_dict(content)
    if isinstance(content, list):
        content = {"transforms": content}
    if not isinstance(content, dict) or not isinstance(content.get("transforms"), list):
        raise DataError(
            f"{path} holds no pipeline: a list of transforms under transforms: is wanted"
        )
    return _from_plain(content, str(path))


def _from_plain(content: Mapping[str, Any], place: str) -> Any:
    """A Compose from what somebody wrote by hand."""
    options = dict(content)
    steps = _steps(options.pop("transforms"), f"{place}: transforms")
    allowed = anamorph.Compose.init_names
    for name in options:
        if name not in allowed:
            raise UnknownNameError(f"{place}: {name} is no option{nearest(name, allowed)}")
    return anamorph.Compose(steps, **options)


def _steps(entries: Any, place: str) -> list[Any]:
    if not isinstance(entries, list):
        raise DataError(f"{place} = {entries!r}: a list of transforms is wanted")
    steps: list[Any] = []
    for at, entry in enumerate(entries):
        steps += _step(entry, f"{place}[{at}]")
    return steps


def _step(entry: Any, place: str) -> list[Any]:
    """One entry of a list: a line of text, or a name with parameters."""
    if isinstance(entry, str):
        return read_line(entry, catalog.names())
    if not isinstance(entry, dict) or len(entry) != 1:
        raise DataError(f"{place} = {entry!r}: Name: {{parameter: value}} is wanted")
    ((name, given),) = entry.items()
    known = {**catalog.transforms(), **catalog.compositions()}
    if name not in known:
        raise UnknownNameError(f"{place}: there is no transform {name}{nearest(str(name), known)}")
    return [known[name](**_arguments(given, name, f"{place}.{name}"))]


def _arguments(given: Any, name: str, place: str) -> dict[str, Any]:
    if given is None:
        return {}
    if name in catalog.compositions():
        if isinstance(given, list):
            given = {"transforms": given}
        if isinstance(given, dict) and "transforms" in given:
            return {**given, "transforms": _steps(given["transforms"], f"{place}.transforms")}
    if not isinstance(given, dict):
        raise DataError(f"{place} = {given!r}: {{parameter: value, …}} is wanted")
    return {str(key): _constant(value) for key, value in given.items()}


def _constant(value: Any) -> Any:
    """OpenCV's number for ``cv2.INTER_…`` and ``cv2.BORDER_…``, written as text; else the value."""
    if isinstance(value, str) and value.startswith("cv2."):
        return read_value(value)
    return value
