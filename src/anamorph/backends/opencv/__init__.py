"""The default backend: OpenCV and NumPy, and the cheapest primitive for each op."""

from __future__ import annotations

from anamorph.backends.base import assembled
from anamorph.backends.opencv import (
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
    stacks,
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

BACKEND = assembled("opencv", _MODULES, stacks.STACKS)
