"""Predictions in a folder: a line a picture at once, tables and annotations at the end."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self, final

import numpy as np

from anamorph.core.errors import DataError
from anamorph.data import write_atomically, write_mask
from anamorph.tasks.bundle import Bundle
from anamorph.tasks.predictor import Row

_JOURNAL = ".predictions.jsonl"
Entry = dict[str, Any]


@final
class Results:
    """The results of one bundle in one folder.

    Every picture is a line of the journal when what belongs to it is on the disk; a line that was
    torn counts as none. A picture that has changed since is predicted again.
    """

    bundle: Bundle
    folder: Path

    def __init__(
        self, folder: Path, bundle: Bundle, told: Mapping[str, Any], *, overwrite: bool
    ) -> None:
        """Read what is there.

        Raises:
            DataError: that is of another bundle, or of other settings.
        """
        self.folder, self.bundle = folder, bundle
        self.path: Path = folder / _JOURNAL
        self.form: Form = FORMS[bundle.task.name]
        self._entries: dict[str, Entry] = {}
        self._stream: Any = None
        lines = [] if overwrite else list(_lines(self.path))
        if lines and lines[0] != told:
            raise DataError(
                f"{folder} has predictions of another bundle, or made with other settings: give "
                "another folder, or say that they may be overwritten"
            )
        self._entries = {entry["file"]: entry for entry in lines[1:]}
        folder.mkdir(parents=True, exist_ok=True)
        whole = [told, *self._entries.values()]
        write_atomically(self.path, "".join(map(_line, whole)).encode())

    def has(self, name: str, path: Path) -> bool:
        """Whether a picture is done, and is still what it was."""
        entry = self._entries.get(name)
        return entry is not None and "error" not in entry and entry["key"] == _key(path)

    def __enter__(self) -> Self:
        self._stream = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def add(self, name: str, path: Path, row: Row) -> None:
        """Keep what is told of a picture."""
        entry: Entry = {"file": name, "key": _key(path)}
        if row.error is not None:
            entry["error"] = row.error
        else:
            entry |= self.form.keep(self, name, row)
        self._stream.write(_line(entry))
        self._stream.flush()
        self._entries[name] = entry

    def finish(self, names: Sequence[str]) -> list[Row]:
        """Write what all pictures have in common; gives the rows, without maps."""
        entries = [self._entries[name] for name in names]
        good = [entry for entry in entries if "error" not in entry]
        for file, content in self.form.common(self, good).items():
            write_atomically(self.folder / file, content)
        return [
            Row(e["file"], None, e.get("final"), tuple(e.get("size", (0, 0))), error=e.get("error"))
            for e in entries
        ]


def _key(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry) + "\n"


def _lines(path: Path) -> Iterator[Any]:
    """The whole lines of a journal."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


# ---------------------------------------------------------------------------- forms


class Form:
    """What is written of a task."""

    def keep(self, results: Results, name: str, row: Row) -> Entry:
        """Write what belongs to one picture; gives what the journal has of it."""
        raise NotImplementedError

    def common(self, results: Results, entries: Sequence[Entry]) -> dict[str, bytes]:
        """Files of all pictures."""
        raise NotImplementedError


@final
class Classes(Form):
    """``predictions.csv``: file, label, probability of each class."""

    def keep(self, results: Results, name: str, row: Row) -> Entry:
        said = np.asarray(row.prediction, np.float64).round(6).tolist()
        return {"final": row.final, "probabilities": said, "size": list(row.size)}

    def common(self, results: Results, entries: Sequence[Entry]) -> dict[str, bytes]:
        head = ["file", "label", *results.bundle.classes]
        rows = ([e["file"], _words(e["final"]), *e["probabilities"]] for e in entries)
        return {"predictions.csv": _table(head, rows)}


@final
class Masks(Form):
    """A PNG a picture under ``masks``, for multilabel one a class; ``predictions.csv`` has shares."""

    def keep(self, results: Results, name: str, row: Row) -> Entry:
        mask = np.asarray(row.final)
        stem = PurePosixPath(name.lstrip("/")).with_suffix(".png")
        planes = {"": mask}
        if mask.ndim == 3:
            planes = {cls: mask[..., at] for at, cls in enumerate(results.bundle.classes)}
        files = []
        for plane, values in planes.items():
            file = PurePosixPath("masks", plane, stem)
            write_mask(results.folder / file, np.ascontiguousarray(_narrow(values)))
            files.append(file.as_posix())
        shares = np.asarray(row.prediction).mean(axis=(0, 1), dtype=np.float64).round(6).tolist()
        return {"final": files, "shares": shares, "size": list(row.size)}

    def common(self, results: Results, entries: Sequence[Entry]) -> dict[str, bytes]:
        head = ["file", "mask", *(f"share {name}" for name in results.bundle.classes)]
        rows = ([e["file"], " ".join(e["final"]), *e["shares"]] for e in entries)
        return {"predictions.csv": _table(head, rows)}


def _narrow(values: Any) -> Any:
    return values.astype(np.uint8) if values.max(initial=0) < 256 else values


@final
class Boxes(Form):
    """``detections.json``: COCO's form, each annotation with its score."""

    def keep(self, results: Results, name: str, row: Row) -> Entry:
        told = {key: np.asarray(value).tolist() for key, value in row.final.items()}
        return {"final": told, "size": list(row.size)}

    def common(self, results: Results, entries: Sequence[Entry]) -> dict[str, bytes]:
        content: dict[str, list[Any]] = {
            "images": [],
            "categories": [
                {"id": at, "name": name} for at, name in enumerate(results.bundle.classes, 1)
            ],
            "annotations": [],
        }
        for number, entry in enumerate(entries, 1):
            height, width = entry["size"]
            image = {"id": number, "file_name": entry["file"], "height": height, "width": width}
            content["images"].append(image)
            for told in _annotations(entry["final"]):
                at = len(content["annotations"]) + 1
                content["annotations"].append({"id": at, "image_id": number, **told})
        return {"detections.json": (json.dumps(content) + "\n").encode()}


def _annotations(boxes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    columns = (boxes[name] for name in ("boxes", "scores", "labels", "sure"))
    for (x0, y0, x1, y1), score, label, sure in zip(*columns, strict=True):
        sides = round(x1 - x0, 3), round(y1 - y0, 3)
        yield {
            "category_id": label + 1,
            "bbox": [round(x0, 3), round(y0, 3), *sides],
            "area": round(sides[0] * sides[1], 3),
            "iscrowd": 0,
            "score": round(score, 6),
            "sure": sure,
        }


FORMS: Mapping[str, Form] = {"classify": Classes(), "segment": Masks(), "detect": Boxes()}
"""Task → what is written."""


def _words(label: Any) -> str:
    return label if isinstance(label, str) else " ".join(label)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue().encode()
