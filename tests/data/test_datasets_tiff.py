"""TIFF of many bands and pages. The files are written here, plainly, so nobody's reader is trusted."""

from __future__ import annotations

import struct
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

from anamorph.core.errors import DataError
from anamorph.data import MaskFolders, read_bands, read_pages, write_mask
from anamorph.sources import Limit

FORMS = {"u": 1, "i": 2, "f": 3}


def bits_packed(block):
    """PackBits without runs: a count before every 128 bytes at most."""
    pieces = [block[at : at + 128] for at in range(0, len(block), 128)]
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)


def tiff(pages, *, photometric=1, planar=False, extra=None, orientation=1, packed=False):
    """Pages of H×W or H×W×C, each in one strip (or one a band)."""
    out = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for page in pages:
        deep = np.atleast_3d(page)
        height, width, bands = deep.shape
        blocks = [deep[..., at] for at in range(bands)] if planar else [deep]
        raw = [np.ascontiguousarray(block).tobytes() for block in blocks]
        raw = [bits_packed(block) for block in raw] if packed else raw
        places = []
        for block in raw:
            places.append(len(out))
            out += block + b"\0" * (len(block) % 2)
        tags = {
            256: (4, [width]), 257: (4, [height]), 258: (3, [8 * page.dtype.itemsize] * bands),
            259: (3, [32773 if packed else 1]), 262: (3, [photometric]), 273: (4, places), 274: (3, [orientation]),
            277: (3, [bands]), 278: (4, [height]), 279: (4, [len(block) for block in raw]),
            284: (3, [2 if planar else 1]), 339: (3, [FORMS[page.dtype.kind]] * bands),
        }  # fmt: skip
        if extra is not None:
            tags[338] = (3, [extra] * (bands - (3 if photometric == 2 else 1)))
        entries = []
        for tag, (kind, values) in sorted(tags.items()):
            content = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
            if len(content) > 4:
                entries.append((tag, kind, len(values), struct.pack("<I", len(out))))
                out += content
            else:
                entries.append((tag, kind, len(values), content.ljust(4, b"\0")))
        struct.pack_into("<I", out, link, len(out))
        out += struct.pack("<H", len(entries))
        out += b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
        link = len(out)
        out += b"\0\0\0\0"
    return bytes(out)


def numbers(shape, dtype):
    found = np.random.default_rng(0).integers(0, 250, shape)
    return (
        found / 255 if dtype == "float32" else found * 3 if dtype == "uint16" else found
    ).astype(dtype)


@pytest.fixture
def write(tmp_path):
    def file(*given, **options):
        path = tmp_path / "a.tif"
        path.write_bytes(tiff(*given, **options))
        return path

    return file


dtypes = pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])


@dtypes
@pytest.mark.parametrize("bands", [1, 3])
def test_gray_and_colors(bands, dtype, write):
    """Gray and RGB; red comes first."""
    pixels = numbers((7, 9, bands), dtype).squeeze()
    path = write([pixels], photometric=2 if bands == 3 else 1)
    found = read_bands(path)
    assert found.dtype == dtype
    assert np.array_equal(found, pixels)


@dtypes
def test_pages(dtype, write):
    volume = numbers((6, 7, 9), dtype)
    path = write(list(volume))
    assert np.array_equal(read_pages(path), volume)
    assert np.array_equal(read_bands(path), np.moveaxis(volume, 0, -1))


@dtypes
def test_pages_of_color(dtype, write):
    clip = numbers((4, 7, 9, 3), dtype)
    path = write(list(clip), photometric=2)
    assert np.array_equal(read_pages(path), clip)
    assert np.array_equal(read_bands(path)[..., 3:6], clip[1])


MANY = {
    "two bands": (2, {"extra": 0}),
    "gray and alpha": (2, {"extra": 2}),
    "three bands, no colors": (3, {"extra": 0}),
    "four bands": (4, {"extra": 0}),
    "five bands": (5, {"extra": 0}),
    "twelve bands": (12, {"extra": 0}),
    "five planes": (5, {"extra": 0, "planar": True}),
    "planes of colors": (3, {"photometric": 2, "planar": True}),
    "colors and alpha": (4, {"photometric": 2, "extra": 2}),
    "colors and alpha in planes": (4, {"photometric": 2, "extra": 2, "planar": True}),
}


@pytest.fixture
def bare(monkeypatch):
    """As if tifffile were not installed."""
    monkeypatch.setitem(sys.modules, "tifffile", None)


@dtypes
@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("case", MANY)
def test_many_bands(case, count, dtype, write):
    """Of which OpenCV alone returns the first, or in disorder, or multiplied by alpha."""
    bands, options = MANY[case]
    pixels = numbers((count, 7, 9, bands), dtype)
    path = write(list(pixels), **options)
    found = read_bands(path)
    assert found.dtype == dtype
    assert found.flags.c_contiguous
    assert np.array_equal(found, np.concatenate(pixels, axis=-1))
    assert np.array_equal(read_pages(path), pixels)


@dtypes
@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("bands", [1, 3])
def test_packed_pages(bands, dtype, write):
    """Gray and colors are unpacked by OpenCV."""
    pixels = numbers((3, 7, 9, bands), dtype).squeeze()
    path = write(list(pixels), photometric=2 if bands == 3 else 1, packed=True)
    assert np.array_equal(read_pages(path), pixels)
    assert np.array_equal(
        read_bands(write([pixels[0]], photometric=2 if bands == 3 else 1, packed=True)), pixels[0]
    )


