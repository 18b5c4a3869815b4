"""What the command line knows about transforms: the one place that asks the package for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import anamorph
from anamorph.pipeline.tree import BaseCompose
from anamorph.transforms.base import MISSING, Field, Transform

_PARAMETERS = ("BboxParams", "KeypointParams")


def transforms() -> Mapping[str, type[Transform]]:
    """All transforms by name."""
    return anamorph.catalogue()


@cache
def compositions() -> Mapping[str, type[BaseCompose]]:
    """All compositions of the public face by name."""
    public = {name: getattr(anamorph, name) for name in anamorph.__all__}
    return {
        name: value
        for name, value in public.items()
        if isinstance(value, type) and issubclass(value, BaseCompose) and value is not BaseCompose
    }


@cache
def names() -> Mapping[str, Callable[..., Any]]:
    """Everything that may be called by name in a pipeline written as text."""
    parameters = {name: getattr(anamorph, name) for name in _PARAMETERS}
    return {**transforms(), **compositions(), **parameters}


def parameters(found: type[Transform]) -> tuple[Field, ...]:
    """The parameters of a transform, in order."""
    return tuple(found.fields.values())


def has_default(field: Field) -> bool:
    """Whether a parameter may be left out."""
    return field.default is not MISSING


def summary(found: type) -> str:
    """The first line of the docstring."""
    return (inspect.getdoc(found) or "").split("\n")[0]
