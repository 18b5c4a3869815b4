"""Bytes at places: a file in memory, or one on disk of which only what is asked for is read."""

from __future__ import annotations

import os
from typing import Protocol


class BrokenHeaderError(ValueError):
    """The bytes are no whole picture; the message is the end of a sentence about the file."""


class View(Protocol):
    """What header parsers read from."""

    size: int

    def take(self, at: int, count: int) -> bytes:
        """Give ``count`` bytes that begin at ``at``.

        Raises:
            BrokenHeaderError: the file ends before that.
        """
        ...


class Memory:
    """A whole file in memory."""

    __slots__ = ("data", "size")

    def __init__(self, data: bytes) -> None:
        self.data: bytes = data
        self.size: int = len(data)

    def take(self, at: int, count: int) -> bytes:
        found = self.data[at : at + count]
        if len(found) != count:
            raise BrokenHeaderError("is truncated")
        return found


class Disk:
    """An open file of which the head was read."""

    __slots__ = ("_file", "_head", "size")

    def __init__(self, file: int, head: bytes, size: int) -> None:
        self._file = file
        self._head = head
        self.size: int = size

    def take(self, at: int, count: int) -> bytes:
        if at + count > self.size:
            raise BrokenHeaderError("is truncated")
        if at + count <= len(self._head):
            return self._head[at : at + count]
        os.lseek(self._file, at, os.SEEK_SET)
        found = os.read(self._file, count)
        if len(found) != count:
            raise BrokenHeaderError("is truncated")
        return found
