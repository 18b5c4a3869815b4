"""Frames picked from clips."""

from __future__ import annotations

from dataclasses import dataclass

from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Op, Target

_SOLID = frozenset({"volume", "mask3d"})


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip as it is by now.

    ``numbers`` says which of the caller's frames each of its frames is, ``keys`` what of the call
    holds one item a frame.
    """

    numbers: tuple[int, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frames(Op):
    """Keep some frames of the clips that ``keys`` name, in the order of ``picks``.

    ``source`` is the number of frames before. ``boxes`` and ``points`` are the rows of the caller's
    that lie in frames that are kept; None if boxes or keypoints do not belong to frames.
    """

    picks: tuple[int, ...]
    source: int
    keys: tuple[str, ...]
    boxes: tuple[int, ...] | None = None
    points: tuple[int, ...] | None = None

    @property
    def targets(self) -> frozenset[Target]:
        labels = ((self.boxes, BOXES), (self.points, POINTS))
        return frozenset({IMAGE, MASK, *(target for rows, target in labels if rows is not None)})

    def depth_after(self, depth: int) -> int:
        return len(self.picks) if depth == self.source and _SOLID & set(self.keys) else depth
