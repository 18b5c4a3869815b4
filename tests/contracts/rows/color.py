"""Rows of light, lamps, lenses, plasma and stains."""

from __future__ import annotations

from contracts.row import RGB, Row, given

ROWS: dict[str, Row] = {
    "ChromaticAberration": Row(
        colors=RGB, more=(given(mode="red_blue", interpolation=2),), bad=({"mode": "x"},)
    ),
    "FancyPCA": Row(bad=({"alpha": -1},)),
    "HEStain": Row(
        colors=RGB,
        more=(given(method="macenko"), given(method="vahadane", augment_background=True)),
        bad=({"preset": "x"}, {"method": "macenko", "preset": "dark"}),
    ),
    "Illumination": Row(
        more=(given(mode="corner"), given(mode="gaussian")), bad=({"intensity_range": (0, 2)},)
    ),
    "PhotoMetricDistort": Row(colors=(1, 3), bad=({"distort_p": 2},)),
    "PlanckianJitter": Row(
        colors=RGB,
        more=(given(mode="cied", sampling_method="gaussian"),),
        bad=({"temperature_limit": (7000, 8000)}, {"mode": "x"}),
    ),
    "PlasmaBrightnessContrast": Row(
        more=(given(roughness=0.5, plasma_size=32),), bad=({"roughness": 0},)
    ),
    "PlasmaShadow": Row(
        more=(given(roughness=0.5, plasma_size=32),), bad=({"shadow_intensity_range": (0, 2)},)
    ),
    "Vignetting": Row(bad=({"intensity_range": (0, 2)},)),
}
