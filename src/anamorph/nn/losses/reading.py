"""What losses are called with, brought to one form: (N, C, P) for pictures, classes and places."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from anamorph.core.errors import DataError, DataTypeError

Mode = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True)
class Batch:
    """Logits and targets of a batch.

    ``logits`` is (N, C, P), in float32 or float64, and zero where nothing counts: so no gradient
    comes from there, whatever the logits are. ``labels`` is (N, C, P) in [0, 1], or, where classes
    were given by number, (N, P) whole numbers. ``valid`` is (N, C, P) or (N, 1, P). ``shape`` is
    that of a loss an element, and ``space`` that of a picture.
    """

    logits: Tensor
    labels: Tensor
    valid: Tensor
    mode: str
    shape: tuple[int, ...]
    space: tuple[int, ...]

    @property
    def numbered(self) -> bool:
        """Whether the labels are numbers of classes."""
        return self.labels.ndim == 2

    @property
    def target(self) -> Tensor:
        """The share of each class at each place, (N, C, P); zero where nothing counts."""
        if not self.numbered:
            return self.labels
        marked = torch.zeros_like(self.logits).scatter_(1, self.labels[:, None], 1)
        return marked * self.valid

    @property
    def probabilities(self) -> Tensor:
        """What the logits say, (N, C, P); zero where nothing counts."""
        said = self.logits.softmax(1) if self.mode == "multiclass" else self.logits.sigmoid()
        return said * self.valid


def read(logits: Tensor, target: Tensor, mode: str, ignore_index: int | None) -> Batch:
    """Bring logits and targets to one form.

    Raises:
        DataError: shapes or values do not fit together. Values are only looked at on the CPU, where
            this waits for nothing.
        DataTypeError: the logits are not floating-point numbers.
    """
    for name, value in (("logits", logits), ("target", target)):
        if not isinstance(value, Tensor):
            raise DataTypeError(f"{name} is a {type(value).__name__}: it must be a tensor")
    if not logits.is_floating_point():
        raise DataTypeError(f"logits are {logits.dtype}: they must be floating-point numbers")
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return _READERS[mode](wide, target, ignore_index)


def _misfit(logits: Tensor, target: Tensor, wanted: str) -> DataError:
    have = f"logits of shape {tuple(logits.shape)} and a target of shape {tuple(target.shape)}"
    return DataError(f"{have}: {wanted}")


def _counting(target: Tensor, ignore_index: int | None) -> Tensor:
    if ignore_index is None:
        return torch.ones_like(target, dtype=torch.bool)
    return target != ignore_index


def _bounded(target: Tensor, high: float, wanted: str) -> None:
    """Refuse values outside [0, high]; on a device this would have to wait, and is left out."""
    if target.device.type != "cpu" or not target.numel() or torch.compiler.is_compiling():
        return
    low, top = (value.item() for value in target.detach().aminmax())
    if not (low >= 0 and top <= high):
        worst = top if low >= 0 else low
        raise DataError(f"target holds {worst:g}: it must be {wanted}, or the ignored value")


def _flat(values: Tensor, channels: int) -> Tensor:
    return values.reshape(len(values), channels, math.prod(values.shape[1:]) // channels)


def _shares(logits: Tensor, target: Tensor, mode: str, ignore_index: int | None) -> Batch:
    """Of (N, C, ...) logits and as many targets."""
    channels = logits.shape[1]
    valid = _counting(target, ignore_index)
    labels = torch.where(valid, target, 0).to(logits.dtype)
    _bounded(labels, 1, "in [0, 1]")
    if mode == "multiclass":
        valid = valid.all(1, keepdim=True)
        labels = labels * valid
    shape = tuple(target.shape) if mode != "multiclass" else (len(target), *target.shape[2:])
    return Batch(
        _flat(torch.where(valid, logits, 0), channels),
        _flat(labels, channels),
        _flat(valid, valid.shape[1]),
        mode,
        shape,
        tuple(logits.shape[2:]),
    )


def _squeezed(shape: torch.Size) -> tuple[int, ...]:
    return tuple(shape[:1] + shape[2:]) if len(shape) > 1 and shape[1] == 1 else tuple(shape)


def _binary(logits: Tensor, target: Tensor, ignore_index: int | None) -> Batch:
    if not logits.ndim or _squeezed(logits.shape) != _squeezed(target.shape):
        raise _misfit(logits, target, "both must be (N,), (N, 1), (N, H, W) or (N, 1, H, W)")
    size = (len(logits), 1, *_squeezed(logits.shape)[1:])
    batch = _shares(logits.reshape(size), target.reshape(size), "binary", ignore_index)
    return replace(batch, shape=tuple(target.shape))


def _multilabel(logits: Tensor, target: Tensor, ignore_index: int | None) -> Batch:
    if logits.ndim < 2 or logits.shape != target.shape:
        raise _misfit(logits, target, "both must be (N, C) or (N, C, H, W)")
    return _shares(logits, target, "multilabel", ignore_index)


def _multiclass(logits: Tensor, target: Tensor, ignore_index: int | None) -> Batch:
    if logits.ndim < 2 or logits.shape[1] < 2:
        raise _misfit(logits, target, "the former must be (N, C) or (N, C, H, W) with C above 1")
    if logits.shape == target.shape:
        return _shares(logits, target, "multiclass", ignore_index)
    places = (len(logits), *logits.shape[2:])
    single = (len(logits), 1, *logits.shape[2:])
    if tuple(target.shape) not in {places, single} or target.is_floating_point():
        wanted = f"classes must be whole numbers of shape {places}, shares be shaped as the logits"
        raise _misfit(logits, target, f"{wanted}, not {target.dtype}")
    return _numbers(logits, target.reshape(places), ignore_index)


def _numbers(logits: Tensor, target: Tensor, ignore_index: int | None) -> Batch:
    classes = logits.shape[1]
    valid = _counting(target, ignore_index)
    labels = torch.where(valid, target, 0).long()
    _bounded(labels, classes - 1, f"a class in [0, {classes - 1}]")
    return Batch(
        _flat(torch.where(valid[:, None], logits, 0), classes),
        labels.reshape(len(labels), math.prod(labels.shape[1:])),
        _flat(valid[:, None], 1),
        "multiclass",
        tuple(target.shape),
        tuple(logits.shape[2:]),
    )


_READERS: Mapping[str, Callable[[Tensor, Tensor, int | None], Batch]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "multilabel": _multilabel,
}


def log_losses(batch: Batch, labels: Tensor | None = None) -> Tensor:
    """Cross-entropy of each element in nats: (N, 1, P) of classes, else (N, C, P).

    Args:
        batch: what the loss was called with.
        labels: what stands in for the labels of the batch, if they were smoothed.
    """
    labels = batch.labels if labels is None else labels
    if batch.mode == "multiclass":
        return functional.cross_entropy(batch.logits, labels, reduction="none")[:, None]
    return functional.binary_cross_entropy_with_logits(batch.logits, labels, reduction="none")
