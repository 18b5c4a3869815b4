"""Scores as lines of text."""

from __future__ import annotations

import json
from collections.abc import Mapping

_STD = "_std"


def table(scores: Mapping[str, float]) -> str:
    """A line a score, with its deviation where there is one.

    >>> from anamorph.cli.scores import table
    >>> print(table({"dice": 0.91234, "dice_std": 0.01, "iou": 0.85}))
    dice  0.9123 ± 0.0100
    iou   0.8500
    """
    names = [name for name in scores if not name.endswith(_STD)]
    wide = max(map(len, names), default=0)
    return "\n".join(f"{name:{wide}}  {_number(scores, name)}" for name in names)


def _number(scores: Mapping[str, float], name: str) -> str:
    spread = scores.get(name + _STD)
    return f"{scores[name]:.4f}" + ("" if spread is None else f" ± {spread:.4f}")


def told(scores: Mapping[str, float], *, as_json: bool) -> str:
    """Scores as lines, or as JSON."""
    return json.dumps(dict(scores), indent=2) if as_json else table(scores)
