"""What a transform takes, found by running it: dtypes, channels, backends, targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import anamorph as A
from anamorph.backends import BACKENDS

DTYPES = ("uint8", "uint16", "float32")
CHANNELS = (1, 3, 8)
YES, NO = "yes", "–"
SIDE = 48


def picture(channels: int, dtype: str, side: int = SIDE) -> Any:
    """Make a picture with structure in it."""
    y, x = np.mgrid[0:side, 0:side] / side
    planes = [0.5 + 0.4 * np.sin(7 * x + (3 + c) * y + c) for c in range(channels)]
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (np.stack(planes, -1) * white).astype(dtype)


def takes(make: Callable[[], Any], data: Mapping[str, Any], backend: str) -> bool:
    """Tell whether a transform takes such data on such a backend."""
    try:
        A.Compose([make()], seed=0, backend=backend)(**data)
    except A.AnamorphError:
        return False
    return True


def matrix(make: Callable[[], Any], key: str, extra: Mapping[str, Any]) -> list[list[str]]:
    """Rows of the table: backend, then for every dtype the numbers of channels that are taken."""
    rows = []
    for backend in BACKENDS:
        cells = []
        for dtype in DTYPES:
            taken = [c for c in CHANNELS if takes(make, {**_data(key, c, dtype), **extra}, backend)]
            cells.append(_said(taken))
        rows.append([backend, *cells])
    return rows


def _said(taken: list[int]) -> str:
    if len(taken) == len(CHANNELS):
        return "any channels"
    return ", ".join(map(str, taken)) + " channels" if taken else NO


def _data(key: str, channels: int, dtype: str) -> dict[str, Any]:
    image = picture(channels, dtype)
    if key == "image":
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[10:30, 12:40] = 1
        return {"image": image, "mask": mask}
    return {key: np.stack([image] * 12)}
