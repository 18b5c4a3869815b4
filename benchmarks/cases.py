"""The one table of what is measured, written in the words of albumentations 2.0.8.

A case is timed with parameters drawn anew at every call, from narrow ranges (`near`), so that no
library lives on remembered work. For the check of agreement `near` collapses to its middle: what is
then free of chance is compared pixel by pixel (`exact`), a choice among few results by the set of
them (`members`), the rest by its statistics (`drawn`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from effects import EFFECTS, VOLUMES
from pipelines import AFFINE, AX_ELASTIC, BC, COLOR, HSV, OVERHEAD, PIPELINES, SSR
from spec import Build, Case, Step, near, t


def invert_red(image: np.ndarray, **_: Any) -> np.ndarray:
    changed = image.copy()
    changed[..., 0] = 255 - changed[..., 0]
    return changed


def _group(group: str, *rows: tuple[str, Step | Callable[[int], Step], dict[str, Any]]) -> Any:
    for name, made, options in rows:
        yield Case(group, name, _steps(made), **options)


def _steps(made: Step | Callable[[int], Step]) -> Build:
    return (lambda _: (made,)) if isinstance(made, Step) else (lambda size: (made(size),))


def row(name: str, made: Step | Callable[[int], Step], **options: Any) -> tuple[Any, ...]:
    return (name, made, options)


def same(name: str, **arguments: Any) -> tuple[Any, ...]:
    """Write a row named as its transform, whose result is free of chance once pinned."""
    return row(name, t(name, **arguments))


def drawn(name: str, *, tolerance: float = 1.0, **arguments: Any) -> tuple[Any, ...]:
    """Write a row named as its transform, whose result stays random."""
    return row(name, t(name, **arguments), check="drawn", tolerance=tolerance)


def few(name: str, **arguments: Any) -> tuple[Any, ...]:
    """Write a row named as its transform, which chooses among a few results."""
    return row(name, t(name, **arguments), check="members")


DRAWN: dict[str, Any] = {"check": "drawn", "tolerance": 1.0}

FLIPS = _group(
    "transforms",
    same("NoOp"),
    same("HorizontalFlip"),
    same("VerticalFlip"),
    same("Transpose"),
    few("D4"),
    few("SquareSymmetry"),
    few("RandomRotate90"),
)

WARPS = _group(
    "transforms",
    same("Rotate", limit=near(30, 4)),
    row("Rotate, reflected", t("Rotate", limit=near(30, 4), border_mode=4)),
    row("Rotate, with mask", t("Rotate", limit=near(30, 4)), kind="photo+mask"),
    same("SafeRotate", limit=near(30, 4)),
    same("Affine", **AFFINE),
    row("Affine, gray", t("Affine", **AFFINE), kind="gray"),
    row("Affine, float32", t("Affine", **AFFINE), kind="float"),
    row("Affine, cubic", t("Affine", **AFFINE, interpolation=2)),
    same("ShiftScaleRotate", **SSR),
    drawn("Perspective", scale=(0.05, 0.1)),
    row(
        "ElasticTransform, sigma 6",
        t("ElasticTransform", alpha=120, sigma=6),
        **DRAWN,
        notes=AX_ELASTIC,
    ),
    row(
        "ElasticTransform, sigma 50",
        t("ElasticTransform", alpha=300, sigma=50),
        **DRAWN,
        notes=AX_ELASTIC,
    ),
    drawn("GridDistortion", num_steps=5, distort_limit=(-0.3, 0.3)),
    same("OpticalDistortion", distort_limit=near(0.3, 0.05)),
    drawn("GridElasticDeform", num_grid_xy=(6, 6), magnitude=8),
    drawn("ThinPlateSpline", scale_range=(0.1, 0.2)),
    drawn("PiecewiseAffine", scale=(0.03, 0.05), nb_rows=(4, 4), nb_cols=(4, 4)),
)

SIZES = _group(
    "transforms",
    row("Resize, half", lambda s: t("Resize", height=s // 2, width=s // 2)),
    row("Resize, double", lambda s: t("Resize", height=s * 2, width=s * 2)),
    row("Resize, to 224", t("Resize", height=224, width=224)),
    same("RandomScale", scale_limit=near(-0.3, 0.05)),
    row("LongestMaxSize", lambda s: t("LongestMaxSize", max_size=s * 4 // 5)),
    row("SmallestMaxSize", lambda s: t("SmallestMaxSize", max_size=s * 4 // 5)),
    row("LetterBox", lambda s: t("LetterBox", size=(s * 3 // 4, s)), kind="photo"),
    same("Pad", padding=32),
    row("PadIfNeeded", lambda s: t("PadIfNeeded", min_height=s + 64, min_width=s + 64)),
    row(
        "PadIfNeeded, reflected",
        lambda s: t("PadIfNeeded", min_height=s + 64, min_width=s + 64, border_mode=4),
    ),
)

CROPS = _group(
    "transforms",
    row("Crop", lambda s: t("Crop", x_min=9, y_min=5, x_max=s * 3 // 4, y_max=s * 3 // 4)),
    row("CenterCrop", lambda s: t("CenterCrop", height=s * 3 // 4, width=s * 3 // 4)),
    row("RandomCrop", lambda s: t("RandomCrop", height=s * 3 // 4, width=s * 3 // 4), **DRAWN),
    row("RandomResizedCrop", t("RandomResizedCrop", size=(224, 224), scale=(0.3, 1.0)), **DRAWN),
    row(
        "RandomSizedCrop",
        lambda s: t("RandomSizedCrop", min_max_height=(s // 2, s * 3 // 4), size=(224, 224)),
        **DRAWN,
    ),
    row(
        "RandomSizedBBoxSafeCrop",
        t("RandomSizedBBoxSafeCrop", height=224, width=224),
        kind="photo+boxes20",
        **DRAWN,
    ),
    row("BBoxSafeRandomCrop", t("BBoxSafeRandomCrop"), kind="photo+boxes20", **DRAWN),
    row(
        "AtLeastOneBBoxRandomCrop",
        lambda s: t("AtLeastOneBBoxRandomCrop", height=s // 2, width=s // 2),
        kind="photo+boxes20",
        **DRAWN,
    ),
    row(
        "RandomCropNearBBox",
        t("RandomCropNearBBox", max_part_shift=(0.1, 0.3)),
        kind="photo+near",
        **DRAWN,
    ),
    row(
        "CropNonEmptyMaskIfExists",
        lambda s: t("CropNonEmptyMaskIfExists", height=s // 2, width=s // 2),
        kind="photo+mask",
        **DRAWN,
    ),
    drawn("RandomCropFromBorders"),
    row("CropAndPad, crop", t("CropAndPad", percent=-0.1)),
    row("CropAndPad, pad", t("CropAndPad", px=24, keep_size=False)),
)

DROPS = _group(
    "transforms",
    drawn("CoarseDropout", num_holes_range=(8, 8)),
    row(
        "CoarseDropout, random fill",
        t("CoarseDropout", num_holes_range=(8, 8), fill="random"),
        **DRAWN,
    ),
    drawn("GridDropout", ratio=0.5),
    drawn("PixelDropout", dropout_prob=0.01),
    drawn("Erasing", scale=(0.05, 0.2)),
    few("ChannelDropout"),
    few("ChannelShuffle"),
)

TONES = _group(
    "transforms",
    same("RandomBrightnessContrast", **BC),
    row("RandomBrightnessContrast, float32", t("RandomBrightnessContrast", **BC), kind="float"),
    same("RandomGamma", gamma_limit=near(115, 5)),
    row("RandomGamma, float32", t("RandomGamma", gamma_limit=near(115, 5)), kind="float"),
    same("HueSaturationValue", **HSV),
    same(
        "RGBShift",
        r_shift_limit=near(15, 3),
        g_shift_limit=near(-8, 3),
        b_shift_limit=near(20, 3),
    ),
    # the four parts of ColorJitter run in a random order
    row("ColorJitter", t("ColorJitter", **COLOR), **DRAWN),
    same("CLAHE", clip_limit=near(3.0, 0.5)),
    same("Equalize"),
    same("ToGray"),
    same("ToSepia"),
    same("InvertImg"),
    same("Solarize", threshold_range=near(0.5, 0.05)),
    same("Posterize", num_bits=(4, 4)),
    drawn("RandomToneCurve", scale=0.1),
)

FILTERS = _group(
    "transforms",
    same("Blur", blur_limit=(5, 5)),
    row("GaussianBlur, 7", t("GaussianBlur", blur_limit=(7, 7), sigma_limit=near(1.5, 0.3))),
    row("GaussianBlur, by sigma", t("GaussianBlur", sigma_limit=near(1.8, 0.3))),
    same("MedianBlur", blur_limit=(5, 5)),
    drawn("MotionBlur", blur_limit=(7, 7)),
    same("Sharpen", alpha=near(0.35, 0.1), lightness=near(0.8, 0.1)),
    same("ImageCompression", quality_range=near(75, 5)),
    same("Downscale", scale_range=near(0.4, 0.05)),
)

NOISES = _group(
    "transforms",
    drawn("GaussNoise", std_range=near(0.1, 0.02)),
    row(
        "GaussNoise, one for all channels",
        t("GaussNoise", std_range=near(0.1, 0.02), per_channel=False),
        **DRAWN,
    ),
    row("GaussNoise, float32", t("GaussNoise", std_range=near(0.1, 0.02)), kind="float", **DRAWN),
    drawn("ISONoise", color_shift=near(0.03, 0.01), intensity=near(0.3, 0.05)),
    drawn("MultiplicativeNoise", multiplier=(0.9, 1.1)),
    row(
        "MultiplicativeNoise, elementwise",
        t("MultiplicativeNoise", multiplier=(0.9, 1.1), elementwise=True, per_channel=True),
        **DRAWN,
    ),
    drawn("SaltAndPepper", amount=near(0.04, 0.01)),
)

CASTS = _group(
    "transforms",
    row("Normalize", t("Normalize"), scale=58.4),
    row("Normalize, by picture", t("Normalize", normalization="image"), scale=58.4),
    same("ToFloat"),
    row("FromFloat", t("FromFloat"), kind="float"),
    row("ToTensorV2", t("ToTensorV2"), needs="torch"),
    row("Lambda", t("Lambda", image=invert_red, name="invert_red")),
)

TRANSFORMS: tuple[Case, ...] = (
    *FLIPS, *WARPS, *SIZES, *CROPS, *DROPS, *TONES, *FILTERS, *NOISES, *CASTS, *EFFECTS,
)  # fmt: skip


def _other_pictures(base: str) -> tuple[Case, ...]:
    """The rows of the transforms on pictures of another kind, which show whether there is a cliff."""
    return tuple(
        replace(case, group=base, kind=case.kind.replace("photo", base, 1))
        for case in TRANSFORMS
        if case.kind.split("+")[0] == "photo"
    )


OTHER_BASES = ("gray", "float", "bands8", "sixteen")
CASES: dict[str, Case] = {
    f"{case.group}/{case.name}": case
    for case in (
        *TRANSFORMS,
        *VOLUMES,
        *PIPELINES,
        *OVERHEAD,
        *(case for base in OTHER_BASES for case in _other_pictures(base)),
    )
}
