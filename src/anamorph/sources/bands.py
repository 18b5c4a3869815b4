"""TIFF pictures of bands that are packed in a rare way, through tifffile where that is installed."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, sides
from anamorph.sources.form import Header

_PLANES = 2
"""The planar configuration in which each band is a picture of its own."""


def decode(data: bytes, found: Header, name: str) -> npt.NDArray[Any]:
    """Decode the first page as H×W×C.

    Raises:
        DataError: it cannot be decoded.
    """
    package = import_module("tifffile")
    try:
        with package.TiffFile(io.BytesIO(data)) as file:
            pixels = _page(file.pages.first, found)
    except Exception as error:  # each codec of it raises errors of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name} cannot be decoded: {reason}") from error
    return np.ascontiguousarray(pixels)


def _page(page: Any, found: Header) -> npt.NDArray[Any]:
    """The pixels of a page that has the shape which its header was read to have."""
    apart = int(page.planarconfig) == _PLANES
    samples = page.samplesperpixel
    shape = (samples, *found.stored) if apart else (*found.stored, samples)
    if tuple(page.shape) != shape:
        raise ValueError(f"it is a TIFF of {sides(page.shape)} values")
    pixels = np.asarray(page.asarray())
    return np.moveaxis(pixels, 0, 2) if apart else pixels
