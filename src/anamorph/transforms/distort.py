"""Dense distortions: every pixel is read from a place of its own.

Masks, boxes and keypoints follow the same field as the pictures, by its exact inverse. So both
values of ``keypoint_remapping_method`` give the same, exact, places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.constants import BORDER_CONSTANT, INTER_LINEAR, INTER_NEAREST
from anamorph.core.params import (
    Boolean,
    Border,
    Choice,
    Fill,
    Fixed,
    Interpolation,
    MaskFill,
    Number,
    Probability,
    Span,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op, Remap
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = [
    "ElasticTransform",
    "GridDistortion",
    "GridElasticDeform",
    "OpticalDistortion",
    "PiecewiseAffine",
    "ThinPlateSpline",
]

Strength = Annotated[float, Number(0)]
Spread = Annotated[float, Number(1, unit="pixels")]
Distribution = Annotated[str, Choice(("gaussian", "uniform"))]
KeypointMethod = Annotated[str, Choice(("mask", "direct"))]
Steps = Annotated[int, Number(1, whole=True)]
GridLimit = Annotated[Any, Span(-1, 1)]
LensLimit = Annotated[Any, Span()]
LensMode = Annotated[str, Choice(("camera", "fisheye"))]
Cells = Annotated[Any, Fixed(Number(1, whole=True), 2)]
Magnitude = Annotated[int, Number(1, whole=True, unit="pixels")]
PlateScale = Annotated[Any, Span(0, 1, lone="point")]
PlatePoints = Annotated[int, Number(2, whole=True)]
JitterScale = Annotated[Any, Span(0, lone="from")]
NodeCount = Annotated[Any, Span(2, whole=True, lone="point")]


class ElasticTransform(SpatialTransform):
    """Displace pixels by smoothed noise: handwriting, tissue, cloth.

    The noise of a pixel lies in [-1, 1]; smoothed with ``sigma`` and times ``alpha``, it moves
    pixels by about ``0.06 * alpha / sigma`` inside the picture, and more at its border.
    Source: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", 2003.

    >>> A.ElasticTransform(alpha=300, sigma=10, p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    alpha: Strength = 1
    sigma: Spread = 50
    """Standard deviation of the Gaussian, in pixels."""
    interpolation: Interpolation = INTER_LINEAR
    approximate: Boolean = False
    """Cut the Gaussian to 17 taps: rougher fields where sigma is above 4."""
    same_dxdy: Boolean = False
    """Displace along the diagonal only."""
    mask_interpolation: Interpolation = INTER_NEAREST
    noise_distribution: Distribution = "gaussian"
    keypoint_remapping_method: KeypointMethod = "mask"
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the key of the noise."""
        if self.alpha:
            shape = (self.noise_distribution, self.same_dxdy, self.approximate)
            params = (self.alpha, self.sigma, *shape, rng.key())
            yield Remap("elastic", params, scene.size, self._sampling)


class GridDistortion(SpatialTransform):
    """Stretch the columns and rows of a grid by random factors.

    >>> A.GridDistortion(num_steps=4, p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    num_steps: Steps = 5
    """Cells along each side; pixels left over make one more."""
    distort_limit: GridLimit = (-0.3, 0.3)
    """Range of the change in width and height of a cell, as a share."""
    interpolation: Interpolation = INTER_LINEAR
    normalized: Boolean = True
    """Keep the sum of the widths, so that nothing from beyond the border is seen."""
    mask_interpolation: Interpolation = INTER_NEAREST
    keypoint_remapping_method: KeypointMethod = "mask"
    p: Probability = 0.5
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a factor for each column, then for each row."""
        low, high = self.distort_limit
        count = self.num_steps + 1
        across = tuple(1 + rng.uniform(low, high) for _ in range(count))
        down = tuple(1 + rng.uniform(low, high) for _ in range(count))
        yield Remap("grid", (across, down, self.normalized), scene.size, self._sampling)


class OpticalDistortion(SpatialTransform):
    """Distort as a lens does: straight lines bend away from the centre or towards it.

    With r as the distance from the centre, ``camera`` reads at r·(1 + k·(r² + r⁴)), r in shares of
    width and height (Brown 1966); ``fisheye`` at r·(1 + k·r²), r in shares of half the diagonal.

    >>> A.OpticalDistortion(distort_limit=(-0.3, 0.3), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    distort_limit: LensLimit = (-0.05, 0.05)
    """Range of k: above zero the picture shrinks to a barrel, below it swells to a pincushion."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    mode: LensMode = "camera"
    keypoint_remapping_method: KeypointMethod = "mask"
    p: Probability = 0.5
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw k evenly from the range."""
        k = rng.uniform(*self.distort_limit)
        if k:
            yield Remap(self.mode, (k,), scene.size, self._sampling)


class GridElasticDeform(SpatialTransform):
    """Shift the inner nodes of a grid by random whole pixels; in between it stretches.

    >>> A.GridElasticDeform(num_grid_xy=(4, 4), magnitude=10)(image=photo)["image"].shape
    (427, 640, 3)
    """

    num_grid_xy: Cells
    """Numbers of columns and rows of cells."""
    magnitude: Magnitude
    """Largest shift of a node along each axis."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the key of the shifts."""
        columns, rows = self.num_grid_xy
        params = (rows, columns, self.magnitude, rng.key())
        yield Remap("mesh", params, scene.size, self._sampling)


class ThinPlateSpline(SpatialTransform):
    """Bend the picture like a thin plate that is pushed at the points of a grid.

    Source: Bookstein, "Principal warps: thin-plate splines and the decomposition of
    deformations", 1989.

    >>> A.ThinPlateSpline(scale_range=(0.1, 0.1), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    scale_range: PlateScale = (0.2, 0.4)
    """Range of the strength: 0 for none, 1 for displacements as large as the picture."""
    num_control_points: PlatePoints = 4
    """Points along each side of the grid."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    keypoint_remapping_method: KeypointMethod = "mask"
    p: Probability = 0.5
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the strength, and the key of the displacements."""
        deviation = rng.uniform(*self.scale_range) * _plate_share(self.num_control_points)
        if deviation:
            params = (self.num_control_points, deviation, rng.key())
            yield Remap("thin_plate", params, scene.size, self._sampling)


def _plate_share(points: int) -> float:
    """Standard deviation of a displacement, as a share of the strength and of the picture's side.

    Measured on Albumentations 2.0.8 for up to four points a side. Beyond, that tears the picture
    to pieces; here displacements keep in step with the distance between the points.
    """
    return {2: 0.1, 3: 0.19}.get(points, 1.5 / (points - 1))


class PiecewiseAffine(SpatialTransform):
    """Shift the nodes of a grid by normal noise; each cell stretches as its corners do.

    Nodes stay within the picture, so that nothing from beyond the border is seen.

    >>> A.PiecewiseAffine(scale=(0.03, 0.05), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    scale: JitterScale = (0.03, 0.05)
    """Range of the standard deviation of the shifts, as a share of height and width."""
    nb_rows: NodeCount = (4, 4)
    """Range of the number of rows of nodes."""
    nb_cols: NodeCount = (4, 4)
    """Range of the number of columns of nodes."""
    interpolation: Interpolation = INTER_LINEAR
    mask_interpolation: Interpolation = INTER_NEAREST
    absolute_scale: Boolean = False
    """Take ``scale`` as pixels."""
    keypoint_remapping_method: KeypointMethod = "mask"
    p: Probability = 0.5
    border_mode: Border = BORDER_CONSTANT
    fill: Fill = 0
    fill_mask: MaskFill = 0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw numbers of rows and columns, the strength, and the key of the shifts."""
        rows, columns = rng.integer(*self.nb_rows), rng.integer(*self.nb_cols)
        scale = rng.uniform(*self.scale)
        if scale:
            height, width = (1, 1) if self.absolute_scale else scene.size
            params = (rows, columns, (scale * width, scale * height), rng.key())
            yield Remap("piecewise", params, scene.size, self._sampling)
