"""Pictures with what is true of them and what was told, as images within the page."""

from __future__ import annotations

import base64
import colorsys
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.data.write import encode_picture

Array = NDArray[Any]
_SIDE = 288
_TINT = 0.4
_GOLDEN = 0.618033988749895


def color_of(number: int) -> tuple[int, int, int]:
    """A color for each class, far from those of its neighbours; the first is rare in pictures."""
    red, green, blue = colorsys.hsv_to_rgb((0.92 + number * _GOLDEN) % 1, 0.8, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def viewable(image: Array, white: float) -> Array:
    """Any picture as RGB of 8 bits; of many channels the first three."""
    pixels = image[..., None] if image.ndim == 2 else image
    if pixels.shape[2] < 3:
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    pixels = pixels[..., :3].astype(np.float32) * (255 / white)
    return np.ascontiguousarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def scaled(picture: Array) -> tuple[Array, float]:
    """The picture with its longer side as the page shows it, and how many times its size it is."""
    scale = _SIDE / max(picture.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    sides = [max(round(side * scale), 1) for side in picture.shape[1::-1]]
    return np.asarray(cv2.resize(picture, sides, interpolation=way)), scale


def tinted(picture: Array, planes: Sequence[tuple[int, Array]]) -> Array:
    """Lay masks over a picture, each in the color of its number, with its outline.

    Args:
        picture: H×W×3, of any size.
        planes: number of a color and mask, of any size.
    """
    out = picture.copy()
    for at, mask in planes:
        sides = picture.shape[1::-1]
        here = cv2.resize(mask.astype(np.uint8), sides, interpolation=cv2.INTER_NEAREST)
        inside = here > 0
        tint = np.array(color_of(at), np.float32)
        out[inside] = (out[inside] * (1 - _TINT) + tint * _TINT).astype(np.uint8)
        outlines = cv2.findContours(here, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        cv2.drawContours(out, list(outlines), -1, color_of(at), 1, cv2.LINE_AA)
    return out


def framed(picture: Array, boxes: Mapping[str, Any], scale: float) -> Array:
    """Draw boxes, each in the color of its class."""
    out = picture.copy()
    for box, label in zip(np.asarray(boxes["boxes"]).reshape(-1, 4), boxes["labels"], strict=True):
        left, top, right, bottom = (round(float(side) * scale) for side in box)
        cv2.rectangle(out, (left, top), (right, bottom), (0, 0, 0), 3, cv2.LINE_AA)
        cv2.rectangle(out, (left, top), (right, bottom), color_of(int(label)), 1, cv2.LINE_AA)
    return out


def image(picture: Array, title: str = "") -> str:
    """An ``img`` that holds its pixels."""
    text = base64.b64encode(encode_picture(picture, ".jpg", 82)).decode()
    height, width = picture.shape[:2]
    name = escape(title, quote=True)
    return (
        f'<img width="{width}" height="{height}" alt="{name}" title="{name}" '
        f'src="data:image/jpeg;base64,{text}">'
    )
