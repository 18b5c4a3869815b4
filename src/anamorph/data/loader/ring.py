"""The ring of slots that batches lie in, seen from the parent.

A slot is lent out with each batch and comes back by itself when the last tensor over it is gone.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import weakref
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anamorph.data.loader import pinning
from anamorph.data.loader.segment import Segment

SPARE = 64
"""Slots beyond those that are kept, for who holds on to many batches; then batches are copied."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Slot:
    """A segment, its number, and its bytes."""

    number: int
    segment: Segment
    whole: NDArray[np.uint8]


Return: TypeAlias = tuple[Slot, list[Any]]
"""A slot that came back, and the events after which no device reads it."""


class Ring:
    """Slots that are free, and a count of all."""

    def __init__(self, keep: int, *, pinned: bool = False) -> None:
        """Keep so many slots when they come back; page-lock them if ``pinned``."""
        self.keep = keep
        self.pinned = pinned
        self.room = 0
        """Bytes that a new slot needs at least."""
        self.slots: dict[int, Slot] = {}
        self._free: list[Slot] = []
        self._returned: queue.SimpleQueue[Return] = queue.SimpleQueue()
        self._read: list[Return] = []
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """A number for a task, and for the slot that may be made for it."""
        return next(self._numbers)

    def take(self) -> Slot | None:
        """A free slot, the one last used; None if all are in use."""
        self._collect()
        return self._free.pop() if self._free else None

    def adopt(self, number: int, segment: Segment) -> Slot:
        """Take in a new segment, in use from now on."""
        whole = np.frombuffer(segment.buffer, np.uint8)
        if self.pinned:
            pinning.pin(whole)
            last = weakref.finalize(whole, pinning.unpin, whole.ctypes.data, os.getpid(), segment)
            last.atexit = False
        slot = Slot(number, segment, whole)
        self.slots[number] = slot
        return slot

    def give_back(self, slot: Slot) -> None:
        """Take a slot that nobody writes to or reads any more."""
        if len(self._free) >= self.keep:
            self.drop(slot)
        else:
            self._free.append(slot)

    def drop(self, slot: Slot) -> None:
        """Forget a slot that nobody uses, and free its pages."""
        self.slots.pop(slot.number, None)
        slot.segment.empty()

    @property
    def full(self) -> bool:
        """Whether so much is held that batches are copied out of their slots."""
        self._collect()
        return len(self.slots) > self.keep + SPARE

    def lend(self, slot: Slot) -> NDArray[Any]:
        """The bytes of a slot; it is free again when nothing refers to them any more.

        Views must be made by ``np.ndarray(..., buffer=lent)``: they refer to what this returns, not
        to what lies below it.
        """
        lent = np.frombuffer(slot.whole.data, np.uint8)
        weakref.finalize(lent, _come_back, self._returned, slot, self.pinned).atexit = False
        return lent

    def _collect(self) -> None:
        """Take the slots that came back, when devices have read them too."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._read.append(self._returned.get_nowait())
        read, self._read = self._read, []
        for slot, marks in read:
            if all(mark.query() for mark in marks):
                self.give_back(slot)
            else:
                self._read.append((slot, marks))


def _come_back(returned: queue.SimpleQueue[Return], slot: Slot, pinned: bool) -> None:  # noqa: FBT001 - called by weakref alone
    returned.put((slot, pinning.marks() if pinned else []))
