"""What a file says of itself: all that is needed besides the file to use it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import anamorph
from anamorph.core.errors import DataError, MissingFileError
from anamorph.tasks.bundle import Bundle

_MEANINGS: Mapping[str, Mapping[str, str]] = {
    "classify": {"probabilities": "N×classes"},
    "segment": {"probabilities": "N×classes×H×W, of the foreground if binary"},
    "detect": {
        "boxes": "n×4: x0, y0, x1, y1 in pixels of the input",
        "scores": "n",
        "labels": "n, numbers of classes from 0",
    },
}
Dims = tuple[str, ...]


def metadata(bundle: Bundle, dynamic: Sequence[str], checks: Mapping[str, float]) -> dict[str, Any]:
    """What the file of a bundle says.

    Args:
        bundle: what was converted.
        dynamic: which of batch, height and width may be any.
        checks: by trial, the greatest difference from torch.
    """
    member = bundle.members[0]
    given, predict = member.config.input, member.config.predict
    return {
        "task": bundle.task.name,
        "mode": bundle.mode,
        "classes": list(bundle.classes),
        "thresholds": list(bundle.decision.thresholds),
        "min_area": list(bundle.decision.min_area),
        "input": {
            "name": "image",
            "layout": "NCHW, float32",
            "channels": "RGB" if given.channels == 3 else given.channels,
            "size": list(size_of(bundle)),
            "fit": "tiles" if predict.tile else given.fit,
            "dynamic": list(dynamic),
            "normalize": "(value / white - mean) / std",
            "white": given.white,
            "mean": list(given.mean),
            "std": list(given.std),
        },
        "tile": predict.tile,
        "overlap": predict.overlap if predict.tile else None,
        "outputs": dict(_MEANINGS[bundle.task.name]),
        "pipeline": anamorph.to_dict(member.pipeline),
        "bundle": bundle.hash,
        "run": bundle.about.get("run"),
        "differences": dict(checks),
    }


def size_of(bundle: Bundle) -> tuple[int, int]:
    """Height and width that the model is asked with."""
    config = bundle.members[0].config
    tile = config.predict.tile
    return config.input.size if tile is None else (tile, tile)


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file says of itself: classes, thresholds, preprocessing, differences from torch.

    Raises:
        DataError: it was not written by `export`.
    """
    model = library("onnx").load(os.fspath(path), load_external_data=False)
    told = {entry.key: entry.value for entry in model.metadata_props}
    try:
        return {key: json.loads(told[key]) for key in json.loads(told["anamorph"])}
    except (KeyError, ValueError):
        raise DataError(f"{os.fspath(path)} does not say what its pictures need") from None


def write(path: Path, told: Mapping[str, Any], dynamic: Sequence[str]) -> None:
    """Write metadata into a file, each entry as JSON, and call what may be any by its name."""
    onnx = library("onnx")
    model = onnx.load(os.fspath(path))
    _name(model.graph, dict(zip(dynamic, _AXES, strict=False)))
    texts = {name: json.dumps(value) for name, value in told.items()}
    texts["anamorph"] = json.dumps(list(told))
    onnx.helper.set_model_props(model, texts)
    onnx.save(model, os.fspath(path))


_AXES = (0, 2, 3)
"""Of batch, height and width."""


def _name(graph: Any, names: Mapping[str, int]) -> None:
    """Give dimensions the names that people know them by; exporters call them s34 or so."""
    dims = graph.input[0].type.tensor_type.shape.dim
    known = {dims[axis].dim_param: name for name, axis in names.items() if dims[axis].dim_param}
    if not known:
        return
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, known))})\b")
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = pattern.sub(lambda found: known[found[0]], dim.dim_param)


def library(name: str) -> Any:
    """A library of the extra.

    Raises:
        MissingFileError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingFileError(
            f'{name} is not installed: models are converted with it (pip install "anamorph[onnx]")'
        ) from error
