"""The catalogue: ranges and how outcomes are drawn. One family a file."""

from __future__ import annotations

from anamorph.transforms.base import Transform
from anamorph.transforms.custom import Lambda

__all__ = ["Lambda"]


def catalogue() -> dict[str, type[Transform]]:
    """Give all transforms by name, in alphabetical order."""
    return {name: globals()[name] for name in sorted(__all__)}
