"""What has been counted of some samples; tallies of parts of a dataset add up to that of all."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import AnamorphError, DataError, sides
from anamorph.data.datasets.base import Dataset, Item
from anamorph.data.reading import read_mask, read_picture
from anamorph.data.statistics.channels import Sums
from anamorph.data.statistics.values import (
    Boxes,
    ClassCount,
    MaskValue,
    Spread,
    Statistics,
    ordered,
)

_SMALL, _LARGE = 32.0**2, 96.0**2
_SLACK, _SLACK_PART = 0.02, 1e-5
"""By how much a box may reach out of the picture, in pixels and in parts of the side: what the
pipeline takes for rounding."""


@final
class Tally:
    """Counts of pictures, sizes, pixels, classes, boxes and values of masks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.broken: list[str] = []
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.sums: dict[tuple[str, int], Sums] = {}
        self.class_pictures: Counter[int] = Counter()
        self.class_objects: Counter[int] = Counter()
        self.boxes: array[float] = array("d")
        """x_min, y_min, x_max, y_max, height and width of the picture, of each box."""
        self.per_picture: list[int] = []
        self.mask_pixels: Counter[int] = Counter()
        self.mask_pictures: Counter[int] = Counter()

    def take(self, dataset: Dataset, index: int) -> None:
        """Count a sample; what cannot be read is told in a sentence and counts for nothing."""
        name = f"sample {index}"
        try:
            item = dataset.item(index)
            name = item.image if isinstance(item.image, str) else name
            picture = _deep(_picture(dataset, item))
            mask = _mask(item, (picture.shape[0], picture.shape[1]))
            self._pixels(picture)
        except Exception as error:  # noqa: BLE001 - one bad file must not end the count
            self.broken.append(_sentence(name, error))
            return
        size = (picture.shape[0], picture.shape[1])
        self.sizes[size] += 1
        if mask is not None:
            self._values(mask)
        self._objects(item, size)

    def merge(self, other: Tally) -> None:
        """Add what was counted of later samples."""
        self.broken += other.broken
        self.sizes.update(other.sizes)
        for key, sums in other.sums.items():
            if key in self.sums:
                self.sums[key].merge(sums)
            else:
                self.sums[key] = sums
        self.class_pictures.update(other.class_pictures)
        self.class_objects.update(other.class_objects)
        self.boxes.extend(other.boxes)
        self.per_picture += other.per_picture
        self.mask_pixels.update(other.mask_pixels)
        self.mask_pictures.update(other.mask_pictures)

    def statistics(self, classes: Sequence[str], broken: Sequence[str]) -> Statistics:
        """What all of it says."""
        counted = sorted(self.sizes.items(), key=lambda entry: (-entry[1], entry[0]))
        shapes = np.array(list(self.sizes.elements()), np.float64).reshape(-1, 2)
        return Statistics(
            pictures=sum(self.sizes.values()),
            broken=(*broken, *self.broken),
            sizes=tuple((*size, count) for size, count in counted),
            height=Spread.of(shapes[:, 0]),
            width=Spread.of(shapes[:, 1]),
            aspect=Spread.of(shapes[:, 1] / shapes[:, 0]),
            channels=ordered(sums.result() for sums in self.sums.values()),
            classes=_classes(classes, self.class_pictures, self.class_objects),
            boxes=_boxes(self.boxes, self.per_picture),
            masks=_values(classes, self.mask_pixels, self.mask_pictures),
        )

    def _pixels(self, picture: NDArray[Any]) -> None:
        key = picture.dtype.name, picture.shape[2]
        sums = self.sums.get(key) or Sums.of(picture)
        sums.add(picture)
        self.sums[key] = sums

    def _values(self, mask: NDArray[Any]) -> None:
        values, counts = np.unique(mask, return_counts=True)
        found = dict(zip(values.tolist(), counts.tolist(), strict=True))
        self.mask_pixels.update(found)
        self.mask_pictures.update(found.keys())

    def _objects(self, item: Item, size: tuple[int, int]) -> None:
        if item.label is not None:
            self.class_pictures[item.label] += 1
        if item.labels is not None:
            labels = item.labels.tolist()
            self.class_objects.update(labels)
            self.class_pictures.update(set(labels))
        if item.boxes is not None:
            self.per_picture.append(len(item.boxes))
            for box in item.boxes.tolist():
                self.boxes.extend((*box, *size))


def _picture(dataset: Dataset, item: Item) -> NDArray[Any]:
    if isinstance(item.image, str):
        return np.asarray((dataset.reader or read_picture)(item.image))
    return item.image


def _deep(picture: NDArray[Any]) -> NDArray[Any]:
    if picture.ndim not in (2, 3) or not picture.size:
        raise DataError(f"is an array of {sides(picture.shape)}: H×W or H×W×C is wanted")
    return picture[..., None] if picture.ndim == 2 else picture


def _mask(item: Item, size: tuple[int, int]) -> NDArray[Any] | None:
    if item.mask is None:
        return None
    mask = np.asarray(read_mask(item.mask) if isinstance(item.mask, str) else item.mask)
    if mask.shape[:2] != size:
        raise DataError(
            f"its mask {item.mask if isinstance(item.mask, str) else ''} is "
            f"{sides(mask.shape[:2])}, but the picture is {sides(size)}"
        )
    return None if mask.dtype.kind == "f" or mask.ndim != 2 else mask


def _sentence(name: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if not isinstance(error, AnamorphError):
        return f"{name}: {type(error).__name__}: {text}"
    return text if name in text else f"{name} {text}"


def _classes(
    names: Sequence[str], pictures: Mapping[int, int], objects: Mapping[int, int]
) -> tuple[ClassCount, ...]:
    """Every class, those that are nowhere too, and at the end what has none."""
    if not pictures and not objects:
        return ()
    listed = [*range(len(names)), *([-1] if pictures.get(-1) or objects.get(-1) else [])]
    return tuple(
        ClassCount(names[at] if at >= 0 else "", pictures.get(at, 0), objects.get(at, 0))
        for at in listed
    )


def _values(
    names: Sequence[str], pixels: Mapping[int, int], pictures: Mapping[int, int]
) -> tuple[MaskValue, ...]:
    total = sum(pixels.values())
    return tuple(
        MaskValue(
            value, names[value] if 0 <= value < len(names) else str(value),
            pictures[value], count, count / total,
        )
        for value, count in sorted(pixels.items())
    )  # fmt: skip


def _boxes(flat: Sequence[float], per_picture: Sequence[int]) -> Boxes | None:
    counts = Spread.of(per_picture)
    if counts is None:
        return None
    rows = np.array(flat, np.float64).reshape(-1, 6)
    corners, height, width = rows[:, :4], rows[:, 4], rows[:, 5]
    wide, high = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    full = (wide > 0) & (high > 0)
    area = wide[full] * high[full]
    limit = np.stack([width, height, width, height], axis=1)
    slack = _SLACK + _SLACK_PART * limit
    outside = ((corners < -slack) | (corners > limit + slack)).any(axis=1)
    return Boxes(
        count=len(rows),
        per_picture=counts,
        width=Spread.of(wide[full]),
        height=Spread.of(high[full]),
        side=Spread.of(np.sqrt(area)),
        part=Spread.of(area / (width * height)[full]),
        aspect=Spread.of(wide[full] / high[full]),
        small=int((area <= _SMALL).sum()),
        medium=int(((area > _SMALL) & (area <= _LARGE)).sum()),
        large=int((area > _LARGE).sum()),
        empty=int((~full).sum()),
        outside=int(outside.sum()),
    )
