"""The closed set of ops: what will happen to a sample, numbers filled in, no chance, no pixels.

Everything here is a frozen value: equal by content, hashable, and its repr is the call that made
it. Sizes are (height, width). Matrices map source to result in continuous coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.matrix import Matrix
from anamorph.ir.tone import Step

Size = tuple[int, int]
Color = float | tuple[float, ...]
Region = tuple[int, int, int, int]


class Target(Enum):
    """What kernels are written for; every key of a call is one of these."""

    IMAGE = "image"
    MASK = "mask"
    BOXES = "boxes"
    POINTS = "points"
    POLYGONS = "polygons"
    POLYLINES = "polylines"
    DEPTH = "depth"
    NORMALS = "normals"
    FLOW = "flow"

    __hash__: ClassVar[Any] = (
        object.__hash__
    )  # tables are looked up by it on every call; Enum's own is slow


IMAGE, MASK, BOXES, POINTS = Target.IMAGE, Target.MASK, Target.BOXES, Target.POINTS
POLYGONS, POLYLINES = Target.POLYGONS, Target.POLYLINES
DEPTH, NORMALS, FLOW = Target.DEPTH, Target.NORMALS, Target.FLOW
EVERYTHING = frozenset(Target)
PIXELS_ONLY = frozenset({IMAGE})
SHAPES = frozenset({POLYGONS, POLYLINES})
"""What has corners."""
MEASURED = frozenset({DEPTH, NORMALS, FLOW})
"""Pictures of measurements, whose values follow the geometry."""
DROPPED = frozenset({IMAGE, BOXES, POINTS})
"""What overwritten regions hide things in; shapes and measurements are of the scene and stay."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a warp reads pixels: made once a transform, shared by its ops."""

    interpolation: int = K.INTER_LINEAR
    mask_interpolation: int = K.INTER_NEAREST
    border: int = K.BORDER_CONSTANT
    fill: Color = 0
    fill_mask: Color = 0
    box_method: str = "largest_box"


PLAIN = Sampling()


@dataclass(frozen=True, slots=True)
class Op:
    """Abstract base of ops."""

    touches: ClassVar[frozenset[Target]] = PIXELS_ONLY
    solid: ClassVar[bool] = False
    """Whether it acts on whole volumes, and on nothing but them and their keypoints."""

    @property
    def targets(self) -> frozenset[Target]:
        """The targets that this op changes."""
        return self.touches

    @property
    def opaque(self) -> bool:
        """Whether what comes out can be known only by rendering."""
        return False

    def size_after(self, size: Size) -> Size:
        """Size of the picture after the op."""
        return size

    def depth_after(self, depth: int) -> int:
        """Number of slices of the volume after the op."""
        return depth

    def channels_after(self, channels: int) -> int:
        """Number of channels after the op."""
        return channels

    def dtype_after(self, dtype: str) -> str:
        """Name of the dtype after the op."""
        return dtype


@dataclass(frozen=True, slots=True)
class Warp(Op):
    """Resample through a 3×3 matrix onto a canvas."""

    matrix: Matrix
    size: Size
    sampling: Sampling = PLAIN

    touches: ClassVar[frozenset[Target]] = EVERYTHING

    def size_after(self, size: Size) -> Size:
        return self.size

    @staticmethod
    def crop(x0: int, y0: int, x1: int, y1: int) -> Warp:
        """Cut out [x0, x1) × [y0, y1)."""
        m = (1.0, 0.0, -float(x0), 0.0, 1.0, -float(y0), 0.0, 0.0, 1.0)
        return Warp(m, (y1 - y0, x1 - x0))

    @staticmethod
    def pad(size: Size, sides: tuple[int, int, int, int], sampling: Sampling = PLAIN) -> Warp:
        """Add (top, bottom, left, right) pixels."""
        top, bottom, left, right = sides
        canvas = size[0] + top + bottom, size[1] + left + right
        return Warp(mx.translation(left, top), canvas, sampling)

    @staticmethod
    def resize(size: Size, to: Size, sampling: Sampling = PLAIN) -> Warp:
        """Scale a picture of one size to another."""
        return Warp(mx.scaling(to[1] / size[1], to[0] / size[0]), to, sampling)

    @staticmethod
    @lru_cache(maxsize=256)
    def symmetry(name: str, size: Size) -> Warp:
        """Apply one of the eight symmetries of the square, by its name in D4."""
        h, w = size
        a, b, d, e = SYMMETRIES[name]
        m = (a, b, w * (a < 0) + h * (b < 0), d, e, w * (d < 0) + h * (e < 0))
        canvas = (h, w) if b == 0 else (w, h)
        return Warp((*map(float, m), 0.0, 0.0, 1.0), canvas)  # type: ignore[arg-type]

    @staticmethod
    def rotation(degrees: float, size: Size, sampling: Sampling = PLAIN) -> Warp:
        """Turn about the centre, counter-clockwise on the screen; the canvas keeps its size."""
        return Warp(mx.rotation(degrees, (size[1] / 2, size[0] / 2)), size, sampling)


