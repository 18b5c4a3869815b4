"""One batch of tiles through a model: where it runs, what goes in, which output is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from anamorph.core.errors import (
    DataError,
    DataTypeError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
    nearest,
)

Model = Callable[[torch.Tensor], Any]
Activation = str | Callable[[torch.Tensor], torch.Tensor] | None


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    if logits.shape[1] == 1:
        raise DataError("activation = 'softmax' on one channel gives ones: use 'sigmoid'")
    return logits.softmax(1)


ACTIVATIONS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": torch.sigmoid,
    "softmax": _softmax,
}
"""What makes probabilities of logits (N, C, …), by name."""

_TRAINED_APART = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
)
"""Layers that do something else in training."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A model, and how it is called."""

    model: Model
    device: torch.device
    dtype: torch.dtype

    def __call__(self, batch: torch.Tensor) -> Any:
        """Run a batch (N, C, *tile); unsigned integers become numbers in [0, 1]."""
        return self.model(_scaled(batch.to(self.device), self.dtype))


def runner(model: Any, device: str | torch.device | None) -> Runner:
    """Find out where a model runs and in which floats; one without parameters: on the CPU.

    Raises:
        DataTypeError: it cannot be called.
        ParameterError: it is in training mode, and that makes a difference.
    """
    if not callable(model):
        raise DataTypeError(f"model is {type(model).__name__}: a module or a function is wanted")
    held: list[torch.Tensor] = []
    if isinstance(model, nn.Module):
        _check_mode(model)
        held = [p for p in model.parameters() if p.is_floating_point()]
    place = torch.device(device) if device is not None else None
    if held:
        return Runner(model, place or held[0].device, held[0].dtype)
    return Runner(model, place or torch.device("cpu"), torch.float32)


def chosen(output: Any, select: Any) -> Any:
    """Pick the output that is meant: by key, by position, by a function, or the only one.

    Raises:
        MissingDataError: there are several, or none of that name.
        UnknownNameError: the output has no such key.
    """
    if callable(select):
        return select(output)
    if isinstance(output, Mapping):
        return _keyed(output, select)
    if isinstance(output, tuple | list):
        return _placed(output, select)
    if select is not None and not isinstance(output, torch.Tensor | np.ndarray):
        return getattr(output, str(select))
    return output


def maps(output: Any, count: int, axes: int, activation: Activation) -> torch.Tensor:
    """Check and activate what a model gives for ``count`` tiles: (N, C, *map), C may be missing.

    Raises:
        DataTypeError: that is no tensor of floats.
        DataError: it has another number of axes, or of tiles.
    """
    if not isinstance(output, torch.Tensor | np.ndarray):
        raise DataTypeError(
            f"the model gives {type(output).__name__}: a tensor is wanted (select= picks one)"
        )
    found = torch.as_tensor(output)
    if not found.is_floating_point():
        raise DataTypeError(
            f"the model gives {found.dtype}: floats are wanted, for labels cannot be averaged "
            "(finish= makes labels of probabilities)"
        )
    if found.ndim - axes not in (1, 2) or found.shape[0] != count:
        raise DataError(
            f"the model gives shape {tuple(found.shape)} for {count} tiles: (N, C, *map) or "
            f"(N, *map) with {axes} axes of the map is wanted"
        )
    return _activated(found, activation)


def check_activation(activation: Activation) -> None:
    """Refuse an activation that does not exist.

    Raises:
        UnknownNameError: it does not.
    """
    if activation is None or callable(activation) or activation in ACTIVATIONS:
        return
    wanted = f"one of {', '.join(ACTIVATIONS)}, a function or None"
    hint = nearest(str(activation), ACTIVATIONS)
    raise UnknownNameError(f"activation = {activation!r}: it must be {wanted}{hint}")


def _activated(found: torch.Tensor, activation: Activation) -> torch.Tensor:
    if activation is None:
        return found
    return ACTIVATIONS[activation](found) if isinstance(activation, str) else activation(found)


def _scaled(batch: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if batch.is_floating_point() or batch.dtype == torch.bool or torch.iinfo(batch.dtype).min < 0:
        return batch.to(dtype)
    # divided in full precision: half floats do not reach 65535
    return (batch.to(torch.float32) / torch.iinfo(batch.dtype).max).to(dtype)


def _check_mode(model: nn.Module) -> None:
    for name, layer in model.named_modules():
        if layer.training and isinstance(layer, _TRAINED_APART):
            raise ParameterError(
                f"model is in training mode, where {name or 'it'} ({type(layer).__name__}) does "
                "something else: call model.eval() first"
            )


def _keyed(output: Mapping[Any, Any], select: Any) -> Any:
    if select is None and len(output) == 1:
        return next(iter(output.values()))
    if select is None:
        raise MissingDataError(f"the model gives {', '.join(map(str, output))}: select= one")
    if select not in output:
        hint = nearest(str(select), map(str, output))
        has = f"the model gives {', '.join(map(str, output))}{hint}"
        raise UnknownNameError(f"select = {select!r}: {has}")
    return output[select]


def _placed(output: tuple[Any, ...] | list[Any], select: Any) -> Any:
    if select is None and len(output) == 1:
        return output[0]
    if select is None:
        raise MissingDataError(f"the model gives {len(output)} outputs: select= one")
    if not isinstance(select, int) or not -len(output) <= select < len(output):
        raise UnknownNameError(f"select = {select!r}: the model gives {len(output)} outputs")
    return output[select]
