"""All that training must know to go on, and how it comes to the disk whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from anamorph.core.errors import DataError
from anamorph.nn.ensemble import EMA
from anamorph.tasks.errors import ResumeError, TrainingError


@dataclass
class Progress:
    """Where training is. ``at`` counts steps in the epoch, ``step`` all of them.

    ``ranking`` has score and epoch of the checkpoints that are kept, the best first; ``parts`` into
    how many a batch is cut so that it fits into memory.
    """

    epoch: int = 0
    at: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    ranking: list[tuple[float, int]] = field(default_factory=list)
    stale: int = 0
    parts: int = 1
    done: bool = False
    best: dict[str, float] = field(default_factory=dict)
    threads: int = 0


@dataclass
class State:
    """What training changes."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: EMA | None
    progress: Progress

    def weights(self) -> Mapping[str, torch.Tensor]:
        """The weights that are validated and kept: the average, if there is one."""
        model = self.model if self.average is None else self.average.module
        return model.state_dict()

    def pack(self, mark: Mapping[str, str]) -> dict[str, Any]:
        """All of it as tensors, numbers and texts, with what the run is known by."""
        progress = asdict(self.progress)
        progress["ranking"] = [list(pair) for pair in self.progress.ranking]
        return {
            "mark": dict(mark),
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": progress,
        }

    def unpack(self, packed: Mapping[str, Any], mark: Mapping[str, str], path: Path) -> None:
        """Go on where another process was.

        Raises:
            ResumeError: the checkpoint is one of another configuration, of other data or folds.
        """
        for name, value in mark.items():
            if packed["mark"].get(name) != value:
                raise ResumeError(
                    f"{path} was written under another {name}: go on with what the run began with, "
                    "or begin a new run"
                )
        self.model.load_state_dict(packed["model"])
        self.optimizer.load_state_dict(packed["optimizer"])
        self.scaler.load_state_dict(packed["scaler"])
        if self.average is not None:
            self.average.load_state_dict(packed["average"])
        progress = dict(packed["progress"])
        progress["ranking"] = [(score, epoch) for score, epoch in progress["ranking"]]
        self.progress = Progress(**progress)


def write_checkpoint(path: Path, packed: Mapping[str, Any]) -> None:
    """Write a checkpoint; the one before it stays until the new one is whole on the disk.

    Raises:
        TrainingError: the disk is full, or cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as stream:
            torch.save(dict(packed), stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        raise _told(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _told(path: Path, error: Exception) -> Exception:
    """What kept a checkpoint from being written, as a sentence."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    full = isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    why = "the disk is full" if full else str(cause or error).splitlines()[0]
    kept = "the one before it is kept" if path.exists() else "there is none before it"
    return TrainingError(f"{path} cannot be written: {why}; {kept}")


def _sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk, where folders can be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        DataError: it cannot be read.
    """
    try:
        packed: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise DataError(f"{path} is no checkpoint: {str(error).splitlines()[0]}") from error
    return packed
