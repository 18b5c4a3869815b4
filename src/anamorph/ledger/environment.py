"""What a run ran on: Python, the machine's kind, versions of what matters for its numbers."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib import metadata
from typing import Any

_PACKAGES = (
    "accelerate", "albumentations", "faster-coco-eval", "iterative-stratification", "numpy", "onnx",
    "onnxruntime", "opencv-python", "opencv-python-headless", "pillow", "ray", "safetensors",
    "scikit-learn", "scipy", "segmentation-models-pytorch", "simplejpeg", "stringzilla", "timm",
    "torch", "torchmetrics", "torchvision", "triton",
)  # fmt: skip
"""Whose versions are kept, where they are installed."""


def environment() -> dict[str, Any]:
    """Versions, and what the numbers of a run depend on."""
    torch = sys.modules.get("torch")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "torch": None if torch is None else str(torch.__version__),
        "cuda": None if torch is None else torch.version.cuda,
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
    }


@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
