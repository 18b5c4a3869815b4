"""What detectors find in tiles, brought to the picture: boxes move, masks shrink to their objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import DataError, DataTypeError, MissingDataError
from anamorph.core.labels import Floats, Ints
from anamorph.nn.boxes.arrays import plain
from anamorph.nn.tiles.grid import Tile

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Patch:
    """A mask of one object, cut to it: its pixels, and where the first of them is in the picture."""

    pixels: Array
    x: int
    y: int

    def into(self, whole: Array) -> None:
        """Lay it over a mask of the picture, or of any part that begins at its corner."""
        height, width = self.pixels.shape
        part = whole[self.y : self.y + height, self.x : self.x + width]
        np.maximum(part, self.pixels, out=part)


@dataclass(slots=True)
class Findings:
    """The boxes of all tiles, as lists of arrays while tiles come, one a tile."""

    size: tuple[int, ...]
    boxes: list[Floats] = field(default_factory=list)
    views: list[Floats] = field(default_factory=list)
    scores: list[Array] = field(default_factory=list)
    labels: list[Array] = field(default_factory=list)
    masks: list[Patch] = field(default_factory=list)
    masked: bool = False

    def add(self, tile: Tile, found: Mapping[str, Any]) -> None:
        """Take what was found in a tile; what lies outside of the picture is cut off.

        Raises:
            MissingDataError: there are no boxes or scores.
            DataError: there is not one score and label a box, or boxes are no boxes.
        """
        boxes, scores, labels = _columns(found)
        rows, columns = tile.inside(self.size)
        view = np.array([columns.start, rows.start, columns.stop, rows.stop], np.float64)
        corner = np.array([tile.start[1], tile.start[0]] * 2, np.float64)
        moved = np.clip(boxes + corner, np.tile(view[:2], 2), np.tile(view[2:], 2))
        some = np.flatnonzero((moved[:, 2:] > moved[:, :2]).all(axis=1))
        self.boxes.append(moved[some])
        self.views.append(np.broadcast_to(view, (len(some), 4)))
        self.scores.append(scores[some])
        self.labels.append(labels[some])
        if "masks" in found:
            self.masked = True
            self.masks += _patches(found["masks"], moved, some, tile)

    def joined(self) -> tuple[Floats, Floats, Array, Array]:
        """Boxes, views, scores and labels of all tiles.

        Raises:
            DataError: only some tiles have masks.
        """
        boxes, views, scores, labels = map(
            np.concatenate, (self.boxes, self.views, self.scores, self.labels)
        )
        if self.masked and len(self.masks) != len(boxes):
            raise DataError("the model gives masks for some tiles only: for all or none is wanted")
        return boxes, views, scores, labels


def united(patches: Sequence[Patch]) -> Patch:
    """One mask of the masks of the pieces of an object."""
    if len(patches) == 1:
        return patches[0]
    x, y = min(p.x for p in patches), min(p.y for p in patches)
    height = max(p.y + p.pixels.shape[0] for p in patches) - y
    width = max(p.x + p.pixels.shape[1] for p in patches) - x
    whole = np.zeros((height, width), patches[0].pixels.dtype)
    for p in patches:
        Patch(p.pixels, p.x - x, p.y - y).into(whole)
    return Patch(whole, x, y)


def _columns(found: Any) -> tuple[Floats, Array, Array]:
    if not isinstance(found, Mapping):
        raise DataTypeError(
            f"the model gives {type(found).__name__} for a tile: a dictionary with boxes, scores "
            "and labels is wanted"
        )
    for key in ("boxes", "scores"):
        if key not in found:
            raise MissingDataError(
                f"the model gives {', '.join(map(str, found))}: {key} is missing"
            )
    boxes, scores = plain(found["boxes"]), plain(found["scores"])
    labels = plain(found["labels"]) if "labels" in found else np.zeros(len(scores), np.int64)
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
    if boxes.shape != (len(scores), 4) or len(labels) != len(scores):
        raise DataError(
            f"the model gives boxes {boxes.shape}, scores {scores.shape} and labels "
            f"{labels.shape}: (N, 4), (N,) and (N,) is wanted"
        )
    return boxes.astype(np.float64), scores, labels


def _patches(masks: Any, boxes: Floats, some: Ints, tile: Tile) -> list[Patch]:
    """Masks of a tile, (N, 1, H, W) or (N, H, W), cut to the pixels that their boxes touch."""
    given = plain(masks)
    pixels = given[:, 0] if given.ndim == 4 else given
    if len(pixels) != len(boxes) or pixels.shape[1:] not in ((), tile.sides):
        raise DataError(
            f"the model gives masks {given.shape} for {len(boxes)} boxes in a tile of "
            f"{tile.sides}: (N, 1, height, width) is wanted"
        )
    patches = []
    for row in some:
        x0, y0 = np.floor(boxes[row, :2]).astype(int).tolist()
        x1, y1 = np.ceil(boxes[row, 2:]).astype(int).tolist()
        top, left = tile.start
        part = pixels[row, y0 - top : y1 - top, x0 - left : x1 - left]
        patches.append(Patch(part.copy(), x0, y0))
    return patches
