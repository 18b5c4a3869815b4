"""A pipeline as it acts on one sample of one epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from anamorph.ir.plan import Plan


@final
class Keyed:
    """A pipeline whose draws are fixed; made by `Compose.keyed`."""

    __slots__ = ("_plan", "_transform")

    def __init__(self, transform: Callable[..., dict[str, Any]], plan: Callable[..., Plan]) -> None:
        self._transform = transform
        self._plan = plan

    def __call__(self, *, out: Any = None, **data: Any) -> dict[str, Any]:
        """Transform the sample, as the pipeline would."""
        return self._transform(data, out)

    def plan(self, **data: Any) -> Plan:
        """Draw the plan that a call renders."""
        return self._plan(data)
