"""Under torch's DataLoader: workers and epochs differ, keys agree, runs repeat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import anamorph as A

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

IMAGE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)


class Pictures(torch.utils.data.Dataset):
    """Sixteen times the same picture; what is drawn tells the samples apart."""

    def __init__(self, pipeline: Any, epoch: int | None = None) -> None:
        self.pipeline = pipeline
        self.epoch = epoch

    def __len__(self) -> int:
        return 16

    def __getitem__(self, i: int) -> Any:
        act = self.pipeline if self.epoch is None else self.pipeline.keyed(self.epoch, i)
        return act(image=IMAGE)["image"]


def pipeline(seed: int | None) -> Any:
    """Make a pipeline with many possible results."""
    return A.Compose([A.RandomCrop(8, 8), A.Normalize(), A.ToTensorV2()], seed=seed)


def epoch(data: Any, workers: int, context: str | None = None) -> list[bytes]:
    """Run one epoch."""
    loader = torch.utils.data.DataLoader(
        data, batch_size=4, num_workers=workers, multiprocessing_context=context
    )
    return [picture.numpy().tobytes() for batch in loader for picture in batch]


@pytest.mark.parametrize("seed", [None, 3])
def test_workers_and_epochs_differ(seed: int | None) -> None:
    data = Pictures(pipeline(seed))
    drawn = epoch(data, 2, "fork") + epoch(data, 2, "fork")
    assert len(set(drawn)) >= 31


def test_a_seeded_run_repeats() -> None:
    def run() -> list[bytes]:
        data = Pictures(pipeline(5))
        return epoch(data, 2, "fork") + epoch(data, 2, "fork")

    assert run() == run()


def test_keyed_is_the_same_with_any_workers() -> None:
    wanted = epoch(Pictures(pipeline(7), 1), 0)
    assert epoch(Pictures(pipeline(7), 1), 1, "fork") == wanted
    assert epoch(Pictures(pipeline(7), 1), 3, "fork") == wanted
    assert epoch(Pictures(pipeline(7), 2), 0) != wanted


def test_keyed_in_spawned_workers() -> None:
    assert epoch(Pictures(pipeline(7), 1), 2, "spawn") == epoch(Pictures(pipeline(7), 1), 0)
