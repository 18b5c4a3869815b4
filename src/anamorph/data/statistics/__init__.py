"""Statistics of a dataset: what its pictures, masks and annotations are like."""

from anamorph.data.statistics.measure import measure
from anamorph.data.statistics.values import (
    Boxes,
    Channels,
    ClassCount,
    MaskValue,
    Spread,
    Statistics,
)

__all__ = ["Boxes", "Channels", "ClassCount", "MaskValue", "Spread", "Statistics", "measure"]
