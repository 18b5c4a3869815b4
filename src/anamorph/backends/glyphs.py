"""Text as coverage, by Pillow and FreeType: loaded when something is first written."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import BackendError, DataError

Coverage = npt.NDArray[np.uint8]


def coverage(text: str, font_path: str | None, size: int) -> tuple[tuple[int, int], Coverage]:
    """Draw a line of text.

    Args:
        text: what is written.
        font_path: file of the font; None for the one that Pillow brings.
        size: of the font, in pixels.

    Returns:
        Where the coverage lies (x, y) seen from the point that text starts at, and the coverage
        (h, w) in 255ths.
    """
    font = _font(font_path, size)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    if right <= left or bottom <= top:
        return (0, 0), np.zeros((0, 0), np.uint8)
    canvas = _pillow("Image").new("L", (right - left, bottom - top))
    _pillow("ImageDraw").Draw(canvas).text((-left, -top), text, fill=255, font=font)
    return (left, top), np.asarray(canvas)


@lru_cache(maxsize=64)
def _font(path: str | None, size: int) -> Any:
    fonts = _pillow("ImageFont")
    if path is None:
        return fonts.load_default(size)
    try:
        return fonts.truetype(path, size)
    except OSError as error:
        raise DataError(f"{path} is no font that can be read: {error}") from error


def _pillow(module: str) -> Any:
    try:
        return import_module(f"PIL.{module}")
    except ModuleNotFoundError:
        raise BackendError('text needs Pillow: pip install "anamorph[text]"') from None
