"""What the libraries are fed: pictures with the statistics of photographs, and annotations on them.

Every byte follows from the arguments, so each library sees the same picture; the driver compares
digests to be sure. The octaves give the 1/f spectrum of photographs, the shapes give edges, the
last line gives sensor noise, so that codecs, medians and equalisation meet realistic work.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]
Data = dict[str, Any]

SHAPES = 14
MASK_CLASSES = 6


@lru_cache(maxsize=32)
def photo(height: int, width: int, seed: int) -> Picture:
    rng = np.random.default_rng((seed, height, width))
    canvas = _octaves(rng, height, width)
    for _ in range(SHAPES):
        colour = tuple(float(value) for value in rng.normal(0.0, 1.2, 3))
        layer = cv2.fillPoly(canvas.copy(), [_polygon(rng, height, width)], colour, cv2.LINE_8)
        canvas = cv2.addWeighted(canvas, 0.4, layer, 0.6, 0.0)
    canvas = (canvas - canvas.mean()) / max(float(canvas.std()), 1e-6)
    levels = 118.0 + 52.0 * canvas + rng.normal(0.0, 2.5, canvas.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _octaves(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    total = np.zeros((height, width, 3), np.float32)
    cell = max(height, width) // 2
    while cell >= 2:
        rows, cols = height // cell + 3, width // cell + 3
        luma = rng.normal(0.0, 1.0, (rows, cols, 1))
        chroma = rng.normal(0.0, 0.35, (rows, cols, 3))
        coarse = (luma + chroma).astype(np.float32)
        fine = cv2.resize(coarse, (cols * cell, rows * cell), interpolation=cv2.INTER_CUBIC)
        total += np.float32(cell**0.8) * fine[cell : cell + height, cell : cell + width]
        cell //= 2
    return total / np.float32(max(float(total.std()), 1e-6))


def _polygon(rng: np.random.Generator, height: int, width: int) -> NDArray[np.int32]:
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, 7))
    radii = rng.uniform(0.05, 0.28) * rng.uniform(0.5, 1.0, 7) * min(height, width)
    centre = rng.uniform(0.0, 1.0, 2) * (width, height)
    corners = centre + np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    return np.rint(corners).astype(np.int32)


def gray(height: int, width: int, seed: int) -> Picture:
    return cv2.cvtColor(photo(height, width, seed), cv2.COLOR_RGB2GRAY)


def unit_float(height: int, width: int, seed: int) -> Picture:
    return photo(height, width, seed).astype(np.float32) / np.float32(255)


def eight_bands(height: int, width: int, seed: int) -> Picture:
    parts = [unit_float(height, width, seed + step) for step in (0, 100, 200)]
    return np.ascontiguousarray(np.concatenate(parts, axis=2)[:, :, :8])


def sixteen_bits(height: int, width: int, seed: int) -> Picture:
    return photo(height, width, seed).astype(np.uint16) * np.uint16(257)


def stack(height: int, width: int, seed: int) -> Picture:
    """Make a volume of twenty-four slices."""
    return np.stack([gray(height, width, seed + z) for z in range(24)])


def mask(height: int, width: int, seed: int) -> Picture:
    rng = np.random.default_rng((seed, height, width, 1))
    labels = np.zeros((height, width), np.uint8)
    for label in range(1, MASK_CLASSES):
        cv2.fillPoly(labels, [_polygon(rng, height, width)], label)
    labels[height // 2 : height // 2 + 4, width // 2 : width // 2 + 4] = 1
    return labels


def boxes(height: int, width: int, count: int, seed: int) -> list[list[float]]:
    """Pascal VOC rows with the sizes of COCO objects: many small ones, few large ones."""
    rng = np.random.default_rng((seed, height, width, 2))
    sides = np.exp(rng.uniform(np.log(0.06), np.log(0.45), (count, 2))) * (width, height)
    corners = rng.uniform(0.0, 1.0, (count, 2)) * ((width, height) - sides)
    return np.concatenate([corners, corners + sides], axis=1).tolist()


def points(height: int, width: int, count: int, seed: int) -> list[tuple[float, float]]:
    rng = np.random.default_rng((seed, height, width, 3))
    spots = (0.5 + rng.uniform(-0.3, 0.3, (count, 2))) * (width, height)
    return [(float(x), float(y)) for x, y in spots]


BASES: dict[str, tuple[Callable[[int, int, int], Picture], tuple[int, int] | None]] = {
    # base: (maker, fixed height and width, or None where the case's size decides)
    "photo": (photo, None),
    "gray": (gray, None),
    "float": (unit_float, None),
    "bands8": (eight_bands, None),
    "sixteen": (sixteen_bits, None),
    "stack": (stack, (128, 128)),
    "wide": (photo, (375, 500)),
    "coco": (photo, (600, 800)),
    "tiny": (photo, (16, 16)),
    "small": (photo, (64, 64)),
}

EXTRAS: dict[str, Callable[[Any, int, int, int], Data]] = {
    # extra: (maker of the base's pictures, height, width, seed) → further arguments of the call
    "mask": lambda _, h, w, s: {"mask": mask(h, w, s)},
    "boxes20": lambda _, h, w, s: {"bboxes": boxes(h, w, 20, s), "labels": list(range(20))},
    "boxes200": lambda _, h, w, s: {"bboxes": boxes(h, w, 200, s), "labels": list(range(200))},
    "points68": lambda _, h, w, s: {"keypoints": points(h, w, 68, s), "names": list(range(68))},
    "near": lambda _, h, w, __: {"cropping_bbox": [w // 4, h // 4, 3 * w // 4, 3 * h // 4]},
    "fda": lambda make, h, w, s: {"fda_metadata": [make(h, w, s + 7)]},
    "hm": lambda make, h, w, s: {"hm_metadata": [make(h, w, s + 7)]},
    "pda": lambda make, h, w, s: {"pda_metadata": [make(h, w, s + 7)]},
    "overlay": lambda make, h, w, s: {
        "overlay_metadata": {"image": make(h // 3, w // 3, s + 7), "bbox": [0.2, 0.3, 0.6, 0.7]}
    },
    "mosaic": lambda make, h, w, s: {
        "mosaic_metadata": [{"image": make(h, w, s + 7 + i)} for i in range(4)]
    },
}

ANNOTATED = "+mask+boxes20+points68"


def inputs(kind: str, size: int, seed: int) -> Data:
    """Make the arguments of one call; `kind` is a base and extras, such as `photo+mask+boxes20`."""
    base, *extras = kind.split("+")
    maker, fixed = BASES[base]
    height, width = fixed or (size, size)
    name = "volume" if base == "stack" else "image"
    data: Data = {name: maker(height, width, seed).copy()}
    for extra in extras:
        data |= EXTRAS[extra](maker, height, width, seed)
    return data


def digest(data: list[Data]) -> str:
    """Fingerprint the inputs, to prove that all libraries saw the same and that none changed them."""
    state = hashlib.sha256()
    for sample in data:
        for key in sorted(sample):
            value = sample[key]
            state.update(key.encode())
            state.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return state.hexdigest()[:16]
