"""Transforms that resample whole volumes: flips, turns, affine maps, resizing, elastic fields."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from anamorph.core.constants import BORDER_CONSTANT, INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import ParameterError
from anamorph.core.params import (
    Boolean,
    Border,
    Choice,
    Either,
    Fill,
    Fixed,
    Listed,
    MaskFill,
    Number,
    Probability,
    Rule,
    Span,
    plain,
    refuse,
)
from anamorph.core.rng import Rng
from anamorph.ir import matrix3 as mx
from anamorph.ir.matrix3 import Size3
from anamorph.ir.ops import Op
from anamorph.ir.volume import Coarsen3, Remap3, Warp3
from anamorph.ir.volume_field import SAFE
from anamorph.transforms.base import Scene
from anamorph.transforms.volume import VolumeInterpolation, VolumeSize, VolumeTransform

__all__ = [
    "Affine3D",
    "Anisotropy3D",
    "ElasticTransform3D",
    "Flip3D",
    "RandomResizedCrop3D",
    "RandomRotate90_3D",
    "Resize3D",
]

AXES: Final = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class PerAxis(Rule):
    """A range for each of x, y and z; axes that are left out keep ``rest``."""

    item: Span
    rest: float

    def check(self, place: str, value: Any) -> Any:
        value = plain(value)
        if not isinstance(value, Mapping):
            drawn = self.item.check(place, value)
            return dict.fromkeys(AXES, drawn)
        if not value or not set(value) <= set(AXES):
            raise refuse(place, value, self.describe())
        return {
            axis: self.item.check(f"{place}[{axis!r}]", value.get(axis, (self.rest, self.rest)))
            for axis in AXES
        }

    def describe(self) -> str:
        return f"a dictionary with keys among {AXES}, or one for all axes: {self.item.describe()}"


TurnRanges = Annotated[Any, PerAxis(Span(unit="degrees"), 0.0)]
ScaleRanges = Annotated[Any, PerAxis(Span(0, above=True, lone="point"), 1.0)]
ShiftRanges = Annotated[Any, PerAxis(Span(), 0.0)]
_AXIS = Choice((0, 1, 2), names=("depth", "height", "width"))
SomeAxes = Annotated[Any, Listed(_AXIS, empty=False)]
OptionalAxes = Annotated[Any, Listed(_AXIS, optional=True)]
_PAIR = Fixed(_AXIS, 2)
AxisPairs = Annotated[Any, Listed(_PAIR, empty=False)]
OptionalPair = Annotated[Any, Fixed(_AXIS, 2, optional=True)]
TURNS: Final = ("e", "r90", "r180", "r270")
OptionalTurn = Annotated[Any, Choice(TURNS, optional=True)]
AreaRange = Annotated[Any, Span(0, 1, lone="point", above=True)]
OptionalRatio = Annotated[Any, Number(1, optional=True)]
Method = Annotated[str, Choice(("standard", "uniform_scale"))]
DisplacementRange = Annotated[Any, Span(0, 1, lone="point")]
_POINTS = Number(4, whole=True)
ControlGrid = Annotated[Any, Either((Fixed(_POINTS, 3), Fixed(_POINTS, 2)))]
AxisCount = Annotated[Any, Span(1, 3, lone="point", whole=True)]
Factors = Annotated[Any, Span(1, lone="point")]

_STILL: Final = {"x": (0.0, 0.0), "y": (0.0, 0.0), "z": (0.0, 0.0)}
_PLAIN: Final = {"x": (1.0, 1.0), "y": (1.0, 1.0), "z": (1.0, 1.0)}


class Flip3D(VolumeTransform):
    """Reverse each axis of a volume, or leave it, with even chances.

    >>> scan = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    >>> bool((A.Flip3D(flip_axes=(0, 2))(volume=scan)["volume"] == scan[::-1, :, ::-1]).all())
    True
    """

    axes: SomeAxes = (0, 1, 2)
    """The axes that may be reversed: 0 is depth, 1 height, 2 width."""
    flip_axes: OptionalAxes = None
    """The axes that are reversed always, in place of chance."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Toss a coin for each axis."""
        volume = self.extent(scene)
        chosen = self.flip_axes
        if chosen is None:
            chosen = [axis for axis in sorted(set(self.axes)) if rng.chance(0.5)]
        if chosen:
            yield Warp3.symmetry(volume, (0, 1, 2), [axis in chosen for axis in range(3)])


