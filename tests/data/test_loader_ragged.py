"""Things of which every sample has its own number: a list of tensors, one a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import anamorph as A
from anamorph.data import Loader
from data.loader_datasets import Keyed, Made, boxes, same


@pytest.mark.parametrize("workers", [0, 2])
def test_ragged_things_come_as_a_list_of_tensors(workers):
    loader = Loader(Made(boxes), 4, num_workers=workers, ragged=("boxes", "labels", "names"))
    for start, batch in zip(range(0, 11, 4), loader, strict=True):
        for index, rows, labels, names in zip(
            range(start, 11), batch["boxes"], batch["labels"], batch["names"], strict=False
        ):
            same(rows, torch.from_numpy(boxes(index)["boxes"]))
            same(labels, torch.full((index,), 7))
            assert names == boxes(index)["names"]
        assert batch["image"].shape == (len(batch["names"]), 4, 6, 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_much_more_of_it_than_there_is_room_for(workers):
    """The slot is made for the first batches; the last ones have a thousand times as much."""
    counts = [1] * 8 + [5000] * 8 + [2] * 8

    def make(i: int) -> dict[str, Any]:
        return {"x": np.zeros((2, 2)), "points": np.full((counts[i], 2), i)}

    loader = Loader(Made(make, 24), 4, num_workers=workers, ragged=["points"])
    for _ in range(2):
        for start, batch in zip(range(0, 24, 4), loader, strict=True):
            for i, points in enumerate(batch["points"], start):
                same(points, torch.from_numpy(make(i)["points"]))


RAGGED = {
    "of several types": lambda i: [np.ones(2, np.float32), np.ones((1, 3)), np.arange(2)][i],
    "tensors": lambda i: torch.ones(i, 2, dtype=torch.bfloat16),
    "numbers": np.float32,
    "bare numbers": lambda i: i,
}


@pytest.mark.parametrize("name", RAGGED)
def test_ragged_things_of_any_kind(name):
    (batch,) = Loader(Made(lambda i: (RAGGED[name](i), i), 3), 3, ragged=(0,))
    wanted = [torch.as_tensor(RAGGED[name](i)) for i in range(3)]
    same(batch[0], wanted)


def test_ragged_keys_count_at_any_depth_and_places_outermost():
    def make(i: int) -> Any:
        return np.ones(i), {"boxes": np.ones((i, 4)), "t": (i, i)}

    (batch,) = Loader(Made(make, 3), 3, ragged=(0, "boxes"))
    assert [len(x) for x in batch[0]] == [0, 1, 2]
    assert [x.shape for x in batch[1]["boxes"]] == [(0, 4), (1, 4), (2, 4)]
    same(batch[1]["t"], [torch.arange(3), torch.arange(3)])


def test_a_pipeline_tells_what_is_ragged():
    class Detect(Keyed):
        pipeline = None

        def __init__(self) -> None:
            super().__init__(5)
            params = A.BboxParams("pascal_voc", label_fields=["labels"])
            self.pipeline = A.Compose([A.HorizontalFlip(p=1)], bbox_params=params, seed=1)

        def load(self, index: int, epoch: int, out: Any = None) -> Any:
            image = np.zeros((20, 30, 3), np.uint8)
            box = np.tile(np.float32([2, 3, 8, 9]), (index, 1))
            run = self.pipeline.keyed(epoch, index)
            return run(image=image, bboxes=box, labels=np.arange(index), out=out)

    (batch,) = Loader(Detect(), 5)
    assert [x.shape[0] for x in batch["bboxes"]] == [0, 1, 2, 3, 4]
    assert [x.tolist() for x in batch["labels"]] == [list(range(n)) for n in range(5)]
    assert batch["bboxes"][1].tolist() == [[22, 3, 28, 9]]
