"""What is measured of a dataset: frozen values that become JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import UndefinedError

_BINS = 40
_ROUND = 6


@final
@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers are spread: their least, quartiles, most and mean, and a histogram.

    ``edges`` are those of its bins, one more than there are ``counts``: a bin for each number where
    these are whole and few, else growing by equal factors where ``least`` is above 0, else by
    equal steps.
    """

    count: int
    least: float
    lower: float
    median: float
    upper: float
    most: float
    mean: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Spread | None:
        """Measure numbers; None if there are none."""
        array = np.asarray(values, np.float64).ravel()
        if not array.size:
            return None
        least, lower, median, upper, most = np.quantile(array, (0, 0.25, 0.5, 0.75, 1)).tolist()
        edges = _edges(least, most, whole=bool((array == np.floor(array)).all()))
        counts = np.histogram(array, edges)[0]
        return cls(
            array.size, least, lower, median, upper, most, float(array.mean()),
            tuple(edges.tolist()), tuple(counts.tolist()),
        )  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class Channels:
    """Mean and standard deviation of each channel over all pixels of the pictures of one kind.

    Numbers are parts of ``unit``, the greatest value of the dtype (1 for float32): a mean of 0.5
    of uint8 is 127.5. The deviation is that of the pixels at hand, not an estimate from a sample.
    Exact for uint8 and uint16: sums of whole numbers, rounded once. ``histograms`` count pixels in
    256 equal steps from 0 to the greatest value; float32 has none.
    """

    dtype: str
    pictures: int
    pixels: int
    unit: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    least: tuple[float, ...]
    most: tuple[float, ...]
    histograms: tuple[tuple[int, ...], ...] = ()

    @property
    def normalize(self) -> dict[str, Any]:
        """Arguments of ``Normalize`` that give these pictures mean 0 and deviation 1.

        Raises:
            UndefinedError: a channel has one value only, so that nothing could be divided by.
        """
        for at, std in enumerate(self.std):
            if std == 0:
                raise UndefinedError(
                    f"channel {at} is {self.mean[at] * self.unit:g} in every pixel: Normalize "
                    "would divide by 0"
                )
        return {
            "mean": tuple(round(value, _ROUND) for value in self.mean),
            "std": tuple(round(value, _ROUND) for value in self.std),
            "max_pixel_value": self.unit,
        }


@final
@dataclass(frozen=True, slots=True)
class ClassCount:
    """How often a class is there: in how many pictures, how many objects have it."""

    name: str
    pictures: int
    objects: int


@final
@dataclass(frozen=True, slots=True)
class MaskValue:
    """How often a value stands in masks: in how many, on how many pixels, and the part of all."""

    value: int
    name: str
    masks: int
    pixels: int
    part: float


@final
@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of all objects.

    ``side`` is the square root of the area in pixels, ``part`` the area as a part of the picture's,
    ``aspect`` width by height. ``small``, ``medium`` and ``large`` are COCO's: areas up to 32² and
    96². ``empty`` have no area, ``outside`` reach out of the picture by more than rounding does.
    """

    count: int
    per_picture: Spread
    width: Spread | None
    height: Spread | None
    side: Spread | None
    part: Spread | None
    aspect: Spread | None
    small: int
    medium: int
    large: int
    empty: int
    outside: int


@final
@dataclass(frozen=True, slots=True)
class Statistics:
    """What :func:`measure` found.

    ``pictures`` counts those that were read; ``broken`` has a sentence for each that was not.
    ``sizes`` are height, width and how many pictures have them, the most frequent first; ``aspect``
    is width by height. ``channels`` has an entry for each dtype and number of channels, the most
    frequent first. ``boxes`` is None and ``masks`` empty for a dataset that has none.
    """

    pictures: int
    broken: tuple[str, ...]
    sizes: tuple[tuple[int, int, int], ...]
    height: Spread | None
    width: Spread | None
    aspect: Spread | None
    channels: tuple[Channels, ...]
    classes: tuple[ClassCount, ...]
    boxes: Boxes | None
    masks: tuple[MaskValue, ...]

    @property
    def normalize(self) -> dict[str, Any]:
        """Arguments of ``Normalize`` for the most frequent kind of picture.

        Raises:
            UndefinedError: no picture could be read, or a channel has one value only.
        """
        if not self.channels:
            raise UndefinedError("there are no pictures to tell mean and deviation from")
        return self.channels[0].normalize

    def to_dict(self) -> dict[str, Any]:
        """All of it in dictionaries, lists and numbers."""
        found: dict[str, Any] = json.loads(self.to_json())
        return found

    def to_json(self, indent: int | None = None) -> str:
        """All of it as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=indent, ensure_ascii=False)


def ordered(channels: Iterable[Channels]) -> tuple[Channels, ...]:
    """Kinds of pictures, the most frequent first."""
    return tuple(sorted(channels, key=lambda c: (-c.pictures, c.dtype, len(c.mean))))


def _edges(least: float, most: float, *, whole: bool) -> npt.NDArray[np.float64]:
    if least == most or (whole and most - least < _BINS):
        return np.arange(least - 0.5, most + 1)
    if least > 0:
        edges = np.geomspace(least, most, _BINS + 1)
        edges[0], edges[-1] = least, most  # what rounding took
        return edges
    return np.linspace(least, most, _BINS + 1)
