"""Batches as users see them: tensors over the slot that they lie in."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from anamorph.data.loader.leaves import (
    Array,
    Batch,
    Inline,
    Object,
    Packed,
    Part,
    Placed,
    Raw,
    Several,
)
from anamorph.data.loader.tree import rebuild


class Opener:
    """Opens the leaves of one batch.

    ``lent`` are the bytes of the slot, None if there is none. If ``copied``, nothing refers to them
    afterwards. If ``pinned``, what does not lie in the slot is page-locked by itself.
    """

    def __init__(self, lent: Array | None, *, copied: bool = False, pinned: bool = False) -> None:
        self.lent = lent
        self.copied = copied
        self.pinned = pinned

    def open(self, batch: Batch) -> Any:
        """Put the batch together."""
        leaves = (_OPENED[type(leaf)](self, leaf) for leaf in batch.leaves)
        return rebuild(batch.form, leaves)

    def part(self, part: Part) -> Any:
        """A tensor, or an array where there was one."""
        if isinstance(part, Placed):
            values: Array = np.ndarray(part.shape, part.dtype, self.lent, part.offset)
            own = self.copied
        else:
            values, own = part.values, False
        if part.axes is not None:
            values = values.transpose(part.axes)
        if part.numpy:
            return values.copy() if own else values
        tensor = torch.from_numpy(values)
        if part.bits is not None:
            tensor = tensor.view(getattr(torch, part.bits))
        if self.pinned and (own or isinstance(part, Inline)):
            return tensor.pin_memory()
        return tensor.clone() if own else tensor

    def packed(self, packed: Packed) -> list[Any]:
        """A tensor a sample."""
        return list(self.part(packed.whole).split(packed.lengths))

    def several(self, several: Several) -> list[Any]:
        """The same, from arrays of their own."""
        return [self.part(part) for part in several.parts]

    def raw(self, raw: Raw) -> Any:
        """What came as it is."""
        return raw.value

    def object(self, packed: Object) -> Any:
        """A thing of any kind, with its tensors and arrays."""
        return _Unpacker(packed, self).load()


class _Unpacker(pickle.Unpickler):
    def __init__(self, packed: Object, opener: Opener) -> None:
        super().__init__(io.BytesIO(packed.pickled))
        self._parts = packed.parts
        self._opener = opener

    def persistent_load(self, pid: Any) -> Any:
        return self._opener.part(self._parts[pid])


_OPENED: Mapping[type, Callable[[Opener, Any], Any]] = {
    Placed: Opener.part,
    Inline: Opener.part,
    Packed: Opener.packed,
    Several: Opener.several,
    Raw: Opener.raw,
    Object: Opener.object,
}


def lies_in_slot(batch: Batch) -> bool:
    """Whether anything of a batch lies in its slot."""
    return any(isinstance(part, Placed) for leaf in batch.leaves for part in _parts(leaf))


def _parts(leaf: Any) -> tuple[Any, ...]:
    if isinstance(leaf, Packed):
        return (leaf.whole,)
    return leaf.parts if isinstance(leaf, Several | Object) else (leaf,)
