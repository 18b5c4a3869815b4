"""What goes wrong between the processes of a loader."""

from __future__ import annotations

from anamorph.core.errors import AnamorphError


class LoaderError(AnamorphError, RuntimeError):
    """A loader cannot go on: no batch came in time, an iterator is over, memory is refused."""


class WorkerError(LoaderError):
    """A worker process died, or raised what cannot be brought over as it is."""


class RemoteTraceback(Exception):  # noqa: N818 - a cause of errors, raised by nobody
    """The traceback of an error in a worker, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"
