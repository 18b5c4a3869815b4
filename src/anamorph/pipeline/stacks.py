"""Pictures in stacks: clips, volumes and their masks, kept in one piece of memory.

A stack is a list of its slices (H, W, C), as which picture kernels see it; where the slices are
views of one array, whole-stack kernels and ops of volumes get that array without a copy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Backend
from anamorph.core.errors import DataError, DataTypeError, sides
from anamorph.ir.ops import Op, Target
from anamorph.ir.volume import SolidOp

Array = npt.NDArray[Any]
Kernel = Callable[[Any, Any], Any]


class Stack(Sequence[Any]):
    """The slices (H, W, C) of an array (N, H, W, C), and the array."""

    __slots__ = ("block",)

    def __init__(self, block: Array) -> None:
        self.block: Array = block

    def __len__(self) -> int:
        return len(self.block)

    def __getitem__(self, i: Any, /) -> Any:
        return list(self.block[i]) if isinstance(i, slice) else self.block[i]

    def __iter__(self) -> Iterator[Array]:
        return iter(self.block)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.array(self.block, dtype, copy=copy)


def block_of(value: Any, key: str) -> Array:
    """The slices as one array (N, H, W, C).

    Raises:
        DataTypeError: they are no arrays any more.
    """
    if isinstance(value, Stack):
        return value.block
    if not isinstance(value, list) or not all(isinstance(v, np.ndarray) for v in value):
        raise DataTypeError(
            f"{key} is a tensor already: what makes tensors must be the last transform of a "
            "pipeline"
        )
    return np.stack(value)


def three_axes(value: Any) -> Any:
    """Give a picture its axis of channels back."""
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return value[:, :, None]
    return value


def over_slices(backend: Backend, op: Op, target: Target, value: Any, kernel: Kernel) -> Any:
    """Run an op of pictures on every slice, on all at once where the backend can."""
    if not isinstance(value, Stack):
        return [three_axes(kernel(op, v)) for v in value]
    at_once = backend.stacks.get((type(op), target))
    if at_once is not None:
        done = at_once(op, value.block)
        if done is not None:
            return Stack(done)
    return _written(op, value, kernel) if value else value


def _written(op: Op, value: Stack, kernel: Kernel) -> Any:
    """Write each result to its place while it is in the cache: no pile of results to be copied."""
    first = three_axes(kernel(op, value[0]))
    if not isinstance(first, np.ndarray):
        return [first, *(kernel(op, v) for v in value[1:])]
    if len(value) == 1:
        return Stack(first[None])
    out = np.empty((len(value), *first.shape), first.dtype)
    out[0] = first
    for i in range(1, len(value)):
        out[i] = three_axes(kernel(op, value[i]))
    return Stack(out)


def over_volumes(entry: Any, op: SolidOp, kernel: Kernel) -> None:
    """Run an op of volumes on each volume of a target; its number of slices may change."""
    block = block_of(entry.value, entry.key)
    lead, depth = entry.shape[:-1], entry.shape[-1]
    _check_source(entry.key, op, (depth, *block.shape[1:3]))
    if not lead:
        done = kernel(op, block)
    else:
        volumes = block.reshape(-1, depth, *block.shape[1:])
        done = _joined([kernel(op, volume) for volume in volumes])
    if not isinstance(done, np.ndarray):
        entry.value = done
        return
    entry.shape = (*lead, op.depth_after(depth))
    entry.value = Stack(done.reshape(-1, *done.shape[-3:]))


def _check_source(key: str, op: SolidOp, size: tuple[int, ...]) -> None:
    if op.drawn_for is not None and op.drawn_for != size:
        raise DataError(
            f"{key} is {sides(size)} where the volume that was drawn for is {sides(op.drawn_for)}: "
            "volumes and 3-D masks of a call must be of one size for 3-D transforms"
        )


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.stack(parts) if len(parts) > 1 else parts[0][None]
    return sys.modules["torch"].stack(parts)


def leave_stack(entry: Any) -> Any:
    """Hand out a stack that came in as an array: contiguous, and no view of an input."""
    value, given = entry.value, entry.given
    if not isinstance(value, list | Stack):
        return value  # a tensor of the whole volume
    if not value:
        rest = given.shape[len(entry.shape) + 2 :]
        return np.empty((*entry.shape, *entry.size, *rest), given.dtype)
    if not isinstance(value[0], np.ndarray):  # tensors: torch is loaded then, and not before
        return sys.modules["torch"].stack(value)
    block = block_of(value, entry.key)
    if entry.flat and block.ndim == 4 and block.shape[3] == 1:
        block = block[..., 0]
    block = np.ascontiguousarray(block).reshape(entry.shape + block.shape[1:])
    return block.copy() if np.may_share_memory(block, given) else block
