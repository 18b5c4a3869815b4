"""Chance, threads, processes, replay and files: what must not depend on who runs a pipeline."""

from __future__ import annotations

import json
import multiprocessing
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anamorph as A
from contracts.table import ROWS, build, picture

IMAGE = picture(40, 50)
FORKS = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def lottery(seed: int | None = None) -> Any:
    """Make a pipeline that hardly ever gives the same twice."""
    return A.Compose([A.RandomCrop(9, 9, p=1), A.HorizontalFlip(p=0.5)], seed=seed)


def drawn(pipe: Any, count: int = 4) -> list[int]:
    return [hash(pipe(image=IMAGE)["image"].tobytes()) for _ in range(count)]


def keyed(pipe: Any) -> list[bytes]:
    return [pipe.keyed(3, i)(image=IMAGE)["image"].tobytes() for i in range(6)]


def _draw(pipe: Any, queue: Any) -> None:
    queue.put(drawn(pipe))


def _keyed(pipe: Any, queue: Any) -> None:
    queue.put(keyed(pipe))


def elsewhere(task: Any, pipe: Any, method: str, workers: int = 2) -> list[Any]:
    """Run a task in processes that live at the same time."""
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    processes = [context.Process(target=task, args=(pipe, queue)) for _ in range(workers)]
    for process in processes:
        process.start()
    out = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return out


@FORKS
@pytest.mark.parametrize("seed", [None, 3])
def test_workers_and_epochs_do_not_repeat(seed: int | None) -> None:
    pipe = lottery(seed)
    runs = [tuple(r) for _ in range(2) for r in elsewhere(_draw, pipe, "fork")]
    assert len(set(runs)) == 4
    assert len({result for run in runs for result in run}) > 14


@FORKS
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_keyed_samples_are_equal_in_every_process(method: str) -> None:
    pipe = lottery(11)
    assert elsewhere(_keyed, pipe, method) == [keyed(pipe)] * 2


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(-(2**70), 2**70), epoch=st.integers(0, 2**40), index=st.integers(0, 2**62))
def test_keyed_depends_on_its_key_alone(seed: int, epoch: int, index: int) -> None:
    one, other = lottery(seed), lottery(seed)
    drawn(other, 1)
    first = one.keyed(epoch, index)(image=IMAGE)["image"]
    assert np.array_equal(first, other.keyed(epoch, index)(image=IMAGE)["image"])
    plans = {one.keyed(epoch, index + i)(image=IMAGE)["image"].tobytes() for i in range(8)}
    assert len(plans) > 4


def test_two_threads_keep_their_own_labels() -> None:
    barrier = threading.Barrier(2, timeout=30)

    def wait(picture: Any, **_: Any) -> Any:
        barrier.wait()  # both calls are inside of the pipeline now
        return picture

    pipe = A.Compose(
        [A.HorizontalFlip(p=1), A.Lambda(image=wait, p=1), A.VerticalFlip(p=1)],
        bbox_params=A.BboxParams("pascal_voc", ["kinds"]),
    )
    found: dict[int, Any] = {}

    def call(i: int, kinds: Any) -> None:
        image = np.full((20, 20), i, np.uint8)
        for k in range(5):
            out = pipe(image=image, bboxes=[[1, 1, 4 + i, 4], [2, 2, 5 + i, 9]], kinds=kinds)
            found[i * 5 + k] = (out["kinds"], int(out["image"].max()), out["bboxes"][0][2])

    threads = [
        threading.Thread(target=call, args=(0, ["cat", "dog"])),
        threading.Thread(target=call, args=(1, np.array([7, 2**60 + 1]))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(5):
        assert found[k] == (["cat", "dog"], 0, 19)
        assert found[5 + k][0].tolist() == [7, 2**60 + 1]
        assert found[5 + k][1:] == (1, 19)


def test_one_pipeline_in_many_threads_gives_what_it_gives_in_one() -> None:
    pipe = A.Compose(
        [A.Rotate((-40, 40), p=1), A.ElasticTransform(alpha=30, sigma=5, p=1), A.RandomGamma(p=1)]
    )
    wanted = [pipe.keyed(0, i)(image=IMAGE)["image"] for i in range(24)]
    wrong: list[int] = []

    def work(part: int) -> None:
        wrong.extend(
            i
            for i in range(part, 24, 4)
            if not np.array_equal(pipe.keyed(0, i)(image=IMAGE)["image"], wanted[i])
        )

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_siblings_do_not_share_a_stream() -> None:
    pipe = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)], seed=1)
    image = np.arange(4, dtype=np.uint8).reshape(2, 2)
    assert len({pipe(image=image)["image"].tobytes() for _ in range(60)}) == 4


