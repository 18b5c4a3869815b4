"""Weather in the lens: a flare of the sun, drops of rain, spots of mud."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.params import Choice, FractionRange, Listed, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op
from anamorph.ir.weather import Circle
from anamorph.transforms.base import PixelTransform, Scene
from anamorph.transforms.weather import Area, CountRange, Paint, check_area

__all__ = ["RandomSunFlare", "Spatter"]

Radius = Annotated[int, Number(2, whole=True, unit="pixels")]
FlareMethod = Annotated[str, Choice(("overlay", "physics_based"))]
SpatterMode = Annotated[str, Choice(("rain", "mud"))]
UpTo = Annotated[Any, Span(0, 1, lone="from")]
SigmaUpTo = Annotated[Any, Span(0, lone="from", unit="pixels")]
MaybePaint = Annotated[Any, Listed(Number(0, 255), optional=True, empty=False)]


class RandomSunFlare(PixelTransform):
    """Let the sun shine into the lens, with reflections along a line through it.

    ``overlay`` blends the reflections and then the sun as disks, one within the other.
    ``physics_based`` makes a layer of light: the sun's disk, spikes of diffraction and dots,
    which glow, fade with the distance and have fringes of color; it is laid over by screening,
    white minus the product of what both miss to white.

    >>> sunny = A.RandomSunFlare(method="physics_based", p=1)(image=photo)["image"]
    >>> bool((sunny >= photo).all())
    True
    """

    flare_roi: Area = (0, 0, 1, 0.5)
    """Area of the sun, as shares (left, top, right, bottom) of the picture."""
    src_radius: Radius = 400
    src_color: Paint = (255, 255, 255)
    """In levels of 255, whatever the picture's dtype."""
    angle_range: FractionRange = (0, 1)
    """Direction of the line, as shares of a turn clockwise from the right."""
    num_flare_circles_range: CountRange = (6, 10)
    method: FlareMethod = "overlay"
    p: Probability = 0.5

    def check(self) -> None:
        """Check that the area is one."""
        check_area(self, "flare_roi")

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the sun's place, the direction of the line, and the reflections."""
        height, width = scene.size
        left, top, right, bottom = self.flare_roi
        center = int(width * rng.uniform(left, right)), int(height * rng.uniform(top, bottom))
        center = min(center[0], width - 1), min(center[1], height - 1)
        angle = math.tau * rng.uniform(*self.angle_range)
        direction = math.cos(angle), math.sin(angle)
        circles = tuple(
            self._circle(rng, scene, center, direction)
            for _ in range(rng.integer(*self.num_flare_circles_range))
        )
        name = "sun_overlay" if self.method == "overlay" else "sun_physical"
        yield Effect(name, (center, self.src_radius, self.src_color, circles))

    def _circle(
        self, rng: Rng, scene: Scene, center: tuple[int, int], direction: tuple[float, float]
    ) -> Circle:
        """Draw one reflection: a hundred places along the line, as far as the picture is wide."""
        height, width = scene.size
        step = max(1, width // 100)
        away = rng.integer(0, (width - 1) // step) * step - center[0]
        x, y = (int(c + away * d) for c, d in zip(center, direction, strict=True))
        radius = rng.integer(1, max(2, height // 100)) ** 3
        color = tuple(float(rng.integer(max(0, int(c) - 51), int(c))) for c in self.src_color)
        return (rng.uniform(0.05, 0.2), x, y, radius, color)


class Spatter(PixelTransform):
    """Spatter the lens with rain or mud (Hendrycks and Dietterich 2019, ImageNet-C).

    Smooth noise is the thickness of a liquid, of which stays what exceeds a threshold. Drops of
    rain are embossed along their rims and added, mud covers with soft spots.

    >>> muddy = A.Spatter(mode="mud", p=1)(image=photo)["image"]
    >>> bool(muddy.mean() < photo.mean())
    True
    """

    mean: UpTo = (0.65, 0.65)
    """Mean of the noise."""
    std: UpTo = (0.3, 0.3)
    """Standard deviation of the noise before it is smoothed."""
    gauss_sigma: SigmaUpTo = (2, 2)
    """Sigma of the Gaussian that smooths it."""
    cutout_threshold: UpTo = (0.68, 0.68)
    intensity: UpTo = (0.6, 0.6)
    mode: SpatterMode = "rain"
    color: MaybePaint = None
    """In levels of 255, whatever the picture's dtype; None is (238, 238, 175) for rain and
    (20, 42, 63) for mud."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the liquid's numbers, and the key that makes it."""
        ranges = (self.mean, self.std, self.gauss_sigma, self.cutout_threshold, self.intensity)
        numbers = tuple(rng.uniform(*ends) for ends in ranges)
        color = self.color or _COLORS[self.mode]
        yield Effect(f"spatter_{self.mode}", (*numbers, color), rng.key())


_COLORS = {"rain": (238, 238, 175), "mud": (20, 42, 63)}
