"""What counts as a file where a picture may stand."""

from __future__ import annotations

import os

_TYPES = (str, os.PathLike, bytes, bytearray, memoryview)


def is_source(given: object) -> bool:
    """Whether something may be a picture file: a path, bytes, or what can be read from.

    >>> from anamorph.sources import is_source
    >>> is_source("cat.jpg"), is_source(b""), is_source([1, 2])
    (True, True, False)
    """
    return isinstance(given, _TYPES) or hasattr(given, "read")
