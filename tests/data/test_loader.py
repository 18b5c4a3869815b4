"""The loader gives what torch's DataLoader gives: batches, order, chance, refusals."""

from __future__ import annotations

import collections
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler

from anamorph.core.errors import (
    AnamorphError,
    DataError,
    ParameterError,
    ParameterTypeError,
)
from anamorph.data import Loader
from data.loader_datasets import (
    Epochs,
    Keyed,
    Lists,
    Made,
    Setup,
    Sizes,
    Stubborn,
    numbered,
    same,
)


class Pair(NamedTuple):
    one: Any
    two: Any


class Table(collections.UserDict):
    """A mapping that is no dict."""


def other_order(i: int) -> dict[str, Any]:
    """The same keys in another order, and one more."""
    return {"x": 0, "b": {"d": 2 * i, "c": i}, "a": i}


SAMPLES = {
    "int": lambda i: i,
    "float": lambda i: i / 3,
    "bool": lambda i: i % 2 == 0,
    "text": str,
    "bytes": lambda i: bytes([i]),
    "scalar": np.float32,
    "short": np.int16,
    "numpy bool": lambda i: np.bool_(i % 2),
    "picture": lambda i: np.full((3, 4, 5), i, np.float32),
    "one pixel": lambda i: np.full((1, 1, 1), i, np.uint8),
    "odd size": lambda i: np.full((5, 7), i, np.uint16),
    "no dimension": np.array,
    "nothing in it": lambda _: np.zeros((0, 4), np.float32),
    "turned": lambda i: np.arange(6).reshape(2, 3).T + i,
    "complex": lambda i: np.full(2, i + 1j),
    "tensor": lambda i: torch.full((2, 3), i),
    "tensor of no dimension": torch.tensor,
    "half": lambda i: torch.full((3,), i, dtype=torch.float16),
    "bfloat16": lambda i: torch.full((3, 2), i / 3, dtype=torch.bfloat16),
    "float8": lambda i: torch.full((3,), i, dtype=torch.uint8).view(torch.float8_e5m2),
    "expanded": lambda i: torch.tensor([i]).expand(4),
    "mixed": lambda i: i if i % 2 else float(i),
    "dict": lambda i: {"a": i, "b": {"c": np.ones(2) * i, "d": "x"}},
    "tuple": lambda i: (np.ones(2) * i, i, "x", b"y"),
    "list": lambda i: [i, 2.5, [np.ones(1)]],
    "pair": lambda i: Pair(i, {"x": str(i)}),
    "in any order": lambda i: {"a": i, "b": {"c": 1, "d": 2}} if i % 2 == 0 else other_order(i),
    "empty": lambda _: {},
    "ordered": lambda i: collections.OrderedDict(x=i, y=np.ones(3) * i),
    "other mapping": lambda i: {"t": Table(x=i)},
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", SAMPLES)
def test_batches_are_those_of_torch(name, workers):
    data = Made(SAMPLES[name])
    wanted = list(DataLoader(data, 4))
    if name == "float8":
        wanted = [batch.view(torch.uint8) for batch in wanted]
    for found, want in zip(Loader(data, 4, num_workers=workers), wanted, strict=True):
        same(found.view(torch.uint8) if name == "float8" else found, want)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"batch_size": 3},
        {"batch_size": 3, "drop_last": True},
        {"batch_size": 20},
        {"batch_size": None},
        {"batch_size": 3, "shuffle": True},
        {"batch_size": None, "shuffle": True},
        {"batch_size": 2, "sampler": [5, 0, 5, 2, 9]},
        {"batch_sampler": [[3], [1, 2], [0, 0, 0, 4]]},
        {"batch_sampler": BatchSampler(SequentialSampler(range(10)), 4, drop_last=False)},
        {"sampler": []},
    ],
)
def test_order_is_that_of_torch(given, workers):
    """Two epochs, with torch's chance in the same state before and after."""
    data = Made(numbered)
    torch.manual_seed(3)
    stock = DataLoader(data, **given)
    wanted = [*stock, *stock]
    after = torch.rand(1)
    torch.manual_seed(3)
    loader = Loader(data, num_workers=workers, **given)
    same([*loader, *loader], wanted)
    assert torch.equal(torch.rand(1), after)
    assert len(loader) == len(stock)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_generator_is_drawn_from_as_torch_does(workers):
    def epochs(kind: Any) -> list[Any]:
        generator = torch.Generator().manual_seed(8)
        loader = kind(Made(int), 3, shuffle=True, generator=generator, num_workers=workers)
        return [*loader, *loader]

    same(epochs(Loader), epochs(DataLoader))


@pytest.mark.parametrize("workers", [0, 2])
def test_lists_of_samples_are_asked_for_at_once(workers):
    same(list(Loader(Lists(), 3, num_workers=workers)), list(DataLoader(Made(numbered, 7), 3)))


@pytest.mark.parametrize("times", [1, 3])
def test_a_dataset_may_give_another_number_of_samples_than_was_asked_for(times):
    class Uneven(Lists):
        def __getitems__(self, indices: list[int]) -> list[Any]:
            return [i for i in indices for _ in range(times) if i != 4]

    same(list(Loader(Uneven(), 3)), list(DataLoader(Uneven(), 3)))


