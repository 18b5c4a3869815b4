"""Datasets that the tests of the loader share; at the top of a module, so that workers find them."""

from __future__ import annotations

import operator
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch

import anamorph as A

ring_of = operator.attrgetter("_ring")
"""The slots of a loader."""
ahead_of = operator.attrgetter("_options.ahead")
"""How many batches a loader makes ahead."""
team_of = operator.attrgetter("_team")
"""The workers of a pass, or of a loader that keeps them."""

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)


def same(one: Any, other: Any) -> None:
    """Fail unless two batches are equal in every type, dtype and value."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert torch.equal(one, other)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, Mapping):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        assert one == other


class Made:
    """What a function makes of an index."""

    def __init__(self, make: Any, count: int = 11) -> None:
        self.make, self.count = make, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


def numbered(index: int) -> dict[str, Any]:
    """A picture that shows its index."""
    return {"image": np.full((3, 4, 5), index, np.float32), "label": index}


class Keyed:
    """Through a pipeline, by the protocol of `anamorph.data`; tells what it was offered."""

    def __init__(self, count: int = 11, *, mask: bool = False) -> None:
        self.pipeline = A.Compose(
            [A.RandomResizedCrop((16, 20)), A.HorizontalFlip(), A.Normalize(), A.ToTensorV2()],
            seed=5,
        )
        self.count, self.mask = count, mask

    def __len__(self) -> int:
        return self.count

    def load(self, index: int, epoch: int, out: Any = None) -> dict[str, Any]:
        data = {"image": PHOTO, **({"mask": PHOTO[..., 0]} if self.mask else {})}
        done = self.pipeline.keyed(epoch, index)(**data, out=out)
        return {**done, "index": index, "epoch": epoch, "offered": len(out or ())}


class Sizes:
    """Pictures whose size changes with the batch; ``load`` refuses memory of another size."""

    def __len__(self) -> int:
        return 24

    def load(self, index: int, epoch: int, out: Any = None) -> dict[str, Any]:
        side = (3, 7, 2)[index // 4 % 3]
        shape = (3, side, side)
        picture = out["image"] if out else np.empty(shape, np.uint8)
        if picture.shape != shape:
            raise ValueError("another size")
        picture[...] = index
        return {"image": picture, "offered": out is not None}


class Stubborn(Keyed):
    """Takes no memory at all."""

    def load(self, index: int, epoch: int, out: Any = None) -> dict[str, Any]:
        if out is not None:
            raise ValueError("no memory, please")
        return super().load(index, epoch)


class OddError(Exception):
    """It cannot be unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class Failing(Made):
    """Does something at one index."""

    def __init__(self, what: str, at: int = 5, count: int = 12) -> None:
        super().__init__(numbered, count)
        self.what, self.at = what, at

    def __getitem__(self, index: int) -> Any:
        if index == self.at:
            getattr(self, self.what)()
        return super().__getitem__(index)

    def key(self) -> None:
        raise KeyError("lost")

    def odd(self) -> None:
        raise OddError(1, 2)

    def local(self) -> None:
        class LocalError(Exception):
            pass

        raise LocalError("not to be found by others")

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self) -> None:
        sys.exit(3)

    def sleep(self) -> None:
        time.sleep(60)


class Setup:
    """Tells how the process is set up that loads."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, Any]:
        info = torch.utils.data.get_worker_info()
        return {
            "cv2": cv2.getNumThreads(),
            "torch": torch.get_num_threads(),
            "worker": info.id,
            "workers": info.num_workers,
            "pid": os.getpid(),
            "drawn": np.random.rand(),  # noqa: NPY002 - what users' datasets do
        }


class Epochs:
    """A plain dataset that is told its epoch."""

    def __init__(self) -> None:
        self.epoch = 0

    def __len__(self) -> int:
        return 6

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> int:
        return 100 * self.epoch + index


class Lists:
    """All samples of a batch at once."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> int:
        raise AssertionError("one by one")

    def __getitems__(self, indices: list[int]) -> list[dict[str, Any]]:
        return [numbered(index) for index in indices]


def boxes(index: int) -> dict[str, Any]:
    """So many boxes as the index says, and their labels as a list; none for the first."""
    rows = np.arange(4 * index, dtype=np.float32).reshape(index, 4)
    names = [f"{index}-{i}" for i in range(index)]
    return {"image": PHOTO[:4, :6], "boxes": rows, "labels": [7] * index, "names": names}


def pid_of(index: int) -> int:
    """The process that loads."""
    del index
    return os.getpid()
