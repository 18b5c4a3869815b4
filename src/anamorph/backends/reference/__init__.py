"""The specification: plain NumPy in double precision, slow and obviously right."""

from __future__ import annotations

from anamorph.backends.base import assembled
from anamorph.backends.reference import (
    aberration,
    adapt,
    cast,
    codec,
    collage,
    color,
    fill,
    filter,  # noqa: A004 - the field's word
    histogram,
    light,
    measured,
    morphology,
    mri,
    noise,
    optics,
    remap,
    shapes,
    stain,
    superpixels,
    template,
    text,
    tiles,
    tone,
    volume,
    warp,
    weather,
    weather_flare,
    weather_snow,
)

_MODULES = (
    warp,
    remap,
    shapes,
    measured,
    tone,
    color,
    histogram,
    cast,
    filter,
    noise,
    fill,
    tiles,
    codec,
    volume,
    aberration,
    light,
    stain,
    collage,
    adapt,
    mri,
    text,
    morphology,
    optics,
    superpixels,
    template,
    weather,
    weather_flare,
    weather_snow,
)

BACKEND = assembled("reference", _MODULES)
