"""Pipelines as plain data: JSON and YAML that hold everything, seed and box options too.

The form is that of Albumentations 2.0.8, so pipelines that it saved can be read.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from anamorph.core.errors import ParameterError, ParameterTypeError, UnknownNameError, nearest
from anamorph.core.params import plain
from anamorph.pipeline.tree import BaseCompose
from anamorph.transforms import catalogue
from anamorph.transforms.base import Transform
from anamorph.transforms.custom import Lambda
from anamorph.transforms.template import TemplateTransform

CLASS = "__class_fullname__"
_STRIPES = (
    "fill", "fill_mask", "mask_x_length", "mask_y_length", "num_masks_x", "num_masks_y",
)  # fmt: skip
_DERIVED: Mapping[str, tuple[str, ...]] = {
    "FrequencyMasking": _STRIPES,
    "TimeMasking": _STRIPES,
    "CenterCrop3D": ("pad_position",),
    "RandomCrop3D": ("pad_position",),
    "PadIfNeeded": ("padding",),
    "RGBShift": ("approximation", "noise_params", "noise_type", "spatial_mode"),
    "SafeRotate": (
        "balanced_scale", "fit_output", "keep_ratio", "rotate", "scale", "shear",
        "translate_percent", "translate_px",
    ),
}  # fmt: skip
"""What Albumentations 2.0.8 writes besides the parameters of a transform: it derives them."""
_NOT_PARAMETERS = frozenset((CLASS, "transforms", "applied", "params", "replayed"))


def to_dict(transform: Any, on_not_implemented_error: str = "raise") -> dict[str, Any]:
    """Write a transform or pipeline as plain data.

    Args:
        transform: what to write.
        on_not_implemented_error: "raise", or "warn" to leave out what cannot be written; the
            latter is refused, since a pipeline without a part of it is another pipeline.

    Raises:
        ParameterError: a part holds a function that has no name to be found by.
    """
    if on_not_implemented_error != "raise":
        raise ParameterError(
            f"on_not_implemented_error = {on_not_implemented_error!r}: it must be 'raise'; "
            "a pipeline is never written in part"
        )
    return {"__version__": _version(), "transform": node_to_dict(transform)}


def _version() -> str:
    return str(sys.modules["anamorph"].__version__)


def node_to_dict(node: Any, members: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Write one node of the tree, without the version.

    Args:
        node: a transform or composition.
        members: what to write for the members of a composition, if they are written already.
    """
    if isinstance(node, Lambda):
        if node.name is None:
            raise ParameterError(
                "Lambda holds functions, which plain data cannot: give it a name, and pass "
                "nonserializable={name: transform} when reading it back"
            )
        return {CLASS: "Lambda", "__name__": node.name}
    if isinstance(node, TemplateTransform):
        return _template_to_dict(node)
    if isinstance(node, BaseCompose):
        if members is None:
            members = [node_to_dict(member) for member in node.transforms]
        return {CLASS: type(node).__name__} | _written(node.values()) | {"transforms": members}
    if isinstance(node, Transform):
        return {CLASS: _fullname(type(node))} | _written(node.values())
    raise ParameterTypeError(f"{node!r} is no transform and cannot be written as data")


def _template_to_dict(node: TemplateTransform) -> dict[str, Any]:
    """Write a template by its name, or as data if it is all paths."""
    if node.name is not None:
        return {CLASS: "TemplateTransform", "__name__": node.name}
    paths = all(isinstance(item, str) for item in node.templates or ())
    if not paths or node.template_transform is not None:
        raise ParameterError(
            "TemplateTransform holds arrays or a transform of its own, which plain data cannot: "
            "give it a name, and pass nonserializable={name: transform} when reading it back"
        )
    return {CLASS: "TemplateTransform"} | _written(node.values())


def _fullname(cls: type) -> str:
    own = catalogue().get(cls.__name__) is cls
    return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in values.items()}


