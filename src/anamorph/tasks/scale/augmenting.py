"""Augmented variants of files by many processes, as ``anamorph augment`` writes them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import AnamorphError, DataError
from anamorph.data import find_pictures, pair_masks
from anamorph.data.reading import read_bytes
from anamorph.tasks.board import Board
from anamorph.tasks.scale.engine import DIED, Engine, Entry, Ray, Summary

File = str | os.PathLike[str]
_SETTLED = {"settled": True}


def augment(  # noqa: PLR0913 - one call, each parameter but three by its name
    pipeline: str,
    images: File,
    out: File,
    *,
    masks: File | None = None,
    copies: int = 1,
    seed: int = 0,
    suffix: str | None = None,
    quality: int = 95,
    engine: Engine | None = None,
    board: Board | None = None,
) -> Summary:
    """Write variants of pictures, and of their masks; what is there already is not written again.

    The folder is that of ``anamorph augment``, byte for byte: one goes on where the other stopped.

    Args:
        pipeline: text, file, or ``module:object``, as the command takes it.
        images: folder of pictures; the processes must see it, and ``out``.
        out: folder to write to: new, or of the same run.
        masks: folder of masks.
        copies: variants of each picture.
        seed: number that all chance comes from.
        suffix: as ``.png``, to write pictures so; as read if None.
        quality: of JPEG and WebP.
        engine: where it is done; `Ray` if None.
        board: is told how it goes.

    Raises:
        DataError: there are no pictures, one has no mask, or ``out`` holds another run.
    """
    # What a picture becomes is told above this layer, by the command; here it is spread only.
    jobs, journals = _command("job"), _command("journal")
    places = [None if each is None else str(Path(each).absolute()) for each in (images, out, masks)]
    job = jobs.Job(pipeline, *places, copies=copies, seed=seed, suffix=suffix, quality=quality)
    job.load()  # a mistake in the pipeline is told before anything is touched
    names = find_pictures(job.images)
    if not names:
        raise DataError(f"{images} holds no pictures")
    found = {} if job.masks is None else pair_masks(names, job.masks)
    pairs = {name: str(path) for name, path in found.items()}
    with journals.Journal(Path(job.out), job.identity()) as journal:
        journal.forget(set(journal.outcomes) - set(names))
        asked = [
            {"name": name, "key": _key(journal, name), "mask": pairs.get(name)} for name in names
        ]
        told = (engine or Ray()).over(Augmenting, (job,), asked)
        summary = _noted(journal, told, names, board or Board())
        journal.finish({})
    return summary


def _key(journal: Any, name: str) -> str | None:
    """What was read for a picture that is done."""
    outcome = journal.outcomes.get(name)
    done = outcome is not None and journal.settled(name, outcome.key)
    return outcome.key if done else None


def _noted(journal: Any, found: Any, names: Sequence[str], board: Board) -> Summary:
    failed, before = dict.fromkeys(names, DIED), 0
    for count, entry in enumerate(found, 1):
        failed.pop(entry["name"])
        before += "settled" in entry
        if "settled" not in entry:
            outcome = _outcome(entry)
            if outcome.error is not None:
                journal.forget([outcome.name])  # what was written of what it was before
            journal.add(outcome)
            failed |= {} if outcome.error is None else {outcome.name: outcome.error}
        board.seen(count, len(names))
    for name in [name for name, why in failed.items() if why == DIED]:
        journal.add(_outcome({"name": name, "key": "", "error": f"{name}: {DIED}"}))
    return Summary(len(names) - before - len(failed), before, failed)


def _outcome(entry: Mapping[str, Any]) -> Any:
    return _command("job").Outcome(**{**entry, "files": tuple(entry.get("files", ()))})


@final
class Augmenting:
    """A job in one process."""

    worker: Any
    job: Any

    def __init__(self, job: Any) -> None:
        """Build the pipeline."""
        work = _command("work")
        work.quieten()
        self.job, self.worker = job, work.Worker(job)

    def __call__(self, entries: Sequence[Entry]) -> list[Entry]:
        """Augment a batch of pictures, but for those that are as they were."""
        return [self._one(entry) for entry in entries]

    def _one(self, entry: Entry) -> Entry:
        name, mask = entry["name"], entry["mask"]
        try:
            key = self._read(name, mask)
        except (AnamorphError, OSError) as error:
            return {"name": name, "key": "", "error": str(error)}
        if entry["key"] == key:
            return {"name": name, **_SETTLED}
        task = _command("job").Task(name, key, None, None if mask is None else Path(mask))
        return asdict(self.worker(task))

    def _read(self, name: str, mask: str | None) -> str:
        """What the command knows a picture and its mask by: a digest of all that was read."""
        digest = hashlib.sha256(read_bytes(Path(self.job.images) / name))
        if mask is not None:
            digest.update(read_bytes(Path(mask)))
        digest.update(repr(None).encode())  # of annotations, which there are none of here
        return digest.hexdigest()


def _command(name: str) -> Any:
    return import_module(f"anamorph.cli.{name}")