SYMMETRIES: Mapping[str, tuple[int, int, int, int]] = {
    "e": (1, 0, 0, 1),
    "r90": (0, 1, -1, 0),
    "r180": (-1, 0, 0, -1),
    "r270": (0, -1, 1, 0),
    "h": (-1, 0, 0, 1),
    "v": (1, 0, 0, -1),
    "t": (0, 1, 1, 0),
    "hvt": (0, -1, -1, 0),
}
"""Element of D4 → linear part (a, b, d, e): x' = ax + by, y' = dx + ey. r90 turns
counter-clockwise, h mirrors left and right, v top and bottom, t transposes, hvt about the other
diagonal."""


@dataclass(frozen=True, slots=True)
class Remap(Op):
    """Read each pixel from a place given by a smooth field of displacements.

    ``kind`` and ``params`` name the field (see `anamorph.ir.fields`), ``size`` is the canvas it
    was drawn for. ``before`` maps the source onto that canvas and ``after`` that canvas onto the
    result ``canvas``; matrices next to a field fuse into these.
    """

    kind: str
    params: tuple[Any, ...]
    size: Size
    sampling: Sampling = PLAIN
    before: Matrix = mx.IDENTITY
    after: Matrix = mx.IDENTITY
    canvas: Size | None = None
    source: Size | None = None

    touches: ClassVar[frozenset[Target]] = EVERYTHING

    def size_after(self, size: Size) -> Size:
        return self.canvas or self.size


