"""The loader of batches. Torch is loaded with the first of these names, and not by workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anamorph.data.loader.errors import LoaderError, WorkerError
    from anamorph.data.loader.loader import Loader

__all__ = ["Loader", "LoaderError", "WorkerError"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from anamorph.data.loader import errors, loader  # noqa: PLC0415 - it needs torch

    return getattr(loader if name == "Loader" else errors, name)
