"""Getting through a job: what is left to do, in this process or in several."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from anamorph.cli.job import Job, Outcome, Task
from anamorph.cli.journal import Journal
from anamorph.cli.work import Worker, set_up, work
from anamorph.core.errors import AnamorphError
from anamorph.data import Source, pair_masks
from anamorph.data.formats import FORMATS
from anamorph.data.reading import picture_size, read_bytes

_WINDOW = 4
"""Tasks in flight for each worker process: enough that none waits."""


def tasks(job: Job, source: Source | None, names: Sequence[str]) -> Iterator[Task | Outcome]:
    """What is to be done for each picture, or why it cannot be done; each is read when asked for.

    Raises:
        DataError: at once, when a picture has no mask.
    """
    pairs = {} if job.masks is None else pair_masks(names, job.masks)
    return (_task(job, name, pairs.get(name), source) for name in names)


def _task(job: Job, name: str, mask: Path | None, source: Source | None) -> Task | Outcome:
    digest = hashlib.sha256()
    try:
        data = read_bytes(Path(job.images) / name)
        digest.update(data)
        if mask is not None:
            digest.update(read_bytes(mask))
        record = None if source is None else source.record(name, picture_size(data, name))
    except AnamorphError as error:
        return Outcome(name, digest.hexdigest(), error=str(error))
    digest.update(repr(record).encode())
    return Task(name, digest.hexdigest(), record, mask)


def outcomes(
    job: Job, todo: Iterator[Task | Outcome], journal: Journal, workers: int
) -> Iterator[Outcome]:
    """What becomes of every picture, in any order; what is new is noted in the journal."""
    found = _parallel(job, todo, journal, workers) if workers else _serial(job, todo, journal)
    for outcome in found:
        if journal.outcomes.get(outcome.name) is not outcome:
            journal.add(outcome)
        yield outcome


def common_files(job: Job, source: Source | None, journal: Journal) -> dict[str, bytes]:
    """The annotation files that all pictures share."""
    if source is None or job.form is None:
        return {}
    done = sorted(journal.outcomes.items())
    fragments = [part for _, outcome in done for part in outcome.fragments]
    return FORMATS[job.form].common(fragments, job.categories, source.extra)


def _ready(task: Task | Outcome, journal: Journal) -> Outcome | None:
    """The outcome of a task that needs no work: it has failed already, or was done before."""
    if isinstance(task, Outcome):
        return task
    return journal.outcomes[task.name] if journal.settled(task.name, task.key) else None


def _serial(job: Job, todo: Iterator[Task | Outcome], journal: Journal) -> Iterator[Outcome]:
    worker = Worker(job)
    for task in todo:
        ready = _ready(task, journal)
        if ready is None and isinstance(task, Task):
            ready = worker(task)
        if ready is not None:
            yield ready


def _parallel(
    job: Job, todo: Iterator[Task | Outcome], journal: Journal, workers: int
) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=set_up, initargs=(job,))
    pending: set[Future[Outcome]] = set()
    try:
        for task in todo:
            ready = _ready(task, journal)
            if ready is not None:
                yield ready
            elif isinstance(task, Task):
                with _shielded():
                    pending.add(pool.submit(work, task))
            if len(pending) >= _WINDOW * workers:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _shielded() -> Iterator[None]:
    """Keep Ctrl-C from processes that are just being started; they inherit what is blocked."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
