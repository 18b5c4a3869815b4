"""One row a loss: how it is built, and what it owes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from anamorph.nn import losses
from anamorph.nn.losses import BCE, Dice


@dataclass(frozen=True)
class Row:
    options: tuple[dict[str, Any], ...] = ({},)
    spatial: bool = False  # needs pictures, and what is ignored still takes up room
    soft: bool = True  # least at p = t for shares, too
    near: float = 1e-7  # how near to zero it comes with great logits


ROWS: dict[str, Row] = {
    "bce": Row(({}, {"smoothing": 0.1}, {"positive": (3.0,), "mode": "binary"})),
    "ce": Row(({}, {"smoothing": 0.1})),
    "balanced_bce": Row(),
    "bi_tempered": Row(({}, {"bound": 0.2, "tail": 4.0}, {"bound": 1.0, "tail": 1.0}), near=0.3),
    "focal": Row(
        ({}, {"gamma": 1.5}, {"gamma": 0.5}, {"gamma": 0.0}, {"threshold": 0.5}),
        soft=False,
    ),
    "quality_focal": Row(({}, {"beta": 1.5})),
    "focal_cosine": Row(({"entropy": 0.0},), soft=False),
    "dice": Row(({}, {"smooth": 0.0}, {"per_image": True}, {"skip_empty": True})),
    "jaccard": Row(({}, {"log": True}, {"smooth": 0.0}, {"per_image": True})),
    "tversky": Row(({}, {"alpha": 0.3, "beta": 0.7}, {"gamma": 0.5}, {"gamma": 2.0})),
    "focal_tversky": Row(),
    "soft_f1": Row(({}, {"average": "micro"})),
    "bce_jaccard": Row(({}, {"jaccard": 0.3})),
    "lovasz": Row(({}, {"per_image": True}, {"skip_empty": True}), soft=False),
    "boundary": Row(spatial=True, soft=False),
    "hausdorff": Row(({}, {"alpha": 1.5}), spatial=True, soft=False),
}
"""Losses of targets, by name."""

WRAPPERS: dict[str, losses.Loss] = {
    "sum": BCE(ignore_index=255) + 0.5 * Dice(ignore_index=255),
    "topk": losses.TopK(BCE(ignore_index=255), share=0.5),
    "deep": losses.DeepSupervision(BCE(ignore_index=255)),
}
NUMBERS: dict[str, tuple[dict[str, Any], ...]] = {
    "log_cosh": ({},),
    "wing": ({}, {"width": 0.5, "curvature": 0.1}),
    "adaptive_wing": ({},),
}
"""Losses of numbers, by name."""


@dataclass(frozen=True)
class Case:
    name: str
    mode: str
    options: dict[str, Any] = field(hash=False)
    row: Row = field(hash=False)

    def make(self, **more: Any) -> losses.Loss:
        return losses.LOSSES[self.name](**{"mode": self.mode, **self.options, **more})

    def __str__(self) -> str:
        said = "-".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.name}-{self.mode}-{said}".rstrip("-")

    @property
    def channels(self) -> int:
        return 1 if self.mode == "binary" else 3

    def logits(self, size=(5, 6), n=3, seed=0, dtype=torch.float64) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        shape = (n, self.channels, *size)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    def target(self, size=(5, 6), n=3, seed=1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        if self.mode == "multiclass":
            return torch.randint(3, (n, *size), generator=generator)
        return torch.randint(2, (n, self.channels, *size), generator=generator)

    def perfect(self, target: Tensor, size: float = 300.0) -> Tensor:
        """Logits that say the target."""
        if self.mode == "multiclass":
            hot = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).double()
            # of the cosine, one side only
            return hot * size if self.name == "focal_cosine" else (2 * hot - 1) * size
        return (2 * target.double() - 1) * size

    def smoothed(self, target: Tensor) -> Tensor:
        """The logits at which a smoothed cross-entropy is least; where not smoothed, the perfect."""
        share = self.options.get("smoothing", 0.0)
        if not share:
            return self.perfect(target)
        ways = 3 if self.mode == "multiclass" else 2
        low = share / ways
        best = torch.tensor((1 - share + low) / low).log().item()
        return self.perfect(target, best / 2 if self.mode == "multiclass" else best)


CASES = [
    Case(name, mode, options, row)
    for name, row in ROWS.items()
    for mode in losses.LOSSES[name].modes
    for options in row.options
    if options.get("mode", mode) == mode
]
