"""Signals that ask a run to stop: it finishes its step, writes a checkpoint, and goes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

CODES: Mapping[int, int] = {signal.SIGTERM: 143, signal.SIGINT: 130}
"""Signal → exit status."""


@final
class StopRequested(SystemExit):
    """The run was asked to stop; its checkpoint is written. ``code`` is the exit status."""


@final
class Watch:
    """Whether a signal came."""

    def __init__(self) -> None:
        self.code: int | None = None

    def __bool__(self) -> bool:
        return self.code is not None

    def check(self) -> None:
        """Stop if a signal came.

        Raises:
            StopRequested: it did.
        """
        if self.code is not None:
            raise StopRequested(self.code)


@contextmanager
def watching() -> Iterator[Watch]:
    """Note signals instead of dying of them; a second one kills as usual."""
    watch = Watch()
    if threading.current_thread() is not threading.main_thread():
        yield watch  # only the main thread may set handlers
        return

    def note(number: int, frame: Any) -> None:
        del frame
        watch.code = CODES[number]
        signal.signal(number, before[number])

    before = {number: signal.signal(number, note) for number in CODES}
    try:
        yield watch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