class Bag:
    """What a user's collate_fn may give."""

    def __init__(self, items: list[Any]) -> None:
        self.total = torch.stack([torch.from_numpy(item["image"]) for item in items])
        self.arrays = {"a": np.arange(3), "same": self.total.transpose(1, 2)}
        self.words = ("x", None, 3)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_collate_function_may_give_anything(workers):
    def check(loader: Any) -> list[Any]:
        bags = list(loader)
        assert all(type(bag) is Bag for bag in bags)
        return [[bag.total, bag.arrays, bag.words] for bag in bags]

    data = Made(numbered)
    wanted = check(DataLoader(data, 4, collate_fn=Bag))
    same(check(Loader(data, 4, collate_fn=Bag, num_workers=workers)), wanted)


@pytest.mark.parametrize("workers", [0, 1])
def test_memory_formats_are_kept(workers):
    def collate(items: list[int]) -> list[Any]:
        last = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(items[0]))
        wide = np.arange(24).reshape(4, 6)
        return [last.to(memory_format=torch.channels_last), wide.T, wide[:, ::2], wide[::-1]]

    for found, at in zip(
        Loader(Made(int, 3), collate_fn=collate, num_workers=workers), range(3), strict=True
    ):
        same(found, collate([at]))
        assert found[0].is_contiguous(memory_format=torch.channels_last)
        assert found[1].flags.f_contiguous


@pytest.mark.parametrize("workers", [0, 1])
def test_tensors_that_are_more_than_values_travel_too(workers):
    class Marked(torch.Tensor):
        pass

    def collate(items: list[int]) -> list[Any]:
        leaf = torch.ones(2, requires_grad=True)
        return [leaf, torch.ones(2).to_sparse(), torch.tensor([1 + 2j]).conj(), items]

    leaf, sparse, conjugate, items = next(
        iter(Loader(Made(int), 2, collate_fn=collate, num_workers=workers))
    )
    assert leaf.requires_grad
    assert torch.equal(sparse.to_dense(), torch.ones(2))
    assert conjugate.resolve_conj().item() == 1 - 2j
    assert items == [0, 1]


# ------------------------------------------------------------------------------ keyed pipelines


@pytest.mark.parametrize(
    "given",
    [{"num_workers": 1}, {"num_workers": 3}, {"num_workers": 2, "persistent_workers": True}],
)
def test_any_number_of_workers_gives_the_same(given):
    def epochs(**options: Any) -> list[Any]:
        loader = Loader(Keyed(mask=True), 3, shuffle=True, seed=4, **options)
        return [{k: v for k, v in b.items() if k != "offered"} for _ in "ab" for b in loader]

    wanted = epochs()
    assert [batch["epoch"][0].item() for batch in wanted] == [0] * 4 + [1] * 4
    same(epochs(**given), wanted)
    pipeline = Keyed(mask=True)
    for batch in wanted:
        for row, index in enumerate(batch["index"].tolist()):
            alone = pipeline.load(index, batch["epoch"][0].item())
            same(batch["image"][row], alone["image"])
            same(batch["mask"][row], alone["mask"])


@pytest.mark.parametrize("workers", [0, 1])
def test_pipelines_write_into_the_slot(workers):
    """All samples but the very first are offered the memory of their picture and mask."""
    loader = Loader(Keyed(mask=True), 3, num_workers=workers, persistent_workers=workers > 0)
    first, second = ([n for b in loader for n in b["offered"].tolist()] for _ in "ab")
    assert first == [0] + [2] * 10
    assert second == [2] * 11


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_may_be_of_another_size_than_the_last(workers):
    found = list(Loader(Sizes(), 4, num_workers=workers))
    assert [batch["image"].shape[-1] for batch in found] == [3, 7, 2] * 2
    for start, batch in zip(range(0, 24, 4), found, strict=True):
        assert batch["image"].unique().tolist() == list(range(start, start + 4))
        assert batch["offered"][1:].all()


def test_what_is_written_into_the_slot_may_be_given_twice():
    class Twice(Keyed):
        def load(self, index: int, epoch: int, out: Any = None) -> dict[str, Any]:
            sample = super().load(index, epoch, out)
            return {"again": sample["image"], **sample, "mask": sample["image"][0]}

    for batch in Loader(Twice(), 3):
        same(batch["again"], batch["image"])
        same(batch["mask"], batch["image"][:, 0])


def test_memory_that_is_refused_is_not_offered_for_ever():
    found = list(Loader(Stubborn(), 3))
    same([b["image"] for b in found], [b["image"] for b in Loader(Keyed(), 3)])