def test_packed_pages_of_opencv(tmp_path):
    pages = numbers((3, 30, 40), "uint16")
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), list(pages))
    assert np.array_equal(read_pages(tmp_path / "a.tif"), pages)


PACKED = {
    "gray and alpha": (2, {"extra": 2}),
    "five bands": (5, {"extra": 0}),
    "colors and alpha": (4, {"photometric": 2, "extra": 2}),
}


@pytest.mark.parametrize("case", PACKED)
def test_packed_pages_of_bands(case, write, monkeypatch):
    bands, options = PACKED[case]
    pixels = numbers((2, 7, 9, bands), "uint8")
    path = write(list(pixels), packed=True, **options)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "tifffile", None)
        with pytest.raises(DataError, match=r"packed in a rare way: install tifffile"):
            read_pages(path)
    pytest.importorskip("tifffile")
    assert np.array_equal(read_pages(path), pixels)


@pytest.mark.parametrize("extra", [1, 2])
def test_a_packed_page_keeps_its_alpha(extra, write):
    pytest.importorskip("tifffile")
    pixels = numbers((7, 9, 2), "uint8")
    assert np.array_equal(read_bands(write([pixels], packed=True, extra=extra)), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_white_zeros_are_turned_round(count, packed, dtype, write):
    pixels = numbers((count, 7, 9), dtype)
    path = write(list(pixels), photometric=0, packed=packed)
    assert np.array_equal(read_pages(path), ~pixels)


def test_turned_pages(write):
    """As read_picture gives them; several that are packed too are refused."""
    pixels = numbers((5, 7), "uint8")
    assert np.array_equal(read_bands(write([pixels], orientation=6)), np.rot90(pixels, -1))
    assert np.array_equal(read_pages(write([pixels] * 2, orientation=3))[1], pixels[::-1, ::-1])
    with pytest.raises(DataError, match="stored turned"):
        read_pages(write([pixels] * 2, orientation=3, packed=True))


def test_no_more_than_the_limit(write):
    path = write([numbers((30, 40), "uint8")] * 3)
    assert read_pages(path, Limit(pixels=3600)).shape == (3, 30, 40)
    with pytest.raises(DataError, match="has 90×40 pixels: a picture may have 3599 at most"):
        read_pages(path, Limit(pixels=3599))


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_signed_numbers(dtype, write):
    pixels = numbers((5, 5), dtype) - 100
    assert np.array_equal(read_bands(write([pixels])), pixels)


def test_one_pixel(write):
    assert read_bands(write([np.full((1, 1), 7, np.uint8)])).tolist() == [[7]]


def test_what_is_refused(write, tmp_path):
    sizes = [numbers((5, 6), "uint8"), numbers((5, 7), "uint8")]
    with pytest.raises(DataError, match="has pages of 5×6 uint8 and 5×7 uint8"):
        read_pages(write(sizes))
    with pytest.raises(DataError, match="holds float64 pixels"):
        read_bands(write([numbers((5, 6), "float64")]))
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="is no TIFF"):
        read_bands(tmp_path / "a.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_bands(tmp_path / "none.tif")


def test_broken_files_are_refused(write):
    """Cut anywhere it is refused; with any byte changed it is read or refused."""
    path = write([numbers((5, 6), "uint8"), numbers((5, 6), "uint8")])
    whole = path.read_bytes()
    cuts = [whole[:at] for at in range(len(whole))]
    flips = [whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :] for at in range(len(whole))]
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    told = [_refusal(path, data) for data in cuts]
    assert [at for at, text in enumerate(told) if text is None] == []
    told += [text for text in (_refusal(path, data) for data in flips) if text is not None]
    assert len(told) > 1.2 * len(cuts)
    assert all("a.tif" in text for text in told)


def test_a_page_that_does_not_decode(write):
    """Not even OpenCV's silence about a page after the first makes a stack shorter."""
    path = write([numbers((5, 6), "uint8")] * 3)
    data = bytearray(path.read_bytes())
    entry = struct.pack("<HHIH", 259, 3, 1, 1)
    second = data.index(entry, data.index(entry) + 1)
    struct.pack_into("<H", data, second + 8, 7)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is corrupt|cannot be decoded"):
        read_pages(path)


def test_pages_in_circles(write):
    path = write([numbers((5, 6), "uint8"), numbers((5, 6), "uint8")])
    data = bytearray(path.read_bytes())
    data[-4:] = data[4:8]
    path.write_bytes(data)
    with pytest.raises(DataError, match="pages in circles"):
        read_pages(path)


def _refusal(path, data):
    path.write_bytes(data)
    try:
        read_pages(path)
    except DataError as error:
        return str(error)
    return None


def test_as_the_reader_of_a_dataset(tmp_path):
    (tmp_path / "images").mkdir()
    scene = numbers((8, 9, 6), "uint16")
    (tmp_path / "images/a.tif").write_bytes(tiff([scene], extra=0))
    write_mask(tmp_path / "masks/a.png", np.ones((8, 9), np.uint8))
    found = MaskFolders(tmp_path / "images", tmp_path / "masks", reader=read_bands)
    assert np.array_equal(found[0]["image"], scene)


def test_the_writer_here_chains_its_pages():
    """Each directory names the next."""
    data = tiff([np.zeros((2, 2), np.uint8)] * 3)
    places, at = [], struct.unpack_from("<I", data, 4)[0]
    while at:
        places.append(at)
        (count,) = struct.unpack_from("<H", data, at)
        (at,) = struct.unpack_from("<I", data, at + 2 + 12 * count)
    assert len(places) == 3
    assert all(a < b for a, b in pairwise(places))
