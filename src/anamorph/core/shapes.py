"""Polygons and polylines as they travel through a plan: all their corners in one array.

So one product of matrices maps them all. Labels never travel: each object remembers which of the
caller's it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from anamorph.core.labels import Floats, Ints

Rings = list[Floats]
"""The rings of one polygon, or the lines of one polyline: arrays (N, 2) in continuous pixels."""


@dataclass(slots=True)
class Shapes:
    """Polygons (``closed``) or polylines of a sample.

    ``points`` is (P, 2), the corners of all rings of all objects in order; ``lengths`` is how many
    each ring has, ``counts`` how many rings each object has, ``index`` which of the caller's each
    object is. ``seen`` is the part of each that was never cut off, where somebody asks for it.
    """

    points: Floats
    lengths: Ints
    counts: Ints
    index: Ints
    closed: bool = True
    seen: Floats | None = None

    @staticmethod
    def of(
        objects: Sequence[Sequence[Floats]],
        index: Ints,
        *,
        closed: bool = True,
        seen: Floats | None = None,
    ) -> Shapes:
        """Put objects together, each the list of its rings."""
        rings = [ring for rings in objects for ring in rings]
        return Shapes(
            np.concatenate(rings) if rings else np.empty((0, 2)),
            np.fromiter(map(len, rings), np.int64, len(rings)),
            np.fromiter(map(len, objects), np.int64, len(objects)),
            index,
            closed,
            seen,
        )

    def objects(self) -> list[Rings]:
        """Take objects apart: for each the list of its rings, which are views."""
        rings = self.rings()
        if len(rings) == len(self.counts):
            return [[ring] for ring in rings]
        ends = np.cumsum(self.counts).tolist()
        return [rings[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def rings(self) -> Rings:
        """Take all rings apart, as views."""
        ends = np.cumsum(self.lengths).tolist()
        return [self.points[a:b] for a, b in zip([0, *ends], ends, strict=False)]

    def moved(self, points: Floats) -> Shapes:
        """Give the same objects with their corners elsewhere."""
        return Shapes(points, self.lengths, self.counts, self.index, self.closed, self.seen)

    def changed(self, objects: Sequence[Sequence[Floats]]) -> Shapes:
        """Give the same objects with other rings, less those that have none left."""
        rows = [row for row, rings in enumerate(objects) if rings]
        seen = None if self.seen is None else self.seen[rows]
        chosen = [objects[row] for row in rows]
        return Shapes.of(chosen, self.index[rows], closed=self.closed, seen=seen)

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> Shapes:
        """Keep some objects."""
        rows = np.flatnonzero(rows) if rows.dtype.kind == "b" else rows
        objects = self.objects()
        seen = None if self.seen is None else self.seen[rows]
        chosen = [objects[row] for row in rows.tolist()]
        return Shapes.of(chosen, self.index[rows], closed=self.closed, seen=seen)

    def joined(self, others: Sequence[Shapes]) -> Shapes:
        """Put further objects behind these."""
        parts = [self, *others]
        known = None if self.seen is None else [p.seen for p in parts if p.seen is not None]
        return replace(
            self,
            points=np.concatenate([p.points for p in parts]),
            lengths=np.concatenate([p.lengths for p in parts]),
            counts=np.concatenate([p.counts for p in parts]),
            index=np.concatenate([p.index for p in parts]),
            seen=None if known is None else np.concatenate(known),
        )

    def bounds(self) -> tuple[Floats, Floats]:
        """The least and the greatest x, y of each object; every object has a ring."""
        if len(self.counts) == 0:
            return np.empty((0, 2)), np.empty((0, 2))
        firsts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        starts = firsts[np.concatenate([[0], np.cumsum(self.counts)[:-1]])]
        low: Floats = np.minimum.reduceat(self.points, starts)
        high: Floats = np.maximum.reduceat(self.points, starts)
        return low, high
