"""Transforms of whole volumes: crops, pads, symmetries, resizing, dropped cuboids, tensors.

They act on ``volume``, ``volumes``, ``mask3d`` and ``masks3d``, and on keypoints (format ``xyz``).
Pictures beside a volume stay as they are; boxes are refused, as no box says how deep it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import permutations, product
from typing import Annotated, Any, Final

from anamorph.core.constants import INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import CropSizeError, MissingDataError, ParameterError, sides
from anamorph.core.params import (
    Boolean,
    Choice,
    Either,
    Fill,
    Fixed,
    MaskFill,
    Number,
    Probability,
    Span,
)
from anamorph.core.rng import Rng
from anamorph.ir.matrix3 import Size3
from anamorph.ir.ops import Op
from anamorph.ir.volume import Fill3, Tensor3, Warp3
from anamorph.transforms.base import KEYS, Scene, Transform
from anamorph.transforms.drop import check_value

__all__ = [
    "CenterCrop3D",
    "CoarseDropout3D",
    "CubicSymmetry",
    "Pad3D",
    "PadIfNeeded3D",
    "RandomCrop3D",
    "ToTensor3D",
]

_SIDE = Number(1, whole=True, unit="voxels")
_MARGIN = Number(0, whole=True, unit="voxels")
VolumeSize = Annotated[Any, Fixed(_SIDE, 3, unit="voxels")]
OptionalVolumeSize = Annotated[Any, Fixed(_SIDE, 3, optional=True, unit="voxels")]
Padding3 = Annotated[Any, Either((_MARGIN, Fixed(_MARGIN, 3), Fixed(_MARGIN, 6)))]
Position3 = Annotated[str, Choice(("center", "random"))]
CountRange = Annotated[Any, Span(0, lone="point", whole=True)]
HoleRange = Annotated[Any, Span(0, 1, lone="point")]
VolumeInterpolation = Annotated[
    int, Choice((INTER_NEAREST, INTER_LINEAR), names=("nearest", "trilinear"))
]


class VolumeTransform(Transform):
    """Base of transforms that act on whole volumes, not on slices one by one."""

    kind = "volume"

    def extent(self, scene: Scene) -> Size3:
        """Depth, height and width of the volume.

        Raises:
            MissingDataError: the call has no volume.
        """
        if not scene.depth:
            raise MissingDataError(
                f"{type(self).__name__} needs volume=, volumes=, mask3d= or masks3d= in the call"
            )
        return (scene.depth, *scene.size)


def sides3(room: Sequence[int], position: str, rng: Rng) -> tuple[int, ...]:
    """Divide room (depth, height, width) into the margins before and after a volume."""
    out: list[int] = []
    for length in room:
        before = rng.integer(0, length) if position == "random" else length // 2
        out.extend((before, length - before))
    return tuple(out)


class _Crop3D(VolumeTransform):
    """Base of crops of fixed size."""

    size: VolumeSize
    pad_if_needed: Boolean = False
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    position = "center"

    def start(self, rng: Rng, room: Sequence[int]) -> tuple[int, ...]:
        """Draw where the crop begins, given by how much the volume is larger."""
        raise NotImplementedError

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the place, and that of the padding where the volume is too small."""
        volume = self.extent(scene)
        if any(want > has for want, has in zip(self.size, volume, strict=True)):
            if not self.pad_if_needed:
                raise CropSizeError(
                    f"{type(self).__name__} wants {sides(self.size)} voxels (depth × height × "
                    f"width) but the volume has {sides(volume)}: make it smaller, or give "
                    "pad_if_needed=True"
                )
            missing = [max(0, want - has) for want, has in zip(self.size, volume, strict=True)]
            margins = sides3(missing, self.position, rng)
            pad = Warp3.pad(volume, margins, self._sampling)  # type: ignore[arg-type]
            yield pad
            volume = pad.size
        if volume != self.size:
            room = [has - want for want, has in zip(self.size, volume, strict=True)]
            yield Warp3.crop(volume, self.start(rng, room), self.size)


