"""``weights/<sha256>.safetensors``: files by the hash of what they hold, each stored once."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from anamorph.core.atomic import PART
from anamorph.core.errors import MissingFileError

FOLDER = "weights"
SUFFIX = ".safetensors"
_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """The hash of what a file holds."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def put(
    folder: Path, source: Path | bytes, elsewhere: Callable[[str], Iterable[Path]] | None = None
) -> str:
    """Store a copy of a file, or bytes, under the hash of what was copied; gives the hash.

    Args:
        folder: where such files are.
        source: the file, whose ending is kept, or what one of safetensors would hold.
        elsewhere: other folders that may have a hash. What lies there is linked to, if it is sound.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{secrets.token_hex(8)}{PART}"
    suffix = SUFFIX if isinstance(source, bytes) else source.suffix or SUFFIX
    try:
        digest = _copied(source, temporary)
        target = folder / f"{digest}{suffix}"
        if not _sound(target, digest):
            for other in elsewhere(digest) if elsewhere is not None else ():
                _share(other / target.name, digest, temporary)
            temporary.chmod(0o444)  # nobody is to write into a file whose name says what it holds
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return digest


def missing(folder: Path, digests: Iterable[str]) -> list[str]:
    """Hashes of which there is no file."""
    there = {path.stem for path in folder.glob("*.*")}
    return sorted(set(digests) - there)


def packed(state: Mapping[str, Any]) -> bytes:
    """Arrays or tensors by name as safetensors.

    Raises:
        MissingFileError: safetensors is not installed.
    """
    tensors = any(hasattr(value, "detach") for value in state.values())
    try:
        module = import_module("safetensors.torch" if tensors else "safetensors.numpy")
    except ImportError as error:
        raise MissingFileError(
            "weights are written by safetensors: run  pip install safetensors"
        ) from error
    held = state
    if tensors:
        held = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    data: bytes = module.save(dict(held))
    return data


def _copied(source: Path | bytes, target: Path) -> str:
    """Copy a file, and hash what is copied."""
    digest = hashlib.sha256()
    opened = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with opened as taken, target.open("xb") as given:
        while chunk := taken.read(_CHUNK):
            digest.update(chunk)
            given.write(chunk)
        given.flush()
        os.fsync(given.fileno())
    return digest.hexdigest()


def _sound(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_of(path) == digest


def _share(other: Path, digest: str, temporary: Path) -> None:
    """Make a temporary file one with another that holds the same, where links can be."""
    with suppress(OSError):
        if not other.samefile(temporary) and _sound(other, digest):
            linked = temporary.with_name(f".{secrets.token_hex(8)}{PART}")
            os.link(other, linked)
            linked.replace(temporary)
