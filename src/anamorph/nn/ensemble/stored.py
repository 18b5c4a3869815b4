"""Predictions that lie in memory or in files, merged a part at a time."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph.core.errors import DataError, MissingFileError, ParameterError
from anamorph.core.params import Number
from anamorph.nn.ensemble.weighing import merge_of, weights_of
from anamorph.nn.tta.merges import Merge

Values = NDArray[Any]

_CHUNK = 1 << 24
"""Numbers, of all predictions together, that are in memory at once."""
_SLACK = 1e-3
_KEY = "predictions"


def merge_predictions(
    predictions: Sequence[Any],
    weights: Sequence[float] | None = None,
    merge: Any = "mean",
    *,
    out: str | os.PathLike[str] | Values | None = None,
    distribution: bool = False,
    chunk: int = _CHUNK,
) -> Values:
    """Merge what several models say of the same samples.

    Files of one array (.npy) are mapped, not read: with ``out`` in a file too, predictions may be larger
    than memory, except for "rank", which has one column in memory.

    Args:
        predictions: arrays or tensors (n, …) of one shape, .npy files, or .npz files with an array
            "predictions" (which is read whole).
        weights: one each, of 0 or more, whatever the sum; None weighs all alike.
        merge: a name in ``anamorph.nn.tta.MERGES``, "rank" for the mean of ranks in each column,
            which asks nothing of scales, or a merge.
        out: .npy file to write, whole or not at all; or array to write to.
        distribution: classes (the second axis) add up to 1 in the result.
        chunk: how many numbers are worked on at once.

    Returns:
        The merged predictions: float32 of float32 and half precision, else float64; mapped where
        they are in a file.

    Raises:
        DataError: shapes differ, a number is not finite, or no probability where a merge needs
            such.
        ParameterError: weights that do not fit.
        UnknownNameError: there is no such merge.

    >>> from anamorph.nn.ensemble import merge_predictions
    >>> merge_predictions([np.array([0.2, 0.9]), np.array([0.8, 0.9])]).tolist()
    [0.5, 0.9]
    >>> merge_predictions([np.array([1.0, 20, 300]), np.array([9.0, 8, 7])], merge="rank").tolist()
    [0.5, 0.5, 0.5]
    """
    Number(1, whole=True).check("merge_predictions.chunk", chunk)
    shares = weights_of("merge_predictions", weights, len(predictions))
    how = merge_of("merge_predictions.merge", merge, ("rank",))
    arrays = [opened(given, f"predictions[{at}]") for at, given in enumerate(predictions)]
    shape = same_shape(arrays)
    if distribution and len(shape) < 2:
        raise ParameterError(
            f"merge_predictions.distribution: classes are wanted, but predictions are {shape}"
        )
    kind = _kind(arrays)
    target = _Target(out, shape, kind)
    try:
        if isinstance(how, Merge):
            rows = max(1, chunk // max(1, len(arrays) * int(np.prod(shape[1:], dtype=np.int64))))
            for start in range(0, shape[0], rows):
                part = slice(start, start + rows)
                merged = _merged([np.asarray(array[part]) for array in arrays], shares, how)
                target.values[part] = _summing(merged) if distribution else merged
        else:
            _rank_mean(arrays, shares, target.values)
    except BaseException:
        target.drop()
        raise
    return target.done()


def ranked(values: Any) -> NDArray[np.float64]:
    """Ranks along the first axis, in (0, 1); equal values share their mean rank.

    >>> from anamorph.nn.ensemble import ranked
    >>> ranked([30, 10, 10, 99]).tolist()
    [0.625, 0.25, 0.25, 0.875]
    """
    array = np.asarray(values, np.float64)
    flat = _columns(array)
    ranks = np.empty(flat.shape)
    for at in range(flat.shape[1]):
        _, inverse, counts = np.unique(flat[:, at], return_inverse=True, return_counts=True)
        ranks[:, at] = (np.cumsum(counts) - counts / 2)[inverse] / len(flat)
    return ranks.reshape(array.shape)


def opened(given: Any, name: str) -> Values:
    """An array, a tensor's numbers, or a file's.

    Raises:
        MissingFileError: there is no such file.
        DataError: it holds no array of numbers.
    """
    if isinstance(given, str | os.PathLike):
        return _file(Path(given))
    if isinstance(given, torch.Tensor):
        wide = given.float() if given.dtype == torch.bfloat16 else given
        return np.asarray(wide.detach().cpu().numpy())
    array = np.asarray(given)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise DataError(
            f"{name} holds {array.dtype} of shape {array.shape}: (n, …) numbers are wanted"
        )
    return array


def same_shape(arrays: Sequence[Values]) -> tuple[int, ...]:
    """The shape that all have.

    Raises:
        DataError: they do not.
    """
    shape = arrays[0].shape
    for at, array in enumerate(arrays):
        if array.shape != shape:
            raise DataError(f"predictions[{at}] have shape {array.shape}, predictions[0] {shape}")
    return shape


def _file(path: Path) -> Values:
    if not path.is_file():
        raise MissingFileError(f"{path} is not there")
    try:
        loaded: Any = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return np.asarray(loaded[_KEY])
    except KeyError:
        raise DataError(f"{path} holds no array {_KEY!r}") from None
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} holds no array of numbers: {error}") from error


def _kind(arrays: Sequence[Values]) -> np.dtype[Any]:
    narrow = all(array.dtype in (np.float16, np.float32) for array in arrays)
    return np.dtype(np.float32 if narrow else np.float64)


def _merged(parts: Sequence[Values], weights: Sequence[float], how: Merge) -> Values:
    merging = how.begin()
    for number, (part, weight) in enumerate(zip(parts, weights, strict=True)):
        wide = part.astype(np.float64)
        if not np.isfinite(wide).all():
            raise DataError(f"predictions[{number}] hold a number that is not finite")
        if how.probabilities and not ((wide >= -_SLACK) & (wide <= 1 + _SLACK)).all():
            raise DataError(f"predictions[{number}] are no probabilities, which this merge needs")
        if weight > 0:
            merging.add(torch.from_numpy(wide), weight, number)
    return np.asarray(merging.result().numpy())


def _summing(values: Values) -> Values:
    total: Values = values.sum(axis=1, keepdims=True)
    return values / np.maximum(total, np.finfo(np.float64).tiny)


def _rank_mean(arrays: Sequence[Values], weights: Sequence[float], out: Values) -> None:
    count = out.shape[0]
    columns = _columns(out)
    for at in range(columns.shape[1]):
        total = np.zeros(count)
        for number, (array, weight) in enumerate(zip(arrays, weights, strict=True)):
            column = np.asarray(_columns(array)[:, at], np.float64)
            if not np.isfinite(column).all():
                raise DataError(f"predictions[{number}] hold a number that is not finite")
            total += weight * ranked(column)
        columns[:, at] = total


def _columns(array: Values) -> Values:
    return array.reshape(len(array), int(np.prod(array.shape[1:], dtype=np.int64)))


class _Target:
    """Where merged predictions go."""

    def __init__(self, out: Any, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
        self.path: Path | None = None
        if isinstance(out, str | os.PathLike):
            self.path = Path(out)
            if self.path.suffix != ".npy":
                raise ParameterError(
                    f"merge_predictions.out = {os.fspath(out)!r}: a .npy file is wanted"
                )
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.part = self.path.with_name(f".{secrets.token_hex(8)}.part")
            self.values: Values = np.lib.format.open_memmap(
                self.part, mode="w+", dtype=kind, shape=shape
            )
        elif out is None:
            self.values = np.empty(shape, kind)
        else:
            if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype.kind != "f":
                raise ParameterError(
                    f"merge_predictions.out: an array of floats of shape {shape} is wanted"
                )
            if not out.flags.c_contiguous:
                raise ParameterError("merge_predictions.out: a contiguous array is wanted")
            self.values = out

    def done(self) -> Values:
        if self.path is None:
            return self.values
        if isinstance(self.values, np.memmap):
            self.values.flush()
        self.values = np.empty(0)
        self.part.replace(self.path)
        mapped: Values = np.load(self.path, mmap_mode="r")
        return mapped

    def drop(self) -> None:
        if self.path is not None:
            self.values = np.empty(0)
            self.part.unlink(missing_ok=True)
