"""Where the bytes come from: memory, a path, an open file, an address; each is read once."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from anamorph.core.errors import AnamorphError, DataError, DataTypeError, MissingFileError
from anamorph.core.files import is_source
from anamorph.sources.limit import Limit
from anamorph.sources.view import Disk, Memory, View

_HEAD = 1 << 16
"""Of a large file so much is read when only its header is asked for."""
_SMALL = 1 << 18
"""A file up to this size is read at once: opening it twice costs more."""
_PIECE = 1 << 20
"""Of a stream whose length nobody knows so much is read at a time."""
_WANTED = "it must be a path, bytes, a memoryview or a file opened in binary mode"


class Feed:
    """The bytes of one file, read when they are first asked for and kept."""

    __slots__ = ("_data", "_given", "_limit", "_name")

    def __init__(self, given: object, name: str, limit: Limit) -> None:
        self._given = given
        self._name = name
        self._limit = limit
        self._data: bytes | None = None

    def __getstate__(self) -> tuple[object, str, Limit]:
        return self._given, self._name, self._limit

    def __setstate__(self, state: tuple[object, str, Limit]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def whole(self) -> bytes:
        """All bytes.

        Raises:
            DataError: they cannot be read, or are more than the limit allows.
        """
        if self._data is None:
            data = self._read()
            self._limit.check_file(self._name, len(data))
            self._data = data
        return self._data

    @contextmanager
    def view(self) -> Iterator[View]:
        """What a header can be parsed from, for as long as the context lasts."""
        if self._data is not None or not is_path(self._given):
            yield Memory(self.whole())
            return
        with _opened(self._given, self._name) as file, _reading(self._name):
            found = os.fstat(file.fileno())
            if found.st_size <= _SMALL or not stat.S_ISREG(found.st_mode):
                self._data = self._rest(file)
                yield Memory(self._data)
            else:
                yield Disk(file.fileno(), file.read(_HEAD), found.st_size)

    def _read(self) -> bytes:
        given = self._given
        if isinstance(given, bytes):
            return given
        if isinstance(given, bytearray | memoryview):
            return bytes(given)
        if is_path(given):
            with _opened(given, self._name) as file, _reading(self._name):
                return self._rest(file)
        if isinstance(given, str):
            with _fetched(given, self._name) as file:
                return self._pieces(file.read)
        return self._pieces(given.read)  # type: ignore[attr-defined]

    def _rest(self, file: io.FileIO) -> bytes:
        """What is left of a file on disk; of a device or a pipe no more than is allowed."""
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            return self._pieces(file.read)
        self._limit.check_file(self._name, found.st_size)
        return file.readall()

    def _pieces(self, read: Callable[[int], Any]) -> bytes:
        pieces, length = [], 0
        with _reading(self._name):
            while piece := read(_PIECE):
                if not isinstance(piece, bytes):
                    raise DataTypeError(
                        f"{self._name} is a file that gives {type(piece).__name__}: {_WANTED}"
                    )
                pieces.append(piece)
                length += len(piece)
                self._limit.check_file(self._name, length)
        return b"".join(pieces)


def check_source(given: object, name: str) -> None:
    """Refuse what is no picture file.

    Raises:
        DataTypeError: it is none.
    """
    if not is_source(given):
        raise DataTypeError(f"{name} is of type {type(given).__name__}: {_WANTED}")


def is_path(given: object) -> bool:
    """Whether something names a file on disk, not an address such as s3://bucket/key."""
    if isinstance(given, str):
        return "://" not in given
    return isinstance(given, os.PathLike)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{name} cannot be read: {reason}") from error


@contextmanager
def _opened(given: Any, name: str) -> Iterator[io.FileIO]:
    try:
        file = io.FileIO(os.fspath(given))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{name} cannot be read: {reason.lower()}") from error
    with file:
        yield file


@contextmanager
def _fetched(address: str, name: str) -> Iterator[Any]:
    try:
        fsspec = import_module("fsspec")
    except ImportError as error:
        raise MissingFileError(f"{name} is an address: pip install fsspec to read it") from error
    try:
        with fsspec.open(address, "rb") as file:
            yield file
    except AnamorphError:
        raise
    except Exception as error:  # each file system of fsspec raises errors of its own
        reason = str(error) or type(error).__name__
        raise DataError(f"{name} cannot be read: {' '.join(reason.split())}") from error
