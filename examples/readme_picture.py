"""Make the picture of the README: photographs of the package, and variants with all their labels."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import anamorph as A
from anamorph.cli.sheet import contact_sheet
from anamorph.cli.show import Shown
from anamorph.data import read_annotations

ASSETS = Path(A.__file__).parent / "assets"
OUT = Path(__file__).parents[1] / "docs" / "images" / "variants.png"
NAMES = ("astronaut.jpg", "coffee.jpg")
VARIANTS = 3
CELL = 300
SEED = 8

PAPER = (250, 250, 250)

PIPELINE = A.Compose(
    [
        A.HorizontalFlip(p=0.5),
        A.RandomCropFromBorders(0.12, 0.12, 0.05, 0.12, p=0.8),
        A.RandomBrightnessContrast(0.15, 0.25, p=0.8),
        A.HueSaturationValue(hue_shift_limit=14, sat_shift_limit=30, val_shift_limit=10, p=0.7),
        A.Affine(scale=(0.85, 1.1), rotate=(-30, 30), shear=(-10, 10), fill=PAPER, p=1),
        A.Perspective(scale=(0.04, 0.1), fill=PAPER, p=0.6),
    ],
    bbox_params=A.BboxParams("pascal_voc", min_visibility=0.1),
    seed=SEED,
)


def main() -> None:
    """Write the picture."""
    source = read_annotations(ASSETS / "annotations.json")
    shown = Shown(PIPELINE, source, VARIANTS)
    rows = [
        shown.row(ASSETS / "images", name, ASSETS / "masks" / f"{Path(name).stem}.png")
        for name in NAMES
    ]
    for row in rows:
        titles = ("as given", *[""] * VARIANTS) if row is rows[0] else [""] * (VARIANTS + 1)
        row[:] = [replace(view, title=title) for view, title in zip(row, titles, strict=True)]
    sheet = closed_up(contact_sheet(rows, source.categories, CELL))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(palette_png(sheet))
    print(OUT, OUT.stat().st_size, "bytes")


def closed_up(sheet: NDArray[np.uint8], gap: int = 8) -> NDArray[np.uint8]:
    """Leave out what is more than a gap of empty paper between rows."""
    empty = (sheet == sheet[0, 0]).all(axis=(1, 2))
    run = 0
    keep = []
    for blank in empty:
        run = run + 1 if blank else 0
        keep.append(run <= gap)
    return sheet[keep]


def palette_png(picture: NDArray[np.uint8], colors: int = 256) -> bytes:
    """Write an RGB picture as a PNG with a palette: a third of the bytes of one without."""
    pixels = picture.reshape(-1, 3).astype(np.float32)
    sample = pixels[np.random.default_rng(0).integers(0, len(pixels), 40_000)]
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 12, 0.0)
    none = np.empty((0,), np.int32)
    centers = cv2.kmeans(sample, colors, none, stop, 1, cv2.KMEANS_PP_CENTERS)[2]
    palette = np.rint(centers).astype(np.uint8)
    nearest = _nearest(pixels, palette.astype(np.float32)).reshape(picture.shape[:2])
    height, width = picture.shape[:2]
    lines = np.pad(nearest, ((0, 0), (1, 0))).tobytes()  # each line starts with its filter: none
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(lines, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))


def _nearest(pixels: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.uint8]:
    blocks = np.array_split(pixels, 64)
    halves = (palette**2).sum(axis=1) / 2
    return np.concatenate([(halves - b @ palette.T).argmin(axis=1) for b in blocks]).astype(
        np.uint8
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


if __name__ == "__main__":
    main()
