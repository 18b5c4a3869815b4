"""MixUp and CutMix of a batch that lies on its device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anamorph.core.rng import Rng
from anamorph.tasks.config.sections import Mix


@dataclass(frozen=True)
class Shares:
    """Whose labels count how much: those of the batch, and those of its partners."""

    partners: Tensor
    own: float


def mixed(batch: Mapping[str, Any], mix: Mix, rng: Rng) -> tuple[Mapping[str, Any], Shares | None]:
    """A batch whose pictures are mixed with each other, or the batch as it is.

    MixUp (Zhang et al. 2018) adds pictures, CutMix (Yun et al. 2019) pastes a rectangle. Where
    there are masks, CutMix pastes them too, and nothing need be said of shares.

    Args:
        batch: ``image`` (N, C, H, W), and labels.
        mix: how, and how often.
        rng: decides it all.
    """
    ways = [name for name in WAYS if getattr(mix, name) > 0]
    if not ways or not rng.chance(mix.p) or len(batch["image"]) < 2:
        return batch, None
    way = rng.pick(ways)
    own = rng.betavariate(getattr(mix, way), getattr(mix, way))
    order = list(range(len(batch["image"])))
    rng.shuffle(order)
    partners = torch.tensor(order, device=batch["image"].device)
    return WAYS[way](batch, partners, own, rng)


def _mixup(
    batch: Mapping[str, Any], partners: Tensor, own: float, rng: Rng
) -> tuple[Mapping[str, Any], Shares | None]:
    del rng
    image = batch["image"]
    return {**batch, "image": torch.lerp(image[partners], image, own)}, Shares(partners, own)


def _cutmix(
    batch: Mapping[str, Any], partners: Tensor, own: float, rng: Rng
) -> tuple[Mapping[str, Any], Shares | None]:
    height, width = batch["image"].shape[-2:]
    rows, columns = _window(height, width, own, rng)
    changed = dict(batch)
    for key in {"image", "mask"} & batch.keys():
        changed[key] = batch[key].clone()
        changed[key][..., rows, columns] = batch[key][partners][..., rows, columns]
    if "mask" in batch:
        return changed, None
    cut = (rows.stop - rows.start) * (columns.stop - columns.start)
    return changed, Shares(partners, 1 - cut / (height * width))


def _window(height: int, width: int, own: float, rng: Rng) -> tuple[slice, slice]:
    """A rectangle of the partner's share, about a place drawn evenly, cut at the borders."""
    side = float(np.sqrt(1 - own))
    y, x = rng.integer(0, height - 1), rng.integer(0, width - 1)
    half = int(height * side) // 2, int(width * side) // 2
    rows = slice(max(y - half[0], 0), min(y + half[0], height))
    columns = slice(max(x - half[1], 0), min(x + half[1], width))
    return rows, columns


WAYS: Mapping[str, Callable[..., tuple[Mapping[str, Any], Shares | None]]] = {
    "mixup": _mixup,
    "cutmix": _cutmix,
}
"""Option of ``mix`` → what it does."""