@dataclass(frozen=True, slots=True)
class Curve(Op):
    """Apply tone steps to the intensities of each channel (see `anamorph.ir.tone`)."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class ColorMatrix(Op):
    """Mix channels: a row (weights…, offset) an output channel, on intensities in [0, 1]."""

    rows: tuple[tuple[float, ...], ...]

    def channels_after(self, channels: int) -> int:
        return len(self.rows)


_RANKS = frozenset({"dilate", "erode"})
_GROWN = frozenset({IMAGE, MASK, BOXES})


@dataclass(frozen=True, slots=True)
class Convolve(Op):
    """Filter with a kernel (rows), a Gaussian (sigma x, sigma y; size w, h), or a box (size).

    The picture is mirrored at its border without repeating the edge pixel (reflect-101). "disk" is
    a disk that fills the size, smoothed by a Gaussian (sigma). "dilate" and "erode" take the
    greatest and the least value where the kernel is not zero, of what lies inside the picture;
    masks and boxes follow.
    """

    kind: str
    size: tuple[int, int] = (0, 0)
    sigma: tuple[float, float] = (0.0, 0.0)
    kernel: tuple[tuple[float, ...], ...] = ()

    @property
    def targets(self) -> frozenset[Target]:
        return _GROWN if self.kind in _RANKS else PIXELS_ONLY


@dataclass(frozen=True, slots=True)
class Noise(Op):
    """Random change of each pixel; ``kind`` names the distribution, the key seeds it.

    ``mask_value`` is for kinds that drop pixels: what they write into masks, None to leave them.
    """

    kind: str
    params: tuple[Any, ...]
    key: int
    mask_value: Color | None = None

    @property
    def targets(self) -> frozenset[Target]:
        return PIXELS_ONLY if self.mask_value is None else frozenset({IMAGE, MASK})


@dataclass(frozen=True, slots=True)
class Fill(Op):
    """Overwrite regions (x0, y0, x1, y1) with a value, or with noise or inpainting by name.

    A ``stencil`` says which pixels, where regions are no rectangles (see `anamorph.ir.stencil`).
    """

    regions: tuple[Region, ...]
    value: Color | str = 0
    mask_value: Color | None = None
    key: int = 0
    stencil: tuple[Any, ...] = ()

    touches: ClassVar[frozenset[Target]] = DROPPED

    @property
    def targets(self) -> frozenset[Target]:
        return DROPPED if self.mask_value is None else DROPPED | {MASK}


@dataclass(frozen=True, slots=True)
class Blend(Op):
    """Mix with another picture: (1 - weight)·picture + weight·other."""

    weight: float
    other: Picture


@dataclass(frozen=True, slots=True)
class Picture:
    """An array as a value: bytes, dtype and shape, so that ops that hold one stay hashable."""

    data: bytes | memoryview = field(repr=False)
    dtype: str
    shape: tuple[int, ...]

    @staticmethod
    def of(array: npt.NDArray[Any]) -> Picture:
        """See an array as a value, without a copy if it is contiguous: nobody may change it."""
        held = np.ascontiguousarray(array)
        return Picture(held.data.toreadonly().cast("B"), held.dtype.name, array.shape)

    @property
    def array(self) -> npt.NDArray[Any]:
        """The array, which cannot be written to."""
        return np.frombuffer(self.data, self.dtype).reshape(self.shape)

    def __hash__(self) -> int:
        return hash((bytes(self.data), self.dtype, self.shape))

    def __reduce__(self) -> tuple[Any, ...]:
        return Picture, (bytes(self.data), self.dtype, self.shape)


@dataclass(frozen=True, slots=True)
class Tiles(Op):
    """Move rectangles of equal size: each move is (source x0, y0, target x0, y0, width, height)."""

    moves: tuple[tuple[int, int, int, int, int, int], ...]

    touches: ClassVar[frozenset[Target]] = EVERYTHING


@dataclass(frozen=True, slots=True)
class Encode(Op):
    """Write and read back with a lossy codec ("jpeg" or "webp") at a quality of 1 to 100."""

    codec: str
    quality: int


_TENSORS = frozenset({IMAGE, MASK}) | MEASURED


@dataclass(frozen=True, slots=True)
class Cast(Op):
    """Change dtype: value·scale + offset a channel on stored values; then the layout.

    ``steps`` are tone steps that run first, in full precision (a Curve that was fused into this).
    ``layout`` is "HWC" or "CHW"; ``tensor`` hands out torch tensors (of masks and
    measurements too).
    """

    dtype: str | None = None
    scale: Color = 1.0
    offset: Color = 0.0
    layout: str = "HWC"
    tensor: bool = False
    transpose_mask: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def targets(self) -> frozenset[Target]:
        return _TENSORS if self.tensor else PIXELS_ONLY

    def dtype_after(self, dtype: str) -> str:
        return self.dtype or dtype


@dataclass(frozen=True, slots=True)
class Effect(Op):
    """A registered pure function and its drawn parameters.

    ``name`` finds the function in the backend's table. ``call`` holds a user's own transform
    instead (name "call"); it may touch every target and change the size, so it is rendered at once.
    """

    name: str
    params: tuple[Any, ...] = ()
    key: int = 0
    channels: int | None = None
    call: Any = None

    @property
    def targets(self) -> frozenset[Target]:
        return EVERYTHING if self.call is not None else PIXELS_ONLY

    @property
    def opaque(self) -> bool:
        return self.call is not None

    def channels_after(self, channels: int) -> int:
        return self.channels or channels


MIXTURE = "mixture"
"""Name of the effect that mixes the outcomes of several plans for a picture: each item of its
parameters is the weight of one, then its ops. The weights add up to 1."""


OPS: Mapping[str, type[Op]] = {
    op.__name__: op
    for op in (
        Warp, Remap, Curve, ColorMatrix, Convolve, Noise, Fill, Blend, Tiles, Encode, Cast, Effect,
    )
}  # fmt: skip


def with_mask_interpolation(op: Op, interpolation: int) -> Op:
    """Give the op with another interpolation for masks, where it has one."""
    sampling = getattr(op, "sampling", None)
    if sampling is None or sampling.mask_interpolation == interpolation:
        return op
    sampled: Any = op
    changed: Op = replace(sampled, sampling=replace(sampling, mask_interpolation=interpolation))
    return changed
