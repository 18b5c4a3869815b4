"""Weather between the camera and the scene: fog, rain, snow, and shadows and stones on the ground.

The algorithms of rain, snow, shadows, fog and gravel follow those that Ujjwal Saxena published for
road scenes (Automold, 2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.errors import ParameterError
from anamorph.core.params import (
    Choice,
    Fixed,
    FractionRange,
    Listed,
    Number,
    Probability,
    Span,
)
from anamorph.core.rng import Rng
from anamorph.ir import weather
from anamorph.ir.ops import Convolve, Effect, Op
from anamorph.transforms.base import PixelTransform, Scene, Transform

__all__ = [
    "AtmosphericFog",
    "RandomFog",
    "RandomGravel",
    "RandomRain",
    "RandomShadow",
    "RandomSnow",
]

Area = Annotated[Any, Fixed(Number(0, 1), 4)]
Count = Annotated[int, Number(1, whole=True)]
CountRange = Annotated[Any, Span(1, lone="point", whole=True)]
Corners = Annotated[int, Number(3, whole=True)]
Share = Annotated[float, Number(0, 1)]
BrightnessFactor = Annotated[float, Number(0, above=True)]
Dimming = Annotated[float, Number(0, 1, above=True)]
FallRange = Annotated[Any, Span(-45, 45, lone="symmetric", unit="pixels")]
FallLength = Annotated[Any, Number(0, whole=True, unit="pixels", optional=True)]
Width = Annotated[int, Number(1, whole=True, unit="pixels")]
Paint = Annotated[Any, Listed(Number(0, 255), empty=False)]
RainType = Annotated[Any, Choice(tuple(weather.DENSITY), optional=True)]
SnowMethod = Annotated[str, Choice(("bleach", "texture"))]
DensityRange = Annotated[Any, Span(0, lone="point")]
DepthMode = Annotated[str, Choice(("linear", "diagonal", "radial"))]


def check_area(transform: Transform, name: str) -> None:
    """Refuse an area (left, top, right, bottom) that holds nothing.

    Raises:
        ParameterError: left is not less than right, or top not less than bottom.
    """
    left, top, right, bottom = area = getattr(transform, name)
    if left >= right or top >= bottom:
        raise ParameterError(
            f"{type(transform).__name__}.{name} = {area!r}: it must be shares "
            "(left, top, right, bottom) with left < right and top < bottom"
        )


class RandomFog(PixelTransform):
    """Lay white puffs of fog over the picture, denser towards the middle, and blur it a little.

    A denser fog has fewer and larger puffs that hide more. Puffs on top of each other leave
    (1 - opacity) ** n of the picture. The blur grows with the shorter side.

    >>> foggy = A.RandomFog(fog_coef_range=(0.7, 0.7), p=1)(image=photo)["image"]
    >>> bool(foggy.mean() > photo.mean())
    True
    """

    alpha_coef: Share = 0.08
    """Opacity of one puff at a density of 1."""
    fog_coef_range: FractionRange = (0.3, 1)
    """Density, drawn from a range."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the density, and the key that places the puffs."""
        density = rng.uniform(*self.fog_coef_range)
        yield Effect("fog", (density, density * self.alpha_coef), rng.key())
        size = weather.haze_width(scene.size)
        yield Convolve("gaussian", (size, size))


