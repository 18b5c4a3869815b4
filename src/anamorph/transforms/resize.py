"""Changes of size that show the whole picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.constants import INTER_AREA, INTER_LINEAR, INTER_NEAREST
from anamorph.core.errors import ParameterError
from anamorph.core.params import (
    Choice,
    Either,
    Fill,
    Fixed,
    Interpolation,
    Listed,
    MaskFill,
    Number,
    Pixels,
    Probability,
    Size,
    Span,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op, Sampling, Warp
from anamorph.transforms.base import Scene, SpatialTransform, sampling_of
from anamorph.transforms.pad import Position, sides

__all__ = ["LetterBox", "LongestMaxSize", "RandomScale", "Resize", "SmallestMaxSize"]

AreaTargets = Annotated[Any, Choice(("image", "image_mask"), optional=True)]
ScaleLimit = Annotated[Any, Span(-1)]
_SIDE = Number(1, whole=True, unit="pixels")
MaxSize = Annotated[Any, Either((_SIDE, Listed(_SIDE, empty=False)), optional=True)]
MaxSides = Annotated[Any, Fixed(Number(1, whole=True, unit="pixels", optional=True), 2, True)]


class Resizing(SpatialTransform):
    """Base of transforms that change the size by interpolation."""

    @cached_property
    def _samplings(self) -> tuple[Sampling, Sampling]:
        """How to sample when no side shrinks, and when one does."""
        plain = sampling_of(self)
        area = getattr(self, "area_for_downscale", None)
        if area is None:
            return plain, plain
        shrink = replace(plain, interpolation=INTER_AREA)
        if area == "image_mask":
            shrink = replace(shrink, mask_interpolation=INTER_AREA)
        return plain, shrink

    def resized(self, size: tuple[int, int], to: tuple[int, int]) -> tuple[Op, ...]:
        """Scale a picture of one size to another, if they differ."""
        if to == size:
            return ()
        shrinks = to[0] < size[0] or to[1] < size[1]
        return (Warp.resize(size, to, self._samplings[shrinks]),)


class Resize(Resizing):
    """Scale to a height and a width.

    >>> A.Resize(224, 224)(image=photo)["image"].shape
    (224, 224, 3)
    """

    height: Pixels
    width: Pixels
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    area_for_downscale: AreaTargets = None
    """What averages over areas where a side shrinks: the image, or masks as well."""
    p: Probability = 1

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Scale; nothing is drawn."""
        return self.resized(scene.size, (self.height, self.width))


class RandomScale(Resizing):
    """Scale height and width by one factor; sizes are cut to whole pixels.

    >>> A.RandomScale(scale_limit=(-0.5, -0.5), p=1)(image=photo)["image"].shape
    (213, 320, 3)
    """

    scale_limit: ScaleLimit = (-0.1, 0.1)
    """What is added to 1: (-0.1, 0.1) scales by 0.9 to 1.1."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    area_for_downscale: AreaTargets = None
    """What averages over areas where a side shrinks: the image, or masks as well."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw the factor evenly."""
        factor = 1 + rng.uniform(*self.scale_limit)
        h, w = size = scene.size
        # 100 * 1.15 falls short of 115 by a rounding error that must not cost a pixel
        to = max(1, int(h * factor + 1e-9)), max(1, int(w * factor + 1e-9))
        return self.resized(size, to)


class BoundedSize(Resizing):
    """Base of transforms that scale, keeping the aspect ratio, until sides meet their bounds."""

    max_size: MaxSize = None
    """Bound for both sides; one of several is drawn evenly."""
    max_size_hw: MaxSides = None
    """Bounds for height and width instead; None leaves a side unbounded."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    area_for_downscale: AreaTargets = None
    """What averages over areas where a side shrinks: the image, or masks as well."""
    p: Probability = 1

    def check(self) -> None:
        """Take one of the two kinds of bounds, and at least one bound."""
        name = type(self).__name__
        if self.max_size is not None and self.max_size_hw is not None:
            raise ParameterError(f"{name} takes max_size or max_size_hw, not both")
        if self.max_size is None and self.max_size_hw in (None, (None, None)):
            raise ParameterError(f"{name} needs max_size, or a side in max_size_hw")

    def draw(self, rng: Rng, scene: Scene) -> tuple[Op, ...]:
        """Draw the bound, if there are several."""
        h, w = size = scene.size
        bounds = self.max_size_hw or (self._bound(rng),) * 2
        factor = self.tightest([b / s for b, s in zip(bounds, size, strict=True) if b is not None])
        return self.resized(size, (max(1, round(h * factor)), max(1, round(w * factor))))

    def _bound(self, rng: Rng) -> int:
        bound: int | tuple[int, ...] = self.max_size
        return bound if isinstance(bound, int) else int(rng.pick(bound))

    def tightest(self, factors: list[float]) -> float:
        """Choose among the factors by which each side would meet its bound."""
        raise NotImplementedError


class LongestMaxSize(BoundedSize):
    """Scale, keeping the aspect ratio, so that the picture just fits into its bounds.

    The longer side becomes ``max_size``, or the picture becomes as large as fits into
    ``max_size_hw``.

    >>> A.LongestMaxSize(320)(image=photo)["image"].shape
    (214, 320, 3)
    """

    p: Probability = 1

    def tightest(self, factors: list[float]) -> float:
        """Let no side exceed its bound."""
        return min(factors)


class SmallestMaxSize(BoundedSize):
    """Scale, keeping the aspect ratio, so that the picture just covers its bounds.

    The shorter side becomes ``max_size``, or the picture becomes as small as still covers
    ``max_size_hw``.

    >>> A.SmallestMaxSize(224)(image=photo)["image"].shape
    (224, 336, 3)
    """

    p: Probability = 1

    def tightest(self, factors: list[float]) -> float:
        """Let no side fall short of its bound."""
        return max(factors)


class LetterBox(Resizing):
    """Scale, keeping the aspect ratio, to fit into a canvas, and fill what is left of it.

    >>> A.LetterBox((256, 256), fill=114)(image=photo)["image"].shape
    (256, 256, 3)
    """

    size: Size
    """Height and width of the canvas."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    fill: Fill = 0
    fill_mask: MaskFill = 0
    position: Position = "center"
    """Where the picture stands on the canvas."""
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the position, if it is random."""
        h, w = size = scene.size
        factor = min(self.size[0] / h, self.size[1] / w)
        to = max(1, round(h * factor)), max(1, round(w * factor))
        yield from self.resized(size, to)
        if to != self.size:
            room = self.size[0] - to[0], self.size[1] - to[1]
            yield Warp.pad(to, sides(room, self.position, rng), self._samplings[0])
