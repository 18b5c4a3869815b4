"""Objects dropped, or covered in parts: where things are is read off a mask or boxes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.errors import MissingDataError
from anamorph.core.params import (
    Choice,
    DropFill,
    Either,
    FractionRange,
    Listed,
    MaskFill,
    Number,
    Open,
    Probability,
    Span,
)
from anamorph.core.rng import Rng
from anamorph.ir import ops
from anamorph.ir.ops import Op, Region
from anamorph.ir.stencil import OBJECTS
from anamorph.transforms.base import Scene, SpatialTransform
from anamorph.transforms.drop import CountRange, check_value
from anamorph.transforms.objects import Piece, pieces_of

__all__ = ["ConstrainedCoarseDropout", "MaskDropout"]

ObjectCount = Annotated[Any, Span(1, lone="from", start=1, whole=True, unit="objects")]
ObjectFill = Annotated[
    Any,
    Either((Number(), Listed(Number(), empty=False), Choice(("inpaint_telea", "inpaint_ns")))),
]
Indices = Annotated[Any, Listed(Number(1, whole=True), optional=True)]
Labels = Annotated[Any, Listed(Open("a label"), optional=True)]


class MaskDropout(SpatialTransform):
    """Overwrite whole objects: pieces of the mask of equal value that hang together.

    The call must have a mask; of several, objects are read off their union. Keypoints on a dropped
    object go. Each dropped object takes along the box that fits it best, if the two share more than
    half of what they cover together; other boxes keep their corners, and what is dropped in them no
    longer counts for ``min_visibility``.

    >>> object = np.zeros(photo.shape[:2], np.uint8)
    >>> object[100:200, 300:500] = 1
    >>> dropped = A.MaskDropout(fill=255, p=1)(image=photo, mask=object)
    >>> int(dropped["image"][100:200, 300:500].min()), int(dropped["mask"].max())
    (255, 0)
    """

    max_objects: ObjectCount = (1, 1)
    """Number of objects to drop, as far as there are so many. A lone number x means (1, x)."""
    fill: ObjectFill = 0
    """A value, one a channel, "inpaint_telea" or "inpaint_ns"."""
    fill_mask: MaskFill = 0
    """None leaves masks as they are."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw how many objects, then which.

        Raises:
            MissingDataError: the call has no mask.
        """
        check_value("MaskDropout.fill", self.fill, scene)
        mask = scene.mask
        if mask is None:
            raise MissingDataError("MaskDropout drops objects of the mask, and the call has none")
        pieces = pieces_of(mask)
        count = min(len(pieces), rng.integer(*self.max_objects))
        if count == 0:
            return
        chosen = [pieces[i] for i in sorted(rng.sample(range(len(pieces)), count))]
        regions = tuple(piece.bounds for piece in chosen)
        stencil = (OBJECTS, *(piece.picture() for piece in chosen))
        yield ops.Fill(regions, self.fill, self.fill_mask, 0, stencil)


class ConstrainedCoarseDropout(SpatialTransform):
    """Overwrite rectangles on objects, which are read off the mask or the boxes.

    With ``mask_indices``, objects are pieces of the mask with these values; the holes lie about
    random pixels of them. With ``bbox_labels``, objects are boxes with these labels; the holes lie
    within them. If both are given, the mask says where objects are. With neither, nothing happens.

    >>> object = np.zeros(photo.shape[:2], np.uint8)
    >>> object[100:200, 300:500] = 1
    >>> t = A.ConstrainedCoarseDropout(mask_indices=[1], fill=255, p=1)
    >>> bool((t(image=photo, mask=object)["image"] != photo).any())
    True
    """

    num_holes_range: CountRange = (1, 1)
    """Number of holes on each object, drawn once for all of a picture."""
    hole_height_range: FractionRange = (0.1, 0.1)
    """Height of the holes, as a share of the object's: of its box, or the square root of the
    area of a piece of the mask."""
    hole_width_range: FractionRange = (0.1, 0.1)
    """Width of the holes, as a share likewise."""
    fill: DropFill = 0
    """As in CoarseDropout."""
    fill_mask: MaskFill = None
    """None leaves masks as they are."""
    p: Probability = 0.5
    mask_indices: Indices = None
    """Values of the mask."""
    bbox_labels: Labels = None
    """Labels of boxes, from whichever label field or further column holds them."""

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw number, sizes and places of the holes on each object.

        Raises:
            MissingDataError: the call has not the mask or the boxes that objects are read off.
        """
        check_value("ConstrainedCoarseDropout.fill", self.fill, scene)
        if not self.mask_indices and not self.bbox_labels:
            return
        on_objects = self._on_pieces if self.mask_indices else self._in_boxes
        holes = on_objects(rng, scene, rng.integer(*self.num_holes_range))
        regions = tuple(_clipped(holes, scene.size))
        if regions:
            key = rng.key() if isinstance(self.fill, str) else 0
            yield ops.Fill(regions, self.fill, self.fill_mask, key)

    def _on_pieces(self, rng: Rng, scene: Scene, count: int) -> list[Region]:
        mask = scene.mask
        if mask is None:
            raise MissingDataError(
                "ConstrainedCoarseDropout.mask_indices are values of the mask, and the call has none"
            )
        chosen = mask == self.mask_indices[0]
        for index in self.mask_indices[1:]:
            chosen |= mask == index
        pieces = pieces_of(chosen)
        return [self._about(rng, piece) for piece in pieces for _ in range(count)]

    def _about(self, rng: Rng, piece: Piece) -> Region:
        side = math.sqrt(piece.area)
        x, y = piece.place(rng.integer(0, piece.area - 1))
        w, h = self._sides(rng, side, side)
        return x - w // 2, y - h // 2, x - w // 2 + w, y - h // 2 + h

    def _in_boxes(self, rng: Rng, scene: Scene, count: int) -> list[Region]:
        boxes = scene.boxes
        if boxes is None:
            raise MissingDataError(
                "ConstrainedCoarseDropout.bbox_labels are labels of boxes, and the call has none"
            )
        wanted = self.bbox_labels
        return [
            self._within(rng, *box)
            for box, labels in zip(boxes.tolist(), scene.box_labels(), strict=True)
            if any(label in wanted for label in labels)
            for _ in range(count)
        ]

    def _within(self, rng: Rng, x0: float, y0: float, x1: float, y1: float) -> Region:
        w, h = self._sides(rng, x1 - x0, y1 - y0)
        x = round(rng.uniform(x0, max(x0, x1 - w)))
        y = round(rng.uniform(y0, max(y0, y1 - h)))
        return x, y, x + w, y + h

    def _sides(self, rng: Rng, wide: float, high: float) -> tuple[int, int]:
        w = int(rng.uniform(*self.hole_width_range) * wide + _DUST)
        h = int(rng.uniform(*self.hole_height_range) * high + _DUST)
        return w, h


_DUST = 1e-6
"""Pixels: what floating point may take off the side of a hole."""


def _clipped(holes: list[Region], size: tuple[int, int]) -> Iterator[Region]:
    """What of holes lies in the picture."""
    for x0, y0, x1, y1 in holes:
        a, b, c, d = max(0, x0), max(0, y0), min(size[1], x1), min(size[0], y1)
        if c > a and d > b:
            yield a, b, c, d
