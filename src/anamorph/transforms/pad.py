"""Transforms that add a margin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Final

from anamorph.core.constants import BORDER_CONSTANT
from anamorph.core.errors import ParameterError
from anamorph.core.params import (
    Border,
    Choice,
    Either,
    Fill,
    Fixed,
    MaskFill,
    Number,
    OptionalPixels,
    Probability,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op, Warp
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = ["Pad", "PadIfNeeded"]

Sides = tuple[int, int, int, int]

_FREE_SIDES: Final[Mapping[str, tuple[bool, bool]]] = {
    "top_left": (False, False),
    "top_right": (False, True),
    "bottom_left": (True, False),
    "bottom_right": (True, True),
}
"""Where the picture stands → whether the margin goes above it, and to the left of it."""

Position = Annotated[str, Choice(("center", *_FREE_SIDES, "random"))]
_MARGIN = Number(0, whole=True, unit="pixels")
Padding = Annotated[Any, Either((_MARGIN, Fixed(_MARGIN, 2), Fixed(_MARGIN, 4)))]


def sides(room: tuple[int, int], position: str, rng: Rng) -> Sides:
    """Divide room (height, width) into a margin (top, bottom, left, right) around a picture."""
    high, wide = room
    if position == "center":
        top, left = high // 2, wide // 2
    elif position == "random":
        top, left = rng.integer(0, high), rng.integer(0, wide)
    else:
        above, before = _FREE_SIDES[position]
        top, left = high * above, wide * before
    return top, high - top, left, wide - left


class Pad(SpatialTransform):
    """Add a margin around the picture.

    >>> A.Pad(padding=(10, 20))(image=photo)["image"].shape
    (467, 660, 3)
    """

    padding: Padding = 0
    """Pixels on all sides, or (left and right, top and bottom), or (left, top, right, bottom)."""
    fill: Fill = 0
    fill_mask: MaskFill = 0
    border_mode: Border = BORDER_CONSTANT
    p: Probability = 1.0

    @cached_property
    def _sides(self) -> Sides:
        given = self.padding
        if isinstance(given, int):
            return (given,) * 4
        left, top, right, bottom = given if len(given) == 4 else given * 2
        return top, bottom, left, right

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Pad; nothing is drawn."""
        if any(self._sides):
            yield Warp.pad(scene.size, self._sides, self._sampling)


class PadIfNeeded(SpatialTransform):
    """Add a margin where a side falls short of a least size, or is no multiple of a divisor.

    >>> A.PadIfNeeded(512, 512)(image=photo)["image"].shape
    (512, 640, 3)
    >>> align = A.PadIfNeeded(None, None, pad_height_divisor=32, pad_width_divisor=32)
    >>> align(image=photo)["image"].shape
    (448, 640, 3)
    """

    min_height: OptionalPixels = 1024
    min_width: OptionalPixels = 1024
    pad_height_divisor: OptionalPixels = None
    """Instead of min_height, which must then be None."""
    pad_width_divisor: OptionalPixels = None
    """Instead of min_width, which must then be None."""
    position: Position = "center"
    """Where the picture stands on the larger canvas."""
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def check(self) -> None:
        """Take one rule a side."""
        for side in ("height", "width"):
            given = getattr(self, f"min_{side}"), getattr(self, f"pad_{side}_divisor")
            if (given[0] is None) == (given[1] is None):
                raise ParameterError(
                    f"PadIfNeeded.min_{side} = {given[0]} and pad_{side}_divisor = {given[1]}: "
                    "one of the two must be a number and the other None"
                )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the position, if it is random."""
        h, w = size = scene.size
        room = (
            _missing(h, self.min_height, self.pad_height_divisor),
            _missing(w, self.min_width, self.pad_width_divisor),
        )
        if room != (0, 0):
            yield Warp.pad(size, sides(room, self.position, rng), self._sampling)


def _missing(side: int, least: int | None, divisor: int | None) -> int:
    """How many pixels a side lacks."""
    if least is not None:
        return max(0, least - side)
    return -side % divisor if divisor else 0
