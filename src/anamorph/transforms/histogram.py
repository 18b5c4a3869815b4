"""Tones that follow from the picture's histogram."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import ParameterError, UndefinedError
from anamorph.core.params import (
    Boolean,
    Choice,
    Fixed,
    Listed,
    Number,
    Probability,
    Rule,
    Span,
    Words,
    plain,
    refuse,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op, Picture
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["CLAHE", "AutoContrast", "Equalize"]


class MaskRule(Rule):
    """An array of what counts, a function that makes one, or None; arrays are kept as tuples."""

    def check(self, place: str, value: Any) -> Any:
        if value is None or callable(value):
            return value
        array = np.asarray(plain(value))
        if array.ndim not in (2, 3) or array.dtype.kind not in "buif":
            raise refuse(place, value, self.describe())
        return plain((array != 0).astype(np.uint8))

    def describe(self) -> str:
        return (
            "an array (H, W) or (H, W, C) that is not zero where pixels count, a function, or None"
        )


ClipRange = Annotated[Any, Span(1, lone="from", start=1)]
TileGrid = Annotated[Any, Fixed(Number(1, whole=True), 2, unit="tiles")]
Mode = Annotated[str, Choice(("cv", "pil"))]
Percent = Annotated[float, Number(0, 100, unit="percent")]
OptionalLevel = Annotated[Any, Number(0, 255, whole=True, optional=True, unit="levels of 255")]
StretchMethod = Annotated[str, Choice(("cdf", "pil"))]
CountingMask = Annotated[Any, MaskRule()]
Names = Annotated[Any, Listed(Words())]


class CLAHE(PixelTransform):
    """Equalise contrast by tiles, with a limit that keeps noise down.

    Of three channels the lightness, L of Lab; of another number each channel by itself. The
    histograms have 256 levels for every dtype.
    K. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.

    >>> bool(A.CLAHE(p=1)(image=photo)["image"].std() > 0.9 * photo.std())
    True
    """

    clip_limit: ClipRange = 4.0
    """How many times its even share of a tile's pixels a level may have."""
    tile_grid_size: TileGrid = (8, 8)
    """Tiles across and down."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw one limit."""
        yield Effect("clahe", (rng.uniform(*self.clip_limit), self.tile_grid_size))


class Equalize(PixelTransform):
    """Spread the levels so that each is as frequent as any other.

    >>> bool(A.Equalize(p=1)(image=photo)["image"].std() > photo.std())
    True
    """

    mode: Mode = "cv"
    """``cv`` counts as OpenCV does, ``pil`` in whole steps as Pillow does."""
    by_channels: Boolean = True
    """Whether each channel by itself, else the luma (Y of YCrCb) of three channels."""
    mask: CountingMask = None
    """Only its pixels are counted, all are changed. A function is called with the picture as
    ``image`` and with what ``mask_params`` names."""
    mask_params: Names = ()
    """Names of arguments of the call that the function for ``mask`` gets."""
    p: Probability = 0.5

    def check(self) -> None:
        """See that nobody's names are left unused."""
        if self.mask_params and not callable(self.mask):
            raise ParameterError(
                f"Equalize.mask_params = {self.mask_params!r}: they are for a mask that is a function"
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing; a mask that is a function is called here.

        Raises:
            UndefinedError: the luma is asked for, and the picture has neither one nor three channels.
        """
        if not self.by_channels and scene.channels not in (1, 3):
            raise UndefinedError(
                "Equalize with by_channels=False needs a picture of 1 or 3 channels, "
                f"not of {scene.channels}"
            )
        where = self._counted(self.mask, scene) if callable(self.mask) else self._fixed_mask
        yield Effect("equalize", (self.mode, self.by_channels, where))

    def _counted(self, make: Callable[..., Any], scene: Scene) -> Picture:
        given = {name: scene.given(name) for name in self.mask_params}
        return _as_picture(np.asarray(make(image=scene.image, **given)) != 0)

    @cached_property
    def _fixed_mask(self) -> Picture | None:
        return None if self.mask is None else _as_picture(np.asarray(self.mask))


def _as_picture(mask: npt.NDArray[Any]) -> Picture:
    array = np.ascontiguousarray(mask, np.uint8)
    return Picture(array.tobytes(), "uint8", array.shape)


class AutoContrast(PixelTransform):
    """Stretch each channel's levels over the whole range.

    >>> int(A.AutoContrast(p=1)(image=photo // 2 + 50)["image"].min())
    0
    """

    cutoff: Percent = 0
    """Percent of the pixels to cut off at the dark and at the bright end."""
    ignore: OptionalLevel = None
    """A level (of 255) that is neither counted nor changed."""
    method: StretchMethod = "cdf"
    """``pil`` stretches evenly, ``cdf`` by the share of pixels below, which equalises as well."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing."""
        yield Effect("autocontrast", (float(self.cutoff), self.ignore, self.method))