class RandomRotate90_3D(VolumeTransform):  # noqa: N801 - its name in the field
    """Turn a volume by 0, 90, 180 or 270 degrees in the plane of two of its axes.

    A turn goes from the first axis of the pair towards the second, as `numpy.rot90` has it.

    >>> scan = np.zeros((40, 64, 80), np.uint8)
    >>> turn = A.RandomRotate90_3D(axis_pair=(0, 2), group_element="r90")
    >>> turn(volume=scan)["volume"].shape
    (80, 64, 40)
    """

    axis_pairs: AxisPairs = ((0, 1), (0, 2), (1, 2))
    """The planes to choose from: 0 is depth, 1 height, 2 width."""
    axis_pair: OptionalPair = None
    """The plane, in place of chance."""
    group_element: OptionalTurn = None
    """The turn, in place of chance."""
    p: Probability = 1.0

    def check(self) -> None:
        """Refuse planes of one axis."""
        for pair in (*self.axis_pairs, self.axis_pair or (0, 1)):
            if pair[0] == pair[1]:
                raise ParameterError(
                    f"RandomRotate90_3D.axis_pairs holds {pair}: a plane has two different axes"
                )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw plane and turn."""
        volume = self.extent(scene)
        first, second = self.axis_pair or rng.pick(self.axis_pairs)
        turn = TURNS.index(self.group_element or rng.pick(TURNS))
        axes, flips = [0, 1, 2], [False] * 3
        if turn % 2:
            axes[first], axes[second] = second, first
            flips[first if turn == 1 else second] = True
        elif turn:
            flips[first] = flips[second] = True
        if turn:
            yield Warp3.symmetry(volume, axes, flips)


class Affine3D(VolumeTransform):
    """Scale, turn and shift a volume about its centre.

    The volume is scaled along its axes, then turned about x, then about y, then about z, then
    shifted; a positive turn about z is counter-clockwise on the screen. The canvas keeps its size.
    Angles and factors are those of the array: voxels count as cubes.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.Affine3D(rotate_range={"z": (-20, 20)}, p=1)(volume=scan)["volume"].shape
    (40, 64, 64)
    """

    rotate_range: TurnRanges = _STILL
    """Angles about x, y and z: a dictionary of ranges, or one range for all; x means (-x, x)."""
    scale_range: ScaleRanges = _PLAIN
    """Factors along x, y and z: a dictionary of ranges, or one range drawn for each axis."""
    translate_percent_range: ShiftRanges = _STILL
    """Shifts along x, y and z as shares of the side."""
    interpolation: VolumeInterpolation = INTER_LINEAR
    mask_interpolation: VolumeInterpolation = INTER_NEAREST
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nine numbers, those of empty ranges without chance."""
        volume = self.extent(scene)
        sides = volume[::-1]
        m = mx.scaling(*(_drawn(rng, self.scale_range[axis]) for axis in AXES))
        for axis in AXES:
            angle = _drawn(rng, self.rotate_range[axis])
            if angle:
                m = mx.matmul(mx.rotation(axis, angle), m)
        shift = [
            _drawn(rng, self.translate_percent_range[axis]) * n
            for axis, n in zip(AXES, sides, strict=True)
        ]
        centre = tuple(n / 2 for n in sides)
        m = mx.matmul(mx.translation(*shift), mx.about(m, centre))  # type: ignore[arg-type]
        m = mx.snapped(m)
        if m != mx.IDENTITY3:
            yield Warp3(m, volume, volume, self._sampling)


def _drawn(rng: Rng, limits: tuple[float, float]) -> float:
    low, high = limits
    return low if low == high else rng.uniform(low, high)


class Resize3D(VolumeTransform):
    """Scale a volume to a size.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.Resize3D((32, 96, 96))(volume=scan)["volume"].shape
    (32, 96, 96)
    """

    size: VolumeSize
    """Depth, height and width of the result."""
    interpolation: VolumeInterpolation = INTER_LINEAR
    mask_interpolation: VolumeInterpolation = INTER_NEAREST
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Scale; nothing is drawn."""
        volume = self.extent(scene)
        if volume != self.size:
            yield Warp3.resize(volume, self.size, self._sampling)


class RandomResizedCrop3D(VolumeTransform):
    """Cut a block of random volume and shape out of a volume, and scale it to a size.

    The crop of "Going deeper with convolutions" (Szegedy et al. 2015) in three dimensions.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.RandomResizedCrop3D((32, 32, 32))(volume=scan)["volume"].shape
    (32, 32, 32)
    """

    size: VolumeSize
    """Depth, height and width of the result."""
    scale: AreaRange = (0.08, 1.0)
    """Volume of the block as a share of the whole."""
    ratio: OptionalRatio = 4 / 3
    """How many times as long as another a side of the block may be, in voxels; None for cubes."""
    interpolation: VolumeInterpolation = INTER_LINEAR
    mask_interpolation: VolumeInterpolation = INTER_NEAREST
    p: Probability = 1.0
    sampling_method: Method = "standard"
    """"standard" draws until a block fits, at most nine times, then as the other; "uniform_scale"
    draws a shape, and the volume from what fits of that shape."""

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw volume, shape and place."""
        volume = self.extent(scene)
        block = self._block(rng, volume)
        if block != volume:
            start = [rng.integer(0, n - k) for n, k in zip(volume, block, strict=True)]
            yield Warp3.crop(volume, start, block)
        if block != self.size:
            yield Warp3.resize(block, self.size, self._sampling)

    def _block(self, rng: Rng, volume: Size3) -> Size3:
        whole = math.prod(volume)
        low, high = (share * whole for share in self.scale)
        shape = self._shape(rng)
        for _ in range(9 if self.sampling_method == "standard" else 0):
            wanted = rng.uniform(low, high)
            if wanted <= _most(volume, shape):
                return _sized(wanted, shape, volume)
            shape = self._shape(rng)
        most = _most(volume, shape)
        return _sized(rng.uniform(min(low, most), min(high, most)), shape, volume)

    def _shape(self, rng: Rng) -> tuple[float, ...]:
        """Draw sides of a block of volume 1."""
        if self.ratio is None or self.ratio == 1:
            return 1.0, 1.0, 1.0
        logs = [rng.uniform(0, math.log(self.ratio)) for _ in range(3)]
        return tuple(math.exp(v - sum(logs) / 3) for v in logs)


