"""Neither losses nor metrics load what they do not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torchvision", "timm", "segmentation_models_pytorch", "torchmetrics", "sklearn", "scipy")


@pytest.mark.parametrize(
    ("module", "absent"),
    [("anamorph.nn.metrics", ("torch", *HEAVY)), ("anamorph.nn.losses", HEAVY)],
)
def test_light(module, absent):
    code = f"import sys, {module}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
