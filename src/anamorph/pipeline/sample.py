"""One sample on its way: what was drawn, what is rendered, what is still pending.

Each target has its own cursor into the ops. A transform that asks for boxes has boxes rendered,
not pixels; what is pending for the picture goes on fusing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from anamorph.backends.base import Backend
from anamorph.core.errors import DataError, DataTypeError, MissingDataError, sides
from anamorph.ir.frames import Frames
from anamorph.ir.ops import (
    IMAGE,
    MASK,
    POINTS,
    Blend,
    Convolve,
    Curve,
    Encode,
    Fill,
    Noise,
    Op,
    Size,
    Warp,
    with_mask_interpolation,
)
from anamorph.ir.plan import Note, Plan
from anamorph.ir.rules import Step, fuse
from anamorph.ir.volume import VOLUME_OPS
from anamorph.pipeline.answers import Answers
from anamorph.pipeline.frames import follow
from anamorph.pipeline.ranges import Range, ranged, restore
from anamorph.pipeline.render import run_call, run_op
from anamorph.pipeline.slots import Slot, filled_slots, hand_out
from anamorph.pipeline.sourced import Decoded, in_memory, steps_of, take_in
from anamorph.pipeline.stacks import Stack
from anamorph.pipeline.targets import DTYPES, KINDS, PICTURES, Entry, enter_picture, leave_picture
from anamorph.pipeline.uneven import adapted
from anamorph.pipeline.volumes import admit, check_depths, depth_of

_NO_IMAGE = (
    "image is None: it must be a NumPy array (H×W or H×W×C); cv2.imread gives None for a file "
    "that it cannot read"
)


_IMAGE = KINDS["image"]
_NOWHERE: frozenset[str] = frozenset()
_STEADY = frozenset((Blend, Convolve, Curve, Encode, Fill, Noise))
"""Ops that leave size, channels and dtype as they are."""
_PREPARING: Mapping[type[Op], Callable[[Sample, Any], None]] = {
    Frames: follow,
    **dict.fromkeys(VOLUME_OPS.values(), admit),
}
"""Op → what is looked at or done before it is taken."""


class Sample(Answers):
    """The scene that transforms draw for, and the data behind it."""

    notes: list[Note] | None = None
    """Which transform drew what; a list where the caller wants to know."""
    trace: list[tuple[Step, list[int], float]] | None = None
    """What each step of the picture took; a list where the caller wants to know."""
    told: Mapping[str, list[Any]] = MappingProxyType({})
    """What transforms put into the result besides the targets."""
    leading: Entry | None = None
    """The first picture, by which the scene is described."""
    channels: int = 3
    dtype: str = "uint8"
    depth: int = 0
    """Number of slices of the volume; 0 if there is none."""
    uneven: bool = False
    """Whether some target has another size than the picture."""
    labelled: bool = False
    """Whether there is more to hand out than pictures."""
    decoded: Decoded | None = None
    """What was last decoded of a file."""
    slots: Mapping[str, Slot] = MappingProxyType({})
    """Memory of the caller's for results, by key."""
    declared: Range | None = None
    """The range of pictures that come in another than that of their dtype."""

    size: Size
    """Height and width of the picture at this point."""

    def __init__(
        self,
        settings: Any,
        data: Mapping[str, Any],
        backend: Backend,
        scene: Size | None = None,
    ) -> None:
        self.settings: Any = settings
        self.data: Mapping[str, Any] = data
        self.backend: Backend = backend
        self.ops: list[Op] = []
        self.entries: dict[str, Entry] = {}
        self._fused: dict[tuple[Any, ...], list[Step]] = {}
        self.drawn_by: list[Any] = []
        if not (settings.plain and self._enter_alone(data)):
            self.declared = settings.value_range
            self._enter(scene)
            for entry in self.entries.values():
                entry.size = self.size
        self._came: tuple[Size, int, str, int] = self.size, self.channels, self.dtype, self.depth

    def planned(self) -> Plan:
        """The plan of what was drawn until now, for the sample as it came."""
        return Plan(tuple(self.ops), *self._came[:3], tuple(self.notes or ()), self._came[3])

    # ---------------------------------------------------------------- what came in

    def _enter_alone(self, data: Mapping[str, Any]) -> bool:
        """Take in the commonest call, where every microsecond counts: a picture alone."""
        image = data.get("image")
        if len(data) != 1 or type(image) is not np.ndarray or not image.flags.c_contiguous:
            return False
        value = image[:, :, None] if image.ndim == 2 else image
        shape, dtype = value.shape, DTYPES.get(image.dtype)
        if dtype is None or len(shape) != 3 or 0 in shape:
            return False
        entry = self.entries["image"] = self.leading = Entry("image", _IMAGE, image)
        entry.value = entry.start = value
        entry.flat = value is not image
        height, width, self.channels = shape
        self.size = entry.size = (height, width)
        self.dtype = dtype
        return True

    def _enter(self, size: Size | None) -> None:
        """Take in every target; ``size`` is that of a scene without a picture."""
        kinds = self.settings.kinds
        labels: list[Entry] = []
        data = self.data
        if self.declared is not None:
            self.data = in_memory(data, kinds)
            data = ranged(self.data, kinds, self.declared)
        for key, value in data.items():
            kind = kinds.get(key)
            if kind is None or value is None:
                if key == "image":
                    raise DataTypeError(_NO_IMAGE)
                continue
            entry = self.entries[key] = Entry(key, kind, value)
            if kind.target in PICTURES:
                found = enter_picture(entry) if type(value) is np.ndarray else take_in(entry)
                if size is None or found in (size, (0, 0)):
                    size = size or found
                    continue
                self.uneven = True
                if self.settings.is_check_shapes:
                    first = next(iter(self.entries))
                    raise DataError(
                        f"{key} is {sides(found)} and {first} is {sides(size)}: "
                        "their heights and widths must agree (or pass is_check_shapes=False)"
                    )
            else:
                labels.append(entry)
        self._begin(size)
        self.labelled = bool(labels or self.settings.bound)
        self._read(labels)

    def _read(self, labels: list[Entry]) -> None:
        for entry in labels:
            entry.value = self.settings.params_of(entry.kind.target).read(entry.given, self.size)
            if self.depth and entry.kind.target is POINTS:
                check_depths(entry.value, entry.given, self.depth)

    def _begin(self, size: Size | None) -> None:
        if size is None:
            raise MissingDataError(_nothing_seen(self.entries, self.settings.kinds))
        self.size = size
        self.depth = depth_of(self.entries.values(), must_agree=self.settings.is_check_shapes)
        for entry in self.entries.values():
            if entry.kind.target is IMAGE and not entry.empty:
                self.leading = entry
                break
        self._look()

    def _look(self) -> None:
        """Read size, channels and dtype off the leading picture."""
        source = None if self.leading is None else self.leading.source
        if source is not None:
            self.channels, self.dtype = source.channels, source.dtype
        elif self.leading is not None:
            value = self.leading.value
            picture = value[0] if self.leading.kind.stacks else value
            if picture.dtype in DTYPES:
                height, width, channels = picture.shape
                self.dtype = DTYPES[picture.dtype]
                if picture.shape != (self.channels, *self.size):  # a user's own CHW has its size
                    self.size, self.channels = (height, width), channels

    # ---------------------------------------------------------------- what was drawn

    def push(self, op: Op) -> None:
        """Take an op that was drawn."""
        if self.settings.mask_interpolation is not None:
            op = with_mask_interpolation(op, self.settings.mask_interpolation)
        kind = type(op)
        if kind in _STEADY:
            self.ops.append(op)
            return
        if kind is Warp:
            self.ops.append(op)
            self.size = op.size_after(self.size)
            return
        if op.opaque:
            self.settle()
            self.ops.append(op)
            run_call(self, op)
            return
        prepare = _PREPARING.get(kind)
        if prepare is not None:
            prepare(self, op)
        self.ops.append(op)
        self.size = op.size_after(self.size)
        self.depth = op.depth_after(self.depth)
        self.channels = op.channels_after(self.channels)
        self.dtype = op.dtype_after(self.dtype)

    def another(self, settings: Any, data: Mapping[str, Any]) -> Sample:
        """Take in another picture with labels, rendered as this one is."""
        return Sample(settings, data, self.backend)

    # ---------------------------------------------------------------- rendering

    def rendered(self, entry: Entry) -> Any:
        """Render what is pending for one target, and give its value."""
        count = len(self.ops)
        if entry.cursor < count or entry.source is not None:
            if self.trace is not None:
                self._trace(entry, self.pending(entry), self.trace)
            elif count - entry.cursor == 1 and not self.uneven and entry.source is None:
                op = self.ops[-1]
                if entry.takes(op):
                    run_op(self, entry, op, entry.size)
            else:
                for step in self.pending(entry):
                    run_op(self, entry, step.op, step.source)
            entry.cursor = count
            entry.size = self.size
        return entry.value

    def pending(self, entry: Entry) -> list[Step]:
        """The fused steps that wait for a target."""
        if entry.source is not None:
            return steps_of(self, entry)
        target = entry.kind.target
        if self.uneven and target in PICTURES and (own := _own_size(entry)):
            ops = [op for op in self.ops[entry.cursor :] if target in op.targets]
            return fuse(list(adapted(ops, entry, own)), own, self.settings.fuse)
        touching = [op for op in self.ops[entry.cursor :] if entry.takes(op)]
        if len(touching) < 2 or len(self.entries) == 1:
            return fuse(touching, entry.size, self.settings.fuse)
        key = (entry.cursor, *map(id, touching))
        found = self._fused.get(key)
        if found is None:
            found = self._fused[key] = fuse(touching, entry.size, self.settings.fuse)
        return found

    def _trace(
        self, entry: Entry, steps: list[Step], trace: list[tuple[Step, list[int], float]]
    ) -> None:
        positions = [i for i in range(entry.cursor, len(self.ops)) if entry.takes(self.ops[i])]
        for step in steps:
            began = time.perf_counter()
            run_op(self, entry, step.op, step.source)
            if entry is self.leading:
                trace.append((step, positions, time.perf_counter() - began))

    def refresh(self) -> None:
        """Look again at the picture after a user's own transform may have changed it."""
        mask = self.first(MASK)
        if mask is not None and len(mask.value):
            self.size = (mask.value[0] if mask.kind.stacks else mask.value).shape[:2]
        self._look()
        self.depth = depth_of(self.entries.values(), must_agree=False)
        for entry in self.entries.values():
            entry.cursor = len(self.ops)
            entry.size = self.size

    def settle(self) -> None:
        """Render everything for all targets."""
        for entry in self.entries.values():
            self.rendered(entry)

    def finish(self) -> dict[str, Any]:
        """Render what is left and hand everything out."""
        filled = filled_slots(self) if self.slots else _NOWHERE
        for key, entry in self.entries.items():
            if key not in filled:
                self.rendered(entry)
        out = dict(self.data)  # labels of other pictures may have joined while rendering
        for key, entry in self.entries.items():
            if entry.kind.target in PICTURES and key not in filled:
                out[key] = leave_picture(entry)
        if self.declared is not None:
            restore(self, out, self.declared)
        if self.slots:
            hand_out(self.slots, filled, out)
        if self.labelled:
            self.settings.hand_out(self, out)
        return {**out, **self.told} if self.told else out


def _own_size(entry: Entry) -> Size | None:
    """The size of a target as it is; None for one that is empty or no array any more."""
    value = entry.value
    if entry.kind.stacks:
        if not isinstance(value, list | Stack) or not value:
            return None
        value = value[0]
    return value.shape[:2] if isinstance(value, np.ndarray) else None


def _nothing_seen(entries: Mapping[str, Entry], kinds: Mapping[str, Any]) -> str:
    if not entries:
        return f"the call has none of the targets {', '.join(kinds)}"
    return (
        f"the call has {', '.join(entries)} but no picture or mask that says how large the "
        "picture is: pass image=, images=, volume= or mask="
    )
