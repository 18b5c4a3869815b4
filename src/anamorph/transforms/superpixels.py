"""The picture as patches of even color."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from anamorph.core import constants as K
from anamorph.core.params import Interpolation, Number, Probability, Span
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["Superpixels"]

ShareRange = Annotated[Any, Span(0, 1, lone="from")]
CountRange = Annotated[Any, Span(1, lone="from", start=1, whole=True)]
OptionalSide = Annotated[Any, Number(1, whole=True, unit="pixels", optional=True)]


class Superpixels(PixelTransform):
    """Fill patches of pixels that are alike with their mean color.

    The patches are those of SLIC (Achanta et al. 2012).

    >>> t = A.Superpixels(p_replace=(1, 1), n_segments=(50, 50), p=1)
    >>> bool(t(image=photo)["image"].std() < photo.std())
    True
    """

    p_replace: ShareRange = (0, 0.1)
    """Probability of each patch to be filled. A lone number x means (0, x)."""
    n_segments: CountRange = (100, 100)
    """Number of patches, about. A lone number x means (1, x)."""
    max_size: OptionalSide = 128
    """Larger pictures are worked on with their longer side brought to this, unless no patch is
    filled; None takes them as they are."""
    interpolation: Interpolation = K.INTER_LINEAR
    """How they are brought there and back."""
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw share, number and key."""
        share = rng.uniform(*self.p_replace)
        count = rng.integer(*self.n_segments)
        params = (share, count, self.max_size, self.interpolation)
        yield Effect("superpixels", params, rng.key())
