"""Samples of a dataset, gathered into the slot of a batch. Runs in workers, without torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anamorph.core.errors import DataError
from anamorph.data.loader.leaves import Arena, Array, Batch
from anamorph.data.loader.table import Spec, Table, learn
from anamorph.data.loader.tensors import array_of, pack
from anamorph.data.loader.tree import LEAF, Form, flatten, follow, places
from anamorph.pipeline.compose import Compose
from anamorph.pipeline.targets import KINDS, PICTURES

Load = Callable[..., Any]
Known: TypeAlias = tuple[Form, tuple[Spec, ...]]
Offer: TypeAlias = Callable[[int], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Source:
    """What samples are made from, and how they become a batch.

    ``collate`` is None for columns in the slot. ``single`` says that a batch is one sample as it is.
    """

    dataset: Any
    collate: Callable[[Any], Any] | None = None
    ragged: frozenset[Hashable] = frozenset()
    single: bool = False


def loading(dataset: Any) -> Load | None:
    """The method ``load(index, epoch, out)`` of a dataset, if it has one of that form."""
    load = getattr(dataset, "load", None)
    if not callable(load):
        return None
    try:
        names = inspect.signature(load).parameters
    except (TypeError, ValueError):
        return None
    return load if {"index", "epoch", "out"} <= set(names) else None


def pictures_of(dataset: Any) -> frozenset[str]:
    """Keys of pictures and masks, which a pipeline can write to given memory."""
    pipeline = getattr(dataset, "pipeline", None)
    kinds = pipeline.settings.kinds if isinstance(pipeline, Compose) else KINDS
    return frozenset(key for key, kind in kinds.items() if kind.target in PICTURES)


def ragged_of(dataset: Any) -> frozenset[Hashable]:
    """Keys of boxes, keypoints and their labels, of which every sample has its own number.

    They are what a dataset's attribute ``ragged`` names, or else what its pipeline was told.
    """
    named = getattr(dataset, "ragged", None)
    if named is not None:
        return frozenset(named)
    pipeline = getattr(dataset, "pipeline", None)
    if not isinstance(pipeline, Compose):
        return frozenset()
    return frozenset({*pipeline.settings.told, *pipeline.settings.label_fields})


def go_on() -> None:
    """Let the batch be finished."""


def no_offer(row: int) -> Mapping[str, Array]:
    """Offer no memory."""
    del row
    return {}


class Gatherer:
    """Makes batches of a source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.at: Any = None
        """The index of the sample that is being loaded; None when none is."""
        self._load = loading(source.dataset)
        self._several = None if self._load else getattr(source.dataset, "__getitems__", None)
        self._epoch: int | None = None
        self._keys = pictures_of(source.dataset) if self._load else frozenset[str]()
        self._declined = False
        self._known: Known | None = None

    def batch(
        self, indices: Any, epoch: int, arena: Arena, check: Callable[[], None] = go_on
    ) -> Batch:
        """Make the batch of some indices; ``check`` is called before each sample.

        Raises:
            DataError: there are no samples, or one is not like the first.
        """
        self._begin(epoch)
        if self.source.collate is None:
            return self._columns(indices, epoch, arena, check)
        samples = self._together(indices, check)
        if samples is None:
            wanted = [indices] if self.source.single else indices
            samples = list(self._samples(wanted, epoch, check))
        self.at = None
        made = self.source.collate(samples[0] if self.source.single else samples)
        return Batch(LEAF, (pack(made, arena),))

    def _begin(self, epoch: int) -> None:
        """Tell a dataset that cannot be asked for an epoch which one it is."""
        tell = getattr(self.source.dataset, "set_epoch", None)
        if self._load is None and epoch != self._epoch and tell is not None:
            tell(epoch)
        self._epoch = epoch

    def _samples(
        self, indices: Any, epoch: int, check: Callable[[], None], offer: Offer = no_offer
    ) -> Iterator[Any]:
        for row, index in enumerate(indices):
            check()
            self.at = index
            yield self._sample(index, epoch, offer(row))

    def _together(self, indices: Any, check: Callable[[], None]) -> list[Any] | None:
        """All samples of a batch at once, from a dataset that gives them so."""
        if self._several is None or self.source.single:
            return None
        check()
        self.at = indices
        return list(self._several(indices))

    def _sample(self, index: Any, epoch: int, offer: Mapping[str, Array]) -> Any:
        """A sample, its pictures in the memory that is offered if they go there."""
        self._declined = False
        if self._load is None:
            return self.source.dataset[index]
        if offer:
            try:
                return self._load(index=index, epoch=epoch, out=offer)
            except Exception:  # noqa: BLE001 - maybe of another size; an error of its own comes again
                self._declined = True
        return self._load(index=index, epoch=epoch, out=None)

    def _columns(self, indices: Any, epoch: int, arena: Arena, check: Callable[[], None]) -> Batch:
        together = self._together(indices, check)
        count = len(indices if together is None else together)
        filling = Filling(count, arena, self.source.ragged, self._keys, self._known)
        self._known = None
        samples = together or self._samples(indices, epoch, check, filling.offer)
        for row, sample in enumerate(samples):
            index = indices[row] if row < len(indices) else row
            if filling.add(row, index, sample) and self._declined:
                self._keys = frozenset()  # it was no matter of sizes: no more offers
        self.at = None
        batch = filling.done()
        self._known = filling.known
        return batch


