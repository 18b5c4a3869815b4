"""Colour: hue, saturation, grey, and shifts of single channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.core.errors import UndefinedError
from anamorph.core.params import Choice, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import ColorMatrix, Curve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene, need_channels

__all__ = [
    "ColorJitter",
    "HueSaturationValue",
    "RGBShift",
    "ToGray",
    "ToRGB",
    "ToSepia",
]

HueRange = Annotated[Any, Span(unit="180ths of a turn")]
LevelRange = Annotated[Any, Span(unit="levels of 255")]
FactorRange = Annotated[Any, Span(0, lone="around")]
TurnRange = Annotated[Any, Span(-1, 1, unit="turns")]
ChannelCount = Annotated[int, Number(1, whole=True, unit="channels")]
GrayMethod = Annotated[
    str, Choice(("weighted_average", "from_lab", "desaturation", "average", "max", "pca"))
]

_SEPIA = (
    (0.393, 0.769, 0.189, 0.0),
    (0.349, 0.686, 0.168, 0.0),
    (0.272, 0.534, 0.131, 0.0),
)


class HueSaturationValue(PixelTransform):
    """Shift hue, saturation and value. Grey pictures of one channel get the shift of value only.

    Grey pixels of a colour picture stay grey, however much saturation is added.

    >>> A.HueSaturationValue(60, 0, 0, p=1)(image=photo)["image"].shape == photo.shape
    True
    """

    hue_shift_limit: HueRange = (-20, 20)
    """In OpenCV's unit for 8 bits, 2 degrees, whatever the dtype of the picture."""
    sat_shift_limit: LevelRange = (-30, 30)
    val_shift_limit: LevelRange = (-20, 20)
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw three shifts.

        Raises:
            UndefinedError: the picture has neither one nor three channels.
        """
        need_channels(self, scene, 1, 3)
        hue = rng.uniform(*self.hue_shift_limit)
        saturation = rng.uniform(*self.sat_shift_limit)
        value = rng.uniform(*self.val_shift_limit)
        if scene.channels == 3:
            yield Effect("hsv", (hue, saturation, value))
        else:
            yield Curve((("linear", 1.0, value / 255.0),))


class RGBShift(PixelTransform):
    """Add a number to each channel. Pictures of one or two channels take the first limits.

    >>> t = A.RGBShift((10, 10), 0, 0, p=1)
    >>> (t(image=photo)["image"][0, 0].astype(int) - photo[0, 0]).tolist()
    [10, 0, 0]
    """

    r_shift_limit: LevelRange = (-20, 20)
    """A range within [-1, 1] is in shares of white instead. So are the others."""
    g_shift_limit: LevelRange = (-20, 20)
    b_shift_limit: LevelRange = (-20, 20)
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a shift a channel.

        Raises:
            UndefinedError: the picture has more than three channels.
        """
        need_channels(self, scene, 1, 2, 3)
        limits = (self.r_shift_limit, self.g_shift_limit, self.b_shift_limit)
        shifts = tuple(self._shift(rng, limits[i]) for i in range(scene.channels))
        yield Curve((("linear", 1.0, shifts if len(shifts) > 1 else shifts[0]),))

    @staticmethod
    def _shift(rng: Rng, limit: tuple[float, float]) -> float:
        shift = rng.uniform(*limit)
        return shift / 255.0 if max(-limit[0], limit[1]) > 1 else shift


class ColorJitter(PixelTransform):
    """Change brightness, contrast, saturation and hue in random order, as torchvision does.

    Grey pictures of one channel keep what saturation and hue would do.

    >>> A.ColorJitter(p=1)(image=photo)["image"].shape == photo.shape
    True
    """

    brightness: FactorRange = (0.8, 1.2)
    contrast: FactorRange = (0.8, 1.2)
    """About the mean of the grey picture."""
    saturation: FactorRange = (0.8, 1.2)
    hue: TurnRange = (-0.5, 0.5)
    """In turns of the colour circle: half a turn makes the complement."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw three factors, a turn, and their order; what changes nothing is left out.

        Raises:
            UndefinedError: the picture has neither one nor three channels.
        """
        need_channels(self, scene, 1, 3)
        bright, contrast = rng.uniform(*self.brightness), rng.uniform(*self.contrast)
        saturation, turn = rng.uniform(*self.saturation), rng.uniform(*self.hue)
        ops: list[Op] = []
        if bright != 1.0:
            ops.append(Curve((("linear", bright, 0.0),)))
        if contrast != 1.0:
            ops.append(Curve((("mean", contrast, 1.0 - contrast, "gray"),)))
        if scene.channels == 3:
            if saturation != 1.0:
                ops.append(more_saturated(saturation))
            if turn != 0.0:
                ops.append(Effect("hsv", (180.0 * turn, 0.0, 0.0)))
        rng.shuffle(ops)
        yield from ops


def more_saturated(factor: float) -> ColorMatrix:
    """Go from grey (factor 0) over the picture (1) to colours beyond."""
    r, g, b = ((1.0 - factor) * weight for weight in GRAY_WEIGHTS)
    return ColorMatrix(((r + factor, g, b, 0.0), (r, g + factor, b, 0.0), (r, g, b + factor, 0.0)))


class ToGray(PixelTransform):
    """Make the picture grey. A picture of one channel is grey and stays as it is.

    >>> gray = A.ToGray(p=1)(image=photo)["image"]
    >>> bool((gray[:, :, 0] == gray[:, :, 2]).all())
    True
    """

    num_output_channels: ChannelCount = 3
    method: GrayMethod = "weighted_average"
    """``weighted_average`` is the luma of ITU-R BT.601 and ``from_lab`` CIE lightness, both for
    three channels; for any number of them, ``desaturation`` is the middle of the largest and the
    smallest, ``pca`` the direction in which colours vary most, stretched to the full range."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing.

        Raises:
            UndefinedError: the method needs three channels and the picture has another number.
        """
        channels, count = scene.channels, self.num_output_channels
        if channels == 1:
            return
        if channels != 3 and self.method in ("weighted_average", "from_lab"):
            raise UndefinedError(
                f"ToGray with method={self.method!r} needs a picture of 1 or 3 channels, "
                f"not of {channels}"
            )
        if self.method == "weighted_average":
            yield ColorMatrix(((*GRAY_WEIGHTS, 0.0),) * count)
        elif self.method == "average":
            yield ColorMatrix(((1.0 / channels,) * channels + (0.0,),) * count)
        else:
            yield Effect("gray", (self.method, count), channels=count)


class ToRGB(PixelTransform):
    """Repeat a grey picture's one channel. A picture of three channels stays as it is.

    >>> A.ToRGB()(image=photo[:, :, 0])["image"].shape == photo.shape
    True
    """

    num_output_channels: ChannelCount = 3
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing.

        Raises:
            UndefinedError: the picture has neither one nor three channels.
        """
        need_channels(self, scene, 1, 3)
        if scene.channels == 1:
            yield ColorMatrix(((1.0, 0.0),) * self.num_output_channels)


class ToSepia(PixelTransform):
    """Tint like an old photograph. A picture of one channel stays as it is.

    >>> sepia = A.ToSepia(p=1)(image=photo)["image"]
    >>> bool(sepia[:, :, 0].mean() > sepia[:, :, 2].mean())
    True
    """

    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing.

        Raises:
            UndefinedError: the picture has neither one nor three channels.
        """
        need_channels(self, scene, 1, 3)
        if scene.channels == 3:
            yield ColorMatrix(_SEPIA)
