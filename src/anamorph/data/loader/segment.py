"""Memory that processes share and that no name keeps alive.

A segment belongs to whoever maps it, and is gone with the last of them, however they end: nothing
is left behind by a process that is killed. On Linux it does not count as ``/dev/shm``, which
containers keep small.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import sys
import tempfile
import uuid
import weakref
from multiprocessing.connection import Connection
from pathlib import Path
from typing import final

_PAGE = mmap.PAGESIZE


@final
class Segment:
    """Shared memory: ``buffer``, and its size in bytes."""

    __slots__ = ("__weakref__", "buffer", "handle", "size")

    def __init__(self, buffer: mmap.mmap, size: int, handle: int | str) -> None:
        """Keep what was mapped; ``handle`` is what others map it by."""
        self.buffer: mmap.mmap = buffer
        self.size: int = size
        self.handle: int | str = handle
        if isinstance(handle, int):
            weakref.finalize(self, os.close, handle).atexit = False

    @classmethod
    def make(cls, size: int) -> Segment:
        """Make a segment of at least a number of bytes, whole pages of zeros.

        >>> Segment.make(1000).size % 4096
        0
        """
        size = max(_PAGE, -(-size // _PAGE) * _PAGE)
        if sys.platform == "win32":
            name = f"anamorph-{uuid.uuid4().hex}"
            return cls(mmap.mmap(-1, size, tagname=name), size, name)
        handle = _nameless()
        os.ftruncate(handle, size)
        return cls(mmap.mmap(handle, size), size, handle)

    def send(self, end: Connection) -> None:
        """Hand it to the process at the other end of a pipe."""
        if isinstance(self.handle, str):
            end.send_bytes(self.handle.encode())
            return
        with socket.socket(fileno=os.dup(end.fileno())) as line:
            socket.send_fds(line, [b"\0"], [self.handle])

    @classmethod
    def receive(cls, end: Connection, size: int) -> Segment:
        """Take one that the process at the other end sends.

        Raises:
            EOFError: the other process is gone.
        """
        if sys.platform == "win32":
            name = end.recv_bytes().decode()
            return cls(mmap.mmap(-1, size, tagname=name), size, name)
        with socket.socket(fileno=os.dup(end.fileno())) as line:
            _, handles, _, _ = socket.recv_fds(line, 1, 1)
        if not handles:
            raise EOFError
        return cls(mmap.mmap(handles[0], size), size, handles[0])

    def empty(self) -> None:
        """Give its pages back to the system now, whoever else still maps them."""
        if hasattr(mmap, "MADV_REMOVE"):
            with contextlib.suppress(OSError):
                self.buffer.madvise(mmap.MADV_REMOVE)


def _nameless() -> int:
    """A file in memory that has no name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("anamorph", os.MFD_CLOEXEC)
    handle, path = tempfile.mkstemp(prefix="anamorph-")
    Path(path).unlink()
    return handle
