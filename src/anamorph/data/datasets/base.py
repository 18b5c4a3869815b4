"""What all datasets share: a sample by number, through a pipeline keyed by epoch and number."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import AnamorphError, DataError, ParameterError, ParameterTypeError
from anamorph.core.errors import sides as shape_words
from anamorph.data.datasets.epoch import Epoch, whole
from anamorph.data.reading import read_mask, read_picture
from anamorph.pipeline.compose import Compose

Array: TypeAlias = NDArray[Any]

Reader: TypeAlias = Callable[[str], Array]
"""Reads a file: H×W or H×W×C."""

Slots: TypeAlias = Mapping[str, Array]
"""Memory for results, by their keys."""


@final
@dataclass(frozen=True, slots=True)
class Item:
    """What is known of a picture before it is decoded, in one form for all datasets.

    ``label`` is its class, as a number. ``size`` is height and width, where known. ``boxes`` is an
    N×4 array in pixels as :data:`Box` says, ``labels`` has the class of each, -1 for none. All are
    None where the dataset has no such thing.
    """

    image: str | Array
    mask: str | Array | None = None
    label: int | None = None
    size: tuple[int, int] | None = None
    boxes: NDArray[np.float64] | None = None
    labels: NDArray[np.int64] | None = None


class Dataset(ABC):
    """Samples by number, as torch's ``DataLoader`` and Anamorph's take them.

    A sample is what :meth:`sample` tells, with its files decoded, through the pipeline if there is
    one, which then decodes no more than it needs. What the pipeline draws depends on its seed, the epoch and the number of the sample alone:
    the result is the same with any number of workers, in any order.

    ``classes`` are the names of the classes, by number. ``broken`` has a sentence for each file
    that was left out.
    """

    classes: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    def __init__(self, pipeline: Compose | None = None, reader: Reader | None = None) -> None:
        """Keep the pipeline, and who reads pictures in its place.

        Args:
            pipeline: run on every sample.
            reader: reads the file of a picture, where :func:`read_picture` is not what is wanted.
        """
        self.pipeline: Compose | None = checked(type(self).__name__, pipeline)
        self.reader = reader
        self._epoch = Epoch()

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are."""

    @abstractmethod
    def sample(self, index: int) -> dict[str, Any]:
        """A sample before anything is decoded: paths, labels, annotations, by their keys."""

    @abstractmethod
    def item(self, index: int) -> Item:
        """What :meth:`sample` tells, in the form that statistics are made from."""

    def accept(self, pipeline: Compose) -> None:
        """Refuse a pipeline that would misread the samples; most samples cannot be misread."""
        del pipeline

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return self._epoch.number

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins; running workers, forked or spawned, see it too."""
        self._epoch.number = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The sample of a number in the current epoch; -1 is the last."""
        return self.load(index, self.epoch)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All samples of the current epoch."""
        return map(self.__getitem__, range(len(self)))

    def load(self, index: int, epoch: int, out: Slots | None = None) -> dict[str, Any]:
        """The sample of a number in an epoch.

        Args:
            index: number of the sample; -1 is the last.
            epoch: number of the epoch.
            out: memory for pictures and masks of the result, by their keys.

        Raises:
            IndexError: there is no such sample.
            AnamorphError: a file or annotation is not what it should be; a note names the sample.
        """
        return self.through(self.pipeline, self.number(index), whole("epoch", epoch), out)

    def through(
        self, pipeline: Compose | None, index: int, epoch: int, out: Slots | None
    ) -> dict[str, Any]:
        """A sample through a pipeline of any kind, or decoded only."""
        data: dict[str, Any] = {}
        try:
            data = self.sample(index)
            if pipeline is None:
                return _placed(decoded(data, self.reader), out)
            return _run(pipeline, (epoch, index), read_by(self.reader, data), out)
        except AnamorphError as error:
            image = data.get("image")
            named = f": {image}" if isinstance(image, str) else ""
            error.add_note(f"sample {index} of {type(self).__name__}{named}")
            raise

    def number(self, index: Any) -> int:
        """A number from 0 on, of one that may count from the end."""
        try:
            at = operator.index(index)
        except TypeError as error:
            raise ParameterTypeError(f"sample {index!r}: a whole number is wanted") from error
        count = len(self)
        if not -count <= at < count:
            raise IndexError(f"sample {at}: there are {count}")
        return at % count

    def subset(self, indices: Iterable[int], pipeline: Compose | None = None) -> Subset:
        """Some of the samples, through the same pipeline or another one.

        A sample keeps its number as key: it looks the same in every subset.
        """
        return Subset(self, indices, pipeline)


@final
class Subset(Dataset):
    """Some of a dataset's samples, in an order of their own."""

    broken: tuple[str, ...]
    classes: tuple[str, ...]

    def __init__(
        self, dataset: Dataset, indices: Iterable[int], pipeline: Compose | None = None
    ) -> None:
        """Take samples of a dataset, with its pipeline unless another one is given."""
        super().__init__(dataset.pipeline if pipeline is None else pipeline, dataset.reader)
        if self.pipeline is not None:
            dataset.accept(self.pipeline)
        self.dataset = dataset
        self.indices: NDArray[np.int64] = np.array(
            [dataset.number(index) for index in indices], np.int64
        )
        self.classes, self.broken = dataset.classes, dataset.broken

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"Subset({self.dataset!r}, {len(self)} of {len(self.dataset)})"

    def sample(self, index: int) -> dict[str, Any]:
        return self.dataset.sample(int(self.indices[index]))

    def item(self, index: int) -> Item:
        return self.dataset.item(int(self.indices[index]))

    def through(
        self, pipeline: Compose | None, index: int, epoch: int, out: Slots | None
    ) -> dict[str, Any]:
        return self.dataset.through(pipeline, int(self.indices[index]), epoch, out)