class AtmosphericFog(PixelTransform):
    """Fade the picture into fog with the distance (Koschmieder 1924).

    What is seen at distance d is exp(-density · d) of the scene, the rest is fog. The distance
    goes from 0 to 1: ``linear`` from the bottom to the top of the picture, ``diagonal`` from its
    bottom right to its top left, ``radial`` from the middle to the corners.

    >>> far, near = A.AtmosphericFog(p=1)(image=photo)["image"][[0, -1]].astype(int)
    >>> bool(abs(far - 200).mean() < abs(photo[0].astype(int) - 200).mean())
    True
    """

    density_range: DensityRange = (1.0, 3.0)
    fog_color: Paint = (200, 200, 200)
    """In levels of 255, whatever the picture's dtype."""
    depth_mode: DepthMode = "linear"
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the density."""
        density = rng.uniform(*self.density_range)
        yield Effect("distance_fog", (density, self.fog_color, self.depth_mode))


class RandomGravel(PixelTransform):
    """Strew small stones over patches of the ground: squares of another lightness.

    Hue and saturation stay; a patch is a tenth to a fifth of the area's width and height and has
    a stone a hundred pixels.

    >>> stony = A.RandomGravel(gravel_roi=(0, 0, 1, 1), p=1)(image=photo)["image"]
    >>> 0 < float((stony != photo).any(2).mean()) < 0.1
    True
    """

    gravel_roi: Area = (0.1, 0.4, 0.9, 0.9)
    """Area of the patches, as shares (left, top, right, bottom) of the picture."""
    number_of_patches: Count = 2
    p: Probability = 0.5

    def check(self) -> None:
        """Check that the area is one."""
        check_area(self, "gravel_roi")

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the patches, and the key that places the stones."""
        left, top, right, bottom = _in_pixels(self.gravel_roi, scene)
        patches = []
        for _ in range(self.number_of_patches):
            width = rng.integer((right - left) // 10, max(0, (right - left) // 5 - 1))
            height = rng.integer((bottom - top) // 10, max(0, (bottom - top) // 5 - 1))
            x = rng.integer(left, max(left, right - width))
            y = rng.integer(top, max(top, bottom - height))
            patches.append((x, y, width, height))
        if any(width * height >= 100 for *_, width, height in patches):
            yield Effect("gravel", tuple(patches), rng.key())


def _in_pixels(area: tuple[float, ...], scene: Scene) -> tuple[int, int, int, int]:
    height, width = scene.size
    left, top, right, bottom = area
    return int(left * width), int(top * height), int(right * width), int(bottom * height)


class RandomRain(PixelTransform):
    """Add bright streaks of rain, blurred, and dim the picture.

    >>> rainy = A.RandomRain(rain_type="drizzle", p=1)(image=photo)["image"]
    >>> bool(rainy.mean() < photo.mean())
    True
    """

    slant_range: FallRange = (-10, 10)
    """How far a streak goes to the right while it falls."""
    drop_length: FallLength = None
    """How far down a streak goes; None is an eighth of the height."""
    drop_width: Width = 1
    drop_color: Paint = (200, 200, 200)
    """In levels of 255, whatever the picture's dtype."""
    blur_value: Width = 7
    """Side of the box that blurs the streaks."""
    brightness_coefficient: Dimming = 0.7
    """What is left of the brightness."""
    rain_type: RainType = "default"
    """How many streaks there are: a third of the height of the picture in pixels, for ``drizzle``
    a fourth, for ``heavy`` as many, for ``torrential`` twice as many."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the slant, and the key that places the streaks."""
        height = scene.size[0]
        slant = math.floor(rng.uniform(*self.slant_range))
        length = max(1, height // 8) if self.drop_length is None else self.drop_length
        count = int(height * weather.DENSITY[self.rain_type or "default"])
        if count:
            fall = (slant, length)
            look = (self.drop_width, self.drop_color, self.blur_value)
            params = (count, fall, *look, float(self.brightness_coefficient))
            yield Effect("rain", params, rng.key())


class RandomShadow(PixelTransform):
    """Darken polygons with random corners.

    >>> shady = A.RandomShadow(shadow_intensity_range=(0.7, 0.7), p=1)(image=photo)["image"]
    >>> bool((shady <= photo).all())
    True
    """

    shadow_roi: Area = (0, 0.5, 1, 1)
    """Area of the corners, as shares (left, top, right, bottom) of the picture."""
    num_shadows_limit: CountRange = (1, 2)
    shadow_dimension: Corners = 5
    """Number of corners. Where sides cross, what they enclose twice stays bright."""
    shadow_intensity_range: FractionRange = (0.5, 0.5)
    """Share of the light that is taken."""
    p: Probability = 0.5

    def check(self) -> None:
        """Check that the area is one."""
        left, top, right, bottom = self.shadow_roi
        if left > right or top > bottom:
            check_area(self, "shadow_roi")

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the number of shadows, their corners and intensities."""
        left, top, right, bottom = _in_pixels(self.shadow_roi, scene)
        high_x, high_y = max(left, right - 1), max(top, bottom - 1)
        shadows = []
        for _ in range(rng.integer(*self.num_shadows_limit)):
            corners = tuple(
                (rng.integer(left, high_x), rng.integer(top, high_y))
                for _ in range(self.shadow_dimension)
            )
            shadows.append((corners, rng.uniform(*self.shadow_intensity_range)))
        yield Effect("shadow", tuple(shadows))


class RandomSnow(PixelTransform):
    """Let snow lie on what is dark, or fall.

    ``bleach`` multiplies the lightness (of HLS) of every pixel below a threshold. ``texture``
    brightens the picture, adds smooth noise that thins out towards the bottom, cools and dims it
    a little, and sets single pixels to white.

    >>> snowy = A.RandomSnow(snow_point_range=(0.3, 0.3), p=1)(image=photo)["image"]
    >>> bool(snowy.mean() > photo.mean())
    True
    """

    brightness_coeff: BrightnessFactor = 2.5
    snow_point_range: FractionRange = (0.1, 0.3)
    """For ``bleach`` the threshold is 1/3 + half of this; for ``texture`` it is the share of
    snow."""
    method: SnowMethod = "bleach"
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the share of snow."""
        params = (rng.uniform(*self.snow_point_range), float(self.brightness_coeff))
        key = 0 if self.method == "bleach" else rng.key()
        yield Effect(f"snow_{self.method}", params, key)
