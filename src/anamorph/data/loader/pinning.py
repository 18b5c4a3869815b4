"""Pages that a device may copy from by itself."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.data.loader.errors import LoaderError

cuda: Any = torch.cuda  # torch gives much of it no types
_bindings: Any = torch._C  # noqa: SLF001 - builds without CUDA lack what is asked of it


def can_pin() -> bool:
    """Whether there is a device to pin memory for."""
    return bool(cuda.is_available())


def runtime() -> Any:
    """The functions of the device's runtime."""
    return cuda.cudart()


def pin(memory: NDArray[np.uint8]) -> None:
    """Lock the pages of an array, once for as long as it lives.

    Raises:
        LoaderError: the system or the driver refuses.
    """
    failure = int(runtime().cudaHostRegister(memory.ctypes.data, memory.nbytes, 0))
    if failure:
        raise LoaderError(
            f"Loader.pin_memory: {memory.nbytes:,} bytes cannot be page-locked (CUDA error "
            f"{failure}): leave it off, or make batches or slots fewer"
        )


def unpin(address: int, process: int, segment: object) -> None:
    """Unlock pages, before what holds them is let go; a forked copy of the process does nothing."""
    del segment
    if process == os.getpid():
        for mark in marks():
            mark.synchronize()  # a copy from them may be under way still
        runtime().cudaHostUnregister(address)


def marks() -> list[Any]:
    """Events that come after all that devices have been asked so far, on their current streams.

    A copy from locked pages goes on while the program does. What it reads may be written to again
    only when these events have come.
    """
    if not cuda.is_initialized():
        return []
    return [_mark(i) for i in range(cuda.device_count()) if _in_use(i)]


def _in_use(device: int) -> bool:
    """Whether this process works on a device; asking it for anything would make a beginning."""
    return bool(_bindings._cuda_hasPrimaryContext(device))  # noqa: SLF001 - nothing public tells it


def _mark(device: int) -> Any:
    event = cuda.Event()
    event.record(cuda.current_stream(device))
    return event
