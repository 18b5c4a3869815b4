"""Whether a converted model says what the model in torch says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anamorph.core.errors import DataError
from anamorph.tasks.bundle import Bundle
from anamorph.tasks.samples import Views

Array = NDArray[Any]


@final
@dataclass(frozen=True)
class Trial:
    """Pictures that both models are asked."""

    name: str
    images: Tensor


def drawn(size: tuple[int, int], channels: int, dynamic: Sequence[str]) -> list[Trial]:
    """Noise of the size that the model was made for, and of others as far as it takes such."""
    height, width = size
    sizes = [(1, height, width)]
    if "batch" in dynamic:
        sizes += [(3, height, width)]
    if "height" in dynamic:
        sizes += [(1, 2 * height, width), (2, height, 2 * width)]
    generator = torch.Generator().manual_seed(0)
    return [
        Trial(
            f"noise {count}×{channels}×{rows}×{columns}",
            torch.randn(count, channels, rows, columns, generator=generator),
        )
        for count, rows, columns in sizes
    ]


def real(bundle: Bundle, paths: Sequence[str]) -> Iterator[Trial]:
    """Pictures through the preprocessing of the bundle; of those seen in tiles, the first tile.

    Raises:
        DataError: one cannot be read.
    """
    member = bundle.members[0]
    tile = member.config.predict.tile
    views = Views(paths, member.pipeline, member.config.input.channels, whole=tile is None)
    for at, path in enumerate(paths):
        image: Any = views.load(at, 0)["image"]
        if tile is not None:
            if min(image.shape[:2]) < tile:
                raise DataError(f"{path} is smaller than a tile of {tile} pixels: name others")
            image = member.pipeline.keyed(0, 0)(image=image[:tile, :tile])["image"]
        yield Trial(path, image[None])


@torch.no_grad()
def difference(module: nn.Module, session: Any, trial: Trial, task: str) -> float:
    """The greatest difference between what both say; infinite where they say other things.

    That of probabilities and scores is as they are, that of boxes as a share of the longer side.
    """
    said = module(trial.images)
    mine = [each.numpy() for each in (said if isinstance(said, tuple) else (said,))]
    other = session.run(None, {session.get_inputs()[0].name: trial.images.numpy()})
    return DIFFERENCES[task](mine, other, max(trial.images.shape[2:]))


def _of_arrays(mine: Sequence[Array], other: Sequence[Array], side: int) -> float:
    del side
    if mine[0].shape != other[0].shape:
        return float("inf")
    return _greatest(np.abs(mine[0].astype(np.float64) - other[0]))


def _of_boxes(mine: Sequence[Array], other: Sequence[Array], side: int) -> float:
    """How far the box that lies farthest from all of the other is: equal scores may change places."""
    if not len(mine[0]) or not len(other[0]):
        return 0.0 if len(mine[0]) == len(other[0]) else float("inf")
    first, second = (_points(each, side) for each in (mine, other))
    far = np.abs(first[:, None] - second[None]).max(axis=2)
    return max(_greatest(far.min(axis=0)), _greatest(far.min(axis=1)))


def _points(said: Sequence[Array], side: int) -> Array:
    boxes, scores, labels = (each.astype(np.float64) for each in said)
    return np.concatenate([boxes / side, scores[:, None], labels[:, None]], axis=1)


def _greatest(values: Array) -> float:
    """The greatest; infinite where one is no number."""
    return float(values.max(initial=0)) if np.isfinite(values).all() else float("inf")


DIFFERENCES: Mapping[str, Callable[[Sequence[Array], Sequence[Array], int], float]] = {
    "classify": _of_arrays,
    "segment": _of_arrays,
    "detect": _of_boxes,
}
"""Task → how far what two models say is apart."""
