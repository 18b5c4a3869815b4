"""Pictures by number: as the loop takes them, and as they are predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import AnamorphError, DataError
from anamorph.core.rng import Rng, mix
from anamorph.data import read_picture
from anamorph.data.datasets import Dataset, Item
from anamorph.pipeline.compose import Compose
from anamorph.sources import open_source
from anamorph.tasks.pictures import Pictures

Array = NDArray[Any]
_TRIES = 16
_TAG = 0x5C1F


class Labelled(Protocol):
    """What a task says of its labels."""

    def label(self, pictures: Pictures, index: int) -> Mapping[str, Any]:
        """What goes with a training picture through the pipeline."""
        ...

    def truth(self, pictures: Pictures, index: int) -> Any:
        """What a prediction of a picture is compared with."""
        ...


@final
class TrainingSamples(Dataset):
    """Training pictures through their pipeline.

    A sample has ``index``, the number of the picture that it shows, and ``broken``: the sentence
    about the picture in whose place it stands, or "".
    """

    skip: bool
    channels: int
    task: Labelled
    pictures: Pictures

    def __init__(
        self, pictures: Pictures, task: Labelled, pipeline: Compose, channels: int, *, skip: bool
    ) -> None:
        super().__init__(pipeline)
        self.pictures, self.task, self.channels, self.skip = pictures, task, channels, skip
        self.classes: tuple[str, ...] = pictures.classes

    def __len__(self) -> int:
        return len(self.pictures)

    def sample(self, index: int) -> dict[str, Any]:
        image = shown(self.pictures.path(index), self.channels)
        return {"image": image, **self.task.label(self.pictures, index), "index": index}

    def item(self, index: int) -> Item:
        return self.pictures.dataset.item(index)

    def load(self, index: int, epoch: int, out: Any = None) -> dict[str, Any]:
        """The sample; in place of a broken one that is to be skipped, another, by its number."""
        told = ""
        rng = Rng(mix(index, epoch, _TAG))
        at = index
        for _ in range(_TRIES):
            try:
                return {**super().load(at, epoch, out), "broken": told}
            except AnamorphError as error:
                if not self.skip:
                    raise
                told = told or f"{self.pictures.ids[index]}: {error}"
                at = rng.integer(0, len(self) - 1)
        raise DataError(f"{told}; nor could the {_TRIES - 1} pictures be read that were tried then")


@final
class Views(Dataset):
    """Pictures as they are predicted, and what is known of them.

    A sample has ``index`` and either ``error``, a sentence, or ``image``, ``plan``, ``size`` and
    ``truth``. If it is not seen ``whole``, the image is the picture itself, to be cut into tiles.
    """

    whole: bool
    skip: bool
    truth: Callable[[int], Any] | None
    channels: int
    prepare: Compose
    paths: tuple[str, ...]

    def __init__(
        self,
        paths: Sequence[str],
        pipeline: Compose,
        channels: int,
        *,
        truth: Callable[[int], Any] | None = None,
        skip: bool = False,
        whole: bool = True,
    ) -> None:
        super().__init__(None)
        self.paths, self.prepare, self.channels = tuple(paths), pipeline, channels
        self.truth, self.skip, self.whole = truth, skip, whole

    def __len__(self) -> int:
        return len(self.paths)

    def sample(self, index: int) -> dict[str, Any]:
        return {"image": self.paths[index]}

    def item(self, index: int) -> Item:
        return Item(self.paths[index])

    def load(self, index: int, epoch: int, out: Any = None) -> dict[str, Any]:
        del epoch, out
        try:
            return {"index": index, **self._seen(index)}
        except AnamorphError as error:
            if not self.skip:
                error.add_note(f"picture {self.paths[index]}")
                raise
            return {"index": index, "error": f"{self.paths[index]}: {error}"}

    def _seen(self, index: int) -> dict[str, Any]:
        image = as_channels(read_picture(self.paths[index]), self.channels)
        seen = {"image": image, "size": image.shape[:2], "plan": None}
        if self.whole:
            done = self.prepare.keyed(0, 0)(image=image, **_empty(self.prepare))
            seen |= {"image": done["image"], "plan": done["plan"]}
        return {**seen, "truth": None if self.truth is None else self.truth(index)}


def _empty(pipeline: Compose) -> dict[str, Any]:
    """No boxes, for a pipeline that knows how to bring boxes home."""
    params = pipeline.bbox_params
    if params is None:
        return {}
    return {"bboxes": np.zeros((0, 4)), **{name: [] for name in params.label_fields}}


def shown(path: str, channels: int) -> str | Array:
    """The path of a picture, of which no more need be decoded than is wanted, if it fits."""
    if open_source(path).channels == channels:
        return path
    return as_channels(read_picture(path), channels)


def as_channels(picture: Array, channels: int) -> Array:
    """A picture with so many channels: gray is repeated or made by weighing, alpha is dropped.

    Raises:
        DataError: nothing says how.

    >>> from anamorph.tasks.samples import as_channels
    >>> as_channels(photo[..., 0], 3).shape, as_channels(photo, 1).shape
    ((427, 640, 3), (427, 640))
    """
    given = 1 if picture.ndim == 2 else picture.shape[2]
    if given == channels:
        return picture[..., 0] if channels == 1 and picture.ndim == 3 else picture
    change = _CHANGES.get((given, channels))
    if change is None:
        raise DataError(
            f"the picture has {given} channels, and input.channels = {channels}: nothing says how "
            "one is made of the other"
        )
    return np.ascontiguousarray(change(picture))


def _gray(picture: Array) -> Array:
    weighed = picture[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    return (np.rint(weighed) if picture.dtype.kind == "u" else weighed).astype(picture.dtype)


def _repeated(picture: Array) -> Array:
    return np.repeat(picture.reshape(*picture.shape[:2], 1), 3, axis=2)


_CHANGES: Mapping[tuple[int, int], Callable[[Array], Array]] = {
    (1, 3): _repeated,
    (4, 3): lambda picture: picture[..., :3],
    (3, 1): _gray,
    (4, 1): _gray,
}
"""(channels of the picture, those wanted) → how."""
