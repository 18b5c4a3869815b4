"""What of the specification is done for batches: a word for every kernel, so that gaps are seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HERE: Final = "here"
NOT_YET: Final = "not yet"
NEVER: Final = "never"
HOST: Final = "host"

WORDS: Mapping[str, str] = {
    HERE: "there is a kernel for batches",
    NOT_YET: "could be done on a device, and is not written",
    NEVER: "has no place on a device: codecs, fonts, and what walks through a picture in order",
    HOST: "labels of a sample are few: the kernels of the CPU do them in microseconds",
}

_LABELS: Mapping[str, str] = {
    "boxes": HOST,
    "points": HOST,
    "polygons": HOST,
    "polylines": HOST,
}
_MEASURED: Mapping[str, str] = {"depth": NOT_YET, "normals": NOT_YET, "flow": NOT_YET}
_VOLUMES: Mapping[str, str] = {"image": NOT_YET, "mask": NOT_YET, "points": HOST}

KERNELS: Mapping[str, Mapping[str, str]] = {
    "Warp": {"image": HERE, "mask": HERE, **_LABELS, **_MEASURED},
    "Remap": {"image": HERE, "mask": HERE, **_LABELS, **_MEASURED},
    "Curve": {"image": HERE},
    "ColorMatrix": {"image": HERE},
    "Convolve": {"image": HERE, "mask": HERE, "boxes": HOST},
    "Noise": {"image": HERE, "mask": HERE},
    "Fill": {"image": HERE, "mask": HERE, "boxes": HOST, "points": HOST},
    "Blend": {"image": HERE},
    "Tiles": {"image": HERE, "mask": HERE, **_LABELS, **_MEASURED},
    "Encode": {"image": NEVER},
    "Cast": {"image": HERE, "mask": HERE, **_MEASURED},
    "Collage": {"image": NOT_YET, "mask": NOT_YET, "boxes": HOST, "points": HOST, **_MEASURED},
    "Warp3": _VOLUMES,
    "Remap3": _VOLUMES,
    "Fill3": _VOLUMES,
    "Tensor3": {"image": NOT_YET, "mask": NOT_YET},
    "Coarsen3": {"image": NOT_YET},
}
"""Op → target → a word of `WORDS`. Noise of kind "iso" is not here, nor are fills by inpainting."""

EFFECTS: Mapping[str, str] = {
    "aberration": NOT_YET,
    "adapt_colors": NOT_YET,
    "amplitudes": NOT_YET,
    "autocontrast": HERE,
    "bias_field": HERE,
    "clahe": NOT_YET,
    "distance_fog": NOT_YET,
    "downscale": NOT_YET,
    "equalize": HERE,
    "fog": NOT_YET,
    "ghosts": NOT_YET,
    "gibbs": NOT_YET,
    "glass": NEVER,
    "gravel": NOT_YET,
    "gray": HERE,
    "hsv": HERE,
    "light": HERE,
    "match_histogram": NOT_YET,
    "median": HERE,
    "motion": NOT_YET,
    "normalize_stats": HERE,
    "plasma_contrast": NOT_YET,
    "plasma_shadow": NOT_YET,
    "principal_shift": HERE,
    "rain": NEVER,
    "shadow": NOT_YET,
    "sharpen": HERE,
    "snow_bleach": NOT_YET,
    "snow_texture": NOT_YET,
    "spatter_mud": NOT_YET,
    "spatter_rain": NOT_YET,
    "spikes": NOT_YET,
    "stain": NOT_YET,
    "sun_overlay": NEVER,
    "sun_physical": NEVER,
    "superpixels": NEVER,
    "template": NOT_YET,
    "text": NEVER,
    "unsharp": HERE,
    "weighted": NOT_YET,
    "zoom": HERE,
}
"""Effect → a word of `WORDS`."""
