"""Test-time augmentation: views of a picture as plans, and what a model says of them, merged."""

from anamorph.nn.tta.merges import MERGES, Merge, Power
from anamorph.nn.tta.outputs import ACTIVATIONS, TASKS, Output
from anamorph.nn.tta.view import View
from anamorph.nn.tta.views import (
    SETS,
    Drawn,
    FiveCrop,
    Given,
    Padded,
    Scales,
    Symmetries,
    TenCrop,
    Views,
    as_views,
)
from anamorph.nn.tta.wrapper import TTA

__all__ = [
    "ACTIVATIONS",
    "MERGES",
    "SETS",
    "TASKS",
    "TTA",
    "Drawn",
    "FiveCrop",
    "Given",
    "Merge",
    "Output",
    "Padded",
    "Power",
    "Scales",
    "Symmetries",
    "TenCrop",
    "View",
    "Views",
    "as_views",
]
