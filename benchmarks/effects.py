"""Cases of what only changes how a picture looks: light, weather, lenses, grain, other pictures."""

from collections.abc import Iterator
from typing import Any

from spec import Build, Case, Step, near, t

DRAWN: dict[str, Any] = {"check": "drawn", "tolerance": 1.0}


def _steps(step: Step) -> Build:
    return lambda _: (step,)


def _rows(*rows: tuple[str, Step, dict[str, Any]], group: str = "transforms") -> Iterator[Case]:
    for name, step, options in rows:
        yield Case(group, name, _steps(step), **options)


def same(name: str, label: str = "", **arguments: Any) -> tuple[str, Step, dict[str, Any]]:
    """Write a row whose result is free of chance once pinned."""
    return (f"{name}{label and ', '}{label}", t(name, **arguments), {})


def drawn(name: str, label: str = "", **arguments: Any) -> tuple[str, Step, dict[str, Any]]:
    """Write a row whose result stays random."""
    return (f"{name}{label and ', '}{label}", t(name, **arguments), DRAWN)


def fed(name: str, kind: str, **arguments: Any) -> tuple[str, Step, dict[str, Any]]:
    """Write a row whose call holds more than a picture."""
    return (name, t(name, **arguments), {**DRAWN, "kind": kind})


LIGHT = _rows(
    same("AutoContrast"),
    same("ToRGB"),
    drawn("PlanckianJitter", mode="blackbody", temperature_limit=(3000, 9000)),
    drawn("FancyPCA", alpha=0.1),
    drawn("PlasmaBrightnessContrast"),
    drawn("PlasmaShadow"),
    drawn("Illumination"),
    drawn("Illumination", "gaussian", mode="gaussian"),
    drawn("ChromaticAberration"),
    drawn("HEStain"),
)

LENSES = _rows(
    drawn("AdvancedBlur"),
    same("Defocus", radius=(5, 5), alias_blur=(0.3, 0.3)),
    drawn("GlassBlur"),
    drawn("ZoomBlur", max_factor=(1.15, 1.15), step_factor=(0.02, 0.02)),
    same("Emboss", alpha=near(0.35, 0.1), strength=near(0.45, 0.1)),
    same("UnsharpMask", blur_limit=(5, 5), alpha=near(0.35, 0.05)),
    drawn("RingingOvershoot", blur_limit=(7, 15)),
    drawn("Superpixels", p_replace=(0.5, 0.5)),
    same("Morphological", scale=(3, 3)),
)

GRAIN = _rows(
    drawn("ShotNoise", scale_range=near(0.2, 0.05)),
    drawn("AdditiveNoise", noise_type="uniform", spatial_mode="per_pixel"),
    drawn("AdditiveNoise", "gaussian", noise_type="gaussian", spatial_mode="per_pixel"),
    drawn("AdditiveNoise", "constant", noise_type="uniform", spatial_mode="constant"),
)

WEATHER = _rows(
    drawn("RandomFog"),
    drawn("RandomGravel"),
    drawn("RandomRain"),
    drawn("RandomRain", "torrential", rain_type="torrential"),
    drawn("RandomShadow"),
    drawn("RandomSnow"),
    drawn("RandomSnow", "texture", method="texture"),
    drawn("RandomSunFlare"),
    drawn("RandomSunFlare", "physics based", method="physics_based"),
    drawn("Spatter"),
    drawn("Spatter", "mud", mode="mud"),
)

MASKED = _rows(
    drawn(
        "XYMasking",
        num_masks_x=(2, 2),
        num_masks_y=(2, 2),
        mask_x_length=(30, 30),
        mask_y_length=(30, 30),
    ),
    drawn("FrequencyMasking"),
    drawn("TimeMasking"),
    drawn("RandomGridShuffle"),
    fed("MaskDropout", "photo+mask"),
    fed("ConstrainedCoarseDropout", "photo+boxes20", bbox_labels=[1, 2, 3], num_holes_range=(2, 2)),
)

OTHERS = _rows(
    fed("FDA", "photo+fda", beta_limit=near(0.08, 0.01)),
    fed("HistogramMatching", "photo+hm", blend_ratio=near(0.7, 0.1)),
    fed("PixelDistributionAdaptation", "photo+pda", blend_ratio=near(0.7, 0.1)),
    fed("OverlayElements", "photo+overlay"),
    fed("Mosaic", "photo+mosaic"),
)

VOLUMES = tuple(
    _rows(
        fed("CenterCrop3D", "stack", size=(16, 96, 96)),
        fed("RandomCrop3D", "stack", size=(16, 96, 96)),
        fed("Pad3D", "stack", padding=4),
        fed("PadIfNeeded3D", "stack", min_zyx=(32, 144, 144)),
        fed("CoarseDropout3D", "stack", num_holes_range=(4, 4)),
        fed("CubicSymmetry", "stack"),
        ("ToTensor3D", t("ToTensor3D"), {"kind": "stack", "needs": "torch"}),
        group="volumes",
    )
)

EFFECTS: tuple[Case, ...] = (*LIGHT, *LENSES, *GRAIN, *WEATHER, *MASKED, *OTHERS)
