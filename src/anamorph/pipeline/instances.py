"""Objects that stay together: the box, mask, keypoints and labels of one disappear as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, MissingDataError
from anamorph.core.labels import Boxes, Ints, Points
from anamorph.ir.ops import BOXES, MASK, POINTS, Warp
from anamorph.ir.matrix import is_axis_aligned
from anamorph.pipeline.targets import Entry

if TYPE_CHECKING:
    from anamorph.pipeline.sample import Sample

FIELD = "instance"
"""The label field of keypoints that says which object each belongs to, where there is one."""


def bind(binding: tuple[str, ...], sample: Sample, out: dict[str, Any]) -> None:
    """Drop from all bound targets the objects that one of them has lost.

    An object is lost with its box, or when nothing of its mask is left. Its box becomes the box
    of its mask where the plan turned or bent the picture, so that boxes stay tight.

    Args:
        binding: keys whose i-th members are one object.
        sample: the sample, rendered; boxes, keypoints and masks in it are changed.
        out: the result; masks are handed out anew.

    Raises:
        DataError: the targets do not hold the same number of objects.
    """
    entries = [sample.entries[key] for key in binding if key in sample.entries]
    counts = {e.key: len(e.given) for e in entries if e.kind.target is not POINTS}
    if not entries or not counts:
        return
    if len(set(counts.values())) > 1:
        raise DataError(
            f"instance_binding {binding}: there are "
            + ", ".join(f"{n} {key}" for key, n in counts.items())
            + "; there must be one of each an object"
        )
    count = next(iter(counts.values()))
    kept = _kept(entries, sample, count)
    for entry in entries:
        if entry.kind.target is BOXES:
            _bind_boxes(entry, kept, _masks(entries), sample)
        elif entry.kind.target is POINTS:
            owner = _owners(entry, sample, out, count)
            entry.value = entry.value.take(kept[owner[entry.value.index]])
        elif entry.kind.target is MASK:
            out[entry.key] = _members(out[entry.key], np.flatnonzero(kept))


def _masks(entries: list[Entry]) -> Entry | None:
    return next((e for e in entries if e.kind.target is MASK), None)


def _kept(entries: list[Entry], sample: Sample, count: int) -> npt.NDArray[np.bool_]:
    kept = np.ones(count, np.bool_)
    for entry in entries:
        if entry.kind.target is BOXES:
            value = sample.settings.params_of(BOXES).settle(entry.value, sample.size)
            left = np.zeros(count, np.bool_)
            left[value.index] = True
            kept &= left
        elif entry.kind.target is MASK:
            kept &= np.array([bool(np.asarray(m).any()) for m in entry.value], np.bool_)
    return kept


def _bind_boxes(
    entry: Entry, kept: npt.NDArray[np.bool_], masks: Entry | None, sample: Sample
) -> None:
    boxes: Boxes = entry.value
    boxes = boxes.take(kept[boxes.index])
    if masks is not None and not boxes.oriented and _bends(sample):
        data = np.array([_tight(masks.value[i]) for i in boxes.index.tolist()]).reshape(-1, 4)
        boxes = sample.settings.params_of(BOXES).settle(Boxes(data, boxes.index), sample.size)
    entry.value = boxes


def _bends(sample: Sample) -> bool:
    """Tell whether some op leaves boxes of boxes looser than the objects."""
    return any(
        BOXES in op.targets and not (isinstance(op, Warp) and is_axis_aligned(op.matrix))
        for op in sample.ops
    )


def _tight(mask: Any) -> tuple[float, float, float, float]:
    flat = np.asarray(mask).any(axis=2)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _owners(entry: Entry, sample: Sample, out: dict[str, Any], count: int) -> Ints:
    """Which object each of the caller's keypoints belongs to."""
    points: Points = entry.value
    total = len(entry.given)
    if FIELD in sample.settings.params_of(POINTS).label_fields:
        if FIELD not in out:
            raise MissingDataError(f"the call has no {FIELD}=, which is a label field")
        owners = np.asarray(out[FIELD], np.int64)
        if len(owners) and not (0 <= owners.min() and owners.max() < count):
            raise DataError(
                f"{FIELD} = {out[FIELD]!r}: it must hold numbers of objects, 0 to {count - 1}"
            )
        return owners
    if total % max(count, 1) or (total and not count):
        raise DataError(
            f"there are {total} keypoints for {count} objects: give each object as many, or say "
            f"which they belong to in a label field of keypoints named {FIELD!r}"
        )
    return np.repeat(np.arange(count), total // max(count, 1))


def _members(value: Any, index: Ints) -> Any:
    if isinstance(value, list | tuple):
        return [value[i] for i in index.tolist()]
    return value if len(index) == len(value) else value[index]
