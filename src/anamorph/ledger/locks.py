"""Locks that the system takes away when their process dies, however it dies.

POSIX record locks: they belong to a process, are not inherited by the workers it forks, and work
over NFS. They are lost when their process closes *any* descriptor of the file, so a file that is
held is never opened a second time: `_HELD` knows. Where there are none (Windows, some network
filesystems) nothing is locked.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_HELD: dict[Path, tuple[int, int]] = {}
"""Path → process that took the lock, and its descriptor; a fork inherits the table, not the locks."""

_THREADS = threading.RLock()
"""Record locks do not keep the threads of one process apart."""

_TAKEN = (errno.EACCES, errno.EAGAIN)
_NONE_HERE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_PATIENCE = 1.0
"""Seconds. Who only looks whether a lock is held holds it for a moment."""


def hold(path: Path) -> bool:
    """Take a lock and keep it until `release` or the end of the process; False if another has it."""
    with _THREADS:
        if _ours(path):
            return True
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _patiently(descriptor):
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        _HELD[path] = (os.getpid(), descriptor)
        return True


def release(path: Path) -> None:
    """Give back a lock that this process holds, if it does."""
    with _THREADS:
        if _ours(path):
            os.close(_HELD.pop(path)[1])


def held(path: Path) -> bool:
    """Tell whether some process, or this one, holds a lock."""
    with _THREADS:
        if _ours(path):
            return True
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:  # never taken, or on a medium on which nobody can take it
            return False
        try:
            return not _take(descriptor, wait=False)
        finally:
            os.close(descriptor)


def holder(path: Path) -> str:
    """Who holds a lock, in words: ``process 17 on host``."""
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait for a lock, and hold it inside of a ``with``."""
    with _THREADS:
        if _ours(path):  # taken further up in this thread
            yield
            return
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _take(descriptor, wait=True)
            _HELD[path] = (os.getpid(), descriptor)
            yield
        finally:
            _HELD.pop(path, None)
            os.close(descriptor)


def _ours(path: Path) -> bool:
    return _HELD.get(path, (None,))[0] == os.getpid()


def _patiently(descriptor: int) -> bool:
    end = time.monotonic() + _PATIENCE
    while not _take(descriptor, wait=False):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _take(descriptor: int, *, wait: bool) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno not in _NONE_HERE:
            raise
    return True