def checked(name: str, pipeline: Any) -> Compose | None:
    """Refuse what is no pipeline."""
    if pipeline is None or isinstance(pipeline, Compose):
        return pipeline
    raise ParameterTypeError(
        f"{name}.pipeline is a {type(pipeline).__name__}: a Compose is wanted, which can be keyed"
    )


def read_by(reader: Reader | None, data: dict[str, Any]) -> dict[str, Any]:
    """A sample with its picture read by a reader, if there is one and the picture is a file."""
    image = data.get("image")
    return (
        data if reader is None or not isinstance(image, str) else {**data, "image": reader(image)}
    )


def decoded(data: dict[str, Any], reader: Reader | None) -> dict[str, Any]:
    """A sample with its files read."""
    read = read_by(reader or read_picture, data)
    return {**read, "mask": read_mask(read["mask"])} if isinstance(read.get("mask"), str) else read


def _run(
    pipeline: Compose, key: tuple[int, int], data: dict[str, Any], out: Slots | None
) -> dict[str, Any]:
    """Run a pipeline, which decodes of a file what it needs.

    A strict pipeline is not shown what only the caller knows.
    """
    keyed = pipeline.keyed(*key)
    shown = data
    if pipeline.settings.strict:
        known = pipeline.available_keys
        shown = {key: value for key, value in data.items() if key in known}
    result = keyed(**shown) if out is None else keyed(**shown, out=out)
    return result if shown is data else {**data, **result}


def _placed(data: dict[str, Any], out: Slots | None) -> dict[str, Any]:
    """Copy what there is memory for to it."""
    for key, memory in (out or {}).items():
        if key not in data:
            raise ParameterError(f"out has {key!r}, which the sample lacks")
        given = np.asarray(data[key])
        if (given.shape, given.dtype) != (memory.shape, memory.dtype):
            raise DataError(
                f"out[{key!r}] is {shape_words(memory.shape)} {memory.dtype}, but the sample is "
                f"{shape_words(given.shape)} {given.dtype}"
            )
        memory[...] = given
        data[key] = memory
    return data
