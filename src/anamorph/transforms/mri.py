"""Artefacts of magnetic resonance imaging, slice by slice.

They are defined on the magnitude images that files hold: k-space is the Fourier transform of a
slice in its plane.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core.constants import INTER_LINEAR
from anamorph.core.params import (
    Boolean,
    Choice,
    FractionRange,
    Interpolation,
    Probability,
    Span,
    SymmetricDegrees,
)
from anamorph.core.rng import Rng
from anamorph.ir.mri import Spike
from anamorph.ir.ops import Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["BiasField", "GhostingArtifact", "GibbsRinging", "KSpaceSpikeNoise", "MotionArtifact"]

Strength = Annotated[Any, Span(0, lone="from")]
Share = Annotated[Any, Span(0, 1, lone="point", above=True)]
Count = Annotated[Any, Span(1, lone="point", whole=True)]
GhostCount = Annotated[Any, Span(2, lone="point", whole=True)]
Shift = Annotated[Any, Span(-1, 1, lone="symmetric")]
Axis = Annotated[int, Choice((1, 2), names=("down a slice", "across a slice"))]


class BiasField(PixelTransform):
    """Brighten and darken smoothly, as a receiver coil of uneven sensitivity does.

    The picture is multiplied by the exponential of normal noise drawn on a coarse grid and
    enlarged. B. Billot et al., "SynthSeg: segmentation of brain MRI scans of any contrast and
    resolution without retraining", Medical Image Analysis, 2023.

    >>> A.BiasField(std_range=(0.3, 0.3), p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    std_range: Strength = (0.0, 0.5)
    """Standard deviation of the logarithm at the nodes of the grid."""
    scale_range: Share = (0.025, 0.025)
    """Size of the grid as a share of the picture's, at least two nodes a side."""
    per_channel: Boolean = False
    """Whether each channel has a field of its own."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw how strong and how coarse the field is."""
        params = (rng.uniform(*self.std_range), rng.uniform(*self.scale_range), self.per_channel)
        yield Effect("bias_field", params, rng.key())


class GhostingArtifact(PixelTransform):
    """Lay faint copies over the picture, displaced along one axis, as periodic motion does.

    Every n-th line of k-space is weakened, but for some about the centre. As in TorchIO: F.
    Pérez-García et al., "TorchIO", Computer Methods and Programs in Biomedicine, 2021.

    >>> A.GhostingArtifact(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    num_ghosts_range: GhostCount = (2, 4)
    """Copies, the picture among them: each n-th line is weakened."""
    intensity_range: FractionRange = (0.1, 0.5)
    """How much weaker these lines are; 1 drops them."""
    axis: Axis = 2
    """Axis of a volume along which copies lie: 1 down, 2 across its slices."""
    restore_range: FractionRange = (0.02, 0.08)
    """Share of the lines, about the centre, that stay."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw number and strength of the ghosts."""
        params = (
            rng.integer(*self.num_ghosts_range),
            rng.uniform(*self.intensity_range),
            rng.uniform(*self.restore_range),
            self.axis,
        )
        yield Effect("ghosts", params)


class KSpaceSpikeNoise(PixelTransform):
    """Lay stripes over the picture, as bad points of k-space do.

    Each spike, with its conjugate, is a share of the greatest value of k-space, which is the sum of
    the slice. Also known as herringbone artefact; A. Stadler et al., "Artifacts in body MR
    imaging", European Radiology, 2007; as in TorchIO (Pérez-García et al. 2021).

    >>> A.KSpaceSpikeNoise(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    num_spikes_range: Count = (1, 5)
    intensity_range: Strength = (0.1, 0.5)
    """Strength of a spike as a share of the greatest value of k-space."""
    per_channel: Boolean = False
    """Whether each channel has spikes of its own."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the spikes."""
        count = rng.integer(*self.num_spikes_range)
        sets = scene.channels if self.per_channel else 1
        yield Effect("spikes", tuple(self._spikes(rng, count) for _ in range(sets)))

    def _spikes(self, rng: Rng, count: int) -> tuple[Spike, ...]:
        return tuple(
            (
                rng.random(),
                rng.random(),
                rng.uniform(*self.intensity_range),
                rng.uniform(0.0, 2.0 * math.pi),
            )
            for _ in range(count)
        )


class GibbsRinging(PixelTransform):
    """Ripple the picture along its edges, as a k-space that was cut short does.

    Only the middle of k-space is kept. D. Gottlieb and C.-W. Shu, "On the Gibbs phenomenon and its
    resolution", SIAM Review, 1997.

    >>> A.GibbsRinging(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    retained_fraction_range: Share = (0.5, 0.9)
    """Share of k-space that is kept along each axis."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw how much is kept."""
        yield Effect("gibbs", (rng.uniform(*self.retained_fraction_range),))


class MotionArtifact(PixelTransform):
    """Blur and ghost the picture as a patient does who moves during the scan.

    Stretches of k-space are taken from the slice in different poses; the stretch at its centre is
    from the slice as it is, so that it stays in place. R. Shaw et al., "MRI k-space motion artefact
    augmentation", MIDL 2019.

    >>> A.MotionArtifact(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    num_events_range: Count = (2, 2)
    """How many times the patient moves."""
    rotate_range: SymmetricDegrees = (-5.0, 5.0)
    translate_percent_range: Shift = (-0.02, 0.02)
    """Shift down and across as a share of the sides."""
    axis: Axis = 2
    """Axis of a volume along which lines of k-space follow in time: 1 down, 2 across its slices."""
    interpolation: Interpolation = INTER_LINEAR
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw when the patient moves, and how."""
        count = rng.integer(*self.num_events_range)
        cuts = tuple(rng.random() for _ in range(count))
        poses = tuple(
            (
                rng.uniform(*self.rotate_range),
                rng.uniform(*self.translate_percent_range),
                rng.uniform(*self.translate_percent_range),
            )
            for _ in range(count)
        )
        yield Effect("motion", (cuts, poses, self.axis, self.interpolation))
