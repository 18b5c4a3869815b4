"""Pictures of a declared range of values, and transforms that are not defined for a picture."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import anamorph as A

CT = (-1024.0, 3071.0)


def scan(dtype: str = "float32") -> Any:
    g = np.random.default_rng(0)
    return g.integers(-1000, 3000, (40, 50)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "int32"])
def test_units_and_dtype_come_back(dtype: str) -> None:
    picture = scan(dtype)
    pipe = A.Compose([A.HorizontalFlip(p=1)], value_range=CT)
    out = pipe(image=picture)["image"]
    assert out.dtype == picture.dtype
    assert np.allclose(out, picture[:, ::-1], atol=1e-3 if dtype.startswith("f") else 0)


def test_black_and_white_are_those_declared() -> None:
    picture = scan("int16")
    out = A.Compose([A.InvertImg(p=1)], value_range=CT)(image=picture)["image"]
    assert np.abs(out - (CT[0] + CT[1] - picture.astype(float))).max() <= 0.5
    twelve = np.random.default_rng(1).integers(0, 4096, (30, 40, 3)).astype("uint16")
    brighter = A.RandomBrightnessContrast((0.25, 0.25), (0, 0), p=1)
    out = A.Compose([brighter], value_range=(0, 4095))(image=twelve)["image"]
    wanted = np.minimum(twelve.astype(float) + 0.25 * 4095, 4095)
    assert out.dtype == np.uint16
    assert np.abs(out - wanted).max() <= 1


def test_fills_are_shares_of_the_range() -> None:
    picture = scan("int16")
    out = A.Compose([A.Pad(5, fill=0, p=1)], value_range=CT)(image=picture)["image"]
    assert (out[:5] == -1024).all()


def test_values_beyond_survive_what_moves() -> None:
    picture = np.full((8, 9), -3000, "int16")
    assert (A.Compose([A.Transpose(p=1)], value_range=CT)(image=picture)["image"] == -3000).all()


def test_what_was_converted_stays_converted() -> None:
    picture = scan("int16")
    out = A.Compose([A.Normalize(0.5, 0.25, max_pixel_value=1.0)], value_range=CT)(image=picture)
    wanted = ((picture - CT[0]) / (CT[1] - CT[0]) - 0.5) / 0.25
    assert np.allclose(out["image"], wanted, atol=1e-5)


def test_nothing_done_is_nothing_changed() -> None:
    picture = scan("int16")
    assert A.Compose([A.Blur(p=0)], value_range=CT)(image=picture)["image"] is picture


def test_stacks_and_lists() -> None:
    picture = scan("int16")
    pipe = A.Compose([A.VerticalFlip(p=1)], value_range=CT)
    out = pipe(volume=np.stack([picture, picture]), images=[picture])
    assert out["volume"].dtype == np.int16
    assert (out["volume"][1] == picture[::-1]).all()
    assert (out["images"][0] == picture[::-1]).all()


@pytest.mark.parametrize("wrong", [(1, 1), (3, 2), 5, (0, "x"), (0, float("nan"))])
def test_wrong_ranges_are_refused(wrong: Any) -> None:
    with pytest.raises(A.AnamorphError, match=r"Compose\.value_range = "):
        A.Compose([], value_range=wrong)


def test_options_are_written_and_read() -> None:
    pipe = A.Compose([A.Blur()], value_range=CT, undefined="skip")
    assert A.from_dict(json.loads(json.dumps(A.to_dict(pipe)))) == pipe


def test_what_is_undefined_is_refused_or_skipped() -> None:
    grey = np.full((20, 30, 5), 90, np.uint8)
    members = [A.ISONoise(p=1), A.HorizontalFlip(p=1)]
    with pytest.raises(A.AnamorphError, match="ISONoise needs a picture of 3 channels, not of 5"):
        A.Compose(members)(image=grey)
    grey[:, 0] = 7
    pipe = A.Compose(members, undefined="skip", save_applied_params=True)
    out = pipe(image=grey)
    assert (out["image"] == grey[:, ::-1]).all()
    assert [name for name, _ in out["applied_transforms"]] == ["HorizontalFlip"]
    with pytest.raises(A.AnamorphError, match=r"Compose\.undefined = 'ignore'"):
        A.Compose([], undefined="ignore")
