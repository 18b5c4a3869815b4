"""Other pictures laid over the picture, and what they bring: boxes, keypoints, masks of objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from anamorph.ir.ops import (
    BOXES,
    EVERYTHING,
    IMAGE,
    MASK,
    POINTS,
    Color,
    Op,
    Picture,
    Sampling,
    Size,
    Target,
    Warp,
)

Row = tuple[tuple[Any, ...], Any, tuple[tuple[str, Any], ...]]
"""A box, keypoint, polygon or polyline that comes along: its numbers as in `anamorph.core.labels`
(or its rings), on the canvas; the row as its owner wrote it; its labels as pairs (field, label)."""
Shown = tuple[int, float, float, float, float]
"""Which row of the boxes, and the box x0, y0, x1, y1 of what is left of the object: all zero if
too little is."""
REACH = 4.0
"""How many sigmas the Gaussian of a softened edge reaches."""
_COVERED = frozenset({IMAGE, MASK, BOXES, POINTS})
_PIXELS = frozenset({IMAGE, MASK})


@dataclass(frozen=True, slots=True)
class Piece:
    """A picture laid over the picture, its top left pixel at ``place`` (x, y).

    ``cover`` (uint8, h × w) says which of its pixels lie there, all if None. ``alpha`` (float32,
    h × w, in [0, 1]) is the weight of its colors, 1 where it lies if None; a Gaussian of ``sigma``
    pixels softens it. ``seamless`` keeps the gradients of its colors and takes their level from
    what is around it. ``mask`` is what masks
    show where it lies, a picture or one value, None to leave them; ``member`` is the same for the
    masks of single objects. ``others`` are what it shows under further keys of the call.
    """

    place: tuple[int, int]
    size: Size
    image: Picture | None = None
    mask: Picture | Color | None = None
    member: Color | None = None
    cover: Picture | None = None
    alpha: Picture | None = None
    sigma: float = 0.0
    seamless: bool = False
    others: tuple[tuple[str, Picture | Color | None], ...] = ()

    @property
    def region(self) -> tuple[slice, slice]:
        """Rows and columns where it lies."""
        (x, y), (h, w) = self.place, self.size
        return slice(y, y + h), slice(x, x + w)


@dataclass(frozen=True, slots=True)
class Member:
    """The mask of one object that comes along, to be put on an empty mask of the canvas."""

    place: tuple[int, int]
    mask: Picture


@dataclass(frozen=True, slots=True)
class Collage(Op):
    """Lay pieces over the picture, in order.

    With a ``canvas`` the picture itself first goes to a ``place`` (x, y) on it, and what is
    elsewhere is filled. With ``hides``, keypoints under pieces go, boxes shrink to what is visible
    of them, and those less visible than ``min_visible`` go; ``shown`` gives the boxes of objects
    whose masks tell more. ``rows`` are the boxes and keypoints, and ``members`` the masks, that are
    added under each key; ``lost`` are the places of objects that go from lists of masks.
    """

    pieces: tuple[Piece, ...]
    canvas: Size | None = None
    place: tuple[int, int] = (0, 0)
    fill: Color = 0
    fill_mask: Color = 0
    hides: bool = False
    min_visible: float = 0.0
    shown: tuple[Shown, ...] = ()
    rows: tuple[tuple[str, tuple[Row, ...]], ...] = ()
    members: tuple[tuple[str, tuple[Member, ...]], ...] = ()
    lost: tuple[int, ...] = ()

    touches: ClassVar[frozenset[Target]] = EVERYTHING

    @property
    def targets(self) -> frozenset[Target]:
        if self.canvas is not None:
            return EVERYTHING
        return _COVERED if self.hides or self.rows else _PIXELS

    def size_after(self, size: Size) -> Size:
        return self.canvas or size

    def frame(self, size: Size) -> Warp:
        """The warp that puts the picture itself onto the canvas."""
        (x, y), (h, w) = self.place, self.canvas or size
        sides = y, h - size[0] - y, x, w - size[1] - x
        return Warp.pad(size, sides, Sampling(fill=self.fill, fill_mask=self.fill_mask))

    def for_key(self, key: str, *, members: bool = False) -> Collage:
        """Give the op as it acts on one key of a call.

        Args:
            key: the key, for which pieces may have pictures of its own.
            members: whether it holds the masks of single objects.
        """
        if members:
            return replace(self, pieces=tuple(replace(p, mask=p.member) for p in self.pieces))
        if not any(p.others for p in self.pieces):
            return self
        return replace(self, pieces=tuple(_own(p, key) for p in self.pieces))

    def measured(self, key: str) -> Collage:
        """Give the op as it acts on measurements that are in place: only their like is laid there.

        Args:
            key: the key of the measurements.
        """
        pieces = tuple(_own(p, key) for p in self.pieces if dict(p.others).get(key) is not None)
        return replace(self, pieces=pieces, canvas=None, place=(0, 0))


def _own(piece: Piece, key: str) -> Piece:
    others = dict(piece.others)
    if key not in others:
        return piece
    own = others[key]
    return replace(piece, image=own if isinstance(own, Picture) else None, mask=own)
