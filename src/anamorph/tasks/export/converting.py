"""From a module to a file: by torch.export where the graph is fixed, by tracing for detectors."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from anamorph.tasks.export.modules import OUTPUTS
from anamorph.tasks.export.telling import library

Dims = tuple[str, ...]
_AXES: Mapping[str, int] = {"batch": 0, "height": 2, "width": 3}
_OPSET = 17
"""Of traced detectors; torchvision's suppression of boxes is tested with it."""

ATTEMPTS: Mapping[str, tuple[Dims, ...]] = {
    "classify": (("batch", "height", "width"), ("batch",), ()),
    "segment": (("batch", "height", "width"), ("batch",), ()),
    "detect": ((),),
}
"""Task → what is tried to be left open, from much to nothing; the first that holds is taken."""


def convert(module: nn.Module, image: Tensor, path: Path, task: str, dynamic: Dims) -> None:
    """Write a module as ONNX; whatever it raises says that it cannot be done."""
    library("onnx")
    library("onnxscript")
    with warnings.catch_warnings():
        # Both exporters warn of their own insides; what they made is checked against torch.
        warnings.simplefilter("ignore")
        _CONVERTERS[task](module, image, path, OUTPUTS[task], dynamic)


def _exported(module: nn.Module, image: Tensor, path: Path, names: Dims, dynamic: Dims) -> None:
    axes = {_AXES[name]: torch.export.Dim.DYNAMIC for name in dynamic}
    program: Any = torch.onnx.export(
        module,
        (image,),
        dynamo=True,
        dynamic_shapes=(axes,) if axes else None,
        input_names=["image"],
        output_names=list(names),
        verbose=False,
    )
    program.save(os.fspath(path))


def _traced(module: nn.Module, image: Tensor, path: Path, names: Dims, dynamic: Dims) -> None:
    del dynamic  # a detector is asked picture by picture, and scales it within
    torch.onnx.export(
        module,
        (image[:1],),
        os.fspath(path),
        dynamo=False,
        opset_version=_OPSET,
        input_names=["image"],
        output_names=list(names),
        dynamic_axes={name: {0: "boxes"} for name in names},
    )


_CONVERTERS: Mapping[str, Callable[[nn.Module, Tensor, Path, Dims, Dims], None]] = {
    "classify": _exported,
    "segment": _exported,
    "detect": _traced,
}
