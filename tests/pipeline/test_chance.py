"""Streams of chance: independent members, workers that differ, keys that do not."""

from __future__ import annotations

import collections
import multiprocessing
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import anamorph as A

IMAGE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)


def crops(seed: int | None = None) -> Any:
    """Make a pipeline whose results tell what was drawn."""
    return A.Compose([A.RandomCrop(8, 8), A.HorizontalFlip(p=0.5)], seed=seed)


def fingerprint(pipe: Any) -> int:
    """Draw one result and reduce it to a number."""
    return hash(pipe(image=IMAGE)["image"].tobytes())


def test_members_draw_independently() -> None:
    pipe = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)], seed=1)
    counts = collections.Counter()
    for _ in range(400):
        plan = pipe.plan(image=IMAGE)
        counts[tuple(n.applied for n in plan.notes)] += 1
    assert len(counts) == 4
    assert min(counts.values()) > 60


def test_equal_seeds_give_equal_streams_and_no_seed_does_not() -> None:
    assert [fingerprint(p) for p in [crops(3)] * 5] == [fingerprint(p) for p in [crops(3)] * 5]
    assert len({fingerprint(crops()) for _ in range(12)}) > 6


def test_a_negative_and_a_huge_seed_are_seeds() -> None:
    assert fingerprint(crops(-3)) != fingerprint(crops(3))
    assert fingerprint(crops(2**80)) == fingerprint(crops(2**80))


def _work(pipe: Any, queue: Any) -> None:
    queue.put([fingerprint(pipe) for _ in range(6)])


def in_processes(pipe: Any, method: str, workers: int = 3) -> list[tuple[int, ...]]:
    """Draw in several processes, one after another."""
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    out = []
    for _ in range(workers):
        process = context.Process(target=_work, args=(pipe, queue))
        process.start()
        out.append(tuple(queue.get(timeout=60)))
        process.join()
    return out


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("seed", [None, 7])
def test_forked_workers_and_epochs_differ(seed: int | None) -> None:
    pipe = crops(seed)
    both = in_processes(pipe, "fork") + in_processes(pipe, "fork")
    assert len(set(both)) == 6
    if seed is not None:
        again = crops(seed)
        assert in_processes(again, "fork") + in_processes(again, "fork") == both


def test_copies_in_this_process_go_on_alike() -> None:
    pipe = crops(5)
    fingerprint(pipe)
    twin = pickle.loads(pickle.dumps(pipe))
    assert [fingerprint(pipe) for _ in range(4)] == [fingerprint(twin) for _ in range(4)]


def test_keyed_samples_do_not_depend_on_the_order() -> None:
    pipe = crops(4)
    forward = {
        (e, i): hash(pipe.keyed(e, i)(image=IMAGE)["image"].tobytes())
        for e in range(3)
        for i in range(20)
    }
    fingerprint(pipe)
    other = crops(4)
    backward = {k: hash(other.keyed(*k)(image=IMAGE)["image"].tobytes()) for k in reversed(forward)}
    assert forward == backward
    assert len(set(forward.values())) > 55
    assert hash(crops(9).keyed(0, 0)(image=IMAGE)["image"].tobytes()) != forward[0, 0]


def test_keyed_refuses_what_is_no_number() -> None:
    with pytest.raises(A.AnamorphError, match="epoch = 'x'"):
        crops(1).keyed("x", 2)


def test_threads_do_not_disturb_each_other() -> None:
    pipe = A.Compose(
        [A.RandomCrop(32, 32), A.HorizontalFlip(p=0.5)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["kinds"]),
    )
    errors: list[str] = []

    def work(kind: Any) -> None:
        for _ in range(200):
            out = pipe(image=IMAGE, bboxes=[[20, 20, 40, 40]], kinds=[kind])
            if len(out["kinds"]) != len(out["bboxes"]) or set(out["kinds"]) - {kind}:
                errors.append(str(out["kinds"]))

    threads = [threading.Thread(target=work, args=(k,)) for k in ("cat", 7, ("a", 1), None)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []


@pytest.mark.parametrize("kind", [A.Compose, A.ReplayCompose])
def test_a_keyed_plan_is_what_a_keyed_call_renders(kind):
    pipeline = kind([A.RandomCrop(20, 30), A.D4(), A.RandomBrightnessContrast(p=0.5)], seed=5)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    for index in range(5):
        keyed = pipeline.keyed(2, index)
        want = keyed(image=image)["image"]
        np.testing.assert_array_equal(
            pipeline.render(keyed.plan(image=image), image=image)["image"], want
        )
