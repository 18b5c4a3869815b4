"""The table of kernels for batches."""

from __future__ import annotations

from anamorph.backends.torch import (
    cast,
    color,
    fill,
    filter,  # noqa: A004 - the field's word
    histogram,
    light,
    morphology,
    noise,
    remap,
    tone,
    warp,
)
from anamorph.backends.torch.base import TorchBackend

_MODULES = (warp, remap, tone, color, cast, filter, morphology, noise, fill, histogram, light)

BACKEND = TorchBackend(
    "torch",
    {key: pack for m in _MODULES for key, pack in getattr(m, "KERNELS", {}).items()},
    {key: pack for m in _MODULES for key, pack in getattr(m, "EFFECTS", {}).items()},
)
