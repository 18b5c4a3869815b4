"""Rows of what moves or drops pixels: flips, warps, crops, pads, distortions, dropouts."""

from __future__ import annotations

from typing import Any

from contracts.row import Row, fit, given, part, wide

BAD_LIMIT: tuple[dict[str, Any], ...] = ({"limit": "x"}, {"limit": (1, 2, 3)})


def around(h: int, w: int) -> dict[str, Any]:
    """Make the box that RandomCropNearBBox crops about."""
    return {"cropping_bbox": (w // 4, h // 4, w // 4 + max(1, w // 2), h // 4 + max(1, h // 2))}


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
        bad=({"min_max_height": (0, 3), "size": (4, 4)},),
    ),
    "RandomSizedBBoxSafeCrop": Row(
        given(height=150, width=160), "matrix", bad=({"height": 0, "width": 1},)
    ),
    "BBoxSafeRandomCrop": Row(moves="lattice", bad=({"erosion_rate": 2},)),
    "AtLeastOneBBoxRandomCrop": Row(part, "lattice", bad=({"height": 0, "width": 1},)),
    "RandomCropNearBBox": Row(moves="lattice", extras=around, bad=({"max_part_shift": "x"},)),
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
}