@pytest.mark.parametrize("workers", [0, 1])
def test_unlike_pictures_are_refused_in_a_sentence(workers):
    with pytest.raises(
        DataError, match=r"sample\['image'\].*sample 4.*\(3, 3, 3\).*ragged"
    ) as told:
        list(Loader(Sizes(), 6, num_workers=workers))
    assert "another size" not in str(told.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda i: {"ab"[i]: i},
        lambda i: [i] * (i + 1),
        lambda i: [i] * (2 - i),
        lambda i: (i,) if i else [i],
        lambda i: {"a": (i, {"x": i}) if i else (i, (i,))},
    ],
)
def test_samples_of_another_form_are_refused(make):
    with pytest.raises(DataError, match=r"sample 1 has sample.* must have the same"):
        list(Loader(Made(make, 2), 2))


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(DataError, match="no samples"):
        list(Loader(Made(int), batch_sampler=[[]]))


# ------------------------------------------------------------------------------ workers and epochs


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_are_set_up(context):
    loader = Loader(Setup(), 1, num_workers=2, multiprocessing_context=context)
    found = [{k: v.item() for k, v in batch.items()} for batch in loader]
    assert {(f["cv2"], f["torch"], f["workers"]) for f in found} == {(1, 1, 2)}
    assert [f["worker"] for f in found] == [0, 1, 0, 1]
    assert len({f["drawn"] for f in found}) == 4
    assert len({f["pid"] for f in found}) == 2


def test_a_spawned_worker_gives_the_same():
    loader = Loader(Keyed(), 3, num_workers=1, multiprocessing_context="spawn")
    same(
        [b["image"] for b in loader],
        [b["image"] for b in Loader(Keyed(), 3)],
    )


@pytest.mark.parametrize("given", [{}, {"num_workers": 2, "persistent_workers": True}])
def test_a_plain_dataset_is_told_the_epoch(given):
    loader = Loader(Epochs(), 6, **given)
    assert [next(iter(loader))[0].item() for _ in range(3)] == [0, 100, 200]
    loader.set_epoch(7)
    assert loader.epoch == 7
    assert next(iter(loader))[0].item() == 700
    loader.dataset.set_epoch(3)  # as one does with torch's loader
    assert next(iter(loader))[0].item() == 300
    assert loader.epoch == 4


def test_a_sampler_is_told_the_epoch():
    class Turning(list):
        def set_epoch(self, epoch: int) -> None:
            self[:] = [epoch, epoch + 1]

    loader = Loader(Made(int), 2, sampler=Turning([0, 1]))
    assert next(iter(loader)).tolist() == [0, 1]
    loader.set_epoch(4)
    assert next(iter(loader)).tolist() == [4, 5]


def test_shuffling_is_a_function_of_seed_and_epoch():
    def order(seed: int, epoch: int) -> list[int]:
        loader = Loader(Made(int, 50), 50, shuffle=True, seed=seed)
        loader.set_epoch(epoch)
        return next(iter(loader)).tolist()

    state = torch.get_rng_state()
    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(s, e)) for s in (1, 2) for e in (0, 1)}) == 4
    assert sorted(order(1, 0)) == list(range(50))
    assert torch.equal(torch.get_rng_state(), state)


# ------------------------------------------------------------------------------ refusals


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(())


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"batch_size": 0}, ParameterError, "batch_size = 0"),
        ({"batch_size": 2.5}, ParameterError, "whole"),
        ({"num_workers": -1}, ParameterError, "num_workers"),
        ({"timeout": -1}, ParameterError, "seconds"),
        ({"slots": 2}, ParameterError, "slots = 2"),
        ({"sampler": [1], "shuffle": True}, ParameterError, "sampler says the order"),
        ({"batch_sampler": [[1]], "batch_size": 2}, ParameterError, "takes the place"),
        ({"batch_size": None, "drop_last": True}, ParameterError, "drop_last"),
        ({"prefetch_factor": 2}, ParameterError, "num_workers is 0"),
        ({"persistent_workers": True}, ParameterError, "num_workers is 0"),
        ({"multiprocessing_context": "fork"}, ParameterError, "num_workers is 0"),
        ({"num_workers": 1, "prefetch_factor": 0}, ParameterError, "prefetch_factor"),
        ({"num_workers": 1, "multiprocessing_context": "forks"}, ValueError, "mean fork"),
        ({"num_workers": 1, "multiprocessing_context": 3}, TypeError, "start method"),
        ({"pin_memory_device": "mps"}, ParameterError, "CUDA"),
        ({"ragged": "boxes"}, ParameterTypeError, "tuple of keys"),
        ({"dataset": Stream()}, ParameterTypeError, "iterated"),
        ({"dataset": 3}, ParameterTypeError, "number"),
    ],
)
def test_wrong_arguments_are_refused_when_built(given, error, words):
    with pytest.raises(error, match=words) as told:
        Loader(**{"dataset": Made(int), **given})
    assert isinstance(told.value, AnamorphError)


def test_arguments_can_be_read_and_not_set():
    loader = Loader(Made(int), 3, num_workers=1, shuffle=True)
    assert (loader.batch_size, loader.num_workers, loader.prefetch_factor) == (3, 1, 2)
    assert loader.collate_fn is torch.utils.data.default_collate
    assert isinstance(loader.sampler, torch.utils.data.RandomSampler)
    assert isinstance(loader.batch_sampler, BatchSampler)
    with pytest.raises(AttributeError):
        loader.batch_size = 5
    with pytest.raises(AttributeError, match="batchsize"):
        _ = loader.batchsize
