"""What every transform owes is tested once, over this table: one row a transform.

The rows stand by family in `contracts.rows`; a test proves that they cover the catalogue.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import anamorph as A
from contracts.row import Row
from contracts.rows import adapt, blur, color, geometry, mix, pixels, policy, volume, weather

ROWS: dict[str, Row] = {
    **geometry.ROWS,
    **pixels.ROWS,
    **policy.ROWS,
    **color.ROWS,
    **mix.ROWS,
    **blur.ROWS,
    **adapt.ROWS,
    **weather.ROWS,
}
SOLID: dict[str, Row] = volume.ROWS
"""What acts on whole volumes, and needs calls of its own."""
ALL: dict[str, Row] = {**ROWS, **SOLID}


def build(name: str, h: int = 60, w: int = 80, variant: int = 0, **extra: Any) -> Any:
    """Build a transform from its row."""
    row = ALL[name]
    make = (row.make, *row.more)[variant]
    return getattr(A, name)(**{"p": 1, **make(h, w), **extra})


VARIANTS = [(name, i) for name, row in ROWS.items() for i in range(1 + len(row.more))]
MOVING = [(n, i) for n, i in VARIANTS if ROWS[n].moves in ("lattice", "matrix", "dense")]


def picture(
    h: int = 60, w: int = 80, channels: int | None = 3, dtype: str = "uint8", seed: int = 0
) -> Any:
    """Make a smooth picture with known randomness."""
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float64)
    g = np.random.default_rng(seed)
    planes = []
    for _ in range(channels or 1):
        fx, fy, phase = g.uniform(1, 3), g.uniform(1, 3), g.uniform(0, 6)
        planes.append(0.5 + 0.4 * np.sin(6.28 * (fx * xx / w + fy * yy / h) + phase))
    value = np.stack(planes, -1) if channels else planes[0]
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (np.round(value * scale) if scale > 1 else value).astype(dtype)


def label_mask(h: int = 60, w: int = 80) -> Any:
    """Make a mask with one rectangle of ones."""
    mask = np.zeros((h, w), np.uint8)
    mask[h // 4 : max(h // 4 + 1, 3 * h // 4), w // 4 : max(w // 4 + 1, 3 * w // 4)] = 1
    return mask


def extras(name: str, h: int, w: int) -> dict[str, Any]:
    """Make what else the call of a transform must hold."""
    return ROWS[name].extras(h, w)


def same(a: Any, b: Any) -> bool:
    """Compare results deeply; tensors by value."""
    if hasattr(a, "numpy") and hasattr(b, "numpy"):
        a, b = a.numpy(), b.numpy()
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
