"""The words between a loader and its workers."""

from __future__ import annotations

import pickle
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from anamorph.data.loader.leaves import Batch


class Task(NamedTuple):
    """A batch to be made. Numbers are given once in the life of a ring."""

    number: int
    indices: Any
    epoch: int
    slot: int | None
    """The segment to write to, by the number of the task that it was made for."""
    room: int
    """How many bytes a new segment has to have at least."""
    gone: tuple[int, ...]
    """Segments that are used no more."""


class Attach(NamedTuple):
    """A segment follows."""

    slot: int
    size: int


class Cancel(NamedTuple):
    """No task of a smaller number is wanted any more."""

    below: int


class Stop(NamedTuple):
    """The end."""


class Done(NamedTuple):
    """A batch. If ``made`` is not 0, a segment of that size, made for it, follows."""

    number: int
    batch: Batch
    made: int
    wanted: int
    """How many bytes the batch would have taken."""


class Skipped(NamedTuple):
    """A task that was cancelled."""

    number: int


class Failed(NamedTuple):
    """An error in place of a batch."""

    number: int
    index: Any
    """The sample that was being loaded; None if it was none."""
    error: bytes | None
    """The exception, pickled; None if it cannot be."""
    told: str
    traceback: str


def send(end: Connection, message: Any) -> None:
    """Send by plain pickling: tensors among indices travel by value."""
    end.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def receive(end: Connection) -> Any:
    """Take the next message."""
    return pickle.loads(end.recv_bytes())  # noqa: S301 - it comes from a process of our own
