"""The work on one picture, in whichever process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from anamorph.cli.job import Job, Outcome, Task, number_of
from anamorph.core.errors import AnamorphError, DataError
from anamorph.data import write_atomically
from anamorph.data.annotations import Record
from anamorph.data.follow import Following, prepared
from anamorph.data.formats import FORMATS
from anamorph.data.reading import decode_mask, decode_picture, read_bytes
from anamorph.data.write import encode_mask, encode_picture, mask_suffix


class Worker:
    """A job made ready: its pipeline is built, and takes picture by picture."""

    def __init__(self, job: Job) -> None:
        """Build the pipeline."""
        self.job = job
        loaded = job.load()
        self.pipeline: Any = prepared(loaded) if job.form is not None else loaded

    def __call__(self, task: Task) -> Outcome:
        """Augment a picture; whatever goes wrong with it is told, and concerns no other."""
        written: list[str] = []
        try:
            fragments = self._copies(task, written)
        except Exception as error:  # noqa: BLE001 - one bad picture must not end the run
            for name in written:
                (Path(self.job.out) / name).unlink(missing_ok=True)
            return Outcome(task.name, task.key, error=_sentence(task.name, error))
        return Outcome(task.name, task.key, tuple(written), tuple(fragments))

    def _copies(self, task: Task, written: list[str]) -> list[Any]:
        data: dict[str, Any] = {
            "image": decode_picture(read_bytes(Path(self.job.images) / task.name), task.name)
        }
        if task.mask is not None:
            data["mask"] = decode_mask(read_bytes(task.mask), task.mask)
        following = None
        if task.record is not None:
            following = Following(task.record, self.job.categories)
            data |= following.arguments()
        fragments = []
        for copy in range(self.job.copies):
            result = self.pipeline.keyed(copy, number_of(task.name))(**data)
            self._write_pixels(result, task, copy, written)
            if following is not None:
                file = self.job.file(task.name, copy)
                fragments.append(self._write_record(following.record(result, file), written))
        return fragments

    def _write_pixels(
        self, result: dict[str, Any], task: Task, copy: int, written: list[str]
    ) -> None:
        file = Path(self.job.file(task.name, copy))
        image = _storable(result["image"], str(file))
        self._write(
            f"images/{file.as_posix()}",
            encode_picture(image, file.suffix, self.job.quality, file),
            written,
        )
        if task.mask is not None:
            mask = np.asarray(result["mask"])
            place = file.with_suffix(mask_suffix(mask))
            content = encode_mask(mask, place.suffix, place)
            self._write(f"masks/{place.as_posix()}", content, written)

    def _write_record(self, record: Record, written: list[str]) -> Any:
        form = FORMATS[str(self.job.form)]
        for name, content in form.files(record, self.job.categories).items():
            self._write(name, content, written)
        return form.fragment(record, self.job.categories)

    def _write(self, name: str, content: bytes, written: list[str]) -> None:
        write_atomically(Path(self.job.out) / name, content)
        written.append(name)


def _storable(image: Any, place: str) -> Any:
    """The picture, if it is one that a file can hold."""
    if isinstance(image, np.ndarray) and image.dtype.name in ("uint8", "uint16"):
        return image
    if isinstance(image, np.ndarray) and Path(place).suffix.lower() in (".tif", ".tiff"):
        return image
    kind = image.dtype.name if isinstance(image, np.ndarray) else type(image).__name__
    raise DataError(
        f"{place} would hold {kind} pixels: leave Normalize, ToFloat and ToTensorV2 to the "
        f"training, or write them with --format tiff"
    )


def _sentence(name: str, error: Exception) -> str:
    """What went wrong with a picture, its name included."""
    text = " ".join(str(error).split())
    if not isinstance(error, AnamorphError):
        return f"{name}: {type(error).__name__}: {text}"
    return text if name in text else f"{name}: {text}"


_worker: list[Worker] = []
"""The worker of this process, once it has been set up."""


def set_up(job: Job) -> None:
    """Make this process ready: it leaves Ctrl-C to its parent and ends when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    quieten()
    _worker[:] = [Worker(job)]


def work(task: Task) -> Outcome:
    """Do a task in a process that was set up."""
    return _worker[0](task)


def quieten() -> None:
    """Keep OpenCV to one thread, and its complaints about broken files, which we name, quiet."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _end_with_parent() -> None:
    """A parent that was killed cannot tell its workers to stop, so they watch it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
