"""What a header says, in the same words for every kind of file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["jpeg", "png", "webp", "bmp", "tiff"]


@dataclass(frozen=True, slots=True)
class Frame:
    """How the pixels of a JPEG are coded."""

    at: int
    """Where the two bytes of the height are."""
    process: int
    """The low half of its marker: 0 and 1 sequential, 2 progressive, 3 lossless, 9 arithmetic."""
    precision: int
    samplings: tuple[tuple[int, int], ...]
    """Horizontal and vertical, of each component."""
    scan: int
    """Where the first entropy-coded bytes are."""
    together: bool
    """Whether the first scan holds all components, so that it is the only one."""

    @property
    def sequential(self) -> bool:
        """Whether the rows come one after another in one scan of Huffman codes."""
        return self.process <= 1 and self.together


@dataclass(frozen=True, slots=True)
class Header:
    """Kind, stored size, orientation and form of the pixels of one encoded picture."""

    kind: Kind
    width: int
    height: int
    orientation: int = 1
    channels: int = 3
    dtype: str = "uint8"
    palette: int = 0
    """The bit depth of a PNG whose pixels are indices into a palette, else 0."""
    frame: Frame | None = None
    """Of a JPEG."""
    refusal: str = ""
    """Why it cannot be decoded, as the end of a sentence; empty if it can."""

    @property
    def stored(self) -> tuple[int, int]:
        """Height and width as they are in the file."""
        return self.height, self.width

    @property
    def size(self) -> tuple[int, int]:
        """Height and width as shown, after the orientation is applied."""
        if self.orientation >= 5:
            return self.width, self.height
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class Part:
    """What is needed of the pixels of a JPEG."""

    rows: int
    """Those above this one, as stored."""
    denominator: int = 1
    """Sides are divided by it and rounded up."""
    lent: bool = False
    """Whether the array may be memory that the thread uses again."""
