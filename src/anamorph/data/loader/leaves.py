"""What travels from a worker to its parent: where things lie, and what does not lie in the slot."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anamorph.data.loader.segment import Segment
from anamorph.data.loader.tree import Form

Array: TypeAlias = NDArray[Any]

_ALIGNED = 64


class Placed(NamedTuple):
    """An array in the slot. ``bits`` names a dtype of torch's that NumPy lacks."""

    offset: int
    shape: tuple[int, ...]
    dtype: str
    bits: str | None = None
    numpy: bool = False
    """Whether it is handed out as an array rather than a tensor."""
    axes: tuple[int, ...] | None = None
    """How its axes are to be turned: memory formats are kept."""


class Inline(NamedTuple):
    """An array for which the slot had no room."""

    values: Array
    bits: str | None = None
    numpy: bool = False
    axes: tuple[int, ...] | None = None


Part: TypeAlias = Placed | Inline


class Packed(NamedTuple):
    """Arrays of the samples, one after the other in one, and the length of each."""

    whole: Part
    lengths: tuple[int, ...]


class Several(NamedTuple):
    """Arrays of the samples that do not go into one: of different types, say."""

    parts: tuple[Part, ...]


class Raw(NamedTuple):
    """A thing as it is: texts."""

    value: Any


class Object(NamedTuple):
    """A thing of any kind, pickled but for the arrays and tensors in it."""

    pickled: bytes
    parts: tuple[Part, ...]


Leaf: TypeAlias = Placed | Inline | Packed | Several | Raw | Object


class Batch(NamedTuple):
    """A batch: its form, and what stands at its leaves."""

    form: Form
    leaves: tuple[Leaf, ...]


class Arena:
    """The room of one batch: in the slot that was given, or in a new one where that is too small.

    ``room`` is how large a new one has to be at least. ``missing`` counts the bytes of what found no
    room any more.
    """

    def __init__(self, segment: Segment | None, room: int) -> None:
        self.segment = segment
        self.room = room
        self.used: int = 0
        self.missing: int = 0
        self.made: bool = False

    @property
    def wanted(self) -> int:
        """How many bytes the whole batch would take."""
        return self.used + self.missing

    def reserve(self, required: int, more: int = 0) -> None:
        """Begin anew, with room for so many bytes, and for more if a slot has to be made."""
        self.used = self.missing = 0
        if required and (self.segment is None or self.segment.size < required):
            self.segment = Segment.make(max(required + more, self.room))
            self.made = True

    def take(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Array, int] | None:
        """Memory for an array, and where it lies; None if there is too little left."""
        size = padded(shape, dtype)
        if self.segment is None or self.used + size > self.segment.size:
            self.missing += size
            return None
        offset = self.used
        self.used += size
        return np.ndarray(shape, dtype, self.segment.buffer, offset), offset

    def put(self, values: Array, bits: str | None = None, *, numpy: bool = False) -> Part:
        """Copy an array into the slot, if there is room."""
        values, axes = _laid(values)
        taken = self.take(values.shape, values.dtype)
        if taken is None:
            return Inline(np.array(values), bits, numpy, axes)
        room, offset = taken
        room[...] = values
        return Placed(offset, values.shape, values.dtype.str, bits, numpy, axes)


def _laid(values: Array) -> tuple[Array, tuple[int, ...] | None]:
    """An array as its memory runs, and how to turn the axes back; as it is if it has gaps."""
    if values.flags.c_contiguous:
        return values, None
    order = sorted(range(values.ndim), key=lambda axis: -values.strides[axis])
    turned = values.transpose(order)
    if not turned.flags.c_contiguous:
        return values, None
    return turned, tuple(order.index(axis) for axis in range(values.ndim))


def padded(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How many bytes an array takes in a slot."""
    size = dtype.itemsize
    for side in shape:
        size *= side
    return -(-size // _ALIGNED) * _ALIGNED
