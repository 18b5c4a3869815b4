"""Slots are used again when, and only when, nobody looks at their batch any more."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anamorph.data import Loader, LoaderError
from anamorph.data.loader import pinning, ring
from anamorph.data.loader.leaves import Arena
from anamorph.data.loader.segment import Segment
from data.loader_datasets import Made, ahead_of, numbered, ring_of, same


def large(index: int) -> Any:
    """A picture of more than a page."""
    return np.full((3, 40, 50), index, np.float32)


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


WORKERS = [{"num_workers": 0}, {"num_workers": 1}, {"num_workers": 3, "prefetch_factor": 3}]


@pytest.mark.parametrize("given", WORKERS)
def test_batches_that_are_kept_are_not_written_to(given):
    loader = Loader(Made(large, 60), 2, **given)
    kept = [list(loader), list(loader)]
    for batches in kept:
        assert [b[:, 0, 0, 0].tolist() for b in batches] == [[i, i + 1] for i in range(0, 60, 2)]
        assert all((b == b[:, :1, :1, :1]).all() for b in batches)


@pytest.mark.parametrize("given", WORKERS)
def test_a_row_of_a_batch_keeps_it(given):
    rows = [batch[1][0].T for batch in Loader(Made(large, 60), 2, **given)]
    assert [row.unique().tolist() for row in rows] == [[i] for i in range(1, 60, 2)]


@pytest.mark.parametrize("given", WORKERS)
def test_an_array_over_a_tensor_keeps_it(given):
    rows = [batch.numpy()[0, 0] for batch in Loader(Made(large, 60), 2, **given)]
    assert [np.unique(row).tolist() for row in rows] == [[i] for i in range(0, 60, 2)]


@pytest.mark.parametrize("given", WORKERS)
def test_ragged_things_keep_it(given):
    make = Made(lambda i: {"x": large(i), "boxes": np.full((i % 3, 4), i)}, 60)
    loader = Loader(make, 2, ragged=["boxes"], **given)
    last = [batch["boxes"][1] for batch in loader]
    for i, found in zip(range(1, 60, 2), last, strict=True):
        same(found, torch.full((i % 3, 4), i))


@pytest.mark.parametrize("given", WORKERS)
def test_a_loop_uses_a_few_slots_again_and_again(given):
    loader = Loader(Made(large, 100), 2, persistent_workers=given["num_workers"] > 0, **given)
    places = set()
    for _ in range(3):
        for batch in loader:
            places.add(batch.data_ptr())
    assert len(places) <= loader.slots
    assert len(ring_of(loader).slots) <= loader.slots


def test_few_slots_limit_what_is_made_ahead():
    loader = Loader(Made(large, 40), 2, num_workers=2, prefetch_factor=4, slots=3)
    places = {batch.data_ptr() for batch in loader}
    assert len(places) <= 3
    many = list(loader)  # but not what can be held
    assert len({batch.data_ptr() for batch in many}) == 20


@pytest.mark.parametrize("given", WORKERS)
def test_the_ring_shrinks_when_much_was_held(given):
    loader = Loader(Made(large, 80), 2, **given)
    held = list(loader)
    assert len(ring_of(loader).slots) >= 40
    del held
    for _ in loader:
        pass
    assert len(ring_of(loader).slots) <= loader.slots + 2


@pytest.mark.parametrize("given", WORKERS)
def test_who_holds_very_much_gets_copies(given, monkeypatch):
    monkeypatch.setattr(ring, "SPARE", 3)
    loader = Loader(Made(lambda i: {"x": large(i), "i": i}, 60), 2, **given)
    before = handles()
    held = list(loader)
    assert handles() - before <= 2 * (loader.slots + 3 + 1 + ahead_of(loader))
    assert [b["x"][0, 0, 0, 0].item() for b in held] == list(range(0, 60, 2))
    assert [b["i"].tolist() for b in held] == [[i, i + 1] for i in range(0, 60, 2)]


def test_a_loader_leaves_no_handles_and_no_names():
    list(Loader(Made(large, 8), 2, num_workers=2))
    gc.collect()
    before = handles()
    for _ in range(3):
        loader = Loader(Made(large, 8), 2, num_workers=2)
        kept = list(loader)
        del loader
        assert kept[0].shape == (2, 3, 40, 50)
        del kept
    gc.collect()
    assert handles() <= before
    assert not list(Path("/dev/shm").glob("*anamorph*"))


def test_batches_outlive_their_loader():
    loader = Loader(Made(large, 8), 2, num_workers=2)
    kept = list(loader)
    del loader
    gc.collect()
    assert [b[0, 0, 0, 0].item() for b in kept] == [0, 2, 4, 6]


def test_batches_may_be_let_go_in_another_thread():
    loader = Loader(Made(large, 100), 2, num_workers=2)
    seen: list[float] = []

    def use(batch: Any) -> None:
        seen.append(batch[0, 0, 0, 0].item())

    for batch in loader:
        thread = threading.Thread(target=use, args=(batch,))
        thread.start()
        thread.join()
    assert seen == list(range(0, 100, 2))


def test_much_in_both_directions_blocks_nobody():
    """Indices and batches of megabytes, more than any pipe holds, with nobody reading for a while."""
    text = "x" * 300_000
    data = Made(lambda pair: pair[1] * 5, 12)
    loader = Loader(data, 2, sampler=[(i, text) for i in range(12)], num_workers=1, ragged=())
    batches = iter(loader)
    assert sum(len(word) for batch in batches for word in batch) == 12 * 5 * len(text)


# ------------------------------------------------------------------------------ its parts


@pytest.mark.parametrize("named", [False, True])
def test_a_segment_is_there_for_both_ends(named, monkeypatch, tmp_path):
    from multiprocessing import Pipe

    if named:
        monkeypatch.delattr(os, "memfd_create")
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours, theirs = Pipe()
    one = Segment.make(5000)
    one.send(ours)
    other = Segment.receive(theirs, one.size)
    one.buffer[4999] = 7
    assert other.buffer[4999] == 7
    one.empty()
    assert other.buffer[4999] in {0, 7}  # 0 where the system can take pages back
    assert list(tmp_path.iterdir()) == []
    ours.close()
    with pytest.raises(EOFError):
        Segment.receive(theirs, one.size)
    theirs.close()


def test_an_arena_says_what_it_lacks():
    arena = Arena(Segment.make(4096), 0)
    arena.reserve(4000)
    assert not arena.made
    small = arena.put(np.arange(10))
    assert small.offset == 0
    large = arena.put(np.zeros(1000))
    assert large.values.shape == (1000,)
    assert arena.wanted > 8000
    arena.reserve(5000)
    assert arena.made
    assert arena.segment.size == 8192


class Runtime:
    """A device's runtime that counts what is locked."""

    def __init__(self, failure: int = 0) -> None:
        self.locked: dict[int, int] = {}
        self.failure = failure

    def cudaHostRegister(self, address: int, size: int, flags: int) -> int:  # noqa: N802
        self.locked[address] = size
        return self.failure

    def cudaHostUnregister(self, address: int) -> int:  # noqa: N802
        del self.locked[address]
        return 0


