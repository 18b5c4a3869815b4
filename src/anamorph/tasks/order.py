"""Which pictures stand in which batch: a function of seed and epoch, for any number of processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import ParameterError
from anamorph.core.rng import generator, mix

_TAG = 0x0DE4


@final
class Batches:
    """Lists of indices, as a loader's ``batch_sampler``.

    All processes know the whole order; each takes its share of every batch, so that their batches
    together are those of one process. An incomplete batch at the end is left out.

    >>> from anamorph.tasks.order import Batches
    >>> both = [Batches(range(8), 4, seed=1, rank=rank, world=2) for rank in range(2)]
    >>> one = Batches(range(8), 4, seed=1)
    >>> [a + b for a, b in zip(*both)] == list(one)
    True
    """

    world: int
    rank: int
    seed: int

    def __init__(
        self,
        indices: Sequence[int] | NDArray[Any],
        batch: int,
        *,
        seed: int,
        weights: NDArray[np.float64] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Say what is drawn from.

        Args:
            indices: numbers of the pictures.
            batch: pictures in a batch, of all processes together.
            seed: with the epoch decides the order.
            weights: how often each picture is drawn, with replacement; None takes each once.
            rank: number of this process.
            world: number of processes.

        Raises:
            ParameterError: the batch cannot be shared evenly, or there are fewer pictures than
                processes.
        """
        self.indices: NDArray[np.int64] = np.asarray(indices, np.int64)
        if batch % world:
            raise ParameterError(
                f"train.batch = {batch}: it must be a multiple of the {world} processes"
            )
        if len(self.indices) < world:
            raise ParameterError(
                f"{len(self.indices)} training pictures cannot be shared by {world} processes"
            )
        self.batch: int = min(batch, len(self.indices) // world * world)
        self.seed, self.rank, self.world = seed, rank, world
        self.weights: Any | None = None if weights is None else weights / weights.sum()
        self.epoch: int = 0

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self.indices) // self.batch

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass is."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        order = self.order(self.epoch)
        share = self.batch // self.world
        for number in range(len(self)):
            start = number * self.batch + self.rank * share
            yield order[start : start + share].tolist()

    def order(self, epoch: int) -> NDArray[np.int64]:
        """All indices of an epoch, in order."""
        rng = generator(mix(self.seed, epoch, _TAG))
        if self.weights is None:
            return self.indices[rng.permutation(len(self.indices))]
        drawn = rng.choice(len(self.indices), len(self.indices), p=self.weights)
        return self.indices[drawn]


def balanced(labels: NDArray[Any], strength: float) -> NDArray[np.float64]:
    """How often each picture is to be drawn so that classes come equally often.

    Args:
        labels: (n,) numbers of classes, or (n, classes) of 0 and 1; of several classes the rarest
            counts, and a picture of none is a class of its own.
        strength: 1 makes them equally frequent, 0 leaves them as they are.

    >>> from anamorph.tasks.order import balanced
    >>> balanced(np.array([0, 0, 0, 1]), 1).round(2).tolist()
    [0.33, 0.33, 0.33, 1.0]
    """
    if labels.ndim == 1:
        _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
        rarity = 1.0 / counts[numbers]
    else:
        none = labels.sum(1) == 0
        there = np.column_stack([labels > 0, none])
        rarity = (there / np.maximum(there.sum(0), 1)).max(axis=1)
    weights: NDArray[np.float64] = np.asarray(rarity, np.float64) ** strength
    return weights
