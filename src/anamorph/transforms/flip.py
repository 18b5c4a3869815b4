"""Flips and quarter turns: pixels fall on pixels, nothing is interpolated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from anamorph.core.params import Probability
from anamorph.core.rng import Rng
from anamorph.ir.ops import SYMMETRIES, Op, Warp
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = [
    "D4",
    "HorizontalFlip",
    "NoOp",
    "RandomRotate90",
    "SquareSymmetry",
    "TimeReverse",
    "Transpose",
    "VerticalFlip",
]

_ALL: Final = tuple(SYMMETRIES)
_TURNS: Final = ("e", "r90", "r180", "r270")


class NoOp(SpatialTransform):
    """Leave everything as it is.

    >>> bool((A.NoOp(p=1)(image=photo)["image"] == photo).all())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Do nothing."""
        yield from ()


class HorizontalFlip(SpatialTransform):
    """Mirror left and right.

    >>> flipped = A.HorizontalFlip(p=1)(image=photo)["image"]
    >>> bool((flipped == photo[:, ::-1]).all())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Mirror; nothing is drawn."""
        yield Warp.symmetry("h", scene.size)


class VerticalFlip(SpatialTransform):
    """Mirror top and bottom.

    >>> flipped = A.VerticalFlip(p=1)(image=photo)["image"]
    >>> bool((flipped == photo[::-1]).all())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Mirror; nothing is drawn."""
        yield Warp.symmetry("v", scene.size)


class Transpose(SpatialTransform):
    """Exchange rows and columns.

    >>> A.Transpose(p=1)(image=photo)["image"].shape
    (640, 427, 3)
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Transpose; nothing is drawn."""
        yield Warp.symmetry("t", scene.size)


class TimeReverse(SpatialTransform):
    """Run a spectrogram (frequency × time) backwards in time.

    The same as `HorizontalFlip`, under the name that sound has for it.

    >>> reverse = A.TimeReverse(p=1)(image=photo)["image"]
    >>> bool((reverse == photo[:, ::-1]).all())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Mirror; nothing is drawn."""
        yield Warp.symmetry("h", scene.size)


class RandomRotate90(SpatialTransform):
    """Turn by 0, 90, 180 or 270 degrees, each as likely as the others.

    The canvas turns along: height and width change places after a turn of 90 or 270 degrees.

    >>> sorted(A.RandomRotate90(p=1)(image=photo)["image"].shape)
    [3, 427, 640]
    """

    p: Probability = 1

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one of the four turns."""
        yield from _symmetry(rng.pick(_TURNS), scene)


class D4(SpatialTransform):
    """Apply one of the eight symmetries of the square, each as likely as the others.

    These are the four quarter turns and the four mirrorings: the dihedral group D4. Pictures
    that have no top (microscopy, satellites) gain eight times the data.

    >>> sorted(A.D4(p=1)(image=photo)["image"].shape)
    [3, 427, 640]
    """

    p: Probability = 1

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one of the eight symmetries."""
        yield from _symmetry(rng.pick(_ALL), scene)


class SquareSymmetry(SpatialTransform):
    """Apply one of the eight symmetries of the square; another name of `D4`.

    >>> sorted(A.SquareSymmetry(p=1)(image=photo)["image"].shape)
    [3, 427, 640]
    """

    p: Probability = 1

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one of the eight symmetries."""
        yield from _symmetry(rng.pick(_ALL), scene)


def _symmetry(name: str, scene: Scene) -> Iterator[Op]:
    if name != "e":
        yield Warp.symmetry(name, scene.size)
