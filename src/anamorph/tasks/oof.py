"""Out-of-fold predictions: what a model says of pictures that it was not trained on, on the disk.

``oof/fold-0.npz`` has ``ids`` and, for classes, ``targets`` and ``predictions`` with a row a picture;
for masks, which differ in size, ``target-0``, ``prediction-0``, …: probabilities as bytes, 255 is 1.
Boxes are in ``oof/fold-0.jsonl``, a line a picture.
"""

from __future__ import annotations

import json
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from anamorph.core.errors import DataError
from anamorph.tasks.base import Found
from anamorph.tasks.lazy import Lazy

_WHOLE = 255


@final
@dataclass(frozen=True)
class Oof:
    """The pictures of a fold, what is true of them and what was predicted, in the same order."""

    ids: tuple[str, ...]
    targets: Sequence[Any]
    predictions: Sequence[Any]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def truths(self) -> Sequence[Any]:
        """The targets, as a task's scores call them."""
        return self.targets


def joined(parts: Sequence[Oof]) -> Oof:
    """Several folds as one."""
    ids = tuple(name for part in parts for name in part.ids)
    places = [(part, at) for part in parts for at in range(len(part))]
    return Oof(
        ids,
        Lazy(len(ids), lambda k: places[k][0].targets[places[k][1]]),
        Lazy(len(ids), lambda k: places[k][0].predictions[places[k][1]]),
    )


def write_oof(folder: Path, fold: int, task: str, ids: Sequence[str], found: Found) -> Path:
    """Write the predictions of a fold, whole or not at all.

    Args:
        folder: ``oof`` of a run.
        fold: its number.
        task: its name says the form.
        ids: of all pictures, by number.
        found: predictions and what is true, by the number of the picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    suffix, write = _WRITERS[task]
    path = folder / f"fold-{fold}{suffix}"
    temporary = folder / f".{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as stream:
            write(stream, [ids[at] for at in found.indices], found)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _write_rows(stream: Any, ids: Sequence[str], found: Found) -> None:
    np.savez_compressed(
        stream,
        ids=np.array(ids, str),
        targets=np.stack(found.truths),
        predictions=np.stack(found.predictions).astype(np.float32),
    )


def _write_maps(stream: Any, ids: Sequence[str], found: Found) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _put(archive, "ids", np.array(ids, str))
        for at, index in enumerate(found.indices):
            prediction, truth = found.entries[index]
            _put(archive, f"target-{at}", truth)
            _put(archive, f"prediction-{at}", np.rint(prediction * _WHOLE).astype(np.uint8))


def _put(archive: zipfile.ZipFile, name: str, array: Any) -> None:
    info = zipfile.ZipInfo(f"{name}.npy")
    info.compress_type = archive.compression
    with archive.open(info, "w", force_zip64=True) as stream:
        np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def _write_boxes(stream: Any, ids: Sequence[str], found: Found) -> None:
    for name, index in zip(ids, found.indices, strict=True):
        prediction, truth = found.entries[index]
        line = {"id": name, "target": _listed(truth), "prediction": _listed(prediction)}
        stream.write((json.dumps(line) + "\n").encode())


def _listed(boxes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(values).tolist() for name, values in boxes.items()}


_WRITERS: Mapping[str, tuple[str, Callable[[Any, Sequence[str], Found], None]]] = {
    "classify": (".npz", _write_rows),
    "segment": (".npz", _write_maps),
    "detect": (".jsonl", _write_boxes),
}
"""Task → ending and writer."""


def read_oof(run: str | os.PathLike[str], fold: int) -> Oof:
    """Read the out-of-fold predictions of a fold.

    Args:
        run: folder of the run.
        fold: its number.

    Raises:
        DataError: the run has none.
    """
    folder = Path(run) / "oof"
    for suffix, read in _READERS.items():
        path = folder / f"fold-{fold}{suffix}"
        if path.exists():
            return read(path)
    raise DataError(f"{folder} has no predictions of fold {fold}")


def folds_of(run: str | os.PathLike[str]) -> list[int]:
    """Numbers of the folds of a run that have out-of-fold predictions."""
    names = [path.stem for path in Path(run, "oof").glob("fold-*") if path.suffix in _READERS]
    return sorted(int(name.removeprefix("fold-")) for name in names)


def _read_arrays(path: Path) -> Oof:
    with np.load(path, allow_pickle=False) as archive:
        ids = tuple(archive["ids"].tolist())
        if "targets" in archive.files:
            return Oof(ids, archive["targets"], archive["predictions"])
    return Oof(
        ids,
        Lazy(len(ids), lambda at: _member(path, f"target-{at}")),
        Lazy(len(ids), lambda at: _member(path, f"prediction-{at}").astype(np.float32) / _WHOLE),
    )


def _member(path: Path, name: str) -> Any:
    with np.load(path, allow_pickle=False) as archive:
        return archive[name]


def _read_boxes(path: Path) -> Oof:
    lines = list(_lines(path))
    return Oof(
        tuple(line["id"] for line in lines),
        [_arrays(line["target"]) for line in lines],
        [_arrays(line["prediction"]) for line in lines],
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _arrays(boxes: Mapping[str, Any]) -> dict[str, Any]:
    arrays: dict[str, Any] = {"boxes": np.array(boxes["boxes"], np.float32).reshape(-1, 4)}
    arrays["labels"] = np.array(boxes["labels"], np.int64)
    if "scores" in boxes:
        arrays["scores"] = np.array(boxes["scores"], np.float32)
    return arrays


_READERS: Mapping[str, Callable[[Path], Oof]] = {".npz": _read_arrays, ".jsonl": _read_boxes}
