"""Rows of weather."""

from __future__ import annotations

from contracts.row import Row, given

ROWS: dict[str, Row] = {
    "RandomFog": Row(bad=({"fog_coef_range": (0, 1.2)}, {"alpha_coef": -0.1})),
    "AtmosphericFog": Row(
        more=(given(depth_mode="diagonal"), given(depth_mode="radial", fog_color=(10, 60, 200))),
        bad=({"depth_mode": "x"}, {"density_range": (-1, 1)}, {"fog_color": (1, 300, 2)}),
    ),
    "RandomGravel": Row(
        given(gravel_roi=(0, 0, 1, 1), number_of_patches=9),
        bad=({"gravel_roi": (0.5, 0, 0.5, 1)}, {"number_of_patches": 0}),
    ),
    "RandomRain": Row(
        more=(
            given(rain_type="torrential", drop_width=3, drop_color=(10, 100, 250), blur_value=1),
            given(rain_type="heavy", drop_length=1000, slant_range=(-45, 45)),
        ),
        bad=({"rain_type": "x"}, {"slant_range": (-90, 1)}, {"brightness_coefficient": 0}),
    ),
    "RandomShadow": Row(
        more=(given(num_shadows_limit=(3, 5), shadow_intensity_range=(0, 1)),),
        bad=({"shadow_dimension": 2}, {"num_shadows_limit": (0, 1)}),
    ),
    "RandomSnow": Row(
        more=(given(method="texture"), given(brightness_coeff=0.5, snow_point_range=(0, 1))),
        bad=({"method": "x"}, {"brightness_coeff": 0}, {"snow_point_range": (0, 2)}),
    ),
    "RandomSunFlare": Row(
        more=(
            given(method="physics_based"),
            given(src_radius=30, src_color=(250, 100, 20), num_flare_circles_range=(1, 20)),
        ),
        bad=({"flare_roi": (0.6, 0, 0.5, 1)}, {"src_radius": 1}, {"angle_range": (-1, 1)}),
    ),
    "Spatter": Row(
        more=(given(mode="mud"), given(gauss_sigma=(0, 9), color=(255, 0, 0))),
        bad=({"mode": "x"}, {"std": (0, 2)}, {"gauss_sigma": -1}),
    ),
}
