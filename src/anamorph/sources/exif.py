"""The one thing of an EXIF block that matters here: how the picture is to be turned."""

from __future__ import annotations

import struct

from anamorph.sources.directory import ORIENTATION, read_directory
from anamorph.sources.view import BrokenHeaderError, Memory


def orientation_of(block: bytes) -> int:
    """The orientation in an EXIF block; a block that cannot be read says nothing.

    >>> orientation_of(b"no EXIF")
    1
    """
    if block[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    try:
        found = read_directory(Memory(block)).first(ORIENTATION, 1)
    except (BrokenHeaderError, struct.error):
        return 1
    return found if 1 <= found <= 8 else 1
