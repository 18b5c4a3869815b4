"""JPEG files: what stands before the first scan, and whether the scans are all there."""

from __future__ import annotations

import re
import struct

from anamorph.core.errors import sides
from anamorph.sources.exif import orientation_of
from anamorph.sources.form import Frame, Header
from anamorph.sources.view import BrokenHeaderError, Memory, View

_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_EXIF, _SCAN, _END = 0xE1, 0xDA, 0xD9
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_MOST_SCANS = 256
"""Each scan of a progressive file is a pass over all its pixels; real files have about ten."""

_HUFFMAN = (0, 1, 2)
_PROCESSES = (*_HUFFMAN, 3, 9, 10)
"""Those that some decoder knows; the others are hierarchical or lossless and arithmetic."""


def parse(view: View) -> Header:
    """Read the segments up to the first scan."""
    frame, body, orientation, at = 0, b"", 0, 2
    while True:
        marker, start, count = _segment(view, at)
        at = start + count
        if marker in _FRAMES and not body:
            frame, body = start, view.take(start, count)
        elif marker == _EXIF and not orientation:
            orientation = _exif(view, start, count)
        elif marker == _SCAN:
            break
        elif marker == _END:
            raise BrokenHeaderError("is a JPEG without a picture")
    if not body:
        raise BrokenHeaderError("is a JPEG without a frame")
    process = view.take(frame - 3, 1)[0] & 15
    form = Frame(
        frame + 1, process, body[0], _samplings(body), at, view.take(start, 1)[0] == body[5]
    )
    return _header(form, body, orientation or 1)


def check_whole(data: bytes, found: Header) -> None:
    """Walk over all scans up to the end of the picture."""
    if found.frame is None:
        return
    _check_weight(data, found, found.frame)
    view, scans = Memory(data), 1
    at = _after_scan(data, found.frame.scan)
    while scans <= _MOST_SCANS:
        marker, start, count = _segment(view, at)
        at = start + count
        if marker == _END:
            return
        if marker == _SCAN:
            scans += 1
            at = _after_scan(data, at)
    raise BrokenHeaderError(f"has more than {_MOST_SCANS} scans")


def check_end(data: bytes, found: Header, frame: Frame) -> None:
    """See whether the end of the picture is there, without walking to it.

    Raises:
        BrokenHeaderError: the file ends too early.
    """
    if data.rfind(b"\xff\xd9", frame.scan) < 0:
        raise BrokenHeaderError("is truncated")
    _check_weight(data, found, frame)


def _check_weight(data: bytes, found: Header, frame: Frame) -> None:
    """A Huffman code takes a bit at least, and there is one for each block of 8×8 of a scan."""
    if frame.process not in _HUFFMAN:
        return
    across = max(h for h, _ in frame.samplings) * 8
    down = max(v for _, v in frame.samplings) * 8
    if -(-found.width // across) * -(-found.height // down) > 8 * len(data):
        raise BrokenHeaderError(
            f"is corrupt: {len(data)} bytes cannot hold {sides(found.stored)} pixels"
        )


def _segment(view: View, at: int) -> tuple[int, int, int]:
    """Marker of the segment at a place, where its body starts, and how long that is."""
    fill, marker = view.take(at, 2)
    while fill == marker == 0xFF:
        at += 1
        fill, marker = view.take(at, 2)
    if fill != 0xFF:
        raise BrokenHeaderError("is a corrupt JPEG")
    if marker in _STANDALONE or marker == _END:
        return marker, at + 2, 0
    length = int.from_bytes(view.take(at + 2, 2), "big")
    if length < 2:
        raise BrokenHeaderError("is a corrupt JPEG")
    return marker, at + 4, length - 2


def _after_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded bytes that begin at ``at`` end."""
    found = _NEXT_MARKER.search(data, at)
    if found is None:
        raise BrokenHeaderError("is truncated")
    return found.start()


def _exif(view: View, start: int, count: int) -> int:
    """The orientation in an APP1 segment; 0 if it is none of EXIF."""
    if count < 6 or view.take(start, 6) != b"Exif\0\0":
        return 0
    return orientation_of(view.take(start + 6, count - 6))


def _samplings(body: bytes) -> tuple[tuple[int, int], ...]:
    parts = struct.unpack_from("3B" * body[5], body, 6)
    found = tuple((part >> 4, part & 15) for part in parts[1::3])
    if any(not 1 <= side <= 4 for pair in found for side in pair):
        raise BrokenHeaderError("is a corrupt JPEG")
    return found


def _header(frame: Frame, body: bytes, orientation: int) -> Header:
    height, width = struct.unpack_from(">HH", body, 1)
    count = len(frame.samplings)
    return Header(
        "jpeg",
        width,
        height,
        orientation,
        channels=1 if count == 1 else 3,
        frame=frame,
        refusal=_refusal(frame, count),
    )


def _refusal(frame: Frame, count: int) -> str:
    if frame.precision != 8:
        return f"is a JPEG of {frame.precision} bits: only those of 8 bits can be read"
    if count not in (1, 3, 4):
        return f"is a JPEG of {count} components: only those of 1, 3 or 4 can be read"
    if frame.process not in _PROCESSES:
        return f"is a JPEG of process SOF{frame.process}, which cannot be read"
    return ""
