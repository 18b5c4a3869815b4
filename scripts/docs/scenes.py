"""What transforms are shown on: photographs with labels, a volume, a spectrogram, a clip."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import anamorph as A
from anamorph.data import read_annotations, read_mask, read_picture

ASSETS = Path(A.__file__).parent / "assets"
Array = NDArray[Any]


@cache
def photo(name: str) -> Array:
    """Read a photograph of the package."""
    return read_picture(ASSETS / "images" / f"{name}.jpg")


@cache
def mask(name: str) -> Array:
    """Read the mask of a photograph: the number of a category at each pixel."""
    return read_mask(ASSETS / "masks" / f"{name}.png")


@cache
def source() -> Any:
    """Read the annotations of the photographs."""
    return read_annotations(ASSETS / "annotations.json")


@cache
def sample(name: str) -> dict[str, Any]:
    """A photograph as a call has it: boxes in pixels with names, and keypoints."""
    image = photo(name)
    things = source().record(f"{name}.jpg", image.shape[:2]).objects
    return {
        "image": image,
        "mask": mask(name),
        "bboxes": [thing.box for thing in things],
        "names": [thing.category for thing in things],
        "keypoints": [point[:2] for thing in things for point in thing.keypoints],
    }


def resized(name: str, height: int, width: int) -> dict[str, Any]:
    """Shrink such a sample to a size."""
    pipeline = A.Compose(
        [A.Resize(height, width)],
        bbox_params=A.BboxParams("pascal_voc", ["names"]),
        keypoint_params=A.KeypointParams("xy"),
    )
    return pipeline(**sample(name))


_HEAD = (
    (2.0, 0.6900, 0.920, 0.900, 0.00, 0.000, 0.000, 0),
    (-0.8, 0.6624, 0.874, 0.880, 0.00, 0.000, 0.000, 0),
    (-0.2, 0.4100, 0.160, 0.210, -0.22, 0.000, -0.250, 108),
    (-0.2, 0.3100, 0.110, 0.220, 0.22, 0.000, -0.250, 72),
    (0.2, 0.2100, 0.250, 0.500, 0.00, 0.350, -0.250, 0),
    (0.2, 0.0460, 0.046, 0.046, 0.00, 0.100, -0.250, 0),
    (0.1, 0.0460, 0.023, 0.020, -0.08, -0.605, -0.250, 0),
    (0.1, 0.0460, 0.023, 0.020, 0.06, -0.605, -0.250, 90),
    (0.2, 0.0560, 0.040, 0.100, 0.06, -0.105, 0.625, 90),
    (-0.2, 0.0560, 0.056, 0.100, 0.00, 0.100, 0.625, 0),
)
"""Brightness, half axes, centre (x, y, z) and turn about z of the ellipsoids of a head: Kak and
Slane, Principles of Computerized Tomographic Imaging, 1988, table 3.2, with more contrast."""


@cache
def head(depth: int = 64, side: int = 96) -> tuple[Array, Array]:
    """Make the phantom of a head (D, H, W) and its mask, in which 1 and 2 are the ventricles."""
    z, y, x = np.meshgrid(
        *(np.linspace(-1, 1, n) for n in (depth, side, side)), indexing="ij", sparse=True
    )
    out, labels = np.zeros((depth, side, side)), np.zeros((depth, side, side), np.uint8)
    for value, a, b, c, x0, y0, z0, turn in _HEAD:
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        u, v = (x - x0) * cos + (y + y0) * sin, (y + y0) * cos - (x - x0) * sin
        inside = (u / a) ** 2 + (v / b) ** 2 + ((z - z0) / c) ** 2 <= 1
        out += np.where(inside, value, 0)
        if value == -0.2 and c > 0.2:
            labels[inside] = 1 if x0 < 0 else 2
    return (np.clip(out / 1.6, 0, 1) * 255).astype(np.uint8), labels


@cache
def spectrogram(height: int = 160, width: int = 240) -> Array:
    """Make a picture (frequency × time) of rising and falling tones, the high ones above."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    loud = 0.08 + 0.05 * np.random.default_rng(0).random((height, width))
    for base, rise, bend, starts, stops in (
        (0.85, -0.5, 0.0, 0.05, 0.55), (0.7, 0.1, 0.08, 0.3, 0.95), (0.3, 0.0, 0.05, 0.55, 0.9),
    ):  # fmt: skip
        for harmonic in (1.0, 0.75, 0.5):
            line = (base + rise * x + bend * np.sin(20 * x)) * harmonic
            sounding = (x > starts) & (x < stops)
            loud += 0.8 * harmonic * sounding * np.exp(-(((y - line) / 0.012) ** 2))
    return (np.clip(loud, 0, 1) * 255).astype(np.uint8)


@cache
def clip(frames: int = 12) -> Array:
    """Make a clip (N, H, W, C): a window that wanders over a photograph."""
    wide = photo("rocket")
    return np.stack([wide[100:340, 24 * i : 24 * i + 240] for i in range(frames)])
