"""The table of kernels for batches."""

from __future__ import annotations

from anamorph.backends.torch import warp
from anamorph.backends.torch.base import TorchBackend

_MODULES = (warp,)

BACKEND = TorchBackend(
    "torch",
    {key: pack for m in _MODULES for key, pack in getattr(m, "KERNELS", {}).items()},
    {key: pack for m in _MODULES for key, pack in getattr(m, "EFFECTS", {}).items()},
)
