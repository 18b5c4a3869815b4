"""Real Fourier transforms of planes, in OpenCV's packed form.

A row of the packed form holds the mean's place, then real and imaginary part of each frequency,
and at the end, if the length is even, the highest. In two dimensions so does the first column (and
the last, if the width is even); the others hold all frequencies down the picture, negative ones
from the end.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anamorph.backends.opencv.planes import Floats, Image
from anamorph.backends.opencv.scratch import lent
from anamorph.core.constants import WHITE

Complex = npt.NDArray[np.complex64]


def float_plane(plane: Image) -> Floats:
    """Bring a plane to floats in lent memory, in the units it is stored in."""
    out: Floats = lent("plane", plane.shape, np.dtype(np.float32))
    np.copyto(out, plane)
    return out


def store_plane(values: Floats, out: Image) -> None:
    """Write floats in stored units to a plane, clipped and rounded; changes the floats."""
    np.clip(values, np.float32(0), np.float32(WHITE[out.dtype.name]), out=values)
    if out.dtype == np.uint8:
        cv2.convertScaleAbs(values, dst=out)
        return
    if out.dtype.kind == "u":
        np.rint(values, out=values)
    np.copyto(out, values, casting="unsafe")


def forward(plane: Floats, flags: int = 0) -> Floats:
    """Transform a plane into lent memory."""
    out = lent("spectrum", plane.shape, np.dtype(np.float32))
    return cv2.dft(plane, out, flags)


def backward(spectrum: Floats, flags: int = 0) -> Floats:
    """Transform a packed spectrum back, over itself."""
    both = cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT
    return cv2.dft(spectrum, spectrum, both | flags)


def packed_weights(weights: npt.NDArray[Any], length: int) -> Floats:
    """Lay out a real weight a frequency (from 0 to length // 2) as packed rows are."""
    out: Floats = np.repeat(weights, 2)[1 : length + 1].astype(np.float32)
    return out


def low(spectrum: Floats, reach: int) -> Complex:
    """Read the frequencies up to a reach: down 0..reach, then -reach..-1; across 0..reach.

    The highest of an even side is not among them: it is its own opposite.
    """
    rows = rows_of(spectrum.shape[0], reach)
    inner = min(reach, (spectrum.shape[1] - 1) // 2)
    first = _unpacked(spectrum[:, 0], len(rows) // 2)[:, None]
    if not inner:
        return first
    block = np.ascontiguousarray(spectrum[rows, 1 : 2 * inner + 1])
    return np.concatenate([first, block.view(np.complex64)], axis=1)


def put_low(spectrum: Floats, reach: int, values: Complex) -> None:
    """Write what `low` reads."""
    rows = rows_of(spectrum.shape[0], reach)
    inner = values.shape[1] - 1
    pairs = len(rows) // 2
    column = spectrum[:, 0]
    column[0] = values[0, 0].real
    column[1 : 2 * pairs : 2] = values.real[1 : pairs + 1, 0]
    column[2 : 2 * pairs + 1 : 2] = values.imag[1 : pairs + 1, 0]
    if inner:
        block = np.ascontiguousarray(values[:, 1:])
        spectrum[rows, 1 : 2 * inner + 1] = block.view(np.float32)


def rows_of(height: int, reach: int) -> npt.NDArray[np.int64]:
    """Rows of a spectrum that hold the low frequencies down the picture."""
    far = min(reach, (height - 1) // 2)
    return np.concatenate([np.arange(far + 1), np.arange(height - far, height)])


def _unpacked(column: Floats, pairs: int) -> Complex:
    half = np.zeros(pairs + 1, np.complex64)
    half[0] = column[0]
    half.real[1:] = column[1 : 2 * pairs : 2]
    half.imag[1:] = column[2 : 2 * pairs + 1 : 2]
    return np.concatenate([half, half[:0:-1].conj()])
