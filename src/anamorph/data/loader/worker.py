"""A worker process: takes tasks, writes batches into slots. It loads torch only if its dataset does."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import queue
import random
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import cv2
import numpy as np

from anamorph.data.loader.gather import Gatherer, Source
from anamorph.data.loader.leaves import Arena
from anamorph.data.loader.messages import (
    Attach,
    Cancel,
    Done,
    Failed,
    Skipped,
    Stop,
    Task,
    receive,
    send,
)
from anamorph.data.loader.segment import Segment
from anamorph.data.loader.tensors import loaded_torch

GRACE = 5.0
"""Seconds that a worker has to finish its sample when it is told to stop, or alone."""

PARENT_ENDS: weakref.WeakSet[Connection] = weakref.WeakSet()
"""The ends of pipes that a parent holds; a forked worker closes its copies of them, so that the
others notice when the parent is gone."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is started with."""

    source: Source
    worker: int
    workers: int
    seed: int
    init: Callable[[int], Any] | None


class CancelledError(Exception):
    """The batch that is being made is not wanted any more."""


class Inbox:
    """Reads what the parent sends as it comes, so that the parent never waits to be heard."""

    def __init__(self, end: Connection) -> None:
        self.end = end
        self.tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self.segments: dict[int, Segment] = {}
        self.below: float = 0
        threading.Thread(target=self._read, name="anamorph-inbox", daemon=True).start()

    def _read(self) -> None:
        orphaned = True
        with contextlib.suppress(EOFError, OSError):
            while orphaned:
                orphaned = self._take(receive(self.end))
        self.below = math.inf
        self.tasks.put(None)
        if orphaned:  # the parent is gone, and nobody else would end a sample that never ends
            time.sleep(GRACE)
            os._exit(1)

    def _take(self, message: Any) -> bool:
        if isinstance(message, Attach):
            self.segments[message.slot] = Segment.receive(self.end, message.size)
        elif isinstance(message, Cancel):
            self.below = message.below
        elif isinstance(message, Task):
            self.tasks.put(message)
        return not isinstance(message, Stop)

    def check(self, task: Task) -> None:
        """End the making of a batch that is not wanted any more.

        Raises:
            CancelledError: it is not.
        """
        if task.number < self.below:
            raise CancelledError


def main(end: Connection, job: Job) -> None:
    """Work until the parent says stop, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    for other in list(PARENT_ENDS):
        other.close()
    inbox = Inbox(end)
    broken = _prepared(job)
    gatherer = Gatherer(job.source)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while (task := inbox.tasks.get()) is not None:
            if broken is None:
                _work(task, inbox, gatherer)
            else:
                send(end, broken._replace(number=task.number))


def _prepared(job: Job) -> Failed | None:
    """Set up the process; an error of the user's function takes the place of each batch."""
    cv2.setNumThreads(1)
    seed = job.seed + job.worker
    random.seed(seed)
    entropy = np.random.SeedSequence([job.seed, job.worker])
    np.random.seed(entropy.generate_state(4))  # noqa: NPY002, TID251 - users' datasets draw from it
    torch = loaded_torch()
    if torch is not None:
        from torch.utils.data._utils import worker as theirs  # noqa: PLC0415 - it is loaded

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        theirs._worker_info = theirs.WorkerInfo(  # noqa: SLF001 - get_worker_info() reads it
            id=job.worker, num_workers=job.workers, seed=seed, dataset=job.source.dataset
        )
    try:
        if job.init is not None:
            job.init(job.worker)
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        return _failed(0, None, error)
    return None


def _work(task: Task, inbox: Inbox, gatherer: Gatherer) -> None:
    """Make one batch and send it, or say why not."""
    for slot in task.gone:
        inbox.segments.pop(slot, None)
    arena = Arena(None if task.slot is None else inbox.segments[task.slot], task.room)
    try:
        gatherer.at = None
        batch = gatherer.batch(task.indices, task.epoch, arena, lambda: inbox.check(task))
        made = arena.segment if arena.made else None
        done = Done(task.number, batch, made.size if made else 0, arena.wanted)
        payload = pickle.dumps(done, pickle.HIGHEST_PROTOCOL)
    except CancelledError:
        send(inbox.end, Skipped(task.number))
        return
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        send(inbox.end, _failed(task.number, gatherer.at, error))
        return
    inbox.end.send_bytes(payload)
    if made is not None:
        inbox.segments[task.number] = made
        made.send(inbox.end)


def _failed(number: int, index: Any, error: Exception) -> Failed:
    told = "".join(traceback.format_exception_only(error)).strip()
    text = "".join(traceback.format_exception(error))
    return Failed(number, index, _pickled(error), told, text)


def _pickled(error: Exception) -> bytes | None:
    """An exception as bytes, if it comes out of them again as it was."""
    try:
        pickled = pickle.dumps(error)
        same = type(pickle.loads(pickled)) is type(error)  # noqa: S301 - made in the line above
    except Exception:  # noqa: BLE001 - whatever a class of the user's does when it is pickled
        return None
    return pickled if same else None
