"""Pages that a device may copy from by itself."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.data.loader.errors import LoaderError


def can_pin() -> bool:
    """Whether there is a device to pin memory for."""
    return bool(torch.cuda.is_available())


def runtime() -> Any:
    """The functions of the device's runtime."""
    return torch.cuda.cudart()  # type: ignore[no-untyped-call]  # torch gives it no types


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
        runtime().cudaHostUnregister(address)
