"""What is made of probabilities before they are written: labels, masks, bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from anamorph.core.errors import DataError, DataTypeError, UnknownNameError, nearest
from anamorph.core.params import Number
from anamorph.nn.tiles.layout import Layout

Finish = str | Callable[[torch.Tensor], Any] | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """Ones where a probability is above a number, as uint8.

    >>> from anamorph.nn.tiles import Threshold
    >>> Threshold(0.5)
    Threshold(at=0.5)
    """

    at: float = 0.5

    def __post_init__(self) -> None:
        Number().check("Threshold.at", self.at)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Take (C, rows, …), give the same shape."""
        return (rows > self.at).to(torch.uint8)


def _argmax(rows: torch.Tensor) -> torch.Tensor:
    """The strongest channel of each pixel, as uint8, without the channel axis."""
    if not 2 <= rows.shape[0] <= 256:
        raise DataError(
            f"finish = 'argmax' has {rows.shape[0]} channels: it chooses among 2 to 256"
        )
    best, label = rows[0].clone(), torch.zeros_like(rows[0], dtype=torch.uint8)
    for channel in range(1, len(rows)):  # torch's own argmax along the first axis takes seven times
        label.masked_fill_(rows[channel] > best, channel)
        torch.maximum(best, rows[channel], out=best)
    return label


def _bytes(rows: torch.Tensor) -> torch.Tensor:
    """Probabilities as whole numbers from 0 to 255."""
    return (rows.clamp(0, 1) * 255).round().to(torch.uint8)


FINISHES: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "argmax": _argmax,
    "uint8": _bytes,
}
"""What is made of finished rows (C, rows, …), by name."""


def check_finish(finish: Finish) -> None:
    """Refuse a finish that does not exist.

    Raises:
        UnknownNameError: it does not.
    """
    if finish is None or callable(finish) or finish in FINISHES:
        return
    wanted = f"one of {', '.join(FINISHES)}, a function or None"
    raise UnknownNameError(
        f"finish = {finish!r}: it must be {wanted}{nearest(str(finish), FINISHES)}"
    )


@dataclass(frozen=True, slots=True)
class Finisher:
    """Makes of rows of means what is written of them."""

    layout: Layout
    finish: Finish
    dtype: DTypeLike | None

    def __call__(self, rows: torch.Tensor) -> NDArray[Any]:
        """Finish rows (C, rows, …) or (rows, …), and bring their axes to the result's order.

        Raises:
            DataError: the function has changed the number of pixels.
        """
        axes = self.layout.axes
        found = self._found(rows)
        if found.ndim - axes not in (0, 1) or found.shape[-axes:] != rows.shape[-axes:]:
            raise DataError(
                f"finish makes {found.shape} of {tuple(rows.shape)}: it may change the first axis "
                "or drop it, but not pixels"
            )
        return found if found.ndim == axes else np.moveaxis(found, 0, self.layout.place)

    def type_of(self, found: np.dtype[Any], given: np.dtype[Any] | None) -> np.dtype[Any]:
        """The type that is written: that of the array that was given, or as told, or as found.

        Raises:
            DataTypeError: floats would be cut off to whole numbers.
        """
        wanted = given or (found if self.dtype is None else np.dtype(self.dtype))
        if not np.can_cast(found, wanted, "same_kind"):
            raise DataTypeError(
                f"the result is {found} and is to be written as {wanted}: say with finish= what "
                "becomes of it"
            )
        return wanted

    def _found(self, rows: torch.Tensor) -> NDArray[Any]:
        if self.finish is None:
            return rows.cpu().numpy()
        act = FINISHES[self.finish] if isinstance(self.finish, str) else self.finish
        done = act(rows)
        return done.cpu().numpy() if isinstance(done, torch.Tensor) else np.asarray(done)
