"""What a loader is told, checked at the door."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Any

from torch.utils.data import BatchSampler, IterableDataset, default_collate, default_convert

from anamorph.core.errors import ParameterError, ParameterTypeError, UnknownNameError, nearest
from anamorph.core.params import Flag, Number, Rule
from anamorph.data.loader.gather import Source, loading, ragged_of
from anamorph.data.loader.order import Order, make_sampler

PREFETCH = 2

_COUNT = Number(0, whole=True)
_RULES: Mapping[str, Rule] = {
    "batch_size": Number(1, whole=True, optional=True),
    "num_workers": _COUNT,
    "pin_memory": Flag(),
    "drop_last": Flag(),
    "timeout": Number(0, unit="seconds"),
    "prefetch_factor": Number(1, whole=True, optional=True),
    "persistent_workers": Flag(),
    "seed": Number(whole=True, optional=True),
    "slots": Number(3, whole=True, optional=True),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of a loader, and what follows from them."""

    dataset: Any
    batch_size: int | None
    shuffle: bool
    sampler: Any
    batch_sampler: Any
    num_workers: int
    collate_fn: Callable[[Any], Any]
    pin_memory: bool
    drop_last: bool
    timeout: float
    worker_init_fn: Callable[[int], Any] | None
    multiprocessing_context: BaseContext
    generator: Any
    prefetch_factor: int | None
    persistent_workers: bool
    pin_memory_device: str
    seed: int | None
    slots: int
    ragged: frozenset[Hashable]

    @property
    def order(self) -> Order:
        """Which samples in which order."""
        return Order(
            self.dataset,
            self.shuffle,
            self.sampler,
            self.batch_sampler,
            self.batch_size,
            self.drop_last,
            self.generator,
            self.seed,
        )

    @property
    def source(self) -> Source:
        """What workers make batches from."""
        single = self.batch_sampler is None
        collate = None if self.collate_fn is default_collate and not single else self.collate_fn
        return Source(self.dataset, collate, self.ragged, single)

    @property
    def ahead(self) -> int:
        """How many batches are made ahead: while one is used, and the one before it, in slots."""
        return min(self.num_workers * (self.prefetch_factor or PREFETCH), self.slots - 2)


def checked(given: dict[str, Any]) -> Options:
    """Check the arguments of a loader, and fill in what follows from them.

    Raises:
        ParameterError: one is out of its bounds, or at odds with another.
        ParameterTypeError: the dataset is none with a number for each sample.
    """
    given = dict(given)
    _check_dataset(given["dataset"])
    given["shuffle"] = bool(given["shuffle"])
    for name, rule in _RULES.items():
        given[name] = rule.check(f"Loader.{name}", given[name])
    for wrong, sentence in _CONFLICTS:
        if wrong(given):
            raise ParameterError(f"Loader: {sentence}")
    given["multiprocessing_context"] = _context(given)
    _set_samplers(given)
    if given["collate_fn"] is None:
        given["collate_fn"] = default_convert if given["batch_sampler"] is None else default_collate
    if given["num_workers"] and given["prefetch_factor"] is None:
        given["prefetch_factor"] = PREFETCH
    if given["slots"] is None:
        given["slots"] = max(3, given["num_workers"] * (given["prefetch_factor"] or PREFETCH) + 2)
    given["ragged"] = _ragged(given["dataset"], given["ragged"])
    return Options(**given)


def _check_dataset(dataset: Any) -> None:
    numbered = hasattr(dataset, "__getitem__") or loading(dataset) is not None
    if isinstance(dataset, IterableDataset) or not numbered:
        raise ParameterTypeError(
            f"Loader.dataset is a {type(dataset).__name__}: it must give a sample for a number, "
            "dataset[index]; torch's DataLoader takes datasets that are only iterated over"
        )


_CONFLICTS: tuple[tuple[Callable[[Mapping[str, Any]], bool], str], ...] = (
    (
        lambda g: g["sampler"] is not None and g["shuffle"],
        "sampler says the order, shuffle does too: give one of them",
    ),
    (
        lambda g: (
            g["batch_sampler"] is not None
            and (g["batch_size"] != 1 or g["shuffle"] or g["sampler"] is not None or g["drop_last"])
        ),
        "batch_sampler takes the place of batch_size, shuffle, sampler and drop_last",
    ),
    (
        lambda g: g["batch_size"] is None and g["drop_last"],
        "batch_size = None gives samples one by one, so drop_last must be False",
    ),
    (
        lambda g: not g["num_workers"] and g["prefetch_factor"] is not None,
        "prefetch_factor is for workers, and num_workers is 0",
    ),
    (
        lambda g: not g["num_workers"] and g["persistent_workers"],
        "persistent_workers needs workers, and num_workers is 0",
    ),
    (
        lambda g: not g["num_workers"] and g["multiprocessing_context"] is not None,
        "multiprocessing_context is for workers, and num_workers is 0",
    ),
    (
        lambda g: g["pin_memory_device"] and not str(g["pin_memory_device"]).startswith("cuda"),
        'pin_memory_device must be "" or a CUDA device',
    ),
)
"""What excludes what, and the sentence that says so."""


def _context(given: Mapping[str, Any]) -> BaseContext:
    context = given["multiprocessing_context"]
    if context is None or isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context is not None and context not in methods:
            raise UnknownNameError(
                f"Loader.multiprocessing_context = {context!r}: it must be one of "
                f"{', '.join(methods)}{nearest(context, methods)}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise ParameterTypeError(
            f"Loader.multiprocessing_context is a {type(context).__name__}: it must be the name of "
            "a start method or a context of multiprocessing"
        )
    return context


def _set_samplers(given: dict[str, Any]) -> None:
    """Make the samplers that are not given, as torch does."""
    if given["batch_sampler"] is not None:
        given["batch_size"] = None
    if given["sampler"] is None:
        given["sampler"] = make_sampler(
            given["dataset"], given["generator"], shuffle=given["shuffle"]
        )
    if given["batch_sampler"] is None and given["batch_size"] is not None:
        given["batch_sampler"] = BatchSampler(
            given["sampler"], given["batch_size"], given["drop_last"]
        )


def _ragged(dataset: Any, ragged: Iterable[Hashable] | None) -> frozenset[Hashable]:
    if ragged is None:
        return ragged_of(dataset)
    if isinstance(ragged, str):
        raise ParameterTypeError(f"Loader.ragged = {ragged!r}: it must be a tuple of keys")
    return frozenset(ragged)
