"""Pictures through a model and home again: what validation and prediction have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import nn

from anamorph.data import Loader
from anamorph.nn.tta import TTA, Output
from anamorph.pipeline.compose import Compose
from anamorph.tasks.base import Task
from anamorph.tasks.devices import casting
from anamorph.tasks.samples import Views


@dataclass(frozen=True)
class Manner:
    """How pictures are seen.

    ``tile`` None sees them whole; ``dtype`` None is float32.
    """

    device: torch.device
    dtype: torch.dtype | None = None
    batch: int = 8
    workers: int = 0
    tile: int | None = None
    overlap: float = 0.25
    tta: str | None = None


@dataclass(frozen=True)
class Seen:
    """A picture that was seen, or why it was not."""

    index: int
    prediction: Any = None
    truth: Any = None
    size: tuple[int, int] = (0, 0)
    error: str | None = None


@final
class Seer:
    """Models of one task and one pipeline, as one."""

    manner: Manner
    prepare: Compose
    task: Task

    def __init__(
        self,
        task: Task,
        models: Sequence[nn.Module],
        weights: Sequence[float],
        prepare: Compose,
        manner: Manner,
    ) -> None:
        """Put the models into the mode of prediction."""
        self.task, self.prepare, self.manner = task, prepare, manner
        viewer = task.viewer(list(models), list(weights)).to(manner.device).eval()
        if manner.tta is not None:
            activation = None if task.views == "detection" else "probabilities"
            viewer = TTA(viewer, manner.tta, Output(task.views, activation)).eval()
        self.viewer = _Cast(viewer, manner).eval()

    def over(self, views: Views, indices: Sequence[int]) -> Iterator[Seen]:
        """See pictures, in this order."""
        loader = Loader(
            views,
            batch_size=1 if self.manner.tile is not None else self.manner.batch,
            sampler=list(indices),
            num_workers=self.manner.workers,
            collate_fn=list,
        )
        for samples in loader:
            seen = {
                each.index: each for each in self._batch([s for s in samples if "error" not in s])
            }
            for each in samples:  # a broken picture keeps its place: callers pair rows with names
                broken = "error" in each
                yield Seen(each["index"], error=each["error"]) if broken else seen[each["index"]]

    def _batch(self, samples: list[dict[str, Any]]) -> Iterator[Seen]:
        if not samples:
            return
        if self.manner.tile is not None:
            said = [self._in_tiles(sample["image"]) for sample in samples]
        else:
            said = self._whole(samples)
        for sample, each in zip(samples, said, strict=True):
            yield Seen(sample["index"], each, sample["truth"], tuple(sample["size"]))

    @torch.no_grad()
    def _whole(self, samples: list[dict[str, Any]]) -> list[Any]:
        images = torch.stack([sample["image"] for sample in samples]).to(self.manner.device)
        said = self.task.split(self.viewer(images))
        return [
            self.task.home(each, sample["plan"], self.prepare)
            for each, sample in zip(said, samples, strict=True)
        ]

    def _in_tiles(self, picture: Any) -> Any:
        options = {
            "tile": self.manner.tile,
            "overlap": self.manner.overlap,
            "batch_size": self.manner.batch,
            "device": self.manner.device,
        }
        return self.task.tiled(self.viewer, picture, self._tile, options)

    def _tile(self, tile: Any) -> Any:
        return self.prepare.keyed(0, 0)(image=tile)["image"]


class _Cast(nn.Module):
    """A module under autocast."""

    def __init__(self, inner: nn.Module, manner: Manner) -> None:
        super().__init__()
        self.inner, self.manner = inner, manner

    def forward(self, images: Any) -> Any:
        """What the module says."""
        with casting(self.manner.device, self.manner.dtype):
            return self.inner(images)
