"""What one ``augment`` run does: a frozen value that worker processes can be handed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any, final

import cv2

from anamorph.cli.pipelines import configured, described, load_pipeline
from anamorph.data.annotations import Category, Record


@final
@dataclass(frozen=True, slots=True)
class Job:
    """The arguments of a run that decide what its output is, and where that goes."""

    pipeline: str
    images: str
    out: str
    masks: str | None = None
    form: str | None = None
    categories: tuple[Category, ...] = ()
    copies: int = 1
    seed: int = 0
    suffix: str | None = None
    quality: int = 95

    def load(self) -> Any:
        """The pipeline, seeded."""
        return configured(load_pipeline(self.pipeline), seed=self.seed)

    def identity(self) -> dict[str, Any]:
        """What must be equal for two runs to give the same bytes from the same pictures."""
        return {
            "anamorph": _version(),
            "opencv": cv2.__version__,
            "pipeline": described(configured(load_pipeline(self.pipeline), seed=None)),
            "seed": self.seed,
            "copies": self.copies,
            "format": self.suffix,
            "quality": self.quality,
            "masks": self.masks is not None,
            "annotations": self.form,
            "categories": hashlib.sha256(repr(self.categories).encode()).hexdigest(),
        }

    def file(self, name: str, copy: int) -> str:
        """What the copy of a picture is called, below the folder of pictures."""
        path = PurePosixPath(name)
        digits = len(str(self.copies - 1))
        return path.with_name(
            f"{path.stem}-{copy:0{digits}}{self.suffix or path.suffix}"
        ).as_posix()


@final
@dataclass(frozen=True, slots=True)
class Task:
    """One picture to augment; ``key`` is a digest of all that was read for it."""

    name: str
    key: str
    record: Record | None = None
    mask: Path | None = None


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a picture: the files that were written, or why there are none."""

    name: str
    key: str
    files: tuple[str, ...] = ()
    fragments: tuple[Any, ...] = ()
    error: str | None = None


def number_of(name: str) -> int:
    """By which a picture's chance is keyed: its name decides, not which pictures are beside it."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def _version() -> str:
    try:
        return version("anamorph")
    except PackageNotFoundError:
        return "from source"
