"""Outputs that are tensors: labels, maps and keypoints, brought home and merged."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from anamorph.core.errors import DataError
from anamorph.ir.ops import Size
from anamorph.nn.tta.gathering import Gathering, Look
from anamorph.nn.tta.merges import Merging
from anamorph.nn.tta.outputs import Output, leaf_tensor, traded


class Values(Gathering):
    """Base of outputs that are tensors with one row a picture."""

    def __init__(self, output: Output, path: str, batch: int) -> None:
        self.output = output
        self.path = path
        self.batch = batch
        self.dtype: Any = torch.float32
        self.merging: Merging = output.merging.begin()

    def add(self, value: Any, look: Look) -> None:
        values = leaf_tensor(value, self.output.task, self.path)
        if values.dim() == 0 or values.shape[0] != self.batch:
            raise DataError(
                f"the model's output{self.path} has shape {tuple(values.shape)}: for the task "
                f"{self.output.task!r} its first dimension must be the batch, {self.batch}"
            )
        self.dtype = values.dtype
        values = self.probable(values)
        if look.view.mirrored and self.output.flip_pairs:
            values = traded(values, self.output.flip_pairs)
        self.take(values, look)

    @abstractmethod
    def take(self, values: Tensor, look: Look) -> None:
        """Bring values home and merge them."""

    def probable(self, values: Tensor) -> Tensor:
        """Make probabilities, if the output has them."""
        activation = self.output.activating
        if activation is None:
            return values
        if activation.sums and values.dim() < self.least:
            raise DataError(
                f"the model's output{self.path} has shape {tuple(values.shape)}: dimension 1 must "
                f"be the classes for activation = {self.output.activation!r}"
            )
        return activation.apply(values)

    least: int = 2
    """Dimensions of an output with classes."""

    def result(self) -> Tensor:
        merged = self.merging.result()
        activation = self.output.activating
        if activation is not None and activation.sums and self.output.merge not in {None, "mean"}:
            merged = merged / merged.sum(1, keepdim=True)
        return merged.to(self.dtype)


class Labels(Values):
    """Outputs that no view moves."""

    def take(self, values: Tensor, look: Look) -> None:
        self.merging.add(values, look.weight, look.number)


class Points(Values):
    """Coordinates of keypoints."""

    def take(self, values: Tensor, look: Look) -> None:
        moved = look.view.points(values, self.output.coordinates)
        self.merging.add(moved, look.weight, look.number)

    def probable(self, values: Tensor) -> Tensor:
        """Check that these are coordinates."""
        if values.dim() < 2 or values.shape[-1] not in {2, 3, 4}:
            raise DataError(
                f"the model's output{self.path} has shape {tuple(values.shape)}: keypoints must "
                "be (N, …, 2 or more), x and y first; for maps of them the task is 'heatmaps'"
            )
        return values


class Dense(Values):
    """Maps, in any resolution; those of the first view decide that of the result."""

    least = 4

    def __init__(self, output: Output, path: str, batch: int) -> None:
        super().__init__(output, path, batch)
        self.home: Size | None = None
        self.shape: tuple[int, ...] = ()
        self.seen: Tensor | None = torch.zeros((), dtype=torch.bool)

    def take(self, values: Tensor, look: Look) -> None:
        if values.dim() < 3:
            raise DataError(
                f"the model's output{self.path} has shape {tuple(values.shape)}: for the task "
                f"{self.output.task!r} it must be (N, …, h, w)"
            )
        self.shape = tuple(values.shape[:-2])
        maps = values.flatten(1, -3) if values.dim() > 3 else values.unsqueeze(1)
        out = maps.shape[2], maps.shape[3]
        if self.home is None:
            self.home = look.view.home(out)
        maps = look.view.maps(maps, self.home)
        coverage = look.view.coverage(self.home, out)
        if coverage is None:
            self.seen = None
            self.merging.add(maps, look.weight, look.number)
            return
        self.seen = None if self.seen is None else self.seen | (coverage > 0)
        self.merging.add(maps, coverage.to(maps.device) * look.weight, look.number)

    def result(self) -> Tensor:
        merged = super().result()
        if self.seen is not None and not bool(self.seen.all()):
            fill = self._outside(self.seen)
            merged = torch.where(self.seen.to(merged.device), merged, fill)
        return merged.reshape(*self.shape, *merged.shape[-2:])

    def _outside(self, seen: Tensor) -> float:
        if self.output.uncovered is None:
            share = seen.double().mean().item()
            raise DataError(
                f"the views see {share:.0%} of the picture: add a view that sees all of it, as "
                "'identity' does, or say with uncovered what the rest is"
            )
        return self.output.uncovered
