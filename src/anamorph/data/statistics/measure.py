"""Going through a dataset once, in this process or in several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from anamorph.core.errors import DataError
from anamorph.data.datasets.base import Dataset
from anamorph.data.datasets.epoch import whole
from anamorph.data.datasets.workers import worker_init
from anamorph.data.statistics.tally import Tally
from anamorph.data.statistics.values import Statistics

_CHUNK = 32
"""Samples that are counted together. The same for any number of workers, so that sums of floats,
which depend on their order, do not depend on it."""

Advance = Callable[[int], None]


def measure(dataset: Dataset, *, workers: int = 0, advance: Advance | None = None) -> Statistics:
    """Measure a dataset: pixels, sizes, classes, boxes, masks; its pipeline plays no part.

    One picture a process is in memory at a time. Files that cannot be read are listed, each in a
    sentence, and do not end it. The result is the same, to the last bit, for any number of workers.

    Args:
        dataset: any of the datasets.
        workers: processes; 0 works in this one. They are spawned: a script that asks for them
            needs ``if __name__ == "__main__":``.
        advance: told, after each part, how many samples it had.

    Raises:
        DataError: a worker process died.

    >>> from anamorph.data import TableDataset, measure
    >>> found = measure(TableDataset([{"image": "nowhere.jpg"}]))
    >>> found.pictures, found.broken
    (0, ('nowhere.jpg cannot be read: no such file or directory',))
    """
    parts = [range(at, min(at + _CHUNK, len(dataset))) for at in range(0, len(dataset), _CHUNK)]
    whole("workers", workers)
    total = Tally()
    counted = _several(dataset, parts, workers) if workers else _one(dataset, parts)
    for part, tally in zip(parts, counted, strict=True):
        total.merge(tally)
        if advance is not None:
            advance(len(part))
    return total.statistics(dataset.classes, dataset.broken)


def _one(dataset: Dataset, parts: list[range]) -> Iterator[Tally]:
    return (_counted(dataset, part) for part in parts)


def _several(dataset: Dataset, parts: list[range], workers: int) -> Iterator[Tally]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_set_up, initargs=(dataset,))
    try:
        yield from pool.map(_work, parts)
    except BrokenProcessPool as error:
        raise DataError("a worker process died, perhaps for want of memory") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _counted(dataset: Dataset, part: range) -> Tally:
    tally = Tally()
    for index in part:
        tally.take(dataset, index)
    return tally


_dataset: list[Dataset] = []
"""The dataset of this process, once it has been set up."""


def _set_up(dataset: Dataset) -> None:
    worker_init()
    _dataset[:] = [dataset]


def _work(part: range) -> Tally:
    return _counted(_dataset[0], part)