def _most(volume: Size3, shape: tuple[float, ...]) -> float:
    """Find the largest block of a shape that fits."""
    return min(n / side for n, side in zip(volume, shape, strict=True)) ** 3 * (1 + 1e-9)


def _sized(wanted: float, shape: tuple[float, ...], volume: Size3) -> Size3:
    edge = wanted ** (1 / 3)
    d, h, w = (min(n, max(1, round(edge * side))) for n, side in zip(volume, shape, strict=True))
    return d, h, w


class ElasticTransform3D(VolumeTransform):
    """Distort a volume by a smooth random field: cubic B-splines over a coarse grid.

    The free-form deformation of Rueckert et al. (1999), drawn as RandomElasticDeformation of
    TorchIO does: each control point moves evenly by up to a drawn length on each axis. Nothing
    folds: longer moves than 0.4 of the distance of control points are refused (Choi and Lee 2000).

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.ElasticTransform3D(p=1)(volume=scan)["volume"].shape
    (40, 64, 64)
    """

    displacement_range: DisplacementRange = (0.02, 0.05)
    """The most a control point moves, as a share of half the shortest side."""
    control_grid_shape: ControlGrid = (7, 7)
    """Control points along depth, height and width, one beyond each end; two numbers are those of
    height and width, and depth has as many as height."""
    interpolation: VolumeInterpolation = INTER_LINEAR
    mask_interpolation: VolumeInterpolation = INTER_NEAREST
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    def check(self) -> None:
        """Refuse fields that fold."""
        most = 2 * SAFE / (max(self._grid) - 3)
        if self.displacement_range[1] > most + 1e-9:
            raise ParameterError(
                f"ElasticTransform3D.displacement_range = {self.displacement_range} and "
                f"control_grid_shape = {self.control_grid_shape}: the volume could fold; at most "
                f"{most:.3g}, or fewer control points"
            )

    @property
    def _grid(self) -> tuple[int, int, int]:
        given = self.control_grid_shape
        return given if len(given) == 3 else (given[0], *given)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the strength, and the key of the field."""
        volume = self.extent(scene)
        length = _drawn(rng, self.displacement_range) * min(volume) / 2
        if length > 0:
            yield Remap3("spline", (self._grid, length, rng.key()), volume, self._sampling)


class Anisotropy3D(VolumeTransform):
    """Give a volume the look of thick slices: shrink it along some axes and enlarge it again.

    RandomAnisotropy of TorchIO, after Billot et al. (2020), "Partial volume segmentation of brain
    MRI scans of any resolution and contrast". Masks and keypoints stay.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.Anisotropy3D(axes=(0,), p=1)(volume=scan)["volume"].shape
    (40, 64, 64)
    """

    axes: SomeAxes = (0, 1, 2)
    """The axes to choose from: 0 is depth, 1 height, 2 width."""
    num_axes_range: AxisCount = (1, 1)
    """How many of them are chosen."""
    downscale_factor_range: Factors = (1.5, 4.0)
    """How many voxels thick a slice becomes, drawn for each axis."""
    antialias: Boolean = True
    """Whether a thick slice is the mean of its voxels, or interpolated at its middle."""
    p: Probability = 0.5

    def check(self) -> None:
        """Refuse to choose more axes than there are to choose from."""
        if self.num_axes_range[1] > len(set(self.axes)):
            raise ParameterError(
                f"Anisotropy3D.num_axes_range = {self.num_axes_range} and axes = {self.axes}: "
                "there are not that many axes"
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the axes, and a factor for each."""
        volume = self.extent(scene)
        count = rng.integer(*self.num_axes_range)
        for axis in rng.sample(sorted(set(self.axes)), count):
            slices = max(1, round(volume[axis] / _drawn(rng, self.downscale_factor_range)))
            if slices < volume[axis]:
                yield Coarsen3(axis, slices, self.antialias)
