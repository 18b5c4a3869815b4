"""TIFF of any bands and layout, against what its writer was given."""

from __future__ import annotations

import io
from itertools import product

import cv2
import numpy as np
import pytest
from PIL import Image

from anamorph.core.errors import DataError
from anamorph.sources import bands, open_source, strips
from sources.samples import exif

tifffile = pytest.importorskip("tifffile")

BANDS = (1, 2, 3, 4, 7)
FORMS = ("uint8", "uint16", "float32")
LAYOUTS = {
    "one strip": {},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 16)},
}


def picture(count, form):
    values = np.arange(22 * 19 * count).reshape(22, 19, count) * 7 % 251
    pixels = (values * (257 if form == "uint16" else 1)).astype(form)
    return pixels[..., 0] if count == 1 else pixels


def written(pixels, *, apart=False, **options):
    out = io.BytesIO()
    if pixels.ndim == 3:
        options["planarconfig"] = "separate" if apart else "contig"
        pixels = np.moveaxis(pixels, 2, 0) if apart else pixels
    options.setdefault("photometric", "rgb" if options.pop("colors", False) else "minisblack")
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", BANDS)
def test_all_layouts_are_read(count, form, layout):
    pixels = picture(count, form)
    for packing, steps, apart, order in product((None, "zlib"), (0, 1), (0, 1), "<>"):
        if steps and (packing is None or form == "float32"):
            continue  # the writer does not do that
        data = written(
            pixels,
            apart=bool(apart),
            compression=packing,
            predictor=bool(steps),
            byteorder=order,
            bigtiff=bool(apart),
            **LAYOUTS[layout],
        )
        source = open_source(data)
        assert source.channels == count
        assert source.dtype == form
        read = source.read()
        assert np.array_equal(read, pixels), (packing, steps, apart, order)
        assert read.dtype == pixels.dtype
        assert read.dtype.isnative


@pytest.mark.skipif(not hasattr(cv2, "IMWRITE_TIFF_PREDICTOR"), reason="OpenCV writes none")
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("predictor", [1, 2, 3])
def test_differences_of_floats(predictor, count):
    pixels = picture(count, "float32") / np.float32(7)
    settings = [cv2.IMWRITE_TIFF_COMPRESSION, 8, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    data = cv2.imencode(".tiff", pixels[..., ::-1] if count == 3 else pixels, settings)[1].tobytes()
    assert np.array_equal(open_source(data).read(), pixels)


@pytest.mark.parametrize("form", FORMS)
def test_the_other_reader_agrees(form, monkeypatch):
    """What is packed otherwise goes through tifffile; here all of it does."""
    monkeypatch.setattr(strips, "layout_of", lambda _: None)
    for count, apart in product((2, 7), (False, True)):
        pixels = picture(count, form)
        data = written(pixels, apart=apart, compression="zlib")
        assert np.array_equal(open_source(data).read(), pixels)


def test_without_tifffile_rare_ways_are_refused(monkeypatch):
    monkeypatch.setattr("anamorph.sources.tiff.find_spec", lambda _: None)
    data = bytearray(written(picture(7, "uint8")))
    at = data.index((259).to_bytes(2, "little"))
    data[at + 8 : at + 10] = (5).to_bytes(2, "little")
    source = open_source(bytes(data))
    assert source.size == (22, 19)
    with pytest.raises(DataError, match="of 7 bands packed by way 5: pip install tifffile"):
        source.read()


def test_white_zeros_are_turned_round():
    for form in ("uint8", "uint16"):
        pixels = picture(1, form)
        for packing in (None, "zlib"):
            data = written(pixels, photometric="miniswhite", compression=packing)
            assert np.array_equal(open_source(data).read(), ~pixels)


def test_gray_with_alpha_is_gray():
    data = written(picture(2, "uint16"), extrasamples=["unassalpha"])
    source = open_source(data)
    assert source.channels == 1
    assert np.array_equal(source.read(), picture(2, "uint16")[..., 0])


def test_inks_are_refused():
    data = written(picture(4, "uint8"), photometric="separated")
    with pytest.raises(DataError, match="CMYK"):
        open_source(data).read()


def test_wide_numbers_are_for_masks():
    labels = picture(1, "int32")
    data = written(labels)
    assert np.array_equal(open_source(data).read_mask(), labels)
    with pytest.raises(DataError, match="holds int32 pixels"):
        open_source(data).read()


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_what_opencv_decodes_is_as_stored(orientation):
    """Of itself it would turn the pixels, and multiply them by their alpha."""
    pixels = picture(4, "uint8")
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation})
    source = open_source(out.getvalue())
    assert source.orientation == orientation
    assert np.array_equal(source.decode(), pixels)
    assert source.read().shape[:2] == source.size


def edited(data, tag, value, form="I"):
    """The file with another value for a tag of a little-endian TIFF."""
    out = bytearray(data)
    at = out.index(tag.to_bytes(2, "little"), 8)
    wide = {"H": 2, "I": 4}[form]
    out[at + 8 : at + 8 + wide] = (value & (1 << 8 * wide) - 1).to_bytes(wide, "little")
    return bytes(out)


@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        (256, 0, "0 pixels"),
        (256, 1 << 20, "bytes at most|cannot hold|pixels at most"),
        (257, 1 << 31, "at most"),
        (257, 2000, "cannot hold"),
        (273, 1 << 31, "truncated"),
        (279, 1 << 31, "truncated"),
        (279, 0, None),
        (278, 0, "corrupt TIFF"),
        (278, 1, "strips are missing"),
    ],
)
def test_absurd_entries_are_refused(tag, value, message):
    data = edited(exif.tiff(picture(3, "uint8"), 1), tag, value)
    if message is None:  # a strip that was never written is zeros
        assert not open_source(data).read().any()
        return
    with pytest.raises(DataError, match=message):
        open_source(data).read()


def test_absurd_tiles_are_refused():
    data = written(picture(3, "uint8"), tile=(16, 16))
    for value in (0, 0xFFF0):
        for tag in (322, 323):
            data = edited(data, tag, value, "H")
        with pytest.raises(DataError, match="corrupt TIFF"):
            open_source(data).read()


def test_a_damaged_deflated_strip_is_refused():
    data = bytearray(written(picture(3, "uint8"), compression="zlib"))
    data[-40] ^= 255
    with pytest.raises(DataError, match="corrupt"):
        open_source(bytes(data)).read()


def test_a_page_of_another_shape_is_refused():
    found = open_source(written(picture(6, "uint8")[:20])).header
    with pytest.raises(DataError, match="TIFF of 22×19×7 values"):
        bands.decode(written(picture(7, "uint8")), found, "image")
