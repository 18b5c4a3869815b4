"""What an adaptation needs of a reference picture, so that a plan holds numbers and not pictures.

Its histogram, its moments or principal axes, or the amplitudes of its low frequencies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.constants import WHITE
from anamorph.ir.ops import Picture
from anamorph.ir.principal import sampled_rows

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_COUNTED = 1 << 16
"""Pixels of a reference that are counted, about: a share is then right to a fifth of a percent."""
_QUANTILES = 2048
_BLOCK = 1 << 17
"""Values that are brought to floats at a time."""
_FEW = 16
"""Rows up to which products are summed pair by pair: so thin a matrix is multiplied slowly."""
_FLAT = 1e-6
"""Spreads below this count as none."""


def _held(array: npt.NDArray[Any]) -> Picture:
    """See numbers as a value with memory of its own: they are few."""
    return Picture(array.tobytes(), array.dtype.name, array.shape)


# ------------------------------------------------------------------------------ histograms


def histogram(image: Image) -> Picture:
    """Count the levels of each channel: uint32 (C, 256).

    Of other than 8 bits, the values at evenly spaced shares of the pixels: float32 (C, N).
    """
    rows = sampled_rows(image, _COUNTED)
    if image.dtype == np.uint8:
        counts = [np.bincount(row, minlength=256) for row in rows]
        return _held(np.array(counts, np.uint32))
    ordered = np.sort(rows, axis=1)
    many = ordered.shape[1]
    if many >= _QUANTILES:
        ordered = ordered[:, np.linspace(0, many - 1, _QUANTILES).round().astype(np.int64)]
    return _held((ordered / WHITE[image.dtype.name]).astype(np.float32))


def quantiles(reference: Picture, channel: int) -> tuple[Floats, Floats]:
    """Shares of the pixels, and the intensity up to which each share reaches."""
    row = reference.array[channel]
    if reference.dtype == "float32":
        few = len(row) < _QUANTILES  # else they are a choice, from the least to the greatest
        shares = np.arange(1, len(row) + 1) / len(row) if few else np.linspace(0, 1, len(row))
        return shares, row.astype(np.float64)
    filled = np.flatnonzero(row)
    return np.cumsum(row[filled]) / row.sum(), filled / 255.0


# --------------------------------------------------------------------------------- moments


def moments(image: Image, kind: str) -> Picture:
    """Describe how a picture's colors are spread: float64 (rows, C).

    Mean and standard deviation ("standard"), least and greatest ("minmax"), or the mean and then
    the principal axes, strongest first ("pca").
    """
    white = WHITE[image.dtype.name]
    if kind == "minmax":
        columns = image.reshape(len(image), -1)  # whole rows at once: channels are few
        ends = [f(columns, axis=0).reshape(-1, image.shape[2]) for f in (np.min, np.max)]
        low, high = ends[0].min(axis=0), ends[1].max(axis=0)
        return _held(np.array([low, high], np.float64) / white)
    rows = sampled_rows(image, _COUNTED).astype(np.float32)
    rows /= np.float32(white)
    mean = rows.mean(axis=1, dtype=np.float64)
    rows -= mean.astype(np.float32)[:, None]
    if kind == "standard":
        return _held(np.stack([mean, np.sqrt([np.dot(r, r) / len(r) for r in rows])]))
    return _held(np.concatenate([mean[None], axes_of(products(rows))]))


def products(rows: npt.NDArray[np.float32]) -> Floats:
    """Sum the products of each row with each other."""
    if len(rows) > _FEW:
        return (rows @ rows.T).astype(np.float64)
    out = np.empty((len(rows), len(rows)))
    for i, a in enumerate(rows):
        for k in range(i + 1):
            out[i, k] = out[k, i] = np.dot(a, rows[k])
    return out


def axes_of(scatter: Floats) -> Floats:
    """Principal axes as rows, strongest first."""
    axes: Floats = np.linalg.eigh(scatter)[1].T[::-1]
    return axes


def line_between(source: Floats, wanted: Floats, kind: str) -> tuple[Floats, Floats]:
    """Give scale and offset a channel that bring the rows of `moments` to others.

    A channel without spread is put where the wanted one has its mean, or its least.
    """
    if kind == "minmax":
        source, wanted = (np.stack([rows[0], rows[1] - rows[0]]) for rows in (source, wanted))
    spread = np.where(source[1] < _FLAT, 1.0, source[1])
    scale = wanted[1] / spread
    return scale, wanted[0] - source[0] * scale


def matrix_between(source: Floats, wanted: Floats) -> Floats:
    """Give the rows (weights…, offset) that turn one picture's principal axes into another's.

    An axis has no sign of its own: each is turned to the nearer end of the other.
    """
    nearer = np.where((source[1:] * wanted[1:]).sum(axis=1) < 0.0, -1.0, 1.0)
    weights = (wanted[1:].T * nearer) @ source[1:]
    return np.concatenate([weights, (wanted[0] - weights @ source[0])[:, None]], axis=1)


KINDS: tuple[str, ...] = ("pca", "standard", "minmax")


# ----------------------------------------------------------------------------- frequencies


def amplitudes(image: Image, reach: int) -> Picture:
    """Measure the amplitudes of the low frequencies: float32 (2·reach + 1, reach + 1, C).

    Rows are the waves down the picture, from -reach to reach, columns those across, from 0; their
    conjugates have the same. In units of intensity: the middle of the first column is the mean.
    Frequencies that the picture is too small to hold are 0.
    """
    height, width, channels = image.shape
    down, across = min(reach, height // 2), min(reach, width // 2)
    waves = _waves(height, np.arange(down + 1))
    columns = _along_columns(image, np.concatenate([waves.real, waves.imag]).astype(np.float32))
    half = (columns[: down + 1] + 1j * columns[down + 1 :]).reshape(-1, width, channels)
    both = _waves(width, np.arange(-across, across + 1)).astype(np.complex64)
    strength = np.abs(np.einsum("ywc,kw->ykc", half, both, optimize=True))
    strength /= height * width * WHITE[image.dtype.name]
    out = np.zeros((2 * reach + 1, reach + 1, channels), np.float32)
    out[reach : reach + down + 1, : across + 1] = strength[:, across:]
    out[reach - down : reach + 1, : across + 1] = strength[::-1, across::-1]
    return _held(out)


def _waves(length: int, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
    """Waves (frequency, place) of the discrete Fourier transform."""
    turn: npt.NDArray[np.complex128] = np.exp(-2j * np.pi * np.arange(length) / length)
    return turn[np.outer(numbers, np.arange(length)) % length]


def _along_columns(image: Image, waves: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sum the columns of a picture, weighted by waves."""
    flat = image.reshape(len(image), -1)
    rows = max(1, _BLOCK // flat.shape[1])
    total = np.zeros((len(waves), flat.shape[1]), np.float32)
    part = np.empty_like(total)  # fresh ones would cost more than the products
    for top in range(0, len(flat), rows):
        block = flat[top : top + rows].astype(np.float32, copy=False)
        total += np.matmul(waves[:, top : top + rows], block, out=part)
    return total


def slice_of(whole: Picture, reach: int) -> Picture:
    """Keep fewer of the frequencies that `amplitudes` measured."""
    all_of_them = whole.shape[1] - 1
    if reach == all_of_them:
        return whole
    first = all_of_them - reach
    return _held(whole.array[first : first + 2 * reach + 1, : reach + 1])
