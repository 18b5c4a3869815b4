"""Numbers that all parts agree on: OpenCV's for interpolation and borders, white, grey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INTER_NEAREST: Final = 0
INTER_LINEAR: Final = 1
INTER_CUBIC: Final = 2
INTER_AREA: Final = 3
INTER_LANCZOS4: Final = 4
INTER_LINEAR_EXACT: Final = 5
INTER_NEAREST_EXACT: Final = 6

BORDER_CONSTANT: Final = 0
BORDER_REPLICATE: Final = 1
BORDER_REFLECT: Final = 2
BORDER_WRAP: Final = 3
BORDER_REFLECT_101: Final = 4

INTERPOLATIONS: Final = {
    INTER_NEAREST: "nearest",
    INTER_LINEAR: "linear",
    INTER_CUBIC: "cubic",
    INTER_AREA: "area",
    INTER_LANCZOS4: "lanczos4",
    INTER_LINEAR_EXACT: "linear_exact",
    INTER_NEAREST_EXACT: "nearest_exact",
}
BORDERS: Final = {
    BORDER_CONSTANT: "constant",
    BORDER_REPLICATE: "replicate",
    BORDER_REFLECT: "reflect",
    BORDER_WRAP: "wrap",
    BORDER_REFLECT_101: "reflect_101",
}

WHITE: Final[Mapping[str, int]] = {"uint8": 255, "uint16": 65535, "float32": 1}
"""dtype of a picture → the value that is white."""
GRAY_WEIGHTS: Final = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the luma (ITU-R BT.601)."""
