"""Where a run computes: the device, the precision, the processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, final

import torch
from torch import distributed, nn

from anamorph.core.errors import ParameterError
from anamorph.tasks.config.sections import Train

_PATIENCE = timedelta(hours=6)
"""How long processes wait for each other: one may be predicting what the others need not."""

_TYPES: Mapping[str, torch.dtype | None] = {
    "fp32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


@final
@dataclass(frozen=True)
class World:
    """The processes of a run; ``torchrun`` says how many there are, and which this one is."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait for all."""
        if self.size > 1:
            distributed.barrier()

    def gathered(self, thing: Any) -> list[Any]:
        """The thing of each process, in all of them."""
        if self.size == 1:
            return [thing]
        things: list[Any] = [None] * self.size
        distributed.all_gather_object(things, thing)
        return things

    def told(self, thing: Any) -> Any:
        """The thing of the first process, in all of them."""
        if self.size == 1:
            return thing
        things = [thing]
        distributed.broadcast_object_list(things)
        return things[0]


@contextmanager
def processes(device: torch.device) -> Iterator[World]:
    """Join the other processes, if ``torchrun`` started this one among several."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not distributed.is_available():
        yield World()
        return
    mine = not distributed.is_initialized()
    if mine:
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield World(distributed.get_rank(), distributed.get_world_size())
    finally:
        if mine:
            distributed.destroy_process_group()


def device_of(name: str) -> torch.device:
    """The device of a name; "auto" is the best there is, one for each process.

    Raises:
        ParameterError: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ParameterError(f"train.device = {name!r}: {str(error).splitlines()[0]}") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise ParameterError(f"train.device = {name!r}: there is no CUDA device")
        index: int | None = device.index
        if index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    return device


def precision_of(name: str, device: torch.device) -> torch.dtype | None:
    """The floats that a model computes in under autocast; None for float32."""
    if name != "auto":
        return _TYPES[name]
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def casting(device: torch.device, dtype: torch.dtype | None) -> Any:
    """Autocast, or nothing."""
    return torch.autocast(device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)


def distributed_model(model: nn.Module, device: torch.device, world: World) -> nn.Module:
    """The model as it is called in training: its gradients are the mean over all processes."""
    if world.size == 1:
        return model
    places = [device.index] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=places)


@contextmanager
def exact(train: Train, device: torch.device, seed: int) -> Iterator[None]:
    """The same bits each time, where that is asked for; what was set before comes back."""
    wanted = device.type == "cpu" if train.deterministic is None else train.deterministic
    before = torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    benchmark = torch.backends.cudnn.benchmark
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        try:
            memory.fill_uninitialized_memory = False
            torch.use_deterministic_algorithms(wanted)
            torch.backends.cudnn.benchmark = not wanted
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            memory.fill_uninitialized_memory = filled
            torch.backends.cudnn.benchmark = benchmark
