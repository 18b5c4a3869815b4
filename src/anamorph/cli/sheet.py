"""A contact sheet: rows of pictures, the original first, its variants beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.cli.draw import Picture, marked, plain_text, shaded
from anamorph.data.annotations import Category, Record

_GAP = 8
_TITLE = 20
_PAPER = (250, 250, 250)
_INK = (60, 60, 60)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@final
@dataclass(frozen=True, slots=True)
class View:
    """One picture with what belongs to it, as it is shown."""

    title: str
    picture: Picture
    mask: NDArray[Any] | None
    record: Record | None


def contact_sheet(
    rows: Sequence[Sequence[View]], categories: Sequence[Category], cell: int
) -> Picture:
    """Draw all views as one picture; each is fitted into a square of ``cell`` pixels."""
    numbered = {category.name: (at, category) for at, category in enumerate(categories)}
    columns = max(map(len, rows))
    sheet = np.full(
        (len(rows) * (cell + _TITLE + _GAP) + _GAP, columns * (cell + _GAP) + _GAP, 3),
        _PAPER,
        np.uint8,
    )
    for row, views in enumerate(rows):
        for column, view in enumerate(views):
            top = _GAP + row * (cell + _TITLE + _GAP)
            left = _GAP + column * (cell + _GAP)
            title = _shortened(view.title, cell)
            spot = (left, top + _TITLE - 7)
            cv2.putText(sheet, title, spot, _FONT, 0.42, _INK, 1, cv2.LINE_AA)
            drawn = _drawn(view, numbered, cell)
            height, width = drawn.shape[:2]
            # Every picture keeps its shape; what is left of the square stays paper.
            y, x = top + _TITLE + (cell - height) // 2, left + (cell - width) // 2
            sheet[y : y + height, x : x + width] = drawn
    return sheet


def _shortened(text: str, width: int) -> str:
    """A title no wider than its cell; of a path the end says most."""
    title = plain_text(text)
    while len(title) > 4 and cv2.getTextSize(title, _FONT, 0.42, 1)[0][0] > width:
        title = f"...{title[4:]}"
    return title


def fitted(picture: Picture, cell: int) -> tuple[Picture, float]:
    """The picture no larger than a square, and by how much it was scaled."""
    height, width = picture.shape[:2]
    scale = cell / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8), scale


def _drawn(view: View, categories: Mapping[str, tuple[int, Category]], cell: int) -> Picture:
    base = view.picture if view.mask is None else shaded(view.picture, view.mask)
    picture, scale = fitted(base, cell)
    return picture if view.record is None else marked(picture, view.record, categories, scale)
