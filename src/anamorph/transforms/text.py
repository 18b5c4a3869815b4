"""Writing text on pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from anamorph.core.constants import GRAY_WEIGHTS
from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import (
    Boolean,
    Choice,
    FractionRange,
    Listed,
    Number,
    Probability,
    Rule,
    Span,
    Words,
    plain,
    refuse,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import Effect, Op
from anamorph.ir.text import Box, Line
from anamorph.transforms.base import PixelTransform, Scene

__all__ = ["TextImage"]

_CHANGED = 0.5
"""Share of the words that are deleted, doubled with stop words, or swapped."""


class FontRule(Rule):
    """The file of a font, or None for the one that Pillow brings."""

    def check(self, place: str, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, str | os.PathLike) or not Path(value).is_file():
            raise refuse(place, value, self.describe())
        return os.fspath(value)

    def describe(self) -> str:
        return "the path of a font file that exists, or None for the one that Pillow brings"


Font = Annotated[Any, FontRule()]
StopWords = Annotated[Any, Listed(Words())]
Augmentations = Annotated[Any, Listed(Choice(("insertion", "swap", "deletion"), optional=True))]
FontSize = Annotated[Any, Span(0, 1, lone="point", above=True)]
FontColor = Annotated[Any, Listed(Number(0, 255), empty=False)]
Key = Annotated[str, Words()]


class TextImage(PixelTransform):
    """Write text on the picture, its words changed if asked for.

    The call holds, under ``metadata_key``, one dictionary a line of text or a list of them:
    ``bbox`` (x_min, y_min, x_max, y_max as shares of the sides) and ``text``. The writing starts
    at the box' top left corner and may run out of it. Needs Pillow: ``anamorph[text]``. The result
    holds what was written under ``overlay_data``: a dictionary a line with ``bbox_coords`` in
    pixels, ``text``, ``original_text``, ``bbox_index`` and ``font_color``.

    Words are inserted, swapped and deleted as in J. Wei and K. Zou, "EDA: easy data augmentation
    techniques for boosting performance on text classification tasks", EMNLP 2019.

    >>> line = {"bbox": (0.1, 0.1, 0.9, 0.2), "text": "a line of text"}
    >>> written = A.TextImage(font_path=None, p=1)(image=photo, textimage_metadata=line)["image"]
    >>> bool((written != photo).any())
    True
    """

    font_path: Font
    """None for the font that Pillow brings."""
    stopwords: StopWords = ("the", "is", "in", "at", "of")
    """What insertion inserts."""
    augmentations: Augmentations = (None,)
    """One is chosen for each line: "insertion" of stop words, "deletion" of words or "swap" of pairs,
    half as many as there are words, or None for the text as it is."""
    fraction_range: FractionRange = (1.0, 1.0)
    """Share of the lines that are written."""
    font_size_fraction_range: FontSize = (0.8, 0.9)
    """Size of the font as a share of the height of the box."""
    font_color: FontColor = (0, 0, 0)
    """In levels of 255 for every dtype: one for all channels, or one a channel; of three, a picture
    of one channel takes the luma."""
    clear_bg: Boolean = False
    """Whether the box is filled from what is around it first."""
    metadata_key: Key = "textimage_metadata"
    p: Probability = 0.5

    def check(self) -> None:
        if find_spec("PIL") is None:
            raise ParameterError('TextImage needs Pillow: pip install "anamorph[text]"')
        if "insertion" in self.augmentations and not self.stopwords:
            raise ParameterError("TextImage.stopwords is empty: insertion needs at least one")

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Choose lines, change their words, and choose the size of the font.

        Raises:
            DataError: what the call holds is not such lines.
        """
        given = self._lines(scene.given(self.metadata_key))
        count = int(len(given) * rng.uniform(*self.fraction_range))
        chosen = rng.sample(range(len(given)), count)
        lines = tuple(self._line(rng, scene, given[i]) for i in chosen)
        scene.tell(
            "overlay_data",
            [
                {
                    "bbox_coords": box,
                    "text": text,
                    "original_text": given[i][1],
                    "bbox_index": i,
                    "font_color": self.font_color,
                }
                for i, (box, text, _) in zip(chosen, lines, strict=True)
            ],
        )
        if lines:
            color = self._color(scene.channels)
            yield Effect("text", (self.font_path, lines, color, self.clear_bg))

    def _lines(self, given: Any) -> Sequence[tuple[tuple[float, ...], str]]:
        listed = [given] if isinstance(given, Mapping) else given
        if not isinstance(listed, list | tuple):
            raise DataError(
                f"{self.metadata_key} is a {type(given).__name__}: it must be a dictionary with "
                "bbox and text, or a list of them"
            )
        return [self._read(i, item) for i, item in enumerate(listed)]

    def _read(self, index: int, item: Any) -> tuple[tuple[float, ...], str]:
        place = f"{self.metadata_key}[{index}]"
        if not isinstance(item, Mapping) or not isinstance(item.get("text"), str):
            raise DataError(f"{place} is {item!r}: it must be a dictionary with bbox and text")
        box = plain(item.get("bbox"))
        sound = isinstance(box, tuple) and len(box) == 4
        if not (sound and 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
            raise DataError(
                f"{place}['bbox'] = {box!r}: it must be x_min < x_max and y_min < y_max as "
                "(x_min, y_min, x_max, y_max) in [0, 1]"
            )
        return box, item["text"]

    def _line(self, rng: Rng, scene: Scene, given: tuple[tuple[float, ...], str]) -> Line:
        (left, top, right, bottom), text = given
        height, width = scene.size
        x0, y0 = min(int(left * width), width - 1), min(int(top * height), height - 1)
        box: Box = (x0, y0, max(x0 + 1, int(right * width)), max(y0 + 1, int(bottom * height)))
        size = max(1, int((box[3] - y0) * rng.uniform(*self.font_size_fraction_range)))
        return box, self._changed(rng, text), size

    def _changed(self, rng: Rng, text: str) -> str:
        """Change words; a text of one word loses nothing."""
        way = rng.pick(self.augmentations) if self.augmentations else None
        words = text.split()
        count = int(len(words) * _CHANGED)
        if way is None or not count:
            return text
        if way == "deletion":
            gone = set(rng.sample(range(len(words)), count))
            words = [word for i, word in enumerate(words) if i not in gone]
        elif way == "insertion":
            for _ in range(count):
                words.insert(rng.integer(0, len(words)), rng.pick(self.stopwords))
        else:
            for _ in range(count):
                i, k = rng.sample(range(len(words)), 2)
                words[i], words[k] = words[k], words[i]
        return " ".join(words)

    def _color(self, channels: int) -> tuple[float, ...]:
        """The color a channel, in [0, 1]."""
        color = tuple(level / 255.0 for level in self.font_color)
        if len(color) == channels:
            return color
        if len(set(color)) == 1:
            return color[:1] * channels
        if len(color) == 3 and channels == 1:
            return (sum(w * c for w, c in zip(GRAY_WEIGHTS, color, strict=True)),)
        raise DataError(
            f"TextImage.font_color = {self.font_color}: it must hold one number, or one for each "
            f"of the {channels} channels"
        )