class Filling:
    """A batch that is being filled, laid out as the last one unless its first sample differs."""

    keys: frozenset[str]
    ragged: frozenset[Hashable]
    arena: Arena
    count: int

    def __init__(
        self,
        count: int,
        arena: Arena,
        ragged: frozenset[Hashable],
        keys: frozenset[str],
        known: Known | None,
    ) -> None:
        if not count:
            raise DataError("a batch of no samples: the batch sampler must name one at least")
        self.count, self.arena, self.ragged = count, arena, ragged
        self.keys, self.known = keys, known
        self.table = None if known is None else Table(*known, count, arena)

    def offer(self, row: int) -> Mapping[str, Array]:
        """Memory for the pictures of a sample; none where it is not known yet what they are."""
        return self.table.offer(row, self.keys) if self.table and self.keys else {}

    def add(self, row: int, index: Any, sample: Any) -> bool:
        """Write a sample; tells whether it is laid out as was expected.

        Raises:
            DataError: it is not like the first one.
        """
        if row == 0 or self.table is None:
            return self._first(index, sample)
        leaves = follow(sample, self.table.form)
        if leaves is None:
            wanted, found = self.table.form, flatten(sample, self.ragged)[0]
            raise DataError(
                f"sample {index!r} has {', '.join(places(found))}, but the first of its batch has "
                f"{', '.join(places(wanted))}: all samples must have the same"
            )
        self.table.put(row, index, leaves)
        return True

    def _first(self, index: Any, sample: Any) -> bool:
        form, leaves = flatten(sample, self.ragged)
        expected = self.table is not None and self.table.fits(form, leaves)
        if self.table is None or not expected:
            leaves = [_own(leaf, self.arena) for leaf in leaves]
            self.known = form, learn(form, leaves)
            self.table = Table(*self.known, self.count, self.arena)
        self.table.put(0, index, leaves)
        return expected

    def done(self) -> Batch:
        """The batch, when all samples are in it."""
        if self.table is None:
            raise DataError("a batch of no samples: the dataset gave none")
        return self.table.done()


def _own(leaf: Any, arena: Arena) -> Any:
    """A copy of what lies in the slot, which is about to be laid out anew."""
    found = array_of(leaf)
    if found is None or arena.segment is None:
        return leaf
    whole = np.frombuffer(arena.segment.buffer, np.uint8)
    return found[0].copy() if np.may_share_memory(found[0], whole) else leaf
