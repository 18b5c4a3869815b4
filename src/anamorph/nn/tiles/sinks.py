"""Where finished rows go: an array, what looks like one, or a file that is there whole or not at all."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from anamorph.core.errors import DataError, DataTypeError, ParameterError
from anamorph.nn.tiles.layout import Layout
from anamorph.nn.tiles.reading import release

PART = ".part"
"""How the name of a file that is being written ends."""
DONE = ".done"
"""How the name of the note ends that says how far a file is."""


class Sink(ABC):
    """A place for the rows of a result, from the first to the last."""

    dtype: np.dtype[Any] | None = None
    """The type of what is written; None if it is free."""

    done: int = 0
    """Rows that are there from a run before."""

    @abstractmethod
    def open(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Make room for a result.

        Raises:
            DataError: what was given for it has another shape.
        """

    @abstractmethod
    def write(self, index: tuple[slice, ...], block: NDArray[Any]) -> None:
        """Write some rows."""

    @abstractmethod
    def mark(self, rows: int) -> None:
        """Take note that the rows before one are written."""

    @abstractmethod
    def close(self) -> Any:
        """End, and give the result."""

    @abstractmethod
    def abort(self) -> None:
        """End without a result."""


class Fresh(Sink):
    """An array made for the result; a tensor where the picture is one."""

    def __init__(self, *, tensor: bool) -> None:
        self._tensor = tensor
        self._held: NDArray[Any] = np.empty(0)

    def open(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._held = np.empty(shape, dtype)

    def write(self, index: tuple[slice, ...], block: NDArray[Any]) -> None:
        self._held[index] = block

    def mark(self, rows: int) -> None:
        pass

    def abort(self) -> None:
        pass

    def close(self) -> Any:
        return torch.from_numpy(self._held) if self._tensor else self._held


class Given(Sink):
    """The caller's array, mapped file, tensor, or what has shape, dtype and takes slices."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._squeeze: int | None = None
        self._tensor = isinstance(out, torch.Tensor)
        self.dtype: np.dtype[Any] | None = (
            torch.empty(0, dtype=out.dtype).numpy().dtype if self._tensor else out.dtype
        )

    def open(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        given = tuple(self._out.shape)
        lone = [axis for axis, n in enumerate(shape) if n == 1 and _without(shape, axis) == given]
        if given != shape and not lone:
            raise DataError(f"out has shape {given}: the result has {shape}")
        self._squeeze = None if given == shape else lone[-1]

    def write(self, index: tuple[slice, ...], block: NDArray[Any]) -> None:
        if self._squeeze is not None:
            index = _without(index, self._squeeze)
            block = block.squeeze(self._squeeze)
        self._out[index] = torch.from_numpy(block) if self._tensor else block

    def mark(self, rows: int) -> None:
        release(self._out)  # a mapped file keeps what was written to it

    def abort(self) -> None:
        pass

    def close(self) -> Any:
        return self._out


class File(Sink):
    """A .npy file, written in rows, so that no page of it stays in memory.

    Until it is whole its name ends in ``.part``. With ``resume`` a note beside it says how many
    rows are safe on the disk; a run that finds both goes on from there.
    """

    def __init__(self, path: Path, layout: Layout, *, resume: bool, told: str) -> None:
        if path.suffix != ".npy":
            raise ParameterError(f"out = {str(path)!r}: it must end in .npy, or be an array")
        self._path, self._layout = path, layout
        self._part = path.with_name(path.name + PART)
        self._note = path.with_name(path.name + DONE)
        self._resume, self._told = resume, told
        self._stream: IO[bytes] | None = None
        self._begin, self._header = 0, ""
        self._shape: tuple[int, ...] = ()
        self._noted: Mapping[str, Any] = {}
        if resume and self._part.exists() and self._note.exists():
            self._noted = json.loads(self._note.read_text())
            self.done: int = int(self._noted["rows"])
            if self._noted["told"] != told:
                raise DataError(
                    f"{self._part} was begun with other settings: {self._noted['told']}"
                )

    def open(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._shape = shape
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        if self.done and self._noted["header"] != repr(header):
            raise DataError(
                f"{self._part} holds {self._noted['header']}, and the result is {header}"
            )
        self._header = repr(header)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self.done:
            self._note.unlink(missing_ok=True)
        stream = self._part.open("r+b" if self.done else "w+b")
        self._stream = stream
        npy.write_array_header_1_0(stream, header)
        self._begin = stream.tell()
        stream.truncate(self._begin + dtype.itemsize * int(np.prod(shape)))

    def write(self, index: tuple[slice, ...], block: NDArray[Any]) -> None:
        axis = 1 if self._layout.place == 0 and len(index) > self._layout.axes else 0
        height, first = self._shape[axis], index[axis].start
        for channel, rows in enumerate(block if axis else block[None]):
            line = rows[0].nbytes
            self._file.seek(self._begin + (channel * height + first) * line)
            self._file.write(np.ascontiguousarray(rows).data)

    def mark(self, rows: int) -> None:
        if not self._resume:
            return
        self._sync()
        note = {"rows": rows, "told": self._told, "header": self._header}
        fresh = self._note.with_name(self._note.name + PART)
        fresh.write_text(json.dumps(note))
        fresh.replace(self._note)

    def close(self) -> Any:
        self._sync()
        self._file.close()
        self._part.replace(self._path)
        self._note.unlink(missing_ok=True)
        return np.load(self._path, mmap_mode="r")

    def abort(self) -> None:
        if self._stream is not None:
            self._stream.close()
            if not self._resume:
                self._part.unlink(missing_ok=True)

    @property
    def _file(self) -> IO[bytes]:
        if self._stream is None:
            raise ValueError("the file is not open")
        return self._stream

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def sink_for(out: Any, layout: Layout, *, tensor: bool, resume: bool, told: str) -> Sink:
    """Find the sink for what a caller gave as ``out``.

    Raises:
        DataTypeError: nothing can be written to it.
        ParameterError: it is no file, and is to be gone on with.
    """
    if isinstance(out, str | os.PathLike):
        return File(Path(out), layout, resume=resume, told=told)
    if resume:
        raise ParameterError("resume = True: out must be the path of a file to go on with")
    if out is None:
        return Fresh(tensor=tensor)
    if all(hasattr(out, name) for name in ("shape", "dtype", "__setitem__")):
        return Given(out)
    raise DataTypeError(
        f"out is {type(out).__name__}: a path, an array or what has shape, dtype and takes slices "
        "is wanted"
    )


def _without(items: tuple[Any, ...], at: int) -> tuple[Any, ...]:
    return items[:at] + items[at + 1 :]
