"""One function over batches of names, here or in the processes of a Ray cluster."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, final

from anamorph.core.errors import MissingFileError

Entry = Mapping[str, Any]
Worker = Callable[[Sequence[Entry]], Iterable[Entry]]
"""What is told of a batch, an entry for each that is given; it survives whatever a file holds."""
Make = Callable[..., Worker]

_RETRIES = 1
"""Of a batch whose process died: a machine that went away is forgiven, a picture is not."""
DIED = "the process that had it died, perhaps for want of memory"


@final
@dataclass(frozen=True)
class Summary:
    """How many files were done now, how many were done before, and why others could not be."""

    done: int
    before: int
    failed: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Where the work is done."""

    def over(self, make: Make, given: Sequence[Any], entries: Sequence[Entry]) -> Iterator[Entry]:
        """What a worker tells of entries, in any order; of those that were lost nothing is told.

        Args:
            make: gives a worker; called once a process.
            given: what it is called with.
            entries: plain data, as JSON has it.
        """
        ...


@final
@dataclass(frozen=True)
class Local:
    """This process."""

    files: int = 64
    """Of a batch."""

    def over(self, make: Make, given: Sequence[Any], entries: Sequence[Entry]) -> Iterator[Entry]:
        """In the given order."""
        worker = make(*given)
        for at in range(0, len(entries), self.files):
            yield from worker(entries[at : at + self.files])


@final
@dataclass(frozen=True)
class Ray:
    """The processes of a Ray cluster, by Ray Data; all machines must see the same files.

    Where Ray is not begun yet, it is: as the cluster at ``address``, or one on this machine.
    """

    workers: int | tuple[int, int] | None = None
    """Processes, or the least and the most; one a core if None."""
    files: int = 64
    """Of a batch; what is lost where a process dies."""
    cpus: float = 1.0
    """Cores a process takes."""
    gpus: float = 0.0
    """Accelerators a process takes."""
    address: str | None = None

    def over(self, make: Make, given: Sequence[Any], entries: Sequence[Entry]) -> Iterator[Entry]:
        """In any order, as they are done.

        Raises:
            MissingFileError: Ray is not installed.
        """
        if not entries:
            return
        ray = _ray()
        if not ray.is_initialized():
            with own_signals():
                ray.init(address=self.address, include_dashboard=False, log_to_driver=False)
        context = ray.data.DataContext.get_current()
        before = context.max_errored_blocks, context.enable_progress_bars
        # A file that kills its process costs its batch, which is told as failed, not the run.
        context.max_errored_blocks, context.enable_progress_bars = -1, False
        try:
            yield from self._rows(ray, make, given, entries)
        finally:
            context.max_errored_blocks, context.enable_progress_bars = before

    def _rows(
        self, ray: Any, make: Make, given: Sequence[Any], entries: Sequence[Entry]
    ) -> Iterator[Entry]:
        cores = max(1, int(ray.cluster_resources().get("CPU", 1) / max(self.cpus, 1e-3)))
        blocks = -(-len(entries) // self.files)
        workers = min(cores, blocks) if self.workers is None else self.workers
        asked = [{"entry": json.dumps(entry)} for entry in entries]
        rows = ray.data.from_items(asked, override_num_blocks=blocks).map_batches(
            _Batches,
            fn_constructor_args=(make, tuple(given)),
            batch_size=self.files,
            concurrency=workers,
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            max_restarts=-1,
            max_task_retries=_RETRIES,
        )
        for row in rows.iter_rows():
            yield json.loads(row["entry"])


@final
class _Batches:
    """A worker as Ray Data calls it: columns in, columns out."""

    def __init__(self, make: Make, given: Sequence[Any]) -> None:
        self.worker = make(*given)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Texts of what is told."""
        entries = [json.loads(str(text)) for text in batch["entry"]]
        return {"entry": [json.dumps(told) for told in self.worker(entries)]}


@contextmanager
def own_signals() -> Iterator[None]:
    """Keep what SIGTERM does in this process: Ray takes it for itself, and training ends on it."""
    held = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, held)


def _ray() -> Any:
    try:
        ray = import_module("ray")
        import_module("ray.data")
    except ImportError as error:
        raise MissingFileError(
            'work is spread over machines by Ray: install it (pip install "anamorph[ray]")'
        ) from error
    return ray
