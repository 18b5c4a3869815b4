"""The rows that are whole pipelines, and the chains whose fixed cost is measured."""

from collections.abc import Iterator
from typing import Any

from spec import Build, Case, Step, near, t

MEAN8, STD8 = (0.45,) * 8, (0.25,) * 8


AX_ELASTIC = {"ax": "another algorithm: a 7x7 control grid"}
COLOR = {
    "brightness": near(1.1, 0.05),
    "contrast": near(1.1, 0.05),
    "saturation": near(1.2, 0.1),
    "hue": near(0.05, 0.02),
}
HSV = {
    "hue_shift_limit": near(12, 4),
    "sat_shift_limit": near(18, 4),
    "val_shift_limit": near(9, 4),
}
BC = {"brightness_limit": near(0.1, 0.04), "contrast_limit": near(0.15, 0.04)}
SSR = {
    "shift_limit": near(0.05, 0.01),
    "scale_limit": near(0.08, 0.02),
    "rotate_limit": near(20, 4),
}
AFFINE = {
    "scale": near(1.1, 0.05),
    "rotate": near(12, 3),
    "shear": near(5, 2),
    "translate_percent": near(0.04, 0.02),
}


def pipeline(name: str, build: Build, kind: str, **options: Any) -> Case:
    settings = {"check": "drawn", "tolerance": 1.5, "sized": False} | options
    return Case("pipelines", name, build, kind, **settings)


def _detection(_: int) -> tuple[Step, ...]:
    return (
        t("LongestMaxSize", max_size=640),
        t("PadIfNeeded", min_height=640, min_width=640),
        t("HorizontalFlip", p=0.5),
        t("HueSaturationValue", p=0.7),
        t("Blur", blur_limit=(3, 5), p=0.1),
        t("ToGray", p=0.05),
    )


def _ssd(_: int) -> tuple[Step, ...]:
    return (
        t("RandomSizedBBoxSafeCrop", height=300, width=300),
        t("HorizontalFlip", p=0.5),
        t("RandomBrightnessContrast", p=0.5),
        t("HueSaturationValue", p=0.5),
        t("Blur", blur_limit=(3, 5), p=0.1),
    )


PIPELINES = (
    pipeline(
        "P1 classification",
        lambda _: (
            t("RandomResizedCrop", size=(224, 224)),
            t("HorizontalFlip", p=0.5),
            t(
                "ColorJitter",
                brightness=(0.6, 1.4),
                contrast=(0.6, 1.4),
                saturation=(0.6, 1.4),
                hue=(-0.1, 0.1),
                p=0.8,
            ),
            t("Normalize"),
            t("ToTensorV2"),
        ),
        "wide",
        scale=58.4,
        needs="torch",
    ),
    pipeline(
        "P2 segmentation",
        lambda _: (
            t("HorizontalFlip", p=0.5),
            t("ShiftScaleRotate", p=0.8),
            t(
                "OneOf",
                t("ElasticTransform", alpha=120, sigma=6),
                t("GridDistortion"),
                p=0.5,
            ),
            t("RandomBrightnessContrast", p=0.5),
            t("RandomGamma", p=0.5),
            t("Normalize"),
        ),
        "photo+mask",
        scale=58.4,
        notes=AX_ELASTIC,
    ),
    pipeline("P3 detection, 20 boxes", _detection, "coco+boxes20"),
    pipeline("P3 detection, 200 boxes", _detection, "coco+boxes200"),
    pipeline(
        "P4 keypoints",
        lambda _: (
            t("Affine", scale=(0.9, 1.1), rotate=(-20, 20), translate_percent=(-0.05, 0.05)),
            t("HorizontalFlip", p=0.5),
            t("RandomCrop", height=384, width=384),
            t("RandomBrightnessContrast"),
            t("GaussianBlur", blur_limit=(3, 7), p=0.3),
        ),
        "photo+points68",
    ),
    pipeline(
        "P5 heavy",
        lambda _: (
            t("D4"),
            t("Affine", scale=(0.8, 1.2), rotate=(-30, 30), shear=(-8, 8), p=0.8),
            t(
                "OneOf",
                t("GaussNoise", std_range=(0.05, 0.15)),
                t("GaussianBlur", blur_limit=(3, 7)),
                t("MotionBlur", blur_limit=(3, 7)),
                p=0.5,
            ),
            t("CLAHE", clip_limit=(1.0, 4.0), p=0.3),
            t("HueSaturationValue", p=0.5),
            t("RandomBrightnessContrast", p=0.5),
            t("CoarseDropout", num_holes_range=(4, 8), p=0.5),
        ),
        "photo",
    ),
    pipeline(
        "P6 medical, gray with mask",
        lambda _: (
            t("Affine", scale=(0.9, 1.1), rotate=(-15, 15)),
            t("ElasticTransform", alpha=120, sigma=6, p=0.5),
            t("RandomBrightnessContrast"),
            t("RandomGamma"),
            t("GaussNoise", std_range=(0.02, 0.08), p=0.3),
        ),
        "gray+mask",
        notes=AX_ELASTIC,
    ),
    pipeline(
        "P7 satellite, 8 bands float32",
        lambda _: (
            t("D4"),
            t("ShiftScaleRotate", p=0.7),
            t("RandomCrop", height=448, width=448),
            t("RandomBrightnessContrast"),
            t("GaussNoise", std_range=(0.02, 0.08), p=0.3),
            t("Normalize", mean=MEAN8, std=STD8, max_pixel_value=1.0),
        ),
        "bands8",
        scale=64.0,
    ),
    pipeline("P8 ssd, 20 boxes", _ssd, "photo+boxes20"),
    pipeline("P8 ssd, 200 boxes", _ssd, "photo+boxes200"),
    pipeline(
        "P9 three warps and tones",
        lambda _: (
            t("Rotate", limit=near(15, 5)),
            t("HorizontalFlip"),
            t("Affine", **AFFINE),
            t("RandomBrightnessContrast", **BC),
            t("RandomGamma", gamma_limit=near(110, 8)),
            t("Normalize"),
        ),
        "photo",
        check="exact",
        tolerance=2.0,
        scale=58.4,
    ),
)

EIGHT = (
    t("HorizontalFlip"),
    t("Affine", **AFFINE),
    t("RandomBrightnessContrast", **BC),
    t("RandomGamma", gamma_limit=near(110, 8)),
    t("HueSaturationValue", **HSV),
    t("Blur", blur_limit=(3, 3)),
    t("CoarseDropout", num_holes_range=(1, 2)),
    t("Normalize"),
)
CHAINS: dict[str, tuple[Step, ...]] = {
    "empty": (),
    "NoOp": (t("NoOp"),),
    "skipped (p=0)": (t("HorizontalFlip", p=0.0),),
    "HorizontalFlip": EIGHT[:1],
    "Affine": EIGHT[1:2],
    "RandomBrightnessContrast": EIGHT[2:3],
    "5 x HorizontalFlip": EIGHT[:1] * 5,
    "8 transforms": EIGHT,
}
BOXED = ("empty", "HorizontalFlip", "5 x HorizontalFlip", "Affine")


def _overhead() -> Iterator[Case]:
    for name, steps in CHAINS.items():
        yield Case("overhead", name, lambda _, steps=steps: steps, "tiny", sized=False)
    for name in BOXED:
        for extra in ("", "+mask", "+boxes20", "+boxes200", "+points68"):
            kind = f"small{extra}"
            build = lambda _, steps=CHAINS[name]: steps  # noqa: E731
            yield Case("overhead", f"{name} on {kind}", build, kind, sized=False)


OVERHEAD: tuple[Case, ...] = tuple(_overhead())
