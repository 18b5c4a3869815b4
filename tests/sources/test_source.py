"""What a source says before decoding, and what decoding gives, for each form of file."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from anamorph.core.errors import DataError, ParameterError
from anamorph.data.reading import decode_picture
from anamorph.sources import open_source
from sources.samples import HEIGHT, SAMPLES, WIDTH, colors, exif, file

ALL = pytest.mark.parametrize("name", SAMPLES)


@ALL
def test_the_header_promises_what_is_read(name):
    sample = SAMPLES[name]
    source = open_source(sample.data, name)
    promised = source.size, source.stored, source.channels, source.dtype, source.kind
    pixels, wanted = source.read(), sample.pixels()
    assert promised[:2] == ((HEIGHT, WIDTH), (HEIGHT, WIDTH))
    assert promised[2] == (pixels.shape[2] if pixels.ndim == 3 else 1)
    assert promised[3] == pixels.dtype.name
    assert promised[4] == name.split("-")[0]
    assert pixels.shape == wanted.shape
    assert pixels.dtype == wanted.dtype
    assert np.abs(pixels.astype(float) - wanted).max() <= sample.atol


@ALL
def test_decoded_whole_is_the_picture(name):
    source = open_source(SAMPLES[name].data)
    assert np.array_equal(source.decode(), source.read())
    assert np.array_equal(decode_picture(SAMPLES[name].data), source.read())


@ALL
def test_pixels_belong_to_the_caller(name):
    source = open_source(SAMPLES[name].data)
    first = source.read()
    kept = first.copy()
    assert first.flags.c_contiguous
    first[:] = 0
    assert np.array_equal(source.read(), kept)
    assert np.array_equal(source.decode(), kept)


@pytest.mark.parametrize("name", [n for n in SAMPLES if n != "tiff-pages"])  # one page is whole
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_truncated_file_is_refused(name, share, capfd):
    data = SAMPLES[name].data
    source = open_source(data[: int(len(data) * share)], "half.file")
    with pytest.raises(DataError, match=r"^half\.file "):
        source.read()
    with pytest.raises(DataError, match=r"^half\.file "):
        source.decode()
    capfd.readouterr()


def test_lossless_jpeg_is_exact_or_refused():
    """OpenCV decodes them since 4.10."""
    source = open_source(file("lossless.jpg")())
    assert source.scales == (1,)
    if cv2.imdecode(np.frombuffer(file("lossless.jpg")(), np.uint8), cv2.IMREAD_COLOR) is None:
        with pytest.raises(DataError, match="cannot be decoded"):
            source.read()
    else:
        assert np.array_equal(source.read(), colors())


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_decoding_does_not_turn(kind, orientation):
    shown = SAMPLES["png"].pixels()
    source = open_source(getattr(exif, kind)(shown, orientation))
    assert source.orientation == orientation
    assert source.stored == (HEIGHT, WIDTH)
    assert source.size == ((WIDTH, HEIGHT) if orientation > 4 else (HEIGHT, WIDTH))
    assert np.abs(source.decode().astype(int) - shown).max() <= (14 if kind == "jpeg" else 0)
    assert source.read().shape[:2] == source.size


def test_masks_keep_indices_and_pictures_get_colors():
    source = open_source(SAMPLES["png-palette"].data)
    assert source.read().shape == (HEIGHT, WIDTH, 4)
    assert set(np.unique(source.read_mask())) == {0, 1}


@pytest.mark.parametrize(
    ("name", "scales"), [("jpeg", (1, 2, 4, 8)), ("jpeg-cmyk", (1, 2, 4, 8)), ("png", (1,))]
)
def test_scales(name, scales):
    source = open_source(SAMPLES[name].data)
    assert source.scales == scales
    with pytest.raises(ParameterError, match=r"denominator = 3: it must be one of 1"):
        source.decode(3)


def test_a_source_shows_its_name():
    assert repr(open_source("some/cat.jpg")) == "<Source some/cat.jpg>"
    assert open_source(b"", "mask").name == "mask"


@pytest.mark.parametrize("flags", [0, 0x10])
@pytest.mark.parametrize("name", ["webp", "webp-lossless"])
def test_the_extended_header_of_webp_says_whether_there_is_alpha(name, flags):
    head = struct.pack("<4sII", b"VP8X", 10, flags)
    head += (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    body = b"WEBP" + head + SAMPLES[name].data[12:]
    source = open_source(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert source.channels == (4 if flags else 3)
    assert source.read().shape == (HEIGHT, WIDTH, source.channels)
