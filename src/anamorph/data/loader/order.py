"""Which samples in which order: torch's samplers, and shuffling by seed and epoch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from anamorph.core.rng import mix

_POSITIVE = (1 << 63) - 1


class Drawn(NamedTuple):
    """What a pass over the data begins with."""

    batches: Iterator[Any]
    """Lists of indices; indices where samples are not batched."""
    seed: int
    """The first of the seeds of the workers."""
    state: Any
    """What brings the same order again."""


@dataclass(frozen=True)
class Order:
    """The order of samples and how they are cut into batches.

    Without a seed, chance is drawn as torch's ``DataLoader`` draws it: from the generator, or
    torch's own, first the seed of the workers, then the order.
    """

    dataset: Any
    shuffle: bool
    sampler: Any
    batch_sampler: Any
    batch_size: int | None
    drop_last: bool
    generator: torch.Generator | None
    seed: int | None

    @property
    def given(self) -> Any:
        """The sampler of batches; that of samples where they are not batched."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def draw(self, epoch: int, state: Any = None) -> Drawn:
        """Begin a pass; with a state of another, in the order of that one."""
        if self.generator is not None and state is not None:
            self.generator.set_state(state)
        kept = None if self.generator is None else self.generator.get_state()
        first = self._worker_seed(epoch)
        if not self._own:
            return Drawn(iter(self.given), first, kept)
        drawn = self._order_seed(epoch) if state is None or self.seed is not None else int(state)
        return Drawn(iter(self._shuffled(drawn)), first, None if self.seed is not None else drawn)

    @property
    def _own(self) -> bool:
        """Whether the order is drawn here, from a number that can be kept."""
        return self.shuffle and (self.generator is None or self.seed is not None)

    def _worker_seed(self, epoch: int) -> int:
        if self.seed is not None:
            return mix(self.seed, epoch, 1) & _POSITIVE
        return _torch_seed(self.generator)

    def _order_seed(self, epoch: int) -> int:
        return _torch_seed(None) if self.seed is None else mix(self.seed, epoch, 0) & _POSITIVE

    def _shuffled(self, seed: int) -> Iterable[Any]:
        generator = torch.Generator()
        generator.manual_seed(seed)
        sampler = RandomSampler(self.dataset, generator=generator)
        if self.batch_size is None:
            return sampler
        return BatchSampler(sampler, self.batch_size, self.drop_last)


def _torch_seed(generator: torch.Generator | None) -> int:
    """Draw a seed as torch does, so that all that is drawn after it is the same, too."""
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator).item())


def make_sampler(dataset: Any, generator: torch.Generator | None, *, shuffle: bool) -> Any:
    """The sampler that torch would make."""
    if shuffle:
        return RandomSampler(dataset, generator=generator)
    return SequentialSampler(dataset)


def skipped(batches: Iterator[Any], count: int) -> Iterator[Any]:
    """The batches after the first ones, of which nothing is loaded.

    >>> list(skipped(iter("abc"), 2))
    ['c']
    """
    return itertools.islice(batches, count, None)
