"""Folders of pictures: which files are there, and which mask belongs to which picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from anamorph.core.errors import DataError
from anamorph.data.annotations import stem

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Endings, in small letters, of the files that are taken for pictures."""


def find_pictures(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """Paths of all pictures below a folder, relative to it, with forward slashes, sorted.

    Hidden files and folders are left out. Links to folders are not followed.

    Raises:
        DataError: when there is no such folder, or two pictures differ in their ending only.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root} is no folder of pictures")
    found = []
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(place).relative_to(root)
        found += [
            (below / name).as_posix()
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    _by_stem(root, found)
    return tuple(sorted(found))


def pair_masks(pictures: Sequence[str], folder: str | os.PathLike[str]) -> Mapping[str, Path]:
    """The mask of each picture: the file of the same path and stem below a folder of masks.

    Raises:
        DataError: when a picture has no mask, or two.
    """
    root = Path(folder)
    masks = _by_stem(root, find_pictures(root))
    missing = [picture for picture in pictures if stem(picture) not in masks]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"{root} has no mask for {missing[0]}{more}")
    return {picture: root / masks[stem(picture)] for picture in pictures}


def _by_stem(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Files by their path without ending, which must tell them apart."""
    stems: dict[str, str] = {}
    for name in sorted(names):
        other = stems.setdefault(stem(name), name)
        if other != name:
            raise DataError(
                f"{root / other} and {root / name} differ in their ending only: "
                f"masks and annotations are found by the name before it, so it must be unique"
            )
    return stems
