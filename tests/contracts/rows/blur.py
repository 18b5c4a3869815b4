"""Rows of lenses, glass, zooms, ringing, grain, patches and morphology."""

from __future__ import annotations

from contracts.row import Row, given

ROWS: dict[str, Row] = {
    "AdvancedBlur": Row(
        more=(given(blur_limit=(9, 9), beta_limit=(0.9, 1.1), noise_limit=(1, 1)),),
        bad=(
            {"beta_limit": (1.5, 3)},
            {"sigma_x_limit": 0, "sigma_y_limit": 0},
            {"noise_limit": 0},
        ),
    ),
    "Defocus": Row(more=(given(radius=(12, 12)),), bad=({"radius": 0}, {"alias_blur": -1})),
    "Emboss": Row(bad=({"alpha": 2}, {"strength": -1})),
    "FilmGrain": Row(bad=({"intensity_range": 2}, {"grain_size_range": 0})),
    "GlassBlur": Row(
        more=(given(mode="exact", sigma=0),), bad=({"mode": "x"}, {"max_delta": 0}, {"sigma": -1})
    ),
    "Morphological": Row(
        more=(given(scale=(1, 5), operation="erosion"),),
        bad=({"scale": 0}, {"operation": "opening"}),
    ),
    "RicianNoise": Row(more=(given(per_channel=True),), bad=({"std_range": 2},)),
    "RingingOvershoot": Row(
        more=(given(blur_limit=(31, 31), cutoff=(3, 3.1)),),
        bad=({"cutoff": 4}, {"blur_limit": -1}),
    ),
    "ShotNoise": Row(
        more=(given(scale_range=0.0005), given(scale_range=3)), bad=({"scale_range": -1},)
    ),
    "Superpixels": Row(
        given(p_replace=(1, 1)),
        more=(given(p_replace=(0.5, 0.5), max_size=None), given(max_size=16)),
        bad=({"p_replace": 2}, {"n_segments": 0}, {"max_size": 0}),
    ),
    "UnsharpMask": Row(
        more=(given(sigma_limit=2, threshold=0),), bad=({"threshold": 256}, {"alpha": 2})
    ),
    "ZoomBlur": Row(
        more=(given(max_factor=2, step_factor=0),),
        bad=({"max_factor": 0.5}, {"step_factor": -1}),
    ),
}