def _value(name: str, value: Any) -> Any:
    value = plain(value)
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, tuple | list):
        return [_value(name, v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(_value(name, v) for v in value)
    if isinstance(value, Mapping):
        return {str(k): _value(name, v) for k, v in value.items()}
    if hasattr(value, "values") and callable(value.values):
        return _written(value.values())
    raise ParameterError(f"{name} = {value!r} cannot be written as plain data")


def from_dict(data: Mapping[str, Any], nonserializable: Mapping[str, Any] | None = None) -> Any:
    """Make a transform or pipeline from what `to_dict` wrote, here or in Albumentations 2.

    Args:
        data: the dictionary.
        nonserializable: name → Lambda, for those that the data names.

    Raises:
        UnknownNameError: the data names a transform that does not exist.
    """
    if "transform" not in data:
        raise ParameterError("the data holds no 'transform': it was not written by to_dict")
    return node_from_dict(data["transform"], nonserializable or {})


def node_from_dict(data: Mapping[str, Any], named: Mapping[str, Any]) -> Any:
    """Make one node of the tree."""
    name = str(data[CLASS])
    if "__name__" in data:
        if data["__name__"] not in named:
            raise UnknownNameError(
                f"the data names the {name} {data['__name__']!r}, whose functions no data can hold:"
                " pass it with nonserializable="
            )
        return named[data["__name__"]]
    short = name.rsplit(".", 1)[-1]
    values = {k: v for k, v in data.items() if k not in _NOT_PARAMETERS}
    if short in BaseCompose.known:
        members = [node_from_dict(member, named) for member in data["transforms"]]
        return BaseCompose.known[short](transforms=members, **values)
    return _class_of(name, short)(
        **{k: v for k, v in values.items() if k not in _DERIVED.get(short, ())}
    )


def _class_of(name: str, short: str) -> Any:
    known = catalogue()
    if "." not in name or name.startswith(("albumentations.", "anamorph.")):
        if short not in known:
            hint = nearest(short, known)
            raise UnknownNameError(f"there is no transform named {short!r}{hint}")
        return known[short]
    return _imported(name)


@cache
def _imported(name: str) -> Any:
    """Find a class of the user's by its module and name."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, Transform):
            return found
    raise UnknownNameError(f"the data names {name}, which is no transform that can be imported")


def save(
    transform: Any,
    filepath_or_buffer: Any,
    data_format: str = "json",
    on_not_implemented_error: str = "raise",
) -> None:
    """Write a pipeline to a file (replaced at once, or not at all) or to a text buffer.

    Args:
        transform: what to write.
        filepath_or_buffer: a path or something with ``write``.
        data_format: "json" or "yaml".
        on_not_implemented_error: see `to_dict`.
    """
    text = _text(to_dict(transform, on_not_implemented_error), _format(data_format))
    if hasattr(filepath_or_buffer, "write"):
        filepath_or_buffer.write(text)
        return
    path = Path(filepath_or_buffer)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)  # noqa: PTH105 - both are already strings of the same folder
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise


def load(
    filepath_or_buffer: Any,
    data_format: str = "json",
    nonserializable: Mapping[str, Any] | None = None,
) -> Any:
    """Read a pipeline that `save` wrote, from a path or something with ``read``."""
    if hasattr(filepath_or_buffer, "read"):
        text = filepath_or_buffer.read()
    else:
        text = Path(filepath_or_buffer).read_text(encoding="utf-8")
    data = json.loads(text) if _format(data_format) == "json" else _yaml().safe_load(text)
    return from_dict(data, nonserializable)


def _format(name: str) -> str:
    if name not in ("json", "yaml"):
        raise ParameterError(f"data_format = {name!r}: it must be 'json' or 'yaml'")
    return name


def _text(data: dict[str, Any], data_format: str) -> str:
    if data_format == "json":
        return json.dumps(data, indent=2) + "\n"
    buffer = io.StringIO()
    _yaml().safe_dump(data, buffer, sort_keys=False)
    return buffer.getvalue()


def _yaml() -> Any:
    try:
        return importlib.import_module("yaml")
    except ModuleNotFoundError:
        raise ParameterError(
            'data_format = "yaml" needs PyYAML: pip install "anamorph[cli]"'
        ) from None


Transform.writer = staticmethod(to_dict)
