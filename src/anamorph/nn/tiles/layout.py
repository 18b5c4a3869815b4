"""Which axis of a picture is its channels, and which are tiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from anamorph.core.errors import DataError, DataTypeError, ParameterError


@dataclass(frozen=True, slots=True)
class Layout:
    """The number of tiled axes, and where the channels stand among them, if there are any."""

    axes: int
    channel: int | None
    place: int
    """Where the channels of a result stand."""

    @property
    def spatial(self) -> tuple[int, ...]:
        """The tiled axes."""
        every = range(self.axes + (self.channel is not None))
        return tuple(axis for axis in every if axis != self.channel)

    def size(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Pixels along the tiled axes."""
        return tuple(shape[axis] for axis in self.spatial)

    def whole(self, size: Sequence[int], channels: int | None) -> tuple[int, ...]:
        """The shape of a result; channels go where the picture has them, or ``None`` of them."""
        shape = list(size)
        if channels is not None:
            shape.insert(self.place, channels)
        return tuple(shape)

    def index(self, parts: Sequence[slice], *, channels: bool) -> tuple[slice, ...]:
        """An index of a result or picture that takes all channels of a part of it."""
        index = list(parts)
        if channels:
            index.insert(self.place, slice(None))
        return tuple(index)


def layout_of(picture: Any, letters: str | None, axes: int | None) -> Layout:
    """Find the layout of a picture.

    Args:
        picture: anything with ``shape``, ``dtype`` and ``__getitem__``.
        letters: one letter an axis, C for the channels: ``"HWC"``, ``"CHW"``, ``"DHW"``. If it is
            None, tensors have their channels first and all else has them last.
        axes: how many axes are tiled, if that is known; else two of up to three, three of four.

    Raises:
        DataTypeError: that is no picture.
        DataError: it has another number of axes, or none to tile.
        ParameterError: the letters are not one an axis.
    """
    if not all(hasattr(picture, name) for name in ("shape", "dtype", "__getitem__")):
        raise DataTypeError(
            f"picture is {type(picture).__name__}: an array, a tensor or what has shape, dtype "
            "and slices is wanted"
        )
    dims = len(picture.shape)
    if 0 in picture.shape:
        raise DataError(f"picture has shape {tuple(picture.shape)}: it has no pixels")
    first = isinstance(picture, torch.Tensor)
    if letters is not None:
        return _spelt(letters, dims, axes, first=first)
    tiled = axes or (2 if dims <= 3 else dims - 1)
    if dims - tiled not in (0, 1):
        raise DataError(
            f"picture has shape {tuple(picture.shape)}: {tiled} axes to tile are wanted, and at "
            "most one of channels"
        )
    place = 0 if first else tiled
    return Layout(tiled, place if dims > tiled else None, place)


def _spelt(letters: str, dims: int, axes: int | None, *, first: bool) -> Layout:
    upper = letters.upper()
    channel = upper.index("C") if "C" in upper else None
    tiled = len(upper) - (channel is not None)
    if len(set(upper)) != len(upper) or len(upper) != dims or not tiled:
        raise ParameterError(
            f"layout = {letters!r}: it must be {dims} different letters, one an axis of the "
            "picture, C for the channels"
        )
    if axes is not None and axes != tiled:
        raise ParameterError(f"layout = {letters!r}: it tiles {tiled} axes, and the grid {axes}")
    place = (0 if first else tiled) if channel is None else channel
    return Layout(tiled, channel, place)
