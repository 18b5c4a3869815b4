"""Pictures with annotations in one of the formats of detection: COCO, Pascal VOC, YOLO."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, final

from anamorph.core.errors import AnamorphError, UnknownNameError, nearest
from anamorph.data.annotations import Category, Record, Source, stem
from anamorph.data.datasets.base import Dataset, Item, Reader
from anamorph.data.datasets.objects import OWN, Gathered
from anamorph.data.datasets.targets import Handed, Wanted
from anamorph.data.folder import find_pictures
from anamorph.data.formats import format_named
from anamorph.data.reading import read_bytes, read_size
from anamorph.data.tables.columns import Texts
from anamorph.pipeline.compose import Compose

Place = str | os.PathLike[str]


class AnnotatedDataset(Dataset):
    """Pictures and the objects in them.

    A sample has ``image``, the targets that are wanted, and labels. Boxes and keypoints are written
    as the pipeline's ``bbox_params`` and ``keypoint_params`` say, and their ``label_fields`` choose
    the labels:

    - of an object: ``labels`` (number of its class, from 0 in the order of ``classes``), ``names``,
      ``crowd``, and whatever else the files say of it, by its name there (``area``, ``difficult``);
    - of a keypoint: ``keypoint_labels`` (its number), ``keypoint_names``, ``instance`` (place of its
      object), ``visibility``.

    An object that lacks what is asked for, a box or an outline, is left out, so that all targets
    hold the same objects. All annotations and the sizes of all pictures are read at once, kept in
    arrays, and checked.
    """

    annotations: str
    images: str
    form: ClassVar[str]

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        images: Place,
        annotations: Place,
        pipeline: Compose | None = None,
        *,
        targets: Sequence[str] = ("bboxes",),
        box_format: str | None = None,
        names: Iterable[str] | Place | None = None,
        crowd: bool = True,
        skip_broken: bool = False,
        reader: Reader | None = None,
    ) -> None:
        """Read the annotations, and the sizes of the pictures.

        Args:
            images: folder of pictures.
            annotations: COCO file, or folder of VOC or YOLO files.
            pipeline: run on every sample.
            targets: any of ``bboxes``, ``masks`` (one an object), ``mask`` (0, and from 1 on the
                classes) and ``keypoints``.
            box_format: how boxes are written where no pipeline says it; "pascal_voc" if None.
            names: which pictures, by path below the folder or stem: a list, or a text file with
                one a line. None takes those that a COCO file lists, and all of the folder for
                the other formats.
            crowd: whether to keep objects that are marked as crowds.
            skip_broken: leave out pictures that are missing, unreadable or wrongly annotated, and
                say so in ``broken``, instead of refusing them.
            reader: reads the file of a picture, where :func:`read_picture` is not what is wanted.

        Raises:
            DataError: a picture is missing, cannot be read, or its annotations are malformed.
            ParameterError: the pipeline does not say how it takes the targets.
        """
        super().__init__(pipeline, reader)
        kind = type(self).__name__
        self.images, self.annotations = os.fspath(images), os.fspath(annotations)
        self.wanted: Wanted = Wanted.by(kind, targets, box_format, self.pipeline)
        source = format_named(self.form).open(self.annotations)
        self.categories: tuple[Category, ...] = tuple(source.categories)
        self.classes: tuple[str, ...] = tuple(category.name for category in self.categories)
        gathered = Gathered(self.categories, self.wanted.fields, self.wanted.targets)
        files, broken = [], []
        for name in _names(self.images, source, self.form, names):
            try:
                record = self._record(source, name)
            except AnamorphError as error:
                if not skip_broken:
                    raise
                broken.append(str(error))
                continue
            kept = [t for t in record.objects if self.wanted.suits(t) and (crowd or not t.crowd)]
            gathered.add(record, kept)
            files.append(name)
        _check_known(kind, self.wanted.fields, gathered.seen)
        self.broken: tuple[str, ...] = tuple(broken)
        self._files = Texts(files)
        self._objects = gathered.objects()

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.images!r}, {self.annotations!r})"

    def sample(self, index: int) -> dict[str, Any]:
        notes = Handed(self._objects, index, self.wanted, self.categories)
        return {"image": self._path(self._files[index]), **notes.data()}

    def item(self, index: int) -> Item:
        rows = self._objects.rows(index)
        return Item(
            self._path(self._files[index]),
            size=self._objects.size(index),
            boxes=self._objects.boxes[rows].copy(),
            labels=self._objects.numbers(rows),
        )

    def accept(self, pipeline: Compose) -> None:
        self.wanted.check(type(self).__name__, pipeline)

    def _path(self, name: str) -> str:
        return str(Path(self.images, name))

    def _record(self, source: Source, name: str) -> Record:
        return source.record(name, read_size(self._path(name)))


@final
class CocoDataset(AnnotatedDataset):
    """Pictures that a COCO file lists, with boxes, masks or keypoints."""

    form = "coco"


@final
class VocDataset(AnnotatedDataset):
    """Pictures with an XML file each, as Pascal VOC has them."""

    form = "voc"


@final
class YoloDataset(AnnotatedDataset):
    """Pictures with a text file each, as YOLO has them; one without a file has no objects."""

    form = "yolo"


def _names(
    root: str, source: Source, form: str, wanted: Iterable[str] | Place | None
) -> Iterator[str]:
    """Which pictures: as the caller lists them, as the file does, or all of the folder.

    What is named but not there is given as it is named: reading it tells that it is missing.
    """
    found = find_pictures(root)
    if wanted is None and form != "coco":
        yield from found
        yield from source.unmatched(found)
        return
    there, alike = set(found), _Alike(found)
    for name in source.pictures() if wanted is None else _listed(wanted):
        yield name if name in there else alike.to(name)


@final
class _Alike:
    """Pictures by their paths without ending, and by their last parts where these tell them apart.

    A COCO file may say ``train/a.png`` where ``train`` is the folder of pictures itself.
    """

    def __init__(self, found: Sequence[str]) -> None:
        self._found = found

    def to(self, name: str) -> str:
        """The picture that is meant; the name as it is where none is like it."""
        base = PurePosixPath(name).name
        near = self._bases[base] if self._counts[base] == 1 else name
        return self._stems.get(name) or self._stems.get(stem(name)) or near

    @cached_property
    def _stems(self) -> dict[str, str]:
        return {stem(name): name for name in self._found}

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(PurePosixPath(name).name for name in self._found)

    @cached_property
    def _bases(self) -> dict[str, str]:
        return {PurePosixPath(name).name: name for name in self._found}


def _listed(wanted: Iterable[str] | Place) -> Iterable[str]:
    if isinstance(wanted, str | os.PathLike):
        text = read_bytes(wanted).decode("utf-8-sig")
        return [line.strip() for line in text.splitlines() if line.strip()]
    return wanted


def _check_known(place: str, wanted: Sequence[str], seen: set[str]) -> None:
    known = [*OWN, *sorted(seen)]
    for name in wanted:
        if name not in known:
            raise UnknownNameError(
                f"{place}: the pipeline's label_fields have {name!r}: {', '.join(known)} are what "
                f"the annotations say{nearest(name, known)}"
            )
