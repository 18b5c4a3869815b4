"""The Gaussians that stand for a size when no sigma is given."""

from __future__ import annotations

from collections.abc import Mapping

USUAL: Mapping[int, tuple[float, ...]] = {
    1: (1.0,),
    3: (0.25, 0.5, 0.25),
    5: (0.0625, 0.25, 0.375, 0.25, 0.0625),
    7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125),
}
"""Size → weights, as in OpenCV; of larger ones sigma is 0.3·((size - 1)/2 - 1) + 0.8."""


def usual_sigma(size: int) -> float:
    """Sigma of a size that is not in the table."""
    return 0.3 * ((size - 1) * 0.5 - 1.0) + 0.8
