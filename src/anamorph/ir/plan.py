"""A plan: what will happen to one sample, as data."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from anamorph.core import constants as K
from anamorph.core.errors import DataError, NotInvertibleError, UnknownNameError, nearest
from anamorph.ir import matrix as mx
from anamorph.ir.collage import Collage, Member, Piece
from anamorph.ir.frames import Frames
from anamorph.ir.ops import MASK, OPS, Op, Picture, Remap, Sampling, Size, Tiles, Warp
from anamorph.ir.rules import Step, fuse
from anamorph.ir.volume import VOLUME_OPS, Remap3, Warp3, inverse


@dataclass(frozen=True, slots=True)
class Note:
    """Which transform drew which ops: ops[start:stop]; ``applied`` is False if chance passed it."""

    transform: str
    start: int
    stop: int
    applied: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """Ops in order, for a picture of a given size.

    A plan is a value: it prints, compares, pickles, becomes JSON and comes back the same. Rendering
    it again on the same sample gives the same result.
    """

    ops: tuple[Op, ...]
    size: Size
    channels: int = 3
    dtype: str = "uint8"
    notes: tuple[Note, ...] = ()
    depth: int = 0
    """Number of slices of the volume; 0 if there is none."""

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Sizes of the picture: before the first op, and after each."""
        out = [self.size]
        for op in self.ops:
            out.append(op.size_after(out[-1]))
        return tuple(out)

    @property
    def depths(self) -> tuple[int, ...]:
        """Numbers of slices of the volume: before the first op, and after each."""
        out = [self.depth]
        for op in self.ops:
            out.append(op.depth_after(out[-1]))
        return tuple(out)

    def fused(self, mode: str = "all") -> tuple[Step, ...]:
        """The steps left after fusing for pictures."""
        return tuple(fuse(self.ops, self.size, mode))

    def inverse(self) -> Plan:
        """Make the plan that brings masks, boxes and keypoints of the result home.

        Ops that change values in place are left out: a prediction has no brightness to undo.

        Raises:
            NotInvertibleError: a dense distortion or a user's own transform stands in the way.
        """
        moving = [
            (op, before)
            for op, before in zip(self.ops, self.sizes, strict=False)
            if MASK in op.targets and type(op) in _MOVERS
        ]
        for op in self.ops:
            if op.opaque:
                raise NotInvertibleError(f"{op} is a user's own transform and has no inverse")
        back = tuple(_MOVERS[type(op)](op, before) for op, before in reversed(moving))
        return Plan(back, self.sizes[-1], self.channels, self.dtype, depth=self.depths[-1])

    def to_dict(self) -> dict[str, Any]:
        """Write the plan as plain data that JSON and YAML hold."""
        return {
            "size": list(self.size),
            "channels": self.channels,
            "dtype": self.dtype,
            "depth": self.depth,
            "ops": [op_to_dict(op) for op in self.ops],
            "notes": [[n.transform, n.start, n.stop, n.applied] for n in self.notes],
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Plan:
        """Read a plan back from what `to_dict` wrote.

        Raises:
            UnknownNameError: it names an op that does not exist.
        """
        return Plan(
            tuple(op_from_dict(op) for op in data["ops"]),
            (int(data["size"][0]), int(data["size"][1])),
            data["channels"],
            data["dtype"],
            tuple(Note(*note) for note in data["notes"]),
            data.get("depth", 0),
        )


def _unwarp(op: Warp, before: Size) -> Warp:
    """The inverse matrix; what was cut off is not made up from a border, but 0."""
    s = op.sampling
    reading = K.INTER_LINEAR if s.interpolation == K.INTER_AREA else s.interpolation
    sampling = Sampling(reading, s.mask_interpolation, box_method=s.box_method)
    return Warp(mx.snapped(mx.invert(op.matrix)), before, sampling)


def _unremap(op: Remap | Remap3, _: Size) -> Op:
    raise NotInvertibleError(f"a dense distortion ({op.kind}) has no exact inverse as a plan")


def _untile(op: Tiles, _: Size) -> Tiles:
    return Tiles(tuple((tx, ty, sx, sy, w, h) for sx, sy, tx, ty, w, h in op.moves))


def _uncollage(op: Collage, before: Size) -> Warp:
    """The picture's own part of the canvas; what lay under pieces was never seen."""
    x, y = op.place
    return Warp.crop(x, y, x + before[1], y + before[0])


_MOVERS: Mapping[type[Op], Any] = {
    Warp: _unwarp,
    Collage: _uncollage,
    Remap: _unremap,
    Tiles: _untile,
    Warp3: lambda op, _: inverse(op),
    Remap3: _unremap,
}
_ALL: Mapping[str, type[Op]] = {**OPS, **VOLUME_OPS, "Collage": Collage, "Frames": Frames}


def op_to_dict(op: Op) -> dict[str, Any]:
    """Write one op as plain data.

    Raises:
        DataError: it holds a function of the user's, which plain data cannot.
    """
    if op.opaque:
        raise DataError(f"{op} holds a user's own code and cannot be written as data")
    return {"op": type(op).__name__} | {
        f.name: _encode(getattr(op, f.name)) for f in fields(op) if getattr(op, f.name) is not None
    }


def op_from_dict(data: Mapping[str, Any]) -> Op:
    """Read one op.

    Raises:
        UnknownNameError: there is no such op.
    """
    name = data["op"]
    if name not in _ALL:
        raise UnknownNameError(f"there is no op named {name!r}{nearest(name, _ALL)}")
    return _ALL[name](**{k: _decode(v) for k, v in data.items() if k != "op"})


_VALUES: Mapping[str, Any] = {"sampling": Sampling, "piece": Piece, "member": Member}
"""Name in data → value that ops hold."""
_NAMES = {cls: name for name, cls in _VALUES.items()}


def _encode(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encode(v) for v in value]
    if isinstance(value, Picture):
        text = base64.b64encode(value.data).decode("ascii")
        return {"picture": [text, value.dtype, list(value.shape)]}
    if isinstance(value, Op):
        return {"nested": op_to_dict(value)}
    if type(value) in _NAMES:
        held = {f.name: _encode(getattr(value, f.name)) for f in fields(value)}
        return {_NAMES[type(value)]: held}
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(v) for v in value)
    if not isinstance(value, Mapping):
        return value
    ((name, held),) = value.items()
    if name == "picture":
        text, dtype, shape = held
        return Picture(base64.b64decode(text), dtype, tuple(shape))
    if name == "nested":
        return op_from_dict(held)
    return _VALUES[name](**{k: _decode(v) for k, v in held.items()})
