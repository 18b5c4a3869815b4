"""What a backend is: a name and a table of kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anamorph.core.errors import BackendError
from anamorph.ir.ops import Effect, Op, Target

Kernel = Callable[[Any, Any], Any]
"""kernel(op, value) → value. Images and masks come as (H, W, C) arrays and may be returned
without the last axis if it is 1; a kernel never changes what it was given."""


@dataclass(frozen=True)
class Backend:
    """A table of kernels for (op, target), and one of effects by name."""

    name: str
    kernels: Mapping[tuple[type[Op], Target], Kernel]
    effects: Mapping[str, Kernel]

    def kernel(self, op: Op, target: Target) -> Kernel:
        """Find the kernel for an op and a target.

        Raises:
            BackendError: this backend has none.
        """
        found = (
            self.effects.get(op.name)
            if isinstance(op, Effect)
            else self.kernels.get((type(op), target))
        )
        if found is None:
            what = f"effect {op.name!r}" if isinstance(op, Effect) else type(op).__name__
            raise BackendError(f"backend {self.name} has no kernel for {what} on {target.value}")
        return found
