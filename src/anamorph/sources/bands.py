"""TIFF pictures of more than four bands, through tifffile where that is installed."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError

_PLANES = 2
"""The planar configuration in which each band is a picture of its own."""


def decode(data: bytes, name: str) -> npt.NDArray[Any]:
    """Decode the first page as H×W×C.

    Raises:
        DataError: it cannot be decoded.
    """
    tifffile = import_module("tifffile")
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            pixels = np.asarray(page.asarray())
            apart = int(page.planarconfig) == _PLANES
    except Exception as error:  # each codec of it raises errors of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name} cannot be decoded: {reason}") from error
    if pixels.ndim == 3 and apart:
        pixels = np.moveaxis(pixels, 0, 2)
    return np.ascontiguousarray(pixels)
