"""Elements laid over the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from anamorph.core.constants import INTER_AREA, WHITE
from anamorph.core.errors import DataError, DataTypeError
from anamorph.core.params import Probability, Words, plain
from anamorph.core.rng import Rng
from anamorph.ir.collage import Collage, Piece
from anamorph.ir.ops import Op, Picture
from anamorph.transforms.base import Scene, SpatialTransform

__all__ = ["OverlayElements"]

Key = Annotated[str, Words()]
Image = npt.NDArray[Any]
Window = tuple[tuple[int, int], tuple[int, int]]
"""Where something begins (x, y), and its height and width."""

_HAIR = 1e-6
"""0.29 * 100 falls short of 29 by a rounding error that must not cost a pixel."""


class OverlayElements(SpatialTransform):
    """Lay pictures that the call brings over the picture, and write them into masks.

    Under ``metadata_key`` the call holds a dictionary, or a list of them, laid in order:

    - ``image``: of the picture's dtype and channels; one channel more is its opacity;
    - ``bbox``: x_min, y_min, x_max, y_max as parts of the picture's sides, into which it is scaled;
      without, it keeps its size (or is scaled into the picture) and goes to a random place;
    - ``mask``: where it is not zero, the element lies; everywhere if there is none;
    - ``mask_id``: what masks show there; without, they stay;
    - ``mix``: opacity of the whole element, 1 if there is none.

    Boxes and keypoints stay.

    >>> sticker = {"image": photo[:40, :60], "bbox": (0.1, 0.1, 0.3, 0.3), "mask_id": 3}
    >>> mask = np.zeros((427, 640), np.uint8)
    >>> result = A.OverlayElements(p=1)(image=photo, mask=mask, overlay_metadata=sticker)
    >>> int(result["mask"][100, 100])
    3
    """

    metadata_key: Key = "overlay_metadata"
    p: Probability = 0.5

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the places of elements that have none."""
        given = scene.given(self.metadata_key)
        items = [given] if isinstance(given, Mapping) else given
        if not isinstance(items, list | tuple):
            raise DataTypeError(
                f"{self.metadata_key} is a {type(given).__name__}: it must be a dictionary with an "
                "image, or a list of them"
            )
        many = items is given
        pieces = [
            _piece(rng, scene, f"{self.metadata_key}[{i}]" if many else self.metadata_key, item)
            for i, item in enumerate(items)
        ]
        if pieces:
            yield Collage(tuple(pieces))


def _piece(rng: Rng, scene: Scene, place: str, item: Any) -> Piece:
    """Make the piece of one element."""
    image = _image(scene, place, item)
    at, size = _window(rng, place, item, (image.shape[:2], scene.size))
    lies = _lies(place, item, size)
    opacity = _opacity(place, item)
    colors, weights = _scaled(scene, image, size)
    if opacity < 1.0:
        weights = np.full(size, opacity, np.float32) if weights is None else weights * opacity
    if weights is not None:
        weights = weights if lies is None else weights * lies
        shows = weights >= opacity / 2
        lies = shows if lies is None else shows & lies
    mask_id = plain(item.get("mask_id"))
    return Piece(
        at,
        size,
        image=Picture.of(colors),
        mask=mask_id,
        member=mask_id,
        cover=None if lies is None else Picture.of(lies.astype(np.uint8)),
        alpha=None if weights is None else Picture.of(weights.astype(np.float32)),
    )


def _image(scene: Scene, place: str, item: Any) -> Image:
    donor = scene.donor(place, {"image": item["image"]} if _has(item, "image") else item)
    donor.check_picture(further=1)
    image: Image = donor.picture("image")
    return image


def _has(item: Any, key: str) -> bool:
    return isinstance(item, Mapping) and item.get(key) is not None


def _scaled(scene: Scene, image: Image, size: tuple[int, int]) -> tuple[Image, Image | None]:
    """Scale colors, and the opacity if there is one: what is transparent has no color to mix."""
    whole = image.shape[:2] == size
    if image.shape[2] == scene.channels:
        return (image.copy() if whole else scene.resized(image, size, INTER_AREA)), None
    white = WHITE[image.dtype.name]
    opacity = image[:, :, -1:].astype(np.float32) / np.float32(white)
    if whole:
        return np.ascontiguousarray(image[:, :, :-1]), opacity[:, :, 0]
    premixed = image[:, :, :-1].astype(np.float32) * opacity
    colors = scene.resized(premixed, size, INTER_AREA)
    opacity = scene.resized(opacity, size, INTER_AREA)
    colors = colors / np.maximum(opacity, np.float32(1e-6))
    if image.dtype.kind == "u":
        colors = np.rint(colors)
    return np.clip(colors, 0, white).astype(image.dtype), opacity[:, :, 0]


def _window(
    rng: Rng, place: str, item: Mapping[str, Any], sizes: tuple[tuple[int, int], tuple[int, int]]
) -> Window:
    """Where an element goes; ``sizes`` are its own and the picture's."""
    (h, w), (high, wide) = sizes
    if item.get("bbox") is None:
        if h > high or w > wide:
            h, w = high, wide
        return (rng.integer(0, wide - w), rng.integer(0, high - h)), (h, w)
    numbers = plain(item["bbox"])
    x0, y0, x1, y1 = _corners(place, numbers)
    left, top = int(x0 * wide + _HAIR), int(y0 * high + _HAIR)
    right, bottom = int(x1 * wide + _HAIR), int(y1 * high + _HAIR)
    if right <= left or bottom <= top:
        raise DataError(
            f"{place}: bbox {numbers!r} holds no pixel of a picture {wide} wide and {high} high"
        )
    return (left, top), (bottom - top, right - left)


def _corners(place: str, numbers: Any) -> tuple[float, ...]:
    four = numbers[:4] if isinstance(numbers, tuple) else ()
    fits = len(four) == 4 and all(isinstance(v, int | float) and 0 <= v <= 1 for v in four)
    if not fits or four[0] >= four[2] or four[1] >= four[3]:
        raise DataError(
            f"{place}: bbox {numbers!r} must be x_min, y_min, x_max, y_max as parts of the "
            "picture's sides, in [0, 1]"
        )
    return four


def _lies(place: str, item: Mapping[str, Any], size: tuple[int, int]) -> Image | None:
    """Where an element lies: its mask, scaled by picking pixels."""
    mask = item.get("mask")
    if mask is None:
        return None
    if not isinstance(mask, np.ndarray) or mask.ndim not in (2, 3) or 0 in mask.shape:
        shape = getattr(mask, "shape", type(mask).__name__)
        raise DataTypeError(f"{place}: mask is {shape}: it must be a NumPy array H×W")
    flat = mask != 0
    flat = flat.any(axis=2) if flat.ndim == 3 else flat
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, flat.shape, strict=True))
    lies: Image = flat.take(rows, axis=0).take(columns, axis=1)
    return lies


def _opacity(place: str, item: Mapping[str, Any]) -> float:
    mix = plain(item.get("mix", 1.0))
    if not isinstance(mix, int | float) or not 0 <= mix <= 1:
        raise DataError(f"{place}: mix = {mix!r}: it must be a number in [0, 1]")
    return float(mix)
