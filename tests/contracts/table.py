"""What every transform owes is tested once, over this table: one row a transform.

A row gives arguments to build it with for a picture of a given size, and says what it is allowed:
which channel counts it may refuse, whether it changes dtype or size, what else the call must hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import anamorph as A

Arguments = Callable[[int, int], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """One transform's entry in the contract.

    ``moves``: "lattice" (pixels onto pixels), "matrix", "dense", "drop" (erases), or "" for none.
    ``colors``: channel counts that it must take; others may be refused in one clear sentence.
    """

    make: Arguments = lambda *_: {}
    moves: str = ""
    colors: tuple[int, ...] = (1, 3, 5)
    keeps_dtype: bool = True
    needs: tuple[str, ...] = ()
    bad: tuple[dict[str, Any], ...] = ()
    own_labels: bool = True  # boxes and points follow the picture
    more: tuple[Arguments, ...] = field(default=())


def given(**arguments: Any) -> Arguments:
    """Make arguments that do not depend on the picture."""
    return lambda *_: arguments


def part(h: int, w: int) -> dict[str, Any]:
    """A crop of two thirds."""
    return {"height": max(1, 2 * h // 3), "width": max(1, 2 * w // 3)}


def fit(side: Callable[..., int]) -> Arguments:
    """Make a side a little smaller than it is."""
    return lambda h, w: {"max_size": max(1, side(h, w) * 5 // 6)}


def wide(h: int, w: int) -> dict[str, Any]:
    """A box in the middle."""
    return {
        "x_min": w // 4,
        "y_min": h // 4,
        "x_max": w // 4 + max(1, w // 2),
        "y_max": h // 4 + max(1, h // 2),
    }


BAD_LIMIT = ({"limit": "x"}, {"limit": (1, 2, 3)})
RGB = (3,)

ROWS: dict[str, Row] = {
    # ------------------------------------------------------------------ flips and quarter turns
    "NoOp": Row(moves="lattice"),
    "HorizontalFlip": Row(moves="lattice"),
    "VerticalFlip": Row(moves="lattice"),
    "Transpose": Row(moves="lattice"),
    "D4": Row(moves="lattice"),
    "SquareSymmetry": Row(moves="lattice"),
    "RandomRotate90": Row(moves="lattice"),
    "TimeReverse": Row(moves="lattice"),
    # ------------------------------------------------------------------ affine and perspective
    "Rotate": Row(
        given(limit=(-50, 50)),
        "matrix",
        bad=BAD_LIMIT,
        more=(given(limit=(-50, 50), crop_border=True), given(limit=(-50, 50), border_mode=4)),
    ),
    "SafeRotate": Row(given(limit=(-50, 50)), "matrix", bad=BAD_LIMIT),
    "Affine": Row(
        given(scale=(0.8, 1.2), rotate=(-30, 30), shear=(-10, 10), translate_percent=(-0.1, 0.1)),
        "matrix",
        bad=({"scale": "x"}, {"interpolation": 17}),
        more=(given(rotate=(-40, 40), fit_output=True), given(scale=(0.8, 0.9), border_mode=2)),
    ),
    "ShiftScaleRotate": Row(given(rotate_limit=30), "matrix", bad=({"rotate_limit": "x"},)),
    "Perspective": Row(
        given(scale=(0.05, 0.1)),
        "matrix",
        bad=({"scale": -1},),
        more=(
            given(scale=(0.05, 0.1), fit_output=True),
            given(scale=(0.02, 0.05), keep_size=False),
        ),
    ),
    # ------------------------------------------------------------------ size
    "Resize": Row(
        lambda h, w: {"height": max(1, h * 4 // 5), "width": max(1, w * 9 // 10)},
        "matrix",
        bad=({"height": 0, "width": 3},),
    ),
    "RandomScale": Row(given(scale_limit=(-0.3, 0.4)), "matrix", bad=({"scale_limit": "x"},)),
    "LongestMaxSize": Row(fit(max), "matrix", bad=({"max_size": 0},)),
    "SmallestMaxSize": Row(fit(min), "matrix", bad=({"max_size": -3},)),
    "LetterBox": Row(given(size=(70, 90)), "matrix", bad=({"size": (0, 3)},)),
    # ------------------------------------------------------------------ pads and crops
    "Pad": Row(given(padding=(5, 9, 12, 3)), "lattice", bad=({"padding": "x"},)),
    "PadIfNeeded": Row(
        lambda h, w: {"min_height": h + 7, "min_width": w + 4},
        "lattice",
        bad=({"position": "middle"}, {"min_height": None, "min_width": None}),
    ),
    "Crop": Row(wide, "lattice", bad=({"x_min": 5, "x_max": 5},)),
    "CenterCrop": Row(part, "lattice", bad=({"height": 0, "width": 4},)),
    "RandomCrop": Row(
        part,
        "lattice",
        bad=({"height": 0, "width": 4},),
        more=(lambda h, w: {"height": h + 5, "width": max(1, w // 2), "pad_if_needed": True},),
    ),
    "RandomResizedCrop": Row(
        given(size=(110, 130), scale=(0.4, 1)), "matrix", bad=({"size": (0, 5)}, {"size": 5})
    ),
    "RandomSizedCrop": Row(
        lambda h, _: {"min_max_height": (max(1, h // 2), h), "size": (100, 120)},
        "matrix",
        bad=({"min_max_height": (3, 1), "size": (4, 4)},),
    ),
    "RandomSizedBBoxSafeCrop": Row(
        given(height=150, width=160), "matrix", bad=({"height": 0, "width": 1},)
    ),
    "BBoxSafeRandomCrop": Row(moves="lattice", bad=({"erosion_rate": 2},)),
    "AtLeastOneBBoxRandomCrop": Row(part, "lattice", bad=({"height": 0, "width": 1},)),
    "RandomCropNearBBox": Row(
        moves="lattice", needs=("cropping_bbox",), bad=({"max_part_shift": "x"},)
    ),
    "CropNonEmptyMaskIfExists": Row(part, "lattice", bad=({"height": 0, "width": 1},)),
    "RandomCropFromBorders": Row(moves="lattice", bad=({"crop_left": 2},)),
    "CropAndPad": Row(
        given(percent=(-0.1, 0.1)),
        "matrix",
        bad=({"px": 1, "percent": 0.1},),
        more=(given(px=(0, 9), keep_size=False),),
    ),
    # ------------------------------------------------------------------ dense distortions
    "ElasticTransform": Row(given(alpha=40, sigma=6), "dense", bad=({"sigma": -1},)),
    "GridDistortion": Row(given(num_steps=4, distort_limit=0.2), "dense", bad=({"num_steps": 0},)),
    "OpticalDistortion": Row(
        given(distort_limit=(-0.3, 0.3)),
        "dense",
        bad=({"mode": "lens"},),
        more=(given(distort_limit=(-0.3, 0.3), mode="fisheye"),),
    ),
    "GridElasticDeform": Row(
        given(num_grid_xy=(4, 4), magnitude=4), "dense", bad=({"num_grid_xy": 0, "magnitude": 1},)
    ),
    "ThinPlateSpline": Row(given(scale_range=(0.02, 0.06)), "dense", bad=({"scale_range": "x"},)),
    "PiecewiseAffine": Row(given(scale=(0.01, 0.02)), "dense", bad=({"scale": "x"},)),
    # ------------------------------------------------------------------ dropping
    "CoarseDropout": Row(given(num_holes_range=(2, 4)), "drop", bad=({"num_holes_range": 0},)),
    "GridDropout": Row(moves="drop", bad=({"ratio": 0},)),
    "PixelDropout": Row(given(dropout_prob=0.1), own_labels=False, bad=({"dropout_prob": 2},)),
    "Erasing": Row(moves="drop", bad=({"scale": "x"},)),
    "XYMasking": Row(
        lambda h, w: {
            "num_masks_x": 1,
            "num_masks_y": 1,
            "mask_x_length": max(1, w // 8),
            "mask_y_length": max(1, h // 8),
        },
        "drop",
        bad=({"num_masks_x": -1},),
    ),
    "RandomGridShuffle": Row(given(grid=(2, 3)), "drop", own_labels=False, bad=({"grid": (0, 1)},)),
    # ------------------------------------------------------------------ tone and colour
    "RandomBrightnessContrast": Row(bad=({"brightness_limit": "x"},)),
    "RandomGamma": Row(bad=({"gamma_limit": -1},)),
    "HueSaturationValue": Row(colors=RGB, bad=({"hue_shift_limit": "x"},)),
    "RGBShift": Row(colors=RGB, bad=({"r_shift_limit": "x"},)),
    "ColorJitter": Row(colors=RGB, bad=({"hue": "x"},)),
    "CLAHE": Row(colors=(1, 3), bad=({"tile_grid_size": (0, 1)},)),
    "Equalize": Row(colors=(1, 3), bad=({"mode": "x"},)),
    "AutoContrast": Row(bad=({"cutoff": 200},)),
    "ToGray": Row(colors=RGB, bad=({"method": "x"},)),
    "ToRGB": Row(colors=(1, 3), keeps_dtype=False, bad=({"num_output_channels": "x"},)),
    "ToSepia": Row(colors=RGB, bad=({"p": 2},)),
    "InvertImg": Row(),
    "Solarize": Row(bad=({"threshold_range": (0, 3)},)),
    "Posterize": Row(bad=({"num_bits": 9},)),
    "RandomToneCurve": Row(bad=({"scale": -1},)),
    "ChannelShuffle": Row(),
    "ChannelDropout": Row(colors=(3, 5), bad=({"channel_drop_range": (0, 1)},)),
    # ------------------------------------------------------------------ blur, noise, codec
    "Blur": Row(bad=({"blur_limit": -1},)),
    "GaussianBlur": Row(bad=({"sigma_limit": -1},)),
    "MedianBlur": Row(bad=({"blur_limit": -1},)),
    "MotionBlur": Row(bad=({"blur_limit": "x"},)),
    "Sharpen": Row(more=(given(method="gaussian"),), bad=({"method": "x"},)),
    "GaussNoise": Row(bad=({"std_range": (0, 2)},)),
    "ISONoise": Row(colors=RGB, bad=({"intensity": "x"},)),
    "MultiplicativeNoise": Row(
        more=(given(elementwise=True, per_channel=True),), bad=({"multiplier": "x"},)
    ),
    "SaltAndPepper": Row(bad=({"amount": (0, 2)},)),
    "AdditiveNoise": Row(bad=({"noise_type": "x"},)),
    "ImageCompression": Row(given(quality_range=(40, 60)), bad=({"quality_range": (0, 10)},)),
    "Downscale": Row(bad=({"scale_range": (0.5, 2)},)),
    # ------------------------------------------------------------------ conversions
    "Normalize": Row(colors=RGB, keeps_dtype=False, bad=({"normalization": "x"},)),
    "ToFloat": Row(keeps_dtype=False, bad=({"max_value": "x"},)),
    "FromFloat": Row(keeps_dtype=False, bad=({"dtype": "int3"},)),
    "ToTensorV2": Row(keeps_dtype=False, bad=({"transpose_mask": 3},)),
    "Lambda": Row(bad=({"image": 3},)),
}


def build(name: str, h: int = 60, w: int = 80, variant: int = 0, **extra: Any) -> Any:
    """Build a transform from its row."""
    row = ROWS[name]
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
    if "cropping_bbox" in ROWS[name].needs:
        return {"cropping_bbox": (w // 4, h // 4, w // 4 + max(1, w // 2), h // 4 + max(1, h // 2))}
    return {}
