"""How each transform is shown: arguments that make it visible, and what its call needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anamorph as A
from anamorph.data import read_mask, read_picture

ASSETS = Path(A.__file__).parent / "assets"


def photo(name: str) -> Any:
    """Read a photograph of the package."""
    return read_picture(ASSETS / "images" / f"{name}.jpg")


def mask(name: str) -> Any:
    """Read the mask of a photograph."""
    return read_mask(ASSETS / "masks" / f"{name}.png")


ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "Affine": {"scale": (0.7, 1.1), "rotate": (-30, 30), "shear": (-15, 15)},
    "AtLeastOneBBoxRandomCrop": {"height": 260, "width": 260},
    "CenterCrop": {"height": 240, "width": 240},
    "Crop": {"x_min": 80, "y_min": 10, "x_max": 380, "y_max": 290},
    "CropAndPad": {"percent": (-0.2, 0.2)},
    "CropNonEmptyMaskIfExists": {"height": 240, "width": 240},
    "Downscale": {"scale_range": (0.15, 0.3)},
    "ElasticTransform": {"alpha": 300, "sigma": 12},
    "GridElasticDeform": {"num_grid_xy": (5, 5), "magnitude": 20},
    "ImageCompression": {"quality_range": (5, 15)},
    "LetterBox": {"size": (300, 300)},
    "LongestMaxSize": {"max_size": 240},
    "OpticalDistortion": {"distort_limit": (-0.7, 0.7)},
    "Pad": {"padding": (20, 40), "fill": (90, 120, 160)},
    "PadIfNeeded": {"min_height": 420, "min_width": 480, "border_mode": 4},
    "PixelDropout": {"dropout_prob": 0.1},
    "RandomCrop": {"height": 240, "width": 240},
    "RandomResizedCrop": {"size": (260, 260), "scale": (0.2, 0.8)},
    "RandomScale": {"scale_limit": (-0.5, 0.5)},
    "RandomSizedBBoxSafeCrop": {"height": 260, "width": 260},
    "RandomSizedCrop": {"min_max_height": (120, 280), "size": (260, 260)},
    "Resize": {"height": 260, "width": 260},
    "SmallestMaxSize": {"max_size": 240},
    "ThinPlateSpline": {"scale_range": (0.1, 0.2)},
    "XYMasking": {
        "num_masks_x": (1, 3), "num_masks_y": (1, 3), "mask_x_length": 30, "mask_y_length": 30,
    },
}  # fmt: skip
"""Transform → arguments beside p = 1, where its defaults do not show what it does."""


def build(name: str) -> Any:
    """Make a transform as it is shown."""
    return getattr(A, name)(**{**ARGUMENTS.get(name, {}), "p": 1})


def extras(name: str) -> dict[str, Any]:
    """Make what else the call of a transform must hold."""
    if name == "RandomCropNearBBox":
        return {"cropping_bbox": (60, 20, 250, 280)}
    return {}
