"""Channels, shuffled and dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.constants import WHITE
from anamorph.core.errors import DataError, UndefinedError
from anamorph.core.params import Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import ColorMatrix, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["ChannelDropout", "ChannelShuffle"]

DropRange = Annotated[Any, Span(1, lone="point", whole=True, unit="channels")]
FillLevel = Annotated[float, Number(0)]


def _unit_row(channel: int, channels: int) -> tuple[float, ...]:
    """The row of a colour matrix that passes one channel on."""
    return (*(0.0,) * channel, 1.0, *(0.0,) * (channels - channel))


class ChannelShuffle(PixelTransform):
    """Put the channels into random order.

    >>> shuffled = A.ChannelShuffle(p=1)(image=photo)["image"]
    >>> sorted(shuffled[0, 0].tolist()) == sorted(photo[0, 0].tolist())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one order."""
        count = scene.channels
        order = list(range(count))
        rng.shuffle(order)
        yield ColorMatrix(tuple(_unit_row(channel, count) for channel in order))


class ChannelDropout(PixelTransform):
    """Overwrite some channels, but never all.

    >>> dropped = A.ChannelDropout(p=1)(image=photo)["image"]
    >>> int((dropped.max(axis=(0, 1)) == 0).sum())
    1
    """

    channel_drop_range: DropRange = (1, 1)
    fill: FillLevel = 0
    """In the units of the picture."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw how many channels, then which.

        Raises:
            UndefinedError: the picture has too few channels.
            DataError: its dtype cannot hold ``fill``.
        """
        count, most = scene.channels, self.channel_drop_range[1]
        if most >= count:
            raise UndefinedError(
                f"ChannelDropout.channel_drop_range = {self.channel_drop_range!r}: a picture of "
                f"{count} channels must keep at least one"
            )
        white = WHITE.get(scene.dtype, 1)
        if self.fill > white:
            raise DataError(
                f"ChannelDropout.fill = {self.fill!r}: a picture of {scene.dtype} holds values up "
                f"to {white}"
            )
        dropped = rng.sample(range(count), rng.integer(*self.channel_drop_range))
        blank = (*(0.0,) * count, self.fill / white)
        yield ColorMatrix(
            tuple(blank if c in dropped else _unit_row(c, count) for c in range(count))
        )
