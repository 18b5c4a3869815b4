"""Folders of pictures: one for each class, or one of pictures and one of masks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from anamorph.core.errors import DataError, ParameterError, nearest
from anamorph.data.datasets.base import Dataset, Item, Reader
from anamorph.data.folder import find_pictures, pair_masks
from anamorph.data.tables.columns import Texts
from anamorph.pipeline.compose import Compose

Place = str | os.PathLike[str]


@final
class ClassFolders(Dataset):
    """Pictures sorted by class: ``root/CLASS/…/picture.jpg``.

    A sample has ``image`` and, under the name that ``label`` gives, the number of its class. The
    classes are the folders' names in order, unless ``classes`` lists them; a folder that it does
    not list is left out, and so are pictures in ``root`` itself.

    Raises:
        DataError: there is no such folder, or no class in it has a picture.
        ParameterError: a class that is listed has no folder.
    """

    label: str
    root: str

    def __init__(
        self,
        root: Place,
        pipeline: Compose | None = None,
        *,
        label: str = "label",
        classes: Sequence[str] | None = None,
        reader: Reader | None = None,
    ) -> None:
        """Find the pictures; none is read."""
        super().__init__(pipeline, reader)
        self.root, self.label = os.fspath(root), label
        found = [name for name in find_pictures(root) if "/" in name]
        owners = [name.split("/", 1)[0] for name in found]
        self.classes: tuple[str, ...] = _classes(self.root, classes, sorted(set(owners)))
        numbers = {name: at for at, name in enumerate(self.classes)}
        kept = [at for at, owner in enumerate(owners) if owner in numbers]
        self._files = Texts(found[at] for at in kept)
        self._labels = np.array([numbers[owners[at]] for at in kept], np.int64)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"ClassFolders({self.root!r})"

    def sample(self, index: int) -> dict[str, Any]:
        return {"image": self._path(index), self.label: int(self._labels[index])}

    def item(self, index: int) -> Item:
        return Item(self._path(index), label=int(self._labels[index]))

    def _path(self, index: int) -> str:
        return str(Path(self.root, self._files[index]))


@final
class MaskFolders(Dataset):
    """Pictures, and masks of the same path and stem in a folder of their own.

    A sample has ``image`` and ``mask``. A mask has its stored values; a palette PNG gives its
    indices.

    Raises:
        DataError: there is no such folder, no picture in it, or a picture has no mask or two.
    """

    masks: str
    images: str

    def __init__(
        self,
        images: Place,
        masks: Place,
        pipeline: Compose | None = None,
        *,
        classes: Sequence[str] = (),
        reader: Reader | None = None,
    ) -> None:
        """Find the pictures and their masks; none is read.

        Args:
            images: folder of pictures.
            masks: folder of masks.
            pipeline: run on every sample.
            classes: what the values of masks mean, from 0 on.
            reader: reads the file of a picture, where :func:`read_picture` is not what is wanted.
        """
        super().__init__(pipeline, reader)
        self.images, self.masks = os.fspath(images), os.fspath(masks)
        self.classes: tuple[str, ...] = tuple(classes)
        found = _some(self.images, find_pictures(images))
        pairs = pair_masks(found, masks)
        self._files = Texts(found)
        self._masks = Texts(os.path.relpath(pairs[name], self.masks) for name in found)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"MaskFolders({self.images!r}, {self.masks!r})"

    def sample(self, index: int) -> dict[str, Any]:
        item = self.item(index)
        return {"image": item.image, "mask": item.mask}

    def item(self, index: int) -> Item:
        return Item(
            str(Path(self.images, self._files[index])), str(Path(self.masks, self._masks[index]))
        )


def _classes(root: str, wanted: Sequence[str] | None, there: Sequence[str]) -> tuple[str, ...]:
    if not there:
        raise DataError(f"{root} has no folder with pictures in it: one a class is wanted")
    if wanted is None:
        return tuple(there)
    for name in wanted:
        if name not in there:
            raise ParameterError(
                f"ClassFolders.classes has {name!r}, which is no folder with pictures in {root}"
                f"{nearest(name, there)}"
            )
    if len(set(wanted)) != len(wanted):
        raise ParameterError(f"ClassFolders.classes = {list(wanted)!r}: a class is there twice")
    return tuple(wanted)


def _some(root: str, found: Sequence[str]) -> Sequence[str]:
    if not found:
        raise DataError(f"{root} holds no pictures")
    return found