# ------------------------------------------------------------------------------- replay


@pytest.mark.parametrize("kind", [A.RandomOrder, A.SomeOf])
def test_a_random_order_is_replayed_in_its_order(kind: Any) -> None:
    members = [A.Transpose(p=1), A.HorizontalFlip(p=1), A.Crop(2, 5, 30, 33, p=1), A.Pad(3, p=0.5)]
    options = {"replace": False} if kind is A.SomeOf else {}
    pipe = A.ReplayCompose([kind(members, n=3, p=1, **options)], seed=2)
    seen = set()
    for _ in range(25):
        first = pipe(image=IMAGE)
        record = json.loads(json.dumps(first["replay"]))
        again = A.ReplayCompose.replay(record, image=IMAGE)["image"]
        assert np.array_equal(first["image"], again)
        seen.add(again.tobytes())
    assert len(seen) > 6


def test_replay_takes_a_seed() -> None:
    def run(seed: int) -> list[bytes]:
        pipe = A.ReplayCompose([A.RandomCrop(9, 9, p=1)], seed=seed)
        return [pipe(image=IMAGE)["image"].tobytes() for _ in range(4)]

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_a_keyed_call_is_recorded_too() -> None:
    pipe = A.ReplayCompose([A.RandomCrop(9, 9, p=1)], seed=5)
    first = pipe.keyed(1, 2)(image=IMAGE)
    assert np.array_equal(first["image"], pipe.keyed(1, 2)(image=IMAGE)["image"])
    again = A.ReplayCompose.replay(first["replay"], image=IMAGE)
    assert np.array_equal(first["image"], again["image"])


# -------------------------------------------------------------------------------- files

EVERYTHING = {
    "bbox_params": A.BboxParams(
        "yolo", ["kinds"], min_area=3, min_visibility=0.25, min_width=2, min_height=1,
        check_each_transform=False, clip=True, filter_invalid_bboxes=True, max_accept_ratio=9,
    ),
    "keypoint_params": A.KeypointParams(
        "xysa", ["ids"], remove_invisible=False, angle_in_degrees=False, flip_pairs=[(0, 1)],
        check_each_transform=False, flip_labels={"ids": {"left": "right"}},
    ),
    "additional_targets": {"depth": "mask", "second": "image"},
    "p": 0.9, "is_check_shapes": False, "strict": True, "mask_interpolation": 1, "seed": 17,
    "save_applied_params": True, "fuse": "exact", "backend": "reference",
    "instance_binding": ["bboxes", "masks"],
}  # fmt: skip


def tree() -> Any:
    members = [
        A.OneOf([A.HorizontalFlip(p=0.3), A.Rotate((-9, 9), border_mode=4, p=0.6)], p=0.8),
        A.SomeOf([A.RandomGamma(p=1), A.InvertImg(p=1)], n=(1, 2), replace=True, p=0.7),
        A.OneOrOther(A.Transpose(p=1), A.RandomCrop(9, 9, p=1), p=0.4),
        A.RandomOrder([A.Pad(3, p=0.2), A.Blur(p=0.3)], n=1, p=0.6),
        A.SelectiveChannelTransform([A.RandomGamma(p=1)], channels=[1], p=0.5),
        A.Sequential([A.Normalize(p=0.1)], p=0.2),
    ]
    return A.Compose(members, **EVERYTHING)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_files_keep_every_option(tmp_path: Path, form: str) -> None:
    pytest.importorskip("yaml")
    pipe = tree()
    A.save(pipe, tmp_path / f"pipe.{form}", data_format=form)
    back = A.load(tmp_path / f"pipe.{form}", data_format=form)
    assert back == pipe
    for name, value in EVERYTHING.items():
        found = getattr(back, name)
        assert (list(found) if isinstance(value, list) else found) == value
    data = {"image": IMAGE, "bboxes": [], "kinds": [], "keypoints": [], "ids": []}
    for _ in range(6):
        one, other = pipe(**data), back(**data)
        assert np.array_equal(one["image"], other["image"])


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"Lambda"}))
def test_a_record_without_p_means_the_default_of_its_class(name: str) -> None:
    given_ = {"p": 1, **ROWS[name].make(60, 80)}
    del given_["p"]
    transform = getattr(A, name)(**given_)
    record = A.to_dict(transform)
    del record["transform"]["p"]
    assert A.from_dict(record) == transform
    assert A.from_dict(A.to_dict(build(name, p=0.125))).p == 0.125
