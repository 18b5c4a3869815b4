"""The state of the code: version of the package, commit, and what is not committed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, final

from anamorph.core.atomic import write_atomically

DIFF = "code.diff"
_SECONDS = 60
_UNTRACKED = 100
"""So many names of files that git does not know are kept."""


@final
@dataclass(frozen=True)
class Code:
    """What there is of code: what ``run.json`` says of it, and what is not committed."""

    told: Mapping[str, Any]
    diff: bytes = b""

    def save(self, folder: Path) -> dict[str, Any]:
        """Write what is not committed to ``code.diff``, if it is anything; gives what is told."""
        if self.diff:
            write_atomically(folder / DIFF, self.diff)
        return dict(self.told)


def state(where: Path | None = None, root: Path | None = None) -> Code:
    """The state of the code around a place.

    Args:
        where: a place in a git repository, or in none; the working directory if None.
        root: of the ledger, whose files are no code.
    """
    place = where or Path.cwd()
    commit = _git(place, "rev-parse", "HEAD")
    found: dict[str, Any] = {"version": _version(), "commit": None, "dirty": False, "diff": None}
    if commit is None:
        return Code(found)
    diff = _git(place, "diff", "HEAD", "--binary", "--no-color", "--no-ext-diff") or b""
    found |= {
        "commit": commit.decode().strip(),
        "dirty": bool(diff),
        "diff": DIFF if diff else None,
    }
    return Code(found | {"untracked": _untracked(place, root)}, diff)


def _untracked(place: Path, root: Path | None) -> list[str]:
    listed = _git(place, "ls-files", "--others", "--exclude-standard", "-z") or b""
    names = [name.decode(errors="replace") for name in listed.split(b"\0") if name]
    if root is not None:
        mine = root.resolve()
        names = [name for name in names if mine not in (place / name).resolve().parents]
    return sorted(names)[:_UNTRACKED]


def _git(place: Path, *words: str) -> bytes | None:
    """What git says; None if there is no git, no repository, or no answer."""
    command = ["git", "-C", str(place), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)  # noqa: S603 - words of our own
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _version() -> str | None:
    try:
        return metadata.version("anamorph")
    except metadata.PackageNotFoundError:
        return None
