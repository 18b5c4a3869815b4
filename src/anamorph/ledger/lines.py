"""``metrics.jsonl``: one line an event, appended while the run goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import ParameterTypeError
from anamorph.ledger import ids

FILE = "metrics.jsonl"
_SECONDS = 5.0
"""At most so much is lost if the machine stops; if the process is killed, nothing is."""


@final
@dataclass(frozen=True)
class Event:
    """Numbers of a moment; ``split`` is where they were measured: train, valid."""

    time: str
    fold: int | None
    epoch: int | None
    step: int | None
    split: str
    values: Mapping[str, float]


@final
class Lines:
    """Appends events, each with one call, so that those of several processes do not mix."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._synced = time.monotonic()

    def add(self, values: Mapping[str, float], where: Mapping[str, Any]) -> None:
        """Append an event.

        Raises:
            ParameterTypeError: a value is no number.
            OSError: the disk is full.
        """
        numbers = {name: _number(name, value) for name, value in values.items()}
        entry = {"time": ids.now(), **where, "values": numbers}
        data = (json.dumps(entry) + "\n").encode()
        descriptor = self._opened()
        if os.write(descriptor, data) != len(data):
            self.close()  # when it is opened again the torn line is ended
            raise OSError(f"{self._path} took only a part of a line: the disk is full")
        if time.monotonic() - self._synced > _SECONDS:
            self.sync()

    def sync(self) -> None:
        """Have the disk hold what was appended."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Stop appending; `add` begins again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            if os.lseek(self._descriptor, 0, os.SEEK_END) > 0:
                os.lseek(self._descriptor, -1, os.SEEK_END)
                if os.read(self._descriptor, 1) != b"\n":
                    os.write(self._descriptor, b"\n")  # a crash tore the last line
        return self._descriptor

    def __del__(self) -> None:
        self.close()


def read(path: Path) -> Iterator[Event]:
    """The events in the order of the file; a line that a crash tore is left out."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        for line in stream:
            event = _event(line)
            if event is not None:
                yield event


def _event(line: bytes) -> Event | None:
    try:
        told = json.loads(line)
        where = (told["time"], told["fold"], told["epoch"], told["step"], told["split"])
        return Event(*where, values=dict(told["values"]))
    except (ValueError, TypeError, KeyError):
        return None


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ParameterTypeError(f"log: {name} = {value!r}: it must be a number") from None