@pytest.fixture
def runtime(monkeypatch):
    made = Runtime()
    monkeypatch.setattr(pinning, "runtime", lambda: made)
    monkeypatch.setattr("anamorph.data.loader.loader.can_pin", lambda: True)
    return made


@pytest.mark.parametrize("given", WORKERS)
def test_slots_are_locked_once_and_unlocked_before_they_go(given, runtime):
    loader = Loader(Made(large, 40), 2, pin_memory=True, **given)
    for batch in loader:
        start = [at for at, size in runtime.locked.items() if at <= batch.data_ptr() < at + size]
        assert len(start) == 1
    del batch
    for _ in loader:
        pass
    assert 1 <= len(runtime.locked) <= loader.slots
    del loader, _
    gc.collect()
    assert runtime.locked == {}


class Event:
    """A mark on a device's stream that comes when it is told to."""

    come = False

    def query(self) -> bool:
        return self.come

    def synchronize(self) -> None:
        self.come = True


def test_marks_are_set_on_the_devices_that_are_in_use(monkeypatch):
    class Streams:
        is_initialized = staticmethod(lambda: True)
        device_count = staticmethod(lambda: 3)
        current_stream = staticmethod(lambda device: f"stream of {device}")

        class Event:
            def record(self, stream: str) -> None:
                self.after = stream

    assert pinning.marks() == []
    monkeypatch.setattr(pinning, "cuda", Streams)
    monkeypatch.setattr(pinning, "_in_use", lambda device: device != 1)
    assert [mark.after for mark in pinning.marks()] == ["stream of 0", "stream of 2"]


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize("given", WORKERS[:2])
def test_a_slot_that_a_device_still_reads_is_not_written_to(given, monkeypatch):
    events: list[Event] = []

    def marks() -> list[Event]:
        events.append(Event())
        return events[-1:]

    monkeypatch.setattr(pinning, "marks", marks)
    loader = Loader(Made(large, 24), 2, pin_memory=True, **given)
    places = [batch.data_ptr() for batch in loader]
    assert len(set(places)) == 12  # none came back
    for event in events:
        event.come = True
    assert {batch.data_ptr() for batch in loader} <= set(places)


def test_memory_that_cannot_be_locked_is_an_error(runtime):
    runtime.failure = 2
    with pytest.raises(LoaderError, match=r"pin_memory.*CUDA error 2"):
        list(Loader(Made(large, 4), 2, pin_memory=True))
    runtime.locked.clear()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a device is there to pin for")
def test_without_a_device_nothing_is_locked():
    same(list(Loader(Made(numbered), 4, pin_memory=True)), list(Loader(Made(numbered), 4)))
