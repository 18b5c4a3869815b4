from __future__ import annotations

import os

import numpy as np
import pytest

from anamorph.core.errors import DataError, UnknownNameError
from anamorph.data import read_mask, read_picture, write_atomically, write_mask, write_picture
from anamorph.data.write import encode_picture, mask_suffix


def noise(shape, dtype):
    rng = np.random.default_rng(1)
    if dtype == np.float32:
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4), (1, 1), (1, 1, 3)])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".png", np.uint8),
        (".png", np.uint16),
        (".tiff", np.uint8),
        (".tif", np.uint16),
        (".tiff", np.float32),
        (".bmp", np.uint8),
    ],
)
def test_lossless_round_trip(shape, suffix, dtype, tmp_path):
    picture = noise(shape, dtype)
    write_picture(tmp_path / f"a{suffix}", picture)
    back = read_picture(tmp_path / f"a{suffix}")
    if suffix == ".bmp" and shape[2:] == (4,):
        picture = picture[..., :3]
    assert back.dtype == picture.dtype
    assert np.array_equal(back, picture)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_round_trip_is_close(suffix, tmp_path):
    y, x = np.mgrid[0:64, 0:64]
    picture = np.dstack([x * 4, y * 4, (x + y) * 2]).astype(np.uint8)
    write_picture(tmp_path / f"a{suffix}", picture)
    error = np.abs(read_picture(tmp_path / f"a{suffix}").astype(int) - picture)
    assert error.mean() < 3


def test_gray_with_a_channel_axis(tmp_path):
    picture = noise((5, 6, 1), np.uint8)
    write_picture(tmp_path / "a.png", picture)
    assert np.array_equal(read_picture(tmp_path / "a.png"), picture[..., 0])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp"])
def test_equal_pixels_give_equal_bytes(suffix):
    picture = noise((20, 30, 3), np.uint8)
    assert encode_picture(picture, suffix) == encode_picture(picture.copy(), suffix)


def test_quality_matters():
    picture = noise((40, 40, 3), np.uint8)
    assert len(encode_picture(picture, ".jpg", 30)) < len(encode_picture(picture, ".jpg", 95))


@pytest.mark.parametrize(
    ("suffix", "picture", "reason"),
    [
        (".jpg", noise((4, 4), np.uint16), "uint16 pixels: .jpg holds uint8"),
        (".png", noise((4, 4), np.float32), ".png holds uint8 or uint16"),
        (".png", noise((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (".png", np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
    ],
)
def test_what_a_format_cannot_hold(suffix, picture, reason, tmp_path):
    with pytest.raises(DataError, match=reason):
        write_picture(tmp_path / f"a{suffix}", picture)
    assert list(tmp_path.iterdir()) == []


def test_unknown_ending_suggests_one():
    with pytest.raises(UnknownNameError, match=r"did you mean \.jpg"):
        encode_picture(noise((4, 4), np.uint8), ".jepg")


@pytest.mark.parametrize(
    "mask",
    [
        np.eye(5, dtype=np.uint8) * 7,
        np.eye(5, dtype=np.uint16) * 60_000,
        np.eye(5, dtype=np.int64) * 60_000,
        np.eye(5, dtype=np.int32) * 255,
        np.eye(5, dtype=np.int32) * -3,
        np.eye(5, dtype=np.int64) * 70_000,
        np.eye(5, dtype=np.float32) * 0.3,
    ],
)
def test_masks_keep_their_values(mask, tmp_path):
    path = tmp_path / f"m{mask_suffix(mask)}"
    write_mask(path, mask)
    assert np.array_equal(read_mask(path), mask)


def test_bool_mask_is_black_and_white(tmp_path):
    mask = np.eye(5, dtype=bool)
    assert mask_suffix(mask) == ".png"
    write_mask(tmp_path / "m.png", mask)
    assert np.array_equal(read_mask(tmp_path / "m.png"), mask * np.uint8(255))


def test_mask_is_never_written_with_loss(tmp_path):
    with pytest.raises(DataError, match="would lose values"):
        write_mask(tmp_path / "m.jpg", np.eye(5, dtype=np.uint8))
    with pytest.raises(DataError, match=r"from 0 to 70000: \.png holds"):
        write_mask(tmp_path / "m.png", np.eye(5, dtype=np.int64) * 70_000)


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_files_get_the_usual_mode(tmp_path):
    write_atomically(tmp_path / "a", b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
