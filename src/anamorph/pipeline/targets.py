"""The keys of a call: what each holds, how it enters a plan and how it is handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anamorph.core.errors import DataError, DataTypeError
from anamorph.ir.ops import (
    BOXES,
    DEPTH,
    FLOW,
    IMAGE,
    MASK,
    MEASURED,
    NORMALS,
    POINTS,
    POLYGONS,
    POLYLINES,
    Op,
    Size,
    Target,
)
from anamorph.pipeline.stacks import Stack, leave_stack

DTYPES = {np.dtype(name): name for name in ("uint8", "uint16", "float32")}
"""dtype of pictures → its name (NumPy takes microseconds to find the name of a dtype)."""
MASK_KINDS = frozenset("buif")


@dataclass(frozen=True, slots=True)
class Kind:
    """How the value of a key is built: which target, and how many leading axes stack pictures.

    ``solid`` says that ops of volumes act on it.
    """

    target: Target
    stacks: int = 0
    solid: bool = False


KINDS: Mapping[str, Kind] = {
    "image": Kind(IMAGE),
    "images": Kind(IMAGE, 1),
    "volume": Kind(IMAGE, 1, solid=True),
    "volumes": Kind(IMAGE, 2, solid=True),
    "mask": Kind(MASK),
    "masks": Kind(MASK, 1),
    "mask3d": Kind(MASK, 1, solid=True),
    "masks3d": Kind(MASK, 2, solid=True),
    "bboxes": Kind(BOXES),
    "keypoints": Kind(POINTS),
    "polygons": Kind(POLYGONS),
    "polylines": Kind(POLYLINES),
    "depth": Kind(DEPTH),
    "normals": Kind(NORMALS),
    "flow": Kind(FLOW),
}
"""Every key that a call may use for a target; `additional_targets` maps further names onto these."""


class Entry:
    """One target of a call on its way through the plan."""

    cursor: int = 0
    """How many of the ops have been rendered."""
    flat: bool = False
    """Whether it is handed out without an axis of channels."""
    size: Size = (0, 0)
    shape: tuple[int, ...] = ()
    value: Any = None
    start: Any = None
    """The value before any op."""
    source: Any = None
    """The file that the value is still to be decoded from."""
    adopted: Sequence[Any] = ()
    """Members of a stack that other pictures brought."""
    lost: frozenset[int] = frozenset()
    """Members of a stack that are not handed out."""

    def __init__(self, key: str, kind: Kind, given: Any) -> None:
        self.key: str = key
        self.kind: Kind = kind
        self.given: Any = given

    @property
    def empty(self) -> bool:
        """Whether it is a stack of nothing."""
        return self.source is None and not len(self.value)

    def takes(self, op: Op) -> bool:
        """Tell whether an op changes this target."""
        return self.kind.target in op.targets and (
            not op.solid or self.kind.solid or self.kind.target is POINTS
        )


def enter_picture(entry: Entry) -> Size:
    """Bring a picture, mask or stack of them to a list of (H, W, C) arrays; give their size.

    Raises:
        DataTypeError: it is no array of numbers.
        DataError: its shape or dtype is not one that pictures have.
    """
    if entry.kind.stacks:
        return _enter_stack(entry)
    array = _checked(entry.key, entry.given, entry.kind.target)
    entry.flat = array.ndim == 2
    entry.value = entry.start = array[:, :, None] if entry.flat else array
    return array.shape[0], array.shape[1]


def _enter_stack(entry: Entry) -> Size:
    given = entry.given
    if isinstance(given, np.ndarray):
        depth = entry.kind.stacks
        if given.ndim not in (depth + 2, depth + 3):
            shape = f"{'N×' * depth}H×W or {'N×' * depth}H×W×C"
            raise DataError(f"{entry.key} has shape {given.shape}: it must be {shape}")
        entry.shape = given.shape[:depth]
        entry.flat = given.ndim == depth + 2
        entry.value = entry.start = _block(entry, given)
        return given.shape[depth], given.shape[depth + 1]
    if isinstance(given, list | tuple):
        entry.shape = (len(given),)
        checked = [_checked(f"{entry.key}[{i}]", s, entry.kind.target) for i, s in enumerate(given)]
        entry.value = entry.start = [s[:, :, None] if s.ndim == 2 else s for s in checked]
        sizes = {s.shape[:2] for s in entry.value}
        if len(sizes) > 1:
            raise DataError(f"{entry.key} holds pictures of different sizes: {sorted(sizes)}")
        return sizes.pop() if sizes else (0, 0)
    raise DataTypeError(
        f"{entry.key} is a {type(given).__name__}: it must be a NumPy array or a list of them"
    )


def _block(entry: Entry, given: Any) -> Stack:
    slices = given.reshape(-1, *given.shape[entry.kind.stacks :])
    if len(slices):
        _checked(entry.key, slices[0], entry.kind.target)
    block = slices if slices.flags.c_contiguous else np.ascontiguousarray(slices)
    return Stack(block[..., None] if entry.flat else block)


def _checked(place: str, array: Any, target: Target) -> Any:
    if not isinstance(array, np.ndarray):
        raise DataTypeError(
            f"{place} is a {type(array).__name__}: it must be a NumPy array (H×W or H×W×C)"
        )
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise DataError(
            f"{place} has shape {array.shape}: it must be H×W or H×W×C, no side of length 0"
        )
    if target is IMAGE:
        if array.dtype not in DTYPES:
            raise DataError(
                f"{place} has dtype {array.dtype}: it must be uint8, uint16, or float32 in [0, 1]"
            )
    elif target in MEASURED:
        _check_measured(place, array, target)
    elif array.dtype.kind not in MASK_KINDS:
        raise DataError(f"{place} has dtype {array.dtype}: it must be of numbers or bool")
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


_MEASURED: Mapping[Target, tuple[int, str, str]] = {
    DEPTH: (1, "uif", "H×W or H×W×1 of numbers"),
    NORMALS: (3, "f", "H×W×3 of floating point"),
    FLOW: (2, "f", "H×W×2 of floating point"),
}
"""Target → channels, kinds of dtype, and both in words."""


def _check_measured(place: str, array: Any, target: Target) -> None:
    channels, kinds, wanted = _MEASURED[target]
    found = array.shape[2] if array.ndim == 3 else 1
    if found != channels or array.dtype.kind not in kinds:
        raise DataError(
            f"{place} has shape {array.shape} and dtype {array.dtype}: it must be {wanted}"
        )


def leave_picture(entry: Entry) -> Any:
    """Hand out a picture or stack in the form it came in: contiguous, and no view of an input."""
    if entry.value is entry.start:
        return entry.given
    if entry.lost:
        _forget(entry)
    return (
        _leave_many(entry) if entry.kind.stacks else _own(entry.value, entry.given, flat=entry.flat)
    )


def _forget(entry: Entry) -> None:
    """Leave out the members that are lost."""
    left = [v for i, v in enumerate(entry.value) if i not in entry.lost]
    if isinstance(entry.value, Stack) and left:
        entry.value = Stack(np.stack(left))
    elif isinstance(entry.value, Stack):
        entry.value = Stack(entry.value.block[:0])
    else:
        entry.value = left
    entry.shape = (len(left),)


def _leave_many(entry: Entry) -> Any:
    if isinstance(entry.given, list | tuple) and isinstance(entry.value, list | Stack):
        return _leave_list(entry.value, entry.given)
    return leave_stack(entry)


def _leave_list(values: Sequence[Any], given: Sequence[Any]) -> list[Any]:
    if len(values) == len(given):
        return [_own(v, g, flat=g.ndim == 2) for v, g in zip(values, given, strict=True)]
    flat = all(g.ndim == 2 for g in given)  # a user's own transform changed their number
    return [_own(v, v, flat=flat) for v in values]


def _plain(value: Any, *, flat: bool) -> Any:
    if flat and isinstance(value, np.ndarray) and value.ndim == 3 and value.shape[2] == 1:
        return value[:, :, 0]
    return value


def _own(value: Any, given: Any, *, flat: bool) -> Any:
    """Copy what is not contiguous or a view of the input."""
    if not isinstance(value, np.ndarray):
        return value
    if flat:
        value = _plain(value, flat=True)
    if not value.flags.c_contiguous:
        return value.copy(order="C")
    if value.base is not None and np.may_share_memory(value, given):
        return value.copy()
    return value


PICTURES = frozenset((IMAGE, MASK)) | MEASURED
