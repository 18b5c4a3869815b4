"""Files that ask for the impossible: refused before memory is asked for, in one sentence."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest

from anamorph.core.errors import DataError
from anamorph.sources import Limit, open_source
from sources.samples import SAMPLES, exif


def jpeg_claiming(height, width):
    data = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def png_claiming(height, width, body=b"\0" * 64, depth=8, color=2):
    return (
        b"\x89PNG\r\n\x1a\n"
        + exif.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
        + exif.chunk(b"IDAT", zlib.compress(body, 9))
        + exif.chunk(b"IEND", b"")
    )


def webp_claiming(height, width):
    data = bytearray(SAMPLES["webp-lossless"].data)
    at = data.index(b"VP8L") + 9
    struct.pack_into("<I", data, at, (width - 1) | (height - 1) << 14)
    return bytes(data)


def bmp_claiming(height, width):
    data = bytearray(SAMPLES["bmp"].data)
    struct.pack_into("<ii", data, 18, width, height)
    return bytes(data)


BOMBS = {
    "jpeg 65535": (lambda: jpeg_claiming(65535, 65535), "268435456 at most"),
    "jpeg 16000": (lambda: jpeg_claiming(16000, 16000), "cannot hold 16000×16000 pixels"),
    "png 2^31": (lambda: png_claiming(2**31, 2**31), "at most"),
    "png 16000": (lambda: png_claiming(16000, 16000), "cannot hold 16000×16000 pixels"),
    "png wide": (lambda: png_claiming(1, 2**31 - 1), "at most"),
    "png deep": (lambda: png_claiming(16384, 16384, depth=16, color=6), "cannot hold"),
    "png flat": (lambda: png_claiming(0, 5), "header says 0×5 pixels"),
    "png inflating": (lambda: png_claiming(40000, 40000, bytes(1 << 24)), "at most"),
    "webp 16384": (lambda: webp_claiming(16384, 16384), "corrupt|at most"),
    "bmp 2^31": (lambda: bmp_claiming(-(2**31), 2**31 - 1), "at most"),
    "bmp 16000": (lambda: bmp_claiming(16000, 16000), "truncated"),
    "bmp negative": (lambda: bmp_claiming(16, -16), "header says 16×-16 pixels"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_absurd_sizes_are_refused(name, capfd):
    make, message = BOMBS[name]
    data = make()
    tracemalloc.start()
    started = time.process_time()
    for way in ("read", "read_mask", "decode"):
        with pytest.raises(DataError, match=message) as caught:
            getattr(open_source(data, "bomb"), way)()
        assert str(caught.value).startswith("bomb ")
    assert time.process_time() - started < 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20 or name == "webp 16384"
    capfd.readouterr()


@pytest.mark.parametrize("name", SAMPLES)
def test_limits_are_the_callers(name):
    data = SAMPLES[name].data
    pixels = 22 * 19
    assert open_source(data, limit=Limit(pixels=pixels)).read().size
    for limit in (Limit(pixels=pixels - 1), Limit(bytes=pixels - 1), Limit(bytes=len(data) - 1)):
        source = open_source(data, "photo", limit)
        with pytest.raises(DataError, match=r"^photo has .* at most|no more than that"):
            source.read()
        with pytest.raises(DataError, match=r"^photo has .* at most|no more than that"):
            source.decode()


def test_a_reduced_jpeg_counts_by_what_is_decoded():
    source = open_source(SAMPLES["jpeg"].data, limit=Limit(pixels=10))
    assert source.decode(8).shape == (3, 3, 3)
    with pytest.raises(DataError, match="10 at most"):
        source.decode(4)


def test_a_progressive_jpeg_counts_whole():
    """Its decoder keeps all coefficients, whatever the scale."""
    source = open_source(SAMPLES["jpeg-progressive"].data, limit=Limit(pixels=100))
    with pytest.raises(DataError, match="100 at most"):
        source.decode(8)


def test_scans_without_end_are_refused():
    data = SAMPLES["jpeg-progressive"].data
    at = data.rindex(b"\xff\xda")
    scan, end = data[at:-2], data[-2:]
    with pytest.raises(DataError, match="more than 256 scans"):
        open_source(data[:at] + scan * 300 + end).read()


def test_a_directory_that_leads_to_itself_is_read_once():
    data = bytearray(exif.tiff(SAMPLES["png"].pixels(), 1))
    count = struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, 10 + 12 * count, 8)
    assert np.array_equal(open_source(bytes(data)).read(), SAMPLES["png"].pixels())


def test_strips_that_share_their_bytes_are_bounded():
    """Each of many strips claims the whole file: unpacking that would take for ever."""
    height, width = 60_000, 16
    body = zlib.compress(bytes(width)) + bytes(1 << 20)
    count = 9
    after = 8 + 2 + 12 * count + 4
    tables = struct.pack(f"<{height}I", *[after + 8 * height] * height)
    tables += struct.pack(f"<{height}I", *[len(body)] * height)
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (273, 4, height, after), (277, 3, 1, 1), (278, 4, 1, 1),
        (279, 4, height, after + 4 * height),
    ]  # fmt: skip
    data = b"II*\0" + struct.pack("<IH", 8, count)
    data += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4) + tables + body
    with pytest.raises(DataError, match="strips overlap"):
        open_source(data).read()


@pytest.mark.parametrize("entries", [0, 1, 0xFFFF])
def test_exif_blocks_that_lie_say_nothing(entries):
    body = b"Exif\0\0II*\0" + struct.pack("<IH", 8, entries) + b"\x12\x01\x03\0" + b"\xff" * 30
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    data = SAMPLES["jpeg"].data
    source = open_source(data[:2] + segment + data[2:])
    assert source.orientation == 1
    assert source.read().shape == (22, 19, 3)


@pytest.mark.parametrize("offset", [0, 4, 8, 2**32 - 1])
def test_exif_directories_anywhere(offset):
    body = b"Exif\0\0MM\0*" + struct.pack(">I", offset)
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    data = SAMPLES["jpeg"].data
    assert open_source(data[:2] + segment + data[2:]).orientation == 1


def test_fill_bytes_and_empty_segments_end():
    data = SAMPLES["jpeg"].data
    filled = data[:2] + b"\xff" * 100_000 + b"\xff\xfe\0\x02" * 20_000 + data[2:]
    assert np.array_equal(open_source(filled).read(), open_source(data).read())
    with pytest.raises(DataError, match="truncated"):
        open_source(data[:2] + b"\xff" * 100_000).read()