class CenterCrop3D(_Crop3D):
    """Cut the middle out of a volume; an odd voxel is left over behind, below and at the right.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.CenterCrop3D((16, 32, 32))(volume=scan)["volume"].shape
    (16, 32, 32)
    """

    size: VolumeSize
    """Depth, height and width."""
    pad_if_needed: Boolean = False
    """Pad a volume that is too small, evenly on both sides."""
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def start(self, rng: Rng, room: Sequence[int]) -> tuple[int, ...]:
        """The middle."""
        return tuple(length // 2 for length in room)


class RandomCrop3D(_Crop3D):
    """Cut a block of fixed size out of a volume, each place as likely as any other.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.RandomCrop3D((16, 32, 32))(volume=scan)["volume"].shape
    (16, 32, 32)
    """

    size: VolumeSize
    """Depth, height and width."""
    pad_if_needed: Boolean = False
    """Pad a volume that is too small, with the volume anywhere in the padding."""
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    position = "random"

    def start(self, rng: Rng, room: Sequence[int]) -> tuple[int, ...]:
        """Anywhere."""
        return tuple(rng.integer(0, length) for length in room)


class Pad3D(VolumeTransform):
    """Add a margin on the six sides of a volume.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.Pad3D((2, 4, 8))(volume=scan)["volume"].shape
    (44, 72, 80)
    """

    padding: Padding3
    """Voxels on all sides; or (depth, height, width), each on both sides; or (front, back, top,
    bottom, left, right)."""
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    @cached_property
    def _margins(self) -> tuple[int, ...]:
        given = self.padding
        if isinstance(given, int):
            return (given,) * 6
        return given if len(given) == 6 else tuple(v for v in given for _ in range(2))

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Pad; nothing is drawn."""
        volume = self.extent(scene)
        if any(self._margins):
            yield Warp3.pad(volume, self._margins, self._sampling)  # type: ignore[arg-type]


class PadIfNeeded3D(VolumeTransform):
    """Add a margin where a side of a volume falls short, or is no multiple of a divisor.

    Where both are given the least size is what counts, as in Albumentations.

    >>> scan = np.zeros((40, 60, 60), np.uint8)
    >>> A.PadIfNeeded3D(min_zyx=(48, 64, 32))(volume=scan)["volume"].shape
    (48, 64, 60)
    >>> A.PadIfNeeded3D(pad_divisor_zyx=(16, 16, 16))(volume=scan)["volume"].shape
    (48, 64, 64)
    """

    min_zyx: OptionalVolumeSize = None
    """Least depth, height and width."""
    pad_divisor_zyx: OptionalVolumeSize = None
    """Numbers that depth, height and width become multiples of."""
    position: Position3 = "center"
    """Where the volume stands in the larger one."""
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def check(self) -> None:
        """Take at least one rule."""
        if self.min_zyx is None and self.pad_divisor_zyx is None:
            raise ParameterError(
                "PadIfNeeded3D.min_zyx = None and pad_divisor_zyx = None: one of the two must be "
                "given"
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the position, if it is random."""
        volume = self.extent(scene)
        room = [
            _missing(side, least, divisor)
            for side, least, divisor in zip(
                volume,
                self.min_zyx or (None,) * 3,
                self.pad_divisor_zyx or (None,) * 3,
                strict=True,
            )
        ]
        if any(room):
            margins = sides3(room, self.position, rng)
            yield Warp3.pad(volume, margins, self._sampling)  # type: ignore[arg-type]


def _missing(side: int, least: int | None, divisor: int | None) -> int:
    """How many voxels a side lacks."""
    if least is not None:
        return max(0, least - side)
    return -side % divisor if divisor else 0


class CoarseDropout3D(VolumeTransform):
    """Overwrite a few cuboids of a volume, anywhere (DeVries and Taylor 2017, Cutout).

    Keypoints inside of a cuboid go, unless the caller keeps invisible ones.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> bool((A.CoarseDropout3D(fill=255, p=1)(volume=scan)["volume"] == 255).any())
    True
    """

    num_holes_range: CountRange = (1, 1)
    hole_depth_range: HoleRange = (0.1, 0.2)
    """Shares of the volume's depth."""
    hole_height_range: HoleRange = (0.1, 0.2)
    """Shares of the volume's height."""
    hole_width_range: HoleRange = (0.1, 0.2)
    """Shares of the volume's width."""
    fill: Fill = 0
    fill_mask: MaskFill = None
    """None leaves masks as they are."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw number, size and place."""
        volume = self.extent(scene)
        check_value("CoarseDropout3D.fill", self.fill, scene)
        ranges = self.hole_depth_range, self.hole_height_range, self.hole_width_range
        holes = []
        for _ in range(rng.integer(*self.num_holes_range)):
            size = [
                math.ceil(side * rng.uniform(*limits) - 1e-9)
                for side, limits in zip(volume, ranges, strict=True)
            ]
            z, y, x = (rng.integer(0, n - k) for n, k in zip(volume, size, strict=True))
            if all(size):
                holes.append((x, y, z, x + size[2], y + size[1], z + size[0]))
        if holes:
            yield Fill3(tuple(holes), self.fill, self.fill_mask)


_SYMMETRIES: Final = tuple(product(permutations(range(3)), product((False, True), repeat=3)))


class CubicSymmetry(VolumeTransform):
    """Apply one of the 48 symmetries of the cube, each as likely as the others.

    These are the 24 rotations and 24 rotoreflections: every order of the axes, every axis forwards
    or backwards. Depth, height and width change places with their axes.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> sorted(A.CubicSymmetry()(volume=scan)["volume"].shape)
    [40, 64, 64]
    """

    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one of the symmetries."""
        volume = self.extent(scene)
        axes, flips = rng.pick(_SYMMETRIES)
        if axes != (0, 1, 2) or any(flips):
            yield Warp3.symmetry(volume, axes, flips)


class ToTensor3D(Transform):
    """Hand out torch tensors of volumes: (D, H, W, C) becomes (C, D, H, W), masks too.

    A volume without an axis of channels gets one. Several volumes (N, D, H, W, C) become
    (N, C, D, H, W). Pictures beside them stay. Values and dtype stay as they are. Needs PyTorch.

    >>> scan = np.zeros((40, 64, 64), np.uint8)
    >>> A.ToTensor3D()(volume=scan)["volume"].shape
    torch.Size([1, 40, 64, 64])
    """

    p: Probability = 1.0

    @property
    def available_keys(self) -> set[str]:
        return set(KEYS["volume"]) - {"keypoints"}

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing; a call without volumes stays as it is."""
        if scene.depth:
            yield Tensor3()
