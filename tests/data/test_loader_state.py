"""A pass goes on where another one was, and loads nothing of what came before."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

from anamorph.core.errors import ParameterError
from anamorph.data import Loader
from data.loader_datasets import Keyed, Made, same

KINDS: dict[str, Any] = {
    "in order": dict,
    "by seed": lambda: {"shuffle": True, "seed": 3},
    "by torch's chance": lambda: {"shuffle": True},
    "by a generator": lambda: {"shuffle": True, "generator": torch.Generator().manual_seed(5)},
    "by seed and generator": lambda: {"shuffle": True, "seed": 3, "generator": torch.Generator()},
    "by a sampler": lambda: {"sampler": [4, 2, 9, 0, 1, 3, 10, 7]},
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_goes_on(kind, workers):
    """What was saved in the middle of the second epoch goes on there, and in the third one."""
    first = Loader(Keyed(), 2, num_workers=workers, **KINDS[kind]())
    list(first)
    batches = iter(first)
    for _ in range(2):
        next(batches)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    rest = [{k: v.clone() for k, v in b.items()} for b in batches]
    third = [b["index"].tolist() for b in first]

    torch.manual_seed(99)
    second = Loader(Keyed(), 2, num_workers=workers, **KINDS[kind]())
    file.seek(0)
    second.load_state_dict(torch.load(file))
    assert second.epoch == 1
    assert second.state_dict()["step"] == 2
    found = list(second)
    assert len(found) == len(rest) == len(second) - 2
    for a, b in zip(found, rest, strict=True):
        same(a["image"], b["image"])
        same(a["index"], b["index"])
        assert a["epoch"].tolist() == b["epoch"].tolist() == [1] * len(a["index"])
    again = [b["index"].tolist() for b in second]
    if "torch" not in kind:
        assert again == third
    assert second.state_dict() | {"order": None} == {
        "epoch": 3,
        "step": 0,
        "order": None,
        "seed": second.seed,
    }


def test_what_comes_before_is_not_loaded():
    loaded: list[int] = []
    loader = Loader(Made(lambda i: loaded.append(i) or i, 9), 2)
    loader.load_state_dict({"epoch": 5, "step": 3, "order": None, "seed": None})
    assert [b.tolist() for b in loader] == [[6, 7], [8]]
    assert loaded == [6, 7, 8]
    assert loader.epoch == 6


def test_the_state_counts_what_was_given_out_not_what_was_made_ahead():
    loader = Loader(Made(int, 40), 2, num_workers=2)
    assert loader.state_dict()["step"] == 0
    batches = iter(loader)
    for count in range(1, 4):
        next(batches)
        assert loader.state_dict()["step"] == count
    del batches
    assert loader.state_dict()["step"] == 3


def test_a_pass_after_one_that_was_left_is_the_next_epoch():
    loader = Loader(Keyed(), 2)
    next(iter(loader))
    assert next(iter(loader))["epoch"].tolist() == [1, 1]


def test_an_epoch_that_is_set_takes_the_place_of_a_state():
    loader = Loader(Keyed(), 2)
    loader.load_state_dict({"epoch": 5, "step": 3, "order": None, "seed": None})
    loader.set_epoch(2)
    assert len(list(loader)) == len(loader)
    assert loader.epoch == 3


def test_a_batch_that_failed_counts_as_passed():
    def make(i: int) -> int:
        if i == 2:
            raise ValueError(i)
        return i

    loader = Loader(Made(make, 6), 2)
    batches = iter(loader)
    next(batches)
    with pytest.raises(ValueError, match="2"):
        next(batches)
    again = Loader(Made(make, 6), 2)
    again.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in again] == [[4, 5]]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"epoch": 1, "step": 0}, "lacks order, seed"),
        ({"epoch": 1, "step": 0, "order": None, "seed": 4}, "seed = 4.*seed = 3"),
        ({"epoch": -1, "step": 0, "order": None, "seed": 3}, "epoch = -1"),
        ({"epoch": 1, "step": -2, "order": None, "seed": 3}, "step = -2"),
    ],
)
def test_states_of_others_are_refused(state, words):
    with pytest.raises(ParameterError, match=words):
        Loader(Made(int), shuffle=True, seed=3).load_state_dict(state)
