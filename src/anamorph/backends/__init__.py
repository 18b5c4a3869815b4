"""How ops are done: one table of kernels a backend, loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from anamorph.backends.base import Backend

_NAMES = ("opencv", "reference")


class _Backends(Mapping[str, Backend]):
    """Name → backend; the specification costs an import nothing."""

    def __init__(self) -> None:
        self._loaded: dict[str, Backend] = {}

    def __getitem__(self, name: str) -> Backend:
        found = self._loaded.get(name)
        if found is None:
            if name not in _NAMES:
                raise KeyError(name)
            found = self._loaded[name] = import_module(f"anamorph.backends.{name}").BACKEND
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


BACKENDS: Mapping[str, Backend] = _Backends()
"""Name → backend."""

DEFAULT = _NAMES[0]
