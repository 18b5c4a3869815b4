from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

import anamorph as A
from anamorph.core.errors import AnamorphError, DataError
from anamorph.data import read, read_mask, read_picture, read_size, write_picture
from anamorph.data.reading import decode_mask, decode_picture

_spec = importlib.util.spec_from_file_location("exif", Path(__file__).with_name("exif.py"))
exif = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(exif)

MAKERS = {"jpeg": exif.jpeg, "png": exif.png, "webp": exif.webp, "tiff": exif.tiff}
SUFFIXES = (".jpg", ".png", ".webp", ".bmp", ".tiff")


@pytest.fixture
def picture():
    y, x = np.mgrid[0:30, 0:40]
    return np.dstack([x * 6, y * 8, 255 - 3 * x - 3 * y]).astype(np.uint8)


def upright(pixels, orientation):
    """The picture as EXIF wants it shown, by the words of the standard."""
    transposed = np.swapaxes(pixels, 0, 1)
    return {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: transposed,
        6: transposed[:, ::-1],
        7: transposed[::-1, ::-1],
        8: transposed[::-1],
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", MAKERS)
def test_orientation_is_honoured(picture, kind, order, orientation, tmp_path):
    path = tmp_path / f"turned.{kind}"
    path.write_bytes(MAKERS[kind](picture, orientation, order))
    shown = read_picture(path)
    wanted = upright(picture, orientation)
    assert shown.shape == wanted.shape
    assert shown.flags.c_contiguous
    assert np.abs(shown.astype(int) - wanted).max() <= (10 if kind == "jpeg" else 0)
    assert read_size(path) == wanted.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bit_tiff_is_upright_too(orientation):
    deep = (np.arange(30 * 40).reshape(30, 40) * 50).astype(np.uint16)
    shown = decode_picture(exif.tiff(deep, orientation))
    assert shown.dtype == np.uint16
    assert np.array_equal(shown, upright(deep, orientation))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_size_needs_no_decoding(picture, suffix, tmp_path):
    write_picture(tmp_path / f"a{suffix}", picture)
    assert read_size(tmp_path / f"a{suffix}") == (30, 40)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colors_come_in_rgb_order(suffix, tmp_path):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    write_picture(tmp_path / f"red{suffix}", red)
    assert read_picture(tmp_path / f"red{suffix}")[8, 8].tolist() == pytest.approx(
        [250, 0, 0], abs=3
    )


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette_mask_gives_indices(depth):
    indices = (np.add.outer(np.arange(9), np.arange(13)) * 3 % 2**depth).astype(np.uint8)
    data = exif.palette_png(indices, depth)
    assert np.array_equal(decode_mask(data), indices)
    assert decode_picture(data).ndim == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_file_is_named(suffix, share, tmp_path, capfd):
    rng = np.random.default_rng(0)
    path = tmp_path / f"cut{suffix}"
    write_picture(path, rng.integers(0, 256, (50, 60, 3), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=f"cut{suffix}"):
        read_picture(path)
    capfd.readouterr()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"hello", "is no JPEG"),
        (b"\xff\xd8\xff", "truncated"),
        (b"BM", "truncated"),
        (b"II*\0", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"RIFF\xff\0\0\0WEBP", "truncated"),
    ],
)
def test_bad_content_is_one_sentence(content, reason, tmp_path):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(AnamorphError, match=reason) as caught:
        read_picture(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_png_is_refused(picture):
    data = bytearray(exif.png(picture, 1))
    data[len(data) // 2] ^= 1
    with pytest.raises(DataError, match="checksum"):
        decode_picture(bytes(data))


def test_absent_file_and_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png cannot be read: no such file"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(tmp_path)


def test_names_of_any_script(picture, tmp_path):
    path = tmp_path / "фото 写真 é.png"
    write_picture(path, picture)
    assert np.array_equal(read_picture(path), picture)


def test_wide_integers_are_masks_not_pictures(tmp_path):
    path = tmp_path / "labels.tiff"
    labels = (np.arange(40) * 70_000).reshape(5, 8).astype(np.int32)
    path.write_bytes(cv2.imencode(".tiff", labels)[1].tobytes())
    assert np.array_equal(read_mask(path), labels)
    with pytest.raises(DataError, match="holds int32 pixels"):
        read_picture(path)


@pytest.mark.parametrize(
    ("at_least", "shape"),
    [((0, 0), (300, 451)), ((151, 20), (300, 451)), ((150, 225), (150, 226)), ((1, 1), (38, 57))],
)
def test_read_gives_no_more_than_is_needed(at_least, shape):
    path = Path(A.__file__).parent / "assets" / "images" / "cat.jpg"
    for given in (path, path.read_bytes()):
        assert read(given, at_least=at_least).shape[:2] == shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_read_small_is_upright_too(orientation):
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :48] = 200
    data = exif.jpeg(pixels, orientation)
    whole, small = read(data), read(data, at_least=(16, 16))
    factor = whole.shape[0] // small.shape[0]
    means = whole.reshape(small.shape[0], factor, small.shape[1], factor, 3).mean((1, 3))
    assert factor == 4
    np.testing.assert_allclose(small, means, atol=6)
