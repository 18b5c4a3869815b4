"""Masks, boxes, outlines and keypoints drawn on pictures, for looking at."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.data.annotations import Category, Object, Polygons, Record

Color: TypeAlias = tuple[int, int, int]
Picture: TypeAlias = NDArray[np.uint8]

_GOLDEN = 0.618033988749895
_SHADE = 0.35
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def color_of(number: int) -> Color:
    """A color for each number, far from those of its neighbours."""
    red, green, blue = colorsys.hsv_to_rgb((0.58 + number * _GOLDEN) % 1, 0.75, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def viewable(image: Any) -> Picture:
    """Any picture that a pipeline gives, as RGB of 8 bits.

    Tensors become arrays, floats are stretched to their range unless they lie in [0, 1], and of
    many channels the first three are shown.
    """
    pixels = _array(image)
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        pixels = _stretched(pixels.astype(np.float64))
    if pixels.shape[2] < 3:
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3])


def _array(image: Any) -> NDArray[Any]:
    pixels = np.asarray(image)
    if not isinstance(image, np.ndarray) and pixels.ndim == 3:
        pixels = pixels.transpose(1, 2, 0)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _stretched(pixels: NDArray[np.float64]) -> Picture:
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        pixels = (pixels - low) / max(high - low, 1e-12)
    return np.rint(pixels * 255).astype(np.uint8)


def shaded(picture: Picture, mask: NDArray[Any]) -> Picture:
    """Lay a mask over a picture: a color for each of its values but 0."""
    labels = labels_of(mask)
    out = picture.copy()
    for value in np.unique(labels[labels != 0]):
        inside = labels == value
        tint = np.array(color_of(int(value) - 1), np.float64)
        out[inside] = (out[inside] * (1 - _SHADE) + tint * _SHADE).astype(np.uint8)
    return out


def labels_of(mask: Any) -> NDArray[np.int64]:
    """One number a pixel; of a mask of channels, 1 + the last channel that is not 0."""
    pixels = _array(mask)
    if pixels.shape[2] == 1:
        return pixels[..., 0].astype(np.int64)
    numbers = np.arange(1, pixels.shape[2] + 1)
    labels: NDArray[np.int64] = ((pixels != 0) * numbers).max(axis=2)
    return labels


def marked(
    picture: Picture, record: Record, categories: Mapping[str, tuple[int, Category]], scale: float
) -> Picture:
    """Draw the objects of a record on a picture that is shown ``scale`` times its size."""
    out = picture.copy()
    for thing in record.objects:
        number, category = categories.get(thing.category or "", (0, Category(0, "")))
        _draw_object(out, thing, category, color_of(number), scale)
    return out


def _draw_object(
    out: Picture, thing: Object, category: Category, color: Color, scale: float
) -> None:
    if thing.segmentation is not None:
        _draw_outline(out, thing, color, scale)
    if thing.box is not None:
        left, top, right, bottom = (round(scale * side) for side in thing.box)
        cv2.rectangle(out, (left, top), (right - 1, bottom - 1), color, 1, cv2.LINE_AA)
        _draw_label(out, category.name, (left, top, right, bottom), color)
    _draw_points(out, thing.keypoints, category, scale)


def _draw_outline(out: Picture, thing: Object, color: Color, scale: float) -> None:
    if isinstance(thing.segmentation, Polygons):
        parts = thing.segmentation.points()
    elif thing.segmentation is not None:
        mask = thing.segmentation.mask(thing.segmentation.size).astype(np.uint8)
        found = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]
        parts = [contour[:, 0, :].astype(np.float64) for contour in found]
    else:
        parts = []
    for part in parts:
        corners = np.rint(part * scale * 16).astype(np.int32)[:, None, :]
        cv2.polylines(out, [corners], True, color, 2, cv2.LINE_AA, 4)


def _draw_label(out: Picture, text: str, box: tuple[int, int, int, int], color: Color) -> None:
    """Write the name into a box that has room for it; where boxes crowd, names would hide them."""
    (width, height), _ = cv2.getTextSize(plain_text(text), _FONT, 0.4, 1)
    if box[2] - box[0] < width or box[3] - box[1] < 2 * height:
        return
    left = min(max(box[0], 0), max(out.shape[1] - width - 4, 0))
    top = max(box[1], 0)
    cv2.rectangle(out, (left, top), (left + width + 4, top + height + 6), color, -1)
    spot = (left + 2, top + height + 2)
    cv2.putText(out, plain_text(text), spot, _FONT, 0.4, (0, 0, 0), 1, cv2.LINE_AA)


def plain_text(text: str) -> str:
    """The text with the letters that OpenCV's font has."""
    return text.encode("ascii", "replace").decode()


def _draw_points(
    out: Picture,
    points: Sequence[tuple[float, float, int]],
    category: Category,
    scale: float,
) -> None:
    places = [
        (round(scale * (x + 0.5)), round(scale * (y + 0.5))) if seen else None
        for x, y, seen in points
    ]
    for a, b in category.skeleton:
        first, second = (places[at] if at < len(places) else None for at in (a, b))
        if first is not None and second is not None:
            cv2.line(out, first, second, (255, 255, 255), 1, cv2.LINE_AA)
    for at, place in enumerate(places):
        if place is not None:
            cv2.circle(out, place, 4, (0, 0, 0), -1, cv2.LINE_AA)
            cv2.circle(out, place, 3, color_of(at), -1, cv2.LINE_AA)
