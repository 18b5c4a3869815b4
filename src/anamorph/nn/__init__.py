"""Models and what is around them: batches rendered on a device, views, tiles, box fusion.

The parts are `anamorph.nn.models`, `losses`, `metrics`, `ensemble`, `tta`, `tiles` and `boxes`; each
is loaded when it is first asked for, and box fusion needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anamorph.core.errors import BackendError

if TYPE_CHECKING:
    from anamorph.nn.batch import BatchPlan, BatchResult, collate

__all__ = ["BatchPlan", "BatchResult", "collate"]

_HOMES = {"BatchPlan": "batch", "BatchResult": "batch", "collate": "batch"}
"""Name → the module that has it."""
_PARTS = frozenset({"boxes", "ensemble", "losses", "metrics", "models", "tiles", "tta"})


def __getattr__(name: str) -> Any:
    try:
        if name in _PARTS:
            return import_module(f"{__name__}.{name}")
        if name in _HOMES:
            return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            raise
        needs = f"{__name__}.{name} needs PyTorch: pip install anamorph[torch]"
        raise BackendError(needs) from error
    raise AttributeError(f"module {__name__} has no attribute {name!r}")
