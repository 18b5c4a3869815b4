"""What metrics are handed, as NumPy arrays; torch is not loaded for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError

Array = npt.NDArray[Any]


def array(value: Any) -> Array:
    """A tensor of any device, an array or numbers as an array.

    >>> array([1, 2]).dtype.kind
    'i'
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # which NumPy does not know
            value = value.float()
        return np.asarray(value.numpy())
    return np.asarray(value)


def marked(place: str, predictions: Array, threshold: float | Array) -> npt.NDArray[np.bool_]:
    """Predictions as yes or no: probabilities are yes at the threshold and above it.

    Raises:
        DataError: numbers are outside [0, 1]; logits, it may be.
    """
    if predictions.dtype == np.bool_:
        return predictions
    if predictions.size and not (predictions.min() >= 0 and predictions.max() <= 1):
        low, high = predictions.min(), predictions.max()
        have = f"predictions in [{low:g}, {high:g}]"
        raise DataError(f"{place}: {have}: they must be probabilities in [0, 1], not logits")
    return np.asarray(predictions >= threshold)


def same(place: str, predictions: Array, targets: Array) -> None:
    """Refuse shapes that differ."""
    if predictions.shape != targets.shape:
        have = f"predictions of shape {predictions.shape} and targets of shape {targets.shape}"
        raise DataError(f"{place}: {have}: they must be equal")
