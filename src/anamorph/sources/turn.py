"""Upright pictures: the eight ways in which a camera may have been held."""

from __future__ import annotations

from typing import Any

import cv2
import numpy.typing as npt

_UPRIGHT: dict[int, tuple[int, ...]] = {
    # EXIF orientation → the OpenCV calls that make it upright: flips -1, 0, 1; 2 transposes.
    1: (),
    2: (1,),
    3: (-1,),
    4: (0,),
    5: (2,),
    6: (2, 1),
    7: (2, -1),
    8: (2, 0),
}


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn stored pixels as their EXIF orientation says they are shown."""
    for step in _UPRIGHT[orientation]:
        pixels = cv2.transpose(pixels) if step == 2 else cv2.flip(pixels, step)
    return pixels
