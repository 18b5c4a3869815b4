"""Results that share memory with inputs or with each other, or depend on where they lie in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A
from contracts.table import ROWS, build, extras, label_mask, picture

GRAINY = ["AdditiveNoise", "FilmGrain", "GaussNoise", "ISONoise", "RicianNoise", "ShotNoise"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("name", GRAINY)
def test_results_do_not_depend_on_where_in_memory_they_lie(name: str, dtype: str) -> None:
    image = picture(3, 29, 1 if name != "ISONoise" else 3, dtype)
    kept: list[Any] = []
    found = set()
    for size in range(1, 400, 13):
        kept.append(np.empty(size, np.uint8))
        out = A.Compose([getattr(A, name)(p=1)], seed=3)(image=image)["image"]
        kept.append(out)
        found.add(out.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("name", [n for n in ROWS if n not in ("ToTensorV2", "Lambda")])
def test_pictures_of_any_kind_are_left_alone_and_given_back_whole(name: str, channels: int) -> None:
    for dtype in ("uint8", "uint16", "float32"):
        if channels not in ROWS[name].colors and 5 not in ROWS[name].colors:
            return
        if (name, dtype) == ("FromFloat", "uint16"):
            continue
        image, mask = picture(30, 40, channels, dtype), label_mask(30, 40)
        before, more = image.copy(), extras(name, 30, 40)
        pipe = A.Compose([build(name, 30, 40)], seed=2, undefined="skip")
        out = pipe(image=image, mask=mask, **more)["image"]
        kept = out.copy()
        pipe(image=image[::-1].copy(), mask=mask, **more)
        assert np.array_equal(image, before)
        assert np.array_equal(out, kept)
        assert out.flags.c_contiguous
        assert out is image or not np.shares_memory(out, image)
        assert np.isfinite(out).all()
