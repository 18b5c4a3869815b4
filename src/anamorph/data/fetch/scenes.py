"""Aerial scenes with boxes of trees: as they are, and cut into tiles for training."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.data.fetch.packages import Wheel
from anamorph.data.write import write_atomically, write_picture

Picture = NDArray[np.uint8]
Boxes = NDArray[np.float64]

TRAIN = ("2019_YELL_2_528000_4978000_image_crop2", "OSBS_029", "SOAP_061")
TEST = ("2019_YELL_2_541000_4977000_image_crop",)
TILE, STEP = 400, 350
_SEEN = 0.4
"""Share of a box that a tile must show for the box to be told."""


def trees(wheels: Sequence[Wheel], folder: Path) -> None:
    """Scenes in ``scenes``, tiles of three of them in ``train``, the fourth whole in ``test``."""
    (wheel,) = wheels
    for side, names, tile in (("train", TRAIN, TILE), ("test", TEST, None)):
        found = []
        for name in names:
            png, xml = (wheel.read(f"deepforest/data/{name}.{end}") for end in ("png", "xml"))
            write_atomically(folder / "scenes" / f"{name}.png", png)
            write_atomically(folder / "scenes" / f"{name}.xml", xml)
            picture, boxes = _picture(png), boxes_of(xml)
            for place, part, inside in _parts(picture, boxes, tile):
                file = f"{name}{place}.png"
                write_picture(folder / side / "images" / file, part)
                found.append((file, part.shape, inside))
        text = json.dumps(_coco(found))
        write_atomically(folder / side / "annotations.json", text.encode())


def _picture(content: bytes) -> Picture:
    """The pixels as RGB; some scenes have an alpha channel that says nothing."""
    found: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(found)


def boxes_of(xml: bytes) -> Boxes:
    """(n, 4) x0, y0, x1, y1 of a Pascal VOC file."""
    root = ET.fromstring(xml)  # noqa: S314 - its hash is pinned
    sides = ("xmin", "ymin", "xmax", "ymax")
    rows = [[float(box.findtext(side, "")) for side in sides] for box in root.iter("bndbox")]
    return np.array(rows, np.float64).reshape(-1, 4)


def _parts(
    picture: Picture, boxes: Boxes, tile: int | None
) -> Iterator[tuple[str, Picture, Boxes]]:
    """The whole picture, or its tiles; with what to add to the name, and the boxes inside."""
    height, width = picture.shape[:2]
    if tile is None:
        yield "", picture, boxes
        return
    for top in starts(height, tile):
        for left in starts(width, tile):
            part = picture[top : top + tile, left : left + tile]
            yield f"_{top:04}_{left:04}", part, _inside(boxes, left, top, tile)


def starts(side: int, tile: int) -> list[int]:
    """Where tiles begin so that they cover a side; the last ends where the side does.

    >>> starts(1000, 400), starts(400, 400)
    ([0, 350, 600], [0])
    """
    last = max(side - tile, 0)
    return [*range(0, last, STEP), last]


def _inside(boxes: Boxes, left: int, top: int, tile: int) -> Boxes:
    """Boxes of which enough is seen, cut at the tile's edges, in its coordinates."""
    moved = boxes - np.array([left, top, left, top])
    cut = moved.clip(0, tile)
    seen: Boxes = cut[_areas(cut) >= _SEEN * _areas(moved)]
    return seen


def _areas(boxes: Boxes) -> Any:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


def _coco(found: Sequence[tuple[str, tuple[int, ...], Boxes]]) -> dict[str, Any]:
    images: list[Any] = []
    annotations: list[Any] = []
    for number, (file, shape, boxes) in enumerate(found, 1):
        images.append({"id": number, "file_name": file, "width": shape[1], "height": shape[0]})
        for x0, y0, x1, y1 in boxes.tolist():
            box = [x0, y0, x1 - x0, y1 - y0]
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
            annotations.append({**entry, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "tree"}],
    }
