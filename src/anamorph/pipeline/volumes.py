"""What a call that holds volumes must hold, and what may stand beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anamorph.core.errors import DataError, MissingDataError
from anamorph.core.labels import Points, Z, row_of
from anamorph.ir.ops import IMAGE, MASK, POINTS, Op
from anamorph.pipeline.targets import Entry

_GOES_ALONG = frozenset({IMAGE, MASK, POINTS})


def depth_of(entries: Iterable[Entry], *, must_agree: bool) -> int:
    """Number of slices of the volumes and 3-D masks of a call; 0 if it has none.

    Raises:
        DataError: they are of different depths.
    """
    first: Entry | None = None
    for entry in entries:
        if not entry.kind.solid:
            continue
        if entry.shape[-1] == 0:
            raise DataError(f"{entry.key} has no slices: a volume must have one or more")
        if first is None:
            first = entry
        elif must_agree and entry.shape[-1] != first.shape[-1]:
            raise DataError(
                f"{entry.key} has {entry.shape[-1]} slices and {first.key} has {first.shape[-1]}: "
                "they must agree (or pass is_check_shapes=False)"
            )
    return first.shape[-1] if first is not None else 0


def check_depths(points: Points, given: Any, depth: int) -> None:
    """Refuse keypoints in front of or behind the volume where such points are to be dropped.

    Raises:
        DataError: a point lies outside.
    """
    if points.fixed:
        return
    z = points.data[:, Z]
    outside = (z < -0.5) | (z >= depth)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"keypoints[{int(points.index[row])}] = {row_of(given, int(points.index[row]))} lies "
            f"outside of the volume of {depth} slices: z must be in [-0.5, {depth}), or pass "
            "remove_invisible=False to keep such points"
        )


def admit(sample: Any, op: Op) -> None:
    """Check that an op of volumes means something for a sample, before it is taken.

    Raises:
        MissingDataError: there is no volume.
        DataError: there are labels that no op of volumes moves.
    """
    if not sample.depth:
        raise MissingDataError(
            "the call has no volume=, volumes=, mask3d= or masks3d=, which a 3-D transform of the "
            "pipeline needs"
        )
    resized = op.size_after(sample.size) != sample.size
    for key, entry in sample.entries.items():
        if entry.kind.target not in _GOES_ALONG:
            raise DataError(
                f"the call has {key}, which 3-D transforms do not move: leave it out, or use "
                "keypoints with z"
            )
        if resized and not entry.kind.solid:
            sample.uneven = True  # pictures beside a volume stay as large as they are
