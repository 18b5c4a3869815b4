"""JPEG decoded in part: fewer rows are the same rows, smaller pictures are the picture's means."""

from __future__ import annotations

import struct
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest

import anamorph
from anamorph.core.errors import DataError
from anamorph.sources import open_source, turbo
from sources.samples import SAMPLES, file

PHOTOS = sorted((Path(anamorph.__file__).parent / "assets" / "images").glob("*.jpg"))
SAMPLINGS = (0x111111, 0x211111, 0x121111, 0x221111, 0x411111)
SIZES = ((61, 45), (48, 64), (33, 9), (8, 70), (9, 8), (1, 1), (2, 40), (40, 3))
SCALES = (1, 2, 4, 8)


@pytest.fixture(params=[True, False], ids=["simplejpeg", "opencv"])
def turbo_or_not(request, monkeypatch):
    if request.param:
        pytest.importorskip("simplejpeg")
    else:
        monkeypatch.setattr(turbo, "is_installed", lambda: False)
    return request.param


def encoded(size, sampling=0x221111, *, gray=False, options=()):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    pixels = noise[..., 0] if gray else noise
    settings = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, *options]
    return cv2.imencode(".jpg", pixels, settings)[1].tobytes()


FORMS = {
    "plain": (),
    "restarts": (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "progressive": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=hex)
def test_rows_are_those_of_the_whole(form, sampling, turbo_or_not):
    for size, scale in product(SIZES, SCALES):
        source = open_source(encoded(size, sampling, options=FORMS[form]))
        whole = source.decode(scale)
        assert whole.shape == (-(-size[0] // scale), -(-size[1] // scale), 3)
        for bottom in {1, size[0] // 3 + 1, size[0] - 1 or 1, size[0]}:
            rows = -(-bottom // scale)
            part = source.decode(scale, bottom)
            assert part.shape[0] >= rows
            assert np.array_equal(part[:rows], whole[:rows]), (size, scale, bottom)
        assert source.skips_rows == (turbo_or_not and form != "progressive" and size != (1, 1))


@pytest.mark.parametrize("gray", [False, True])
def test_both_decoders_give_the_same(gray, monkeypatch):
    pytest.importorskip("simplejpeg")
    for size, scale in product(SIZES, SCALES):
        source = open_source(encoded(size, gray=gray))
        one = source.decode(scale)
        with monkeypatch.context() as patch:
            patch.setattr(turbo, "is_installed", lambda: False)
            assert np.array_equal(source.decode(scale), one), (size, scale)


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.usefixtures("turbo_or_not")
def test_smaller_is_the_mean_of_the_whole(path, scale):
    """The DCT's own low-pass against means over squares: within 1 level, 9 at one pixel in 100."""
    source = open_source(path)
    height, width = (side // scale for side in source.stored)
    squares = source.decode()[: height * scale, : width * scale].astype(float)
    means = squares.reshape(height, scale, width, scale, 3).mean((1, 3))
    apart = np.abs(source.decode(scale)[:height, :width] - means)
    assert apart.mean() < 1
    assert np.percentile(apart, 99) < 9


def test_fewer_rows_need_fewer_bytes():
    """What stands below the rows is not looked at: damage there does not show."""
    pytest.importorskip("simplejpeg")
    data = encoded((320, 64))
    whole = open_source(data).decode()
    at = len(data) * 3 // 4
    damaged = data[:at] + bytes(len(data) - at - 2) + data[-2:]
    assert not np.array_equal(open_source(damaged).decode(), whole)
    assert np.array_equal(open_source(damaged).decode(1, 160)[:160], whole[:160])


def test_lent_memory_is_used_again_and_only_if_asked_for():
    pytest.importorskip("simplejpeg")
    source = open_source(PHOTOS[0])
    own = source.decode(4)
    lent = source.decode(4, lent=True)
    assert np.array_equal(lent, own)
    again = source.decode(4, 40, lent=True)
    assert np.shares_memory(lent, again)
    assert not np.shares_memory(own, again)
    assert np.array_equal(source.decode(4), own)


def test_the_bytes_stay_as_they_are():
    data = encoded((64, 64))
    kept = bytes(bytearray(data))
    open_source(data).decode(2, 16)
    assert data == kept


def test_decoding_is_silent(capfd):
    pytest.importorskip("simplejpeg")
    source = open_source(encoded((160, 64)))
    for scale in SCALES:
        source.decode(scale, 50)
    assert capfd.readouterr() == ("", "")


def test_a_cut_picture_of_many_scans_is_refused():
    data = encoded((64, 64), options=FORMS["progressive"])
    with pytest.raises(DataError, match="truncated"):
        open_source(data[: len(data) // 2]).decode(8)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (4, b"\x0c", "of 12 bits"),
        (5, b"\0\0", "0×64 pixels"),
        (7, b"\0\0", "64×0 pixels"),
        (9, b"\x02", "2 components|corrupt JPEG"),
        (1, b"\xc5", "process SOF5"),
        (11, b"\x05", "corrupt JPEG"),
    ],
)
def test_odd_frames_are_named(at, value, message):
    data = bytearray(encoded((64, 64)))
    start = data.index(b"\xff\xc0")
    data[start + at : start + at + len(value)] = value
    with pytest.raises(DataError, match=message):
        open_source(bytes(data)).read()


def test_arithmetic_files_keep_the_promise_of_scales():
    source = open_source(file("arithmetic.jpg")())
    assert source.decode(8).shape == (3, 3, 3)


def test_the_first_exif_block_counts():
    data = SAMPLES["jpeg"].data
    for order in ("<", ">"):
        magic = b"II*\0" if order == "<" else b"MM\0*"
        entry = struct.pack(order + "IHHHIHHI", 8, 1, 274, 3, 1, 6, 0, 0)
        body = b"Exif\0\0" + magic + entry
        segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
        comment = b"\xff\xe1" + struct.pack(">H", 8) + b"http:/"
        assert open_source(data[:2] + comment + segment + data[2:]).orientation == 6
