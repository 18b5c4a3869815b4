"""Margins that are cut off or added, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.constants import BORDER_CONSTANT, INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import ParameterError
from anamorph.core.params import (
    Boolean,
    Border,
    Fill,
    Interpolation,
    MaskFill,
    Number,
    Probability,
    Rule,
    Span,
    plain,
    refuse,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op, Warp
from anamorph.transforms.base import Scene
from anamorph.transforms.crop import cut
from anamorph.transforms.resize import Resizing

__all__ = ["CropAndPad"]

Amounts = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Margins(Rule):
    """Amounts for the four sides: what is added, or cut off where negative.

    Stored as a number (all sides), a range (low, high), or four of these for (top, right,
    bottom, left). For one of the four a list of choices may stand, too. It is stored as a tuple
    that is not two long, so that it cannot be taken for a range: a single choice as a number,
    two as a tuple of four.
    """

    whole: bool
    unit: str

    def check(self, place: str, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(plain(value), tuple):
            return self.each.check(place, value)
        if len(value) == 2:
            return self.range.check(place, value)
        if len(value) != 4:
            raise refuse(place, plain(value), self.describe())
        # JSON knows no tuples: lists in a list are ranges, lists in a tuple are choices
        listed = isinstance(value, tuple)
        return tuple(self._side(f"{place}[{i}]", side, listed) for i, side in enumerate(value))

    def _side(self, place: str, value: Any, listed: bool) -> Any:  # noqa: FBT001 - two lines away
        items = plain(value)
        if not isinstance(items, tuple):
            return self.each.check(place, items)
        if not items:
            raise refuse(place, items, self.describe())
        if len(items) == 2 and not (listed and isinstance(value, list)):
            return self.range.check(place, items)
        chosen = tuple(self.each.check(place, item) for item in items)
        return chosen[0] if len(chosen) == 1 else chosen * (2 if len(chosen) == 2 else 1)

    @property
    def each(self) -> Number:
        """The rule of an amount."""
        return Number(whole=self.whole, unit=self.unit)

    @property
    def range(self) -> Span:
        """The rule of a range."""
        return Span(lone="point", whole=self.whole, unit=self.unit)

    def describe(self) -> str:
        return (
            f"{self.each.describe()}, or a pair (low, high), or four of these or of lists of "
            "choices for (top, right, bottom, left), or None"
        )


PixelMargins = Annotated[Any, Margins(whole=True, unit="pixels")]
FractionMargins = Annotated[Any, Margins(whole=False, unit="the side")]


class CropAndPad(Resizing):
    """Pad each side, or crop it where its amount is negative; crops come first.

    At least one pixel stays, however much is cut off.

    >>> A.CropAndPad(px=(-10, 0, 0, -20), keep_size=False)(image=photo)["image"].shape
    (417, 620, 3)
    """

    px: PixelMargins = None
    """Pixels: a number for all sides, a range (low, high) to draw from, or four of these for
    (top, right, bottom, left)."""
    percent: FractionMargins = None
    """The same as fractions of height and width, towards zero to whole pixels: 0.1 is a tenth."""
    keep_size: Boolean = True
    """Scale the result to the size of the picture."""
    sample_independently: Boolean = True
    """Draw from a range for each side anew, and not once for all."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def check(self) -> None:
        """Take amounts in one unit."""
        if (self.px is None) == (self.percent is None):
            raise ParameterError(
                f"CropAndPad.px = {self.px} and percent = {self.percent}: give one of the two"
            )

    @cached_property
    def _draws(self) -> tuple[Callable[[Rng], float], ...]:
        """How to draw the amount of each side; a single function for one amount for all."""
        given = self.percent if self.px is None else self.px
        whole = self.px is not None
        if not isinstance(given, tuple) or len(given) == 2:
            return (_drawing(given, whole),) * (4 if self.sample_independently else 1)
        return tuple(_drawing(side, whole) for side in given)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the amounts."""
        size = scene.size
        top, right, bottom, left = self._amounts(rng, size)
        y0, y1 = _left_over(size[0], -top, -bottom)
        x0, x1 = _left_over(size[1], -left, -right)
        yield from cut((x0, y0, x1, y1), size)
        now = y1 - y0, x1 - x0
        margins = max(0, top), max(0, bottom), max(0, left), max(0, right)
        if any(margins):
            pad = Warp.pad(now, margins, self._samplings[0])
            yield pad
            now = pad.size
        if self.keep_size:
            yield from self.resized(now, size)

    def _amounts(self, rng: Rng, size: tuple[int, int]) -> Amounts:
        drawn = [draw(rng) for draw in self._draws]
        top, right, bottom, left = drawn * 4 if len(drawn) == 1 else drawn
        if self.px is None:
            h, w = size
            top, right, bottom, left = top * h, right * w, bottom * h, left * w
        return int(top), int(right), int(bottom), int(left)


def _drawing(given: Any, whole: bool) -> Callable[[Rng], float]:  # noqa: FBT001
    if not isinstance(given, tuple):
        return lambda _: float(given)
    if len(given) != 2:
        return lambda rng: float(rng.pick(given))
    low, high = given
    if whole:
        return lambda rng: rng.integer(low, high)
    return lambda rng: rng.uniform(low, high)


def _left_over(side: int, before: int, after: int) -> tuple[int, int]:
    """Cut off both ends of a side; where nothing would be left, shorten both cuts alike."""
    before, after = max(0, before), max(0, after)
    if before + after >= side:
        before = (side - 1) * before // (before + after)
        after = side - 1 - before
    return before, side - after
