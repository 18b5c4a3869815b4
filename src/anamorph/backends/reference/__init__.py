"""The specification: plain NumPy in double precision, slow and obviously right."""

from __future__ import annotations

from anamorph.backends.base import Backend
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

BACKEND = Backend(
    name="reference",
    kernels={pair: kernel for m in _MODULES for pair, kernel in getattr(m, "KERNELS", {}).items()},
    effects={name: kernel for m in _MODULES for name, kernel in getattr(m, "EFFECTS", {}).items()},
    primitives={op: name for m in _MODULES for op, name in getattr(m, "PRIMITIVES", {}).items()},
)
