"""Growing and shrinking of what is bright."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.params import Choice, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Convolve, Op
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = ["Morphological"]

SideRange = Annotated[Any, Span(1, lone="from", start=1, whole=True, unit="pixels")]
Operation = Annotated[str, Choice(("erosion", "dilation"))]

_KINDS = {"erosion": "erode", "dilation": "dilate"}


class Morphological(SpatialTransform):
    """Take the lightest (dilation) or darkest (erosion) of the neighbours in an ellipse.

    Masks are treated the same way, and boxes grow and shrink as a mask of each alone would; those
    of which nothing stays go. Keypoints stay.

    >>> t = A.Morphological(scale=(5, 5), p=1)
    >>> bool(t(image=photo)["image"].mean() > photo.mean())
    True
    """

    scale: SideRange = (2, 3)
    """Width and height of the ellipse, the smaller first, as in Albumentations. A lone number x
    means (1, x)."""
    operation: Operation = "dilation"
    p: Probability = 0.5

    @cached_property
    def cells(self) -> tuple[tuple[float, ...], ...]:
        """The ellipse: 1 where a cell belongs to it, 0 elsewhere."""
        return ellipse(*self.scale)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Nothing is drawn."""
        yield Convolve(_KINDS[self.operation], self.scale, kernel=self.cells)


def ellipse(width: int, height: int) -> tuple[tuple[float, ...], ...]:
    """Cells of an ellipse that fills a rectangle, as OpenCV's structuring element has them.

    The middle of an even side is the cell after it, and the ellipse is cut off there.
    """
    if width == height == 1:
        return ((1.0,),)
    across, down = width // 2, height // 2
    rows = []
    for i in range(height):
        dy = i - down
        reach = round(across * math.sqrt(1.0 - (dy / down) ** 2)) if down else 0
        rows.append(tuple(1.0 if abs(j - across) <= reach else 0.0 for j in range(width)))
    return tuple(rows)
