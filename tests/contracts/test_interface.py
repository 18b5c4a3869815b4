"""The interface is that of Albumentations 2.0.8: every class, its parameters, order and defaults."""

from __future__ import annotations

import ast
import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import anamorph as A
from anamorph.pipeline.tree import BaseCompose

FACTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "albumentations_2_0_8.json").read_text(encoding="utf-8")
)
REQUIRED = "(required)"
KINDS = {"dual": "DualTransform", "image": "ImageOnlyTransform", "3d": "Transform3D"}
NOT_IMAGE_ONLY = {"ToTensorV2", "ToTensor3D"}

LARGER: dict[str, set[str]] = {
    "Compose": {
        "fuse",
        "backend",
        "instance_binding",
        "value_range",
        "undefined",
        "polygon_params",
        "polyline_params",
        "save_plan",
    },
    "ReplayCompose": {"options"},
}
"""Parameters beyond those of 2.0.8."""
ABSTRACT = {"BaseCompose"}

each = pytest.mark.parametrize("name", sorted(FACTS))


def parameters(name: str) -> dict[str, inspect.Parameter]:
    """Parameters of a class by name, in order."""
    found = inspect.signature(getattr(A, name).__init__).parameters
    return {k: v for k, v in found.items() if k != "self"}


def same(ours: Any, theirs: str) -> bool:
    """Compare a default with one that is written down."""
    if theirs == REQUIRED:
        return ours is inspect.Parameter.empty or ours is None
    if theirs.startswith("<function"):
        return callable(ours) or ours is None
    value = ast.literal_eval(theirs)
    if isinstance(value, (int, float)) and isinstance(ours, (int, float)):
        return math.isclose(value, ours)
    if isinstance(value, (tuple, list)) and isinstance(ours, (tuple, list)):
        return len(value) == len(ours) and all(map(same, ours, map(repr, value)))
    return bool(np.all(value == ours)) or dict_of(value) == dict_of(ours)


def dict_of(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") or (isinstance(value, tuple) and value) else value


def test_every_class_is_there() -> None:
    assert sorted(name for name in FACTS if not hasattr(A, name)) == []
    transforms = {n for n, fact in FACTS.items() if fact["kind"] != "compose"}
    assert len(transforms) == 118
    assert transforms <= set(A.catalogue())


@each
def test_parameters_order_and_defaults(name: str) -> None:
    if name in ABSTRACT:
        return
    ours, theirs = parameters(name), FACTS[name]["params"]
    shared = [n for n in ours if n in theirs]
    assert [n for n in theirs if n not in ours] == []
    positional = [n for n in ours if ours[n].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [n for n in positional if n in theirs] == list(theirs)
    assert set(ours) - set(theirs) <= LARGER.get(name, set()) | set(shared)
    assert [n for n in theirs if not same(ours[n].default, theirs[n])] == []


@each
def test_kind(name: str) -> None:
    cls, kind = getattr(A, name), FACTS[name]["kind"]
    if kind == "compose":
        assert issubclass(cls, BaseCompose)
    elif name not in NOT_IMAGE_ONLY:
        assert issubclass(cls, getattr(A, KINDS[kind]))
