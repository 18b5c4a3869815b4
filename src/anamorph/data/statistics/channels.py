"""Sums over pixels: exact for whole numbers, merged by Chan's formula for floats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from math import isqrt, sqrt
from typing import Any, final

import cv2
import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.data.statistics.values import Channels

_UNITS = {"uint8": 255, "uint16": 65535}
_STEPS = 256
_BLOCK = 1 << 24
"""Pixels that are counted at once: up to here float32, in which OpenCV counts, is exact."""


class Sums(ABC):
    """What has been added up of pictures of one dtype and number of channels."""

    def __init__(self, channels: int) -> None:
        """Begin with nothing."""
        self.channels = channels
        self.pictures = 0
        self.pixels = 0

    @abstractmethod
    def add(self, picture: NDArray[Any]) -> None:
        """Add a picture of H×W×C."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Add what another one has."""

    @abstractmethod
    def result(self) -> Channels:
        """Mean and deviation of all that was added."""

    @staticmethod
    def of(picture: NDArray[Any]) -> Sums:
        """What counts pictures like this one."""
        dtype, channels = picture.dtype.name, picture.shape[2]
        if dtype in _UNITS:
            return Counts(channels, dtype)
        if dtype == "float32":
            return Moments(channels)
        raise DataError(f"holds {dtype} pixels: uint8, uint16 or float32 are measured")


@final
class Counts(Sums):
    """How many pixels have each value: everything else follows from it without rounding."""

    def __init__(self, channels: int, dtype: str) -> None:
        """Begin with nothing."""
        super().__init__(channels)
        self.dtype = dtype
        self.counts: NDArray[np.int64] = np.zeros((channels, _UNITS[dtype] + 1), np.int64)

    def add(self, picture: NDArray[Any]) -> None:
        height, width = picture.shape[:2]
        rows = max(1, _BLOCK // width)
        for top in range(0, height, rows):
            block = np.ascontiguousarray(picture[top : top + rows])
            for at in range(self.channels):
                self.counts[at] += self._count(block, at)
        self.pictures += 1
        self.pixels += height * width

    def merge(self, other: Counts) -> None:
        self.counts += other.counts
        self.pictures += other.pictures
        self.pixels += other.pixels

    def result(self) -> Channels:
        unit = _UNITS[self.dtype]
        values = np.arange(unit + 1)
        found = [_exact(row, self.pixels, unit) for row in self.counts]
        seen = [values[row > 0] / unit for row in self.counts]
        steps = self.counts.reshape(self.channels, _STEPS, -1).sum(axis=2)
        return Channels(
            self.dtype, self.pictures, self.pixels, float(unit),
            tuple(mean for mean, _ in found), tuple(std for _, std in found),
            tuple(float(own[0]) for own in seen), tuple(float(own[-1]) for own in seen),
            tuple(tuple(row) for row in steps.tolist()),
        )  # fmt: skip

    def _count(self, block: NDArray[Any], channel: int) -> NDArray[np.int64]:
        steps = self.counts.shape[1]
        counted = cv2.calcHist([block], [channel], None, [steps], [0, steps])
        return counted.ravel().astype(np.int64)


@final
class Moments(Sums):
    """Means and sums of squared distances from them, merged as Chan, Golub and LeVeque do (1979)."""

    def __init__(self, channels: int) -> None:
        """Begin with nothing."""
        super().__init__(channels)
        self.mean: NDArray[np.float64] = np.zeros(channels)
        self.squares: NDArray[np.float64] = np.zeros(channels)
        self.least: NDArray[np.float64] = np.full(channels, np.inf)
        self.most: NDArray[np.float64] = np.full(channels, -np.inf)

    def add(self, picture: NDArray[Any]) -> None:
        if not np.isfinite(picture).all():
            raise DataError("holds numbers that are not finite")
        own = Moments(self.channels)
        own.pictures, own.pixels = 1, picture.shape[0] * picture.shape[1]
        for at in range(self.channels):
            plane = picture[..., at].astype(np.float64).ravel()
            own.mean[at] = plane.mean()
            own.least[at], own.most[at] = plane.min(), plane.max()
            plane -= own.mean[at]
            own.squares[at] = plane @ plane
        self.merge(own)

    def merge(self, other: Moments) -> None:
        pixels = self.pixels + other.pixels
        apart = other.mean - self.mean
        self.mean = self.mean + apart * (other.pixels / pixels)
        between = np.square(apart) * (self.pixels * other.pixels / pixels)
        self.squares = self.squares + other.squares + between
        self.least = np.minimum(self.least, other.least)
        self.most = np.maximum(self.most, other.most)
        self.pictures += other.pictures
        self.pixels = pixels

    def result(self) -> Channels:
        std = np.sqrt(self.squares / self.pixels)
        numbers = (self.mean, std, self.least, self.most)
        mean, deviation, least, most = (tuple(row.tolist()) for row in numbers)
        return Channels("float32", self.pictures, self.pixels, 1.0, mean, deviation, least, most)


def _exact(counts: NDArray[np.int64], pixels: int, unit: int) -> tuple[float, float]:
    """Mean and deviation, of integers of any size, as parts of the unit; rounded once each."""
    values = [(value, int(counts[value])) for value in np.flatnonzero(counts).tolist()]
    total = sum(value * count for value, count in values)
    squares = sum(value * value * count for value, count in values)
    variance = Fraction(pixels * squares - total * total, (pixels * unit) ** 2)
    return float(Fraction(total, pixels * unit)), _root(variance)


def _root(number: Fraction) -> float:
    """A square root to the last bit but one, however far the variance is from 1."""
    if number == 0:
        return 0.0
    shift = max(0, 128 - (number.numerator.bit_length() - number.denominator.bit_length()))
    shift += shift % 2
    whole = isqrt((number.numerator << shift) // number.denominator)
    return whole / (1 << (shift // 2)) if whole else sqrt(number)
