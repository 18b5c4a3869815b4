"""What a backend is: a name and a table of kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from anamorph.core.errors import BackendError
from anamorph.ir.ops import Effect, Op, Size, Target

Kernel = Callable[..., Any]
"""kernel(op, value) → value, and kernel(op, value, source) for boxes and points, source being the
size of the picture before the op: mirroring borders show labels by it. Images and masks come as
(H, W, C) arrays and may be returned without the last axis if it is 1; a kernel never changes what
it was given."""


@dataclass(frozen=True)
class Backend:
    """A table of kernels for (op, target), and one of effects by name."""

    name: str
    kernels: Mapping[tuple[type[Op], Target], Kernel]
    effects: Mapping[str, Kernel]
    stacks: Mapping[tuple[type[Op], Target], Kernel] = field(default_factory=dict)
    """Kernels of ops of pictures on whole stacks (N, H, W, C) at once; one gives None where it has
    no better way than slice by slice."""
    into: Mapping[tuple[type[Op], Target], Kernel] = field(default_factory=dict)
    """Kernels that write to memory that is given: kernel(op, value, out)."""
    primitives: Mapping[type[Op], Callable[[Any, Size], str]] = field(default_factory=dict)
    """Op → function(op, size of the source) that names what will do it."""

    def primitive(self, op: Op, source: Size) -> str:
        """Name what will do an op on a picture."""
        if isinstance(op, Effect) and op.name not in self.effects:
            return op.name
        named = self.primitives.get(type(op))
        return named(op, source) if named else self.kernel(op, Target.IMAGE).__name__.strip("_")

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


def assembled(
    name: str,
    modules: Iterable[ModuleType],
    stacks: Mapping[tuple[type[Op], Target], Kernel] | None = None,
) -> Backend:
    """Make a backend of the tables KERNELS, EFFECTS, INTO and PRIMITIVES that modules have."""

    def merged(table: str) -> dict[Any, Any]:
        return {key: found for m in modules for key, found in getattr(m, table, {}).items()}

    return Backend(
        name,
        merged("KERNELS"),
        merged("EFFECTS"),
        stacks or {},
        merged("INTO"),
        merged("PRIMITIVES"),
    )
