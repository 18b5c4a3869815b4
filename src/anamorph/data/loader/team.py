"""The worker processes of a loader, seen from the parent."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

from anamorph.data.loader.errors import LoaderError, RemoteTraceback, WorkerError
from anamorph.data.loader.messages import (
    Attach,
    Cancel,
    Done,
    Failed,
    Stop,
    Task,
    receive,
    send,
)
from anamorph.data.loader.ring import Ring, Slot
from anamorph.data.loader.segment import Segment
from anamorph.data.loader.worker import GRACE, PARENT_ENDS, Job, main


class Pending(NamedTuple):
    """A task that is under way, and the slot that it has."""

    indices: Any
    slot: Slot | None


@dataclass(eq=False)
class Worker:
    """A process, the pipe to it, and what it has."""

    number: int
    process: Any
    end: Connection
    pending: dict[int, Pending] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)


class Team:
    """Worker processes that share a ring of slots."""

    def __init__(self, context: BaseContext, jobs: Sequence[Job], ring: Ring) -> None:
        """Start one process a job."""
        self.ring = ring
        self.workers: list[Worker] = []
        self.over: bool = False
        self._owner = os.getpid()
        try:
            for job in jobs:
                self.workers.append(_started(context, job))
        except BaseException:
            self.stop()
            raise
        weakref.finalize(self, _stop, self.workers, self._owner)

    def assign(self, worker: Worker, number: int, indices: Any, epoch: int) -> None:
        """Give a worker a task, and a slot if one is free; it makes one otherwise.

        Raises:
            WorkerError: it is dead.
        """
        slot = self.ring.take()
        gone = worker.known.difference(self.ring.slots)
        worker.known -= gone
        worker.pending[number] = Pending(indices, slot)
        place = None if slot is None else slot.number
        task = Task(number, indices, epoch, place, self.ring.room, tuple(gone))
        try:
            if slot is not None and slot.number not in worker.known:
                send(worker.end, Attach(slot.number, slot.segment.size))
                slot.segment.send(worker.end)
                worker.known.add(slot.number)
            send(worker.end, task)
        except OSError:
            raise self._dead(worker) from None

    def cancel(self, below: int) -> None:
        """Let workers skip the tasks with smaller numbers; each is still answered."""
        for worker in self.workers:
            with contextlib.suppress(OSError):
                send(worker.end, Cancel(below))

    def answers(self, timeout: float | None) -> list[tuple[Any, Slot | None]]:
        """Wait for answers: each with the slot that it has.

        Raises:
            WorkerError: a worker is dead.
            LoaderError: none came in time.
        """
        ends: dict[Any, Worker] = {worker.end: worker for worker in self.workers}
        deaths = {worker.process.sentinel: worker for worker in self.workers}
        ready = wait([*ends, *deaths], timeout)
        if not ready:
            raise LoaderError(
                f"Loader.timeout: no batch came within {timeout:g} s; the next one has samples "
                f"{_told(self._first().indices)}"
            )
        found = [self._answer(ends[end]) for end in ready if end in ends]
        for sentinel in ready:
            if sentinel in deaths:
                raise self._dead(deaths[sentinel])
        return found

    def _first(self) -> Pending:
        pending = {n: p for worker in self.workers for n, p in worker.pending.items()}
        return pending[min(pending)]

    def _answer(self, worker: Worker) -> tuple[Any, Slot | None]:
        try:
            message = receive(worker.end)
            segment = None
            if isinstance(message, Done) and message.made:
                segment = Segment.receive(worker.end, message.made)
        except (EOFError, OSError):
            raise self._dead(worker) from None
        slot = worker.pending.pop(message.number).slot
        if isinstance(message, Done):
            slot = self._slot(worker, message, slot, segment)
        elif slot is not None:
            self.ring.give_back(slot)
            slot = None
        return message, slot

    def _slot(
        self, worker: Worker, done: Done, slot: Slot | None, segment: Segment | None
    ) -> Slot | None:
        """The slot of a batch: a new one in place of none, or of one that was too small."""
        size = 0 if slot is None else slot.segment.size
        if segment is not None:
            if slot is not None:
                self.ring.drop(slot)
            slot = self.ring.adopt(done.number, segment)
            worker.known.add(done.number)
        if done.wanted > max(size, done.made):
            self.ring.room = max(self.ring.room, done.wanted + done.wanted // 4)
        return slot

    def _dead(self, worker: Worker) -> WorkerError:
        """Say what became of a worker, and end the others."""
        self._drain(worker)
        worker.process.join(GRACE)
        code, pid = worker.process.exitcode, worker.process.pid
        tasks = list(worker.pending.values())
        doing = f"with samples {_told(tasks[0].indices)} in work" if tasks else "with nothing to do"
        self.stop()
        return WorkerError(f"worker {worker.number} (pid {pid}) {_ended(code)}, {doing}")

    def _drain(self, worker: Worker) -> None:
        """Read what a dead worker has still sent, to know what it was at."""
        with contextlib.suppress(EOFError, OSError):
            while worker.end.poll():
                message = receive(worker.end)
                slot = worker.pending.pop(message.number).slot
                if slot is not None:
                    self.ring.give_back(slot)
                if isinstance(message, Done) and message.made:
                    Segment.receive(worker.end, message.made)

    def stop(self) -> None:
        """End all processes; what they were writing to is free then."""
        self.over = True
        _stop(self.workers, self._owner)
        for worker in self.workers:
            for pending in worker.pending.values():
                if pending.slot is not None:
                    self.ring.give_back(pending.slot)
            worker.pending.clear()
        self.workers.clear()


def _started(context: BaseContext, job: Job) -> Worker:
    ours, theirs = context.Pipe()
    PARENT_ENDS.add(ours)
    process = context.Process(  # type: ignore[attr-defined]  # each real context has it
        target=main, args=(theirs, job), daemon=True, name=f"anamorph-loader-{job.worker}"
    )
    try:
        process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Worker(job.worker, process, ours)


def _stop(workers: list[Worker], owner: int) -> None:
    """Tell all to stop, wait a little, then end them by force."""
    if os.getpid() != owner:
        return  # a forked copy of the parent: they are not its children
    for worker in workers:
        with contextlib.suppress(OSError):
            send(worker.end, Stop())
        PARENT_ENDS.discard(worker.end)
        worker.end.close()
    until = time.monotonic() + GRACE
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        for force in (worker.process.terminate, worker.process.kill):
            if worker.process.exitcode is None:
                force()
                worker.process.join(1.0)
        with contextlib.suppress(ValueError):  # even a killed one may not end, waiting for a disk
            worker.process.close()


def _ended(code: int | None) -> str:
    if code is None:
        return "does not answer"
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    often = "; often the system ran out of memory" if name == "SIGKILL" else ""
    return f"was killed by {name} (exit code {code}{often})"


def _told(indices: Any) -> str:
    """A few of the indices of a batch, in words."""
    if not isinstance(indices, list | tuple):
        return repr(indices)
    shown = ", ".join(map(repr, indices[:8]))
    return f"{shown} and {len(indices) - 8} more" if len(indices) > 8 else shown


def error_of(failed: Failed) -> BaseException:
    """The exception of a worker, as it is raised in the parent: with its sample and traceback."""
    error: BaseException = WorkerError(failed.told)
    if failed.error is not None:
        error = pickle.loads(failed.error)  # noqa: S301 - it comes from a process of our own
    error.__cause__ = RemoteTraceback(failed.traceback)
    error.add_note(where(failed.index, "in a worker"))
    return error


def where(index: Any, process: str) -> str:
    """Say where an error came up."""
    doing = "making a batch" if index is None else f"loading sample {_told(index)}"
    return f"while {doing} {process}"
