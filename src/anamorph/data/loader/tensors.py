"""Tensors seen as arrays, in processes that may never have loaded torch."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from anamorph.data.loader.leaves import Arena, Array, Object, padded

_CARRIERS: Mapping[str, str] = {
    "bfloat16": "int16",
    "complex32": "int32",
    "float8_e4m3fn": "uint8",
    "float8_e4m3fnuz": "uint8",
    "float8_e5m2": "uint8",
    "float8_e5m2fnuz": "uint8",
}
"""dtype that NumPy lacks → dtype of the same size that its bits travel in."""


NUMBERS = frozenset(map(np.dtype, "?bBhHiIlLqQefdFD"))
"""dtypes that both NumPy and torch have."""


def loaded_torch() -> ModuleType | None:
    """Torch, if this process has it; where there are no tensors nobody need load it."""
    return sys.modules.get("torch")


@cache
def _carriers(torch: ModuleType) -> dict[Any, tuple[Any, str]]:
    known = [name for name in _CARRIERS if hasattr(torch, name)]
    return {getattr(torch, n): (getattr(torch, _CARRIERS[n]), n) for n in known}


def array_of(value: Any) -> tuple[Array, str | None] | None:
    """See a plain tensor of the CPU, or an array of numbers, as an array; None for all else."""
    if isinstance(value, np.ndarray):
        return (value, None) if value.dtype in NUMBERS else None
    torch = loaded_torch()
    if torch is None or type(value) is not torch.Tensor or not _plain(torch, value):
        return None
    carrier = _carriers(torch).get(value.dtype)
    return (
        (value.numpy(), None) if carrier is None else (value.view(carrier[0]).numpy(), carrier[1])
    )


def _plain(torch: ModuleType, value: Any) -> bool:
    """Whether a tensor is its values and nothing else."""
    if value.device.type != "cpu" or value.layout is not torch.strided or value.requires_grad:
        return False
    return not (value.is_quantized or value.is_conj() or value.is_neg() or value.is_nested)


class _Packer(pickle.Pickler):
    """Pickles all but arrays and tensors, which it gathers."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.found: list[tuple[Array, str | None, bool]] = []

    def persistent_id(self, obj: Any) -> int | None:
        found = array_of(obj)
        if found is None or (isinstance(obj, np.ndarray) and type(obj) is not np.ndarray):
            return None
        self.found.append((*found, isinstance(obj, np.ndarray)))
        return len(self.found) - 1


def pack(value: Any, arena: Arena) -> Object:
    """Bring a thing of any kind into a form that travels, its arrays and tensors in the slot."""
    file = io.BytesIO()
    packer = _Packer(file)
    packer.dump(value)
    if not arena.used:
        arena.reserve(sum(padded(values.shape, values.dtype) for values, _, _ in packer.found))
    parts = [arena.put(values, bits, numpy=numpy) for values, bits, numpy in packer.found]
    return Object(file.getvalue(), tuple(parts))
