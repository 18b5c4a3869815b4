"""A bank of objects to be pasted: built once, drawn from class by class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from anamorph.core.errors import DataError, DataTypeError, ParameterError
from anamorph.core.labels import pick
from anamorph.core.params import Choice, Rule, refuse
from anamorph.core.rng import Rng

__all__ = ["DonorBank", "instances_of"]

Item = Mapping[str, Any]

BALANCES = {"even": 0, "inverse": -1, "none": 1}
"""How classes are drawn → the power of the number of its objects that weighs a class."""
_PICTURES = ("image", "mask", "masks", "bboxes", "keypoints")
_OWNER = "instance"


@dataclass(frozen=True)
class DonorBank:
    """Objects for `CopyAndPaste`, which draws a class first and then one of its objects.

    A value: `add` gives another bank. Pictures are held as they are given, not copied, and must not
    be changed. It can be pickled, and so sent to the workers of a loader, but not written as JSON.

    Args:
        items: dictionaries as `CopyAndPaste` takes them, one an object.
        categories: the class of each.
        balance: how classes are drawn: "even" (each as often as any other), "inverse" (by the
            inverse of how many objects it has) or "none" (each object as often as any other).

    >>> mask = np.zeros((427, 640), np.uint8)
    >>> mask[60:160, 430:530] = 1
    >>> sample = {"image": photo, "masks": [mask], "bboxes": [(430, 60, 530, 160)], "name": ["sun"]}
    >>> bank = A.DonorBank.from_samples([sample], "name")
    >>> bank
    DonorBank(1 objects of 1 classes, balance='even')
    """

    items: tuple[Item, ...] = ()
    categories: tuple[Any, ...] = ()
    balance: str = "even"

    def __post_init__(self) -> None:
        Choice(tuple(BALANCES)).check("DonorBank.balance", self.balance)
        if len(self.items) != len(self.categories):
            raise ParameterError(
                f"DonorBank.categories has {len(self.categories)} classes for {len(self.items)} "
                "objects: there must be one each"
            )

    @staticmethod
    def from_samples(
        samples: Iterable[Item], class_field: str, *, balance: str = "even"
    ) -> DonorBank:
        """Take the objects of samples apart and put them into a bank.

        Args:
            samples: dictionaries as a call has them: image, masks (one an object) or bboxes, mask,
                keypoints (as many an object, or with a field "instance"), and fields with one
                label an object.
            class_field: the field that says the class of each object.
            balance: see the class.

        Raises:
            DataError: a sample has no such field, or not one label an object.
        """
        items: list[Item] = []
        categories: list[Any] = []
        for i, sample in enumerate(samples):
            for item in instances_of(f"samples[{i}]", sample):
                if class_field not in item["bbox_labels"]:
                    raise DataError(f"samples[{i}] has no {class_field}= with one label an object")
                items.append(item)
                categories.append(item["bbox_labels"][class_field])
        return DonorBank(tuple(items), tuple(categories), balance)

    def add(self, item: Item, category: Any) -> DonorBank:
        """Give a bank with one object more."""
        return replace(self, items=(*self.items, item), categories=(*self.categories, category))

    @cached_property
    def _groups(self) -> tuple[list[list[int]], list[float]]:
        """Places of the objects of each class, and the weight of each class."""
        groups: dict[Any, list[int]] = {}
        for i, category in enumerate(self.categories):
            groups.setdefault(category, []).append(i)
        power = BALANCES[self.balance]
        return list(groups.values()), [float(len(group)) ** power for group in groups.values()]

    def draw(self, rng: Rng) -> Item:
        """Draw a class, then one of its objects."""
        groups, weights = self._groups
        place: int = rng.pick(rng.pick(groups, weights))
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        classes = len(set(self.categories))
        return (
            f"DonorBank({len(self.items)} objects of {classes} classes, balance={self.balance!r})"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DonorBank):
            return NotImplemented
        mine, its = (self.categories, self.balance), (other.categories, other.balance)
        return mine == its and _same(self.items, other.items)

    def __hash__(self) -> int:
        return hash((self.categories, self.balance))

    def values(self) -> NoReturn:
        """Refuse to be written as plain data.

        Raises:
            ParameterError: always.
        """
        raise ParameterError(
            f"{self!r} holds pictures, which a pipeline written as data cannot: pickle the "
            "pipeline, or bring the objects with each call under CopyAndPaste.metadata_key"
        )


@dataclass(frozen=True, slots=True)
class BankRule(Rule):
    """A bank of donors, or None."""

    def check(self, place: str, value: Any) -> Any:
        if value is None or (isinstance(value, DonorBank) and len(value)):
            return value
        raise refuse(place, value, self.describe())

    def describe(self) -> str:
        return "a DonorBank that holds something, or None"


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


# ------------------------------------------------------------------------ samples taken apart


def instances_of(place: str, sample: Any) -> Iterator[dict[str, Any]]:
    """Take a sample apart into its objects.

    Args:
        place: how messages call it.
        sample: image, masks or bboxes, and what else belongs to them.

    Raises:
        DataError: it has no objects, or their number is not clear.
    """
    if not isinstance(sample, Mapping):
        raise DataTypeError(f"{place} is a {type(sample).__name__}: it must be a dictionary")
    count = _count(place, sample)
    fields = {
        key: value
        for key, value in sample.items()
        if key not in _PICTURES and _holds_labels(value) and len(value) == count
    }
    points, owned = _points(place, sample, count)
    for i in range(count):
        item = {"image": sample.get("image")}
        item["bbox_labels"] = {key: pick(value, np.array([i]))[0] for key, value in fields.items()}
        if sample.get("masks") is not None:
            item["mask"] = sample["masks"][i]
        if sample.get("bboxes") is not None:
            item["bbox"] = sample["bboxes"][i]
        if sample.get("mask") is not None:
            item["semantic_mask"] = sample["mask"]
        if points is not None:
            rows = np.flatnonzero(points == i)
            item["keypoints"] = pick(sample["keypoints"], rows)
            item["keypoint_labels"] = {key: pick(sample[key], rows) for key in owned}
        yield item


def _count(place: str, sample: Item) -> int:
    counts = {key: len(sample[key]) for key in ("masks", "bboxes") if sample.get(key) is not None}
    if not counts:
        raise DataError(f"{place} has neither masks nor bboxes, which say what its objects are")
    if len(set(counts.values())) > 1:
        raise DataError(
            f"{place} has {counts['masks']} masks and {counts['bboxes']} bboxes: there must be one "
            "of each an object"
        )
    return next(iter(counts.values()))


def _holds_labels(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _points(place: str, sample: Item, count: int) -> tuple[Any, list[str]]:
    """Which object each keypoint belongs to, and the fields of keypoints."""
    if sample.get("keypoints") is None:
        return None, []
    total = len(sample["keypoints"])
    owned = [
        key
        for key, value in sample.items()
        if key not in _PICTURES and _holds_labels(value) and len(value) == total != count
    ]
    if _OWNER in sample:
        return np.asarray(sample[_OWNER]), [key for key in owned if key != _OWNER]
    if total % max(count, 1):
        raise DataError(
            f"{place} has {total} keypoints for {count} objects: give each as many, or say which "
            f"they belong to in a field {_OWNER!r}"
        )
    return np.repeat(np.arange(count), total // max(count, 1)), owned
