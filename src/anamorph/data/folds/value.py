"""Folds as a frozen value and as a file that proves to be unchanged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError, ParameterError
from anamorph.core.params import Choice, Number, plain
from anamorph.data.reading import read_bytes
from anamorph.data.write import write_atomically

Id: TypeAlias = str | int
Indices: TypeAlias = NDArray[np.int64]

_MARK = "anamorph_folds"
_VERSION = 1
_MISSING = Choice(("refuse", "ignore"))
_NEW = Choice(("refuse", "train", "ignore"))


@final
@dataclass(frozen=True, slots=True)
class Folds:
    """Which fold validates each id.

    ``numbers`` has the fold of each id, -1 for what never validates. ``seen`` has, for each fold,
    those that it trains on; empty means all others. ``left_out`` has the ids that a fold does not
    use at all. ``made`` says how they were made, ``counts`` how many of each class a fold has, all
    its samples first.

    >>> from anamorph.data import Folds
    >>> folds = Folds(("a.png", "b.png", "c.png"), (0, 1, 0), n=2)
    >>> folds.train(0), folds.valid(0), folds["c.png"]
    (('b.png',), ('a.png', 'c.png'), 0)

    Raises:
        DataError: an id is there twice, a number is no fold, or a fold is empty.
    """

    ids: tuple[Id, ...] = field(repr=False)
    numbers: tuple[int, ...] = field(repr=False)
    n: int
    made: tuple[tuple[str, Any], ...] = ()
    seen: tuple[tuple[int, ...], ...] = field(default=(), repr=False)
    left_out: tuple[tuple[Id, ...], ...] = field(default=(), repr=False)
    counts: tuple[tuple[str, tuple[int, ...]], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        unique_ids(self.ids)
        if len(self.numbers) != len(self.ids):
            raise DataError(
                f"{len(self.ids)} ids have {len(self.numbers)} folds: one each is wanted"
            )
        stray = set(self.numbers) - set(range(-1, self.n))
        if stray:
            raise DataError(f"fold {min(stray)} is none of {self.n}: -1 … {self.n - 1} is wanted")
        empty = set(range(self.n)) - set(self.numbers)
        if empty:
            raise DataError(f"fold {min(empty)} of {self.n} is empty: fewer folds are wanted")
        if any(kept and len(kept) != self.n for kept in (self.seen, self.left_out)):
            raise DataError(f"seen and left_out must have an entry for each of the {self.n} folds")

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, name: Id) -> int:
        """The fold of an id.

        Raises:
            DataError: it has none.
        """
        try:
            return self.numbers[self.ids.index(name)]
        except ValueError:
            raise DataError(f"{name!r} is in no fold") from None

    def to_dict(self) -> dict[Id, int]:
        """Id → fold."""
        return dict(zip(self.ids, self.numbers, strict=True))

    def train(self, k: int) -> tuple[Id, ...]:
        """The ids that fold k trains on, in their order."""
        return tuple(self.ids[at] for at in self.split(k)[0].tolist())

    def valid(self, k: int) -> tuple[Id, ...]:
        """The ids that fold k is validated on, in their order."""
        return tuple(self.ids[at] for at in self.split(k)[1].tolist())

    def split(
        self,
        k: int,
        ids: Sequence[Id] | None = None,
        *,
        missing: str = "refuse",
        new: str = "refuse",
    ) -> tuple[Indices, Indices]:
        """Positions that fold k trains on, and those it is validated on.

        Args:
            k: the fold.
            ids: what positions count in: the ids of the data as they are now, in any order. None
                are those of the folds.
            missing: "ignore" lets ids of the folds be absent.
            new: "train" trains on ids that are in no fold, in every fold; "ignore" leaves them out.

        Raises:
            DataError: ids are missing or new, and may not be.
            ParameterError: there is no such fold.
        """
        Number(0, self.n - 1, whole=True).check("Folds.split.k", k)
        numbers = self.numbered(self.ids if ids is None else ids, missing=missing, new=new)
        named = self.ids if ids is None else tuple(map(plain, ids))
        valid = numbers == k
        seen = self.seen[k] if self.seen else tuple(f for f in range(-1, self.n) if f != k)
        train = np.isin(numbers, seen)
        if self.left_out and self.left_out[k]:
            apart = set(self.left_out[k])
            train &= np.array([name not in apart for name in named], np.bool_)
        if new == "train":
            train |= numbers == self.n
        return np.flatnonzero(train), np.flatnonzero(valid)

    def numbered(
        self, ids: Iterable[Id], *, missing: str = "refuse", new: str = "refuse"
    ) -> NDArray[np.int64]:
        """The fold of each of these ids; ``n`` where an id is new and may be.

        Raises:
            DataError: ids are missing or new, and may not be.
        """
        _MISSING.check("Folds.missing", missing)
        _NEW.check("Folds.new", new)
        known = self.to_dict()
        given = unique_ids(tuple(map(plain, ids)))
        gone = [name for name in self.ids if name not in given]
        added = [name for name in given if name not in known]
        if gone and missing == "refuse":
            raise DataError(
                f"{_several(gone)} of the folds not among the data: missing='ignore' allows it"
            )
        if added and new == "refuse":
            raise DataError(f"{_several(added)} in no fold: new='train' or 'ignore' allows it")
        return np.array([known.get(name, self.n) for name in given], np.int64)

    @property
    def deviation(self) -> float:
        """The greatest distance of a count from an equal share, in samples; 0 without counts."""
        return max((_off(row) for _, row in self.counts), default=0.0)

    def summary(self) -> str:
        """A table of counts, a line a fold, a column a class."""
        columns = self.counts or (("all", tuple(self.numbers.count(k) for k in range(self.n))),)
        lines = [["fold", *(name for name, _ in columns)]]
        lines += [[str(k), *(str(row[k]) for _, row in columns)] for k in range(self.n)]
        wide = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
        return "\n".join(
            "  ".join(word.rjust(space) for word, space in zip(line, wide, strict=True))
            for line in lines
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them as JSON, a line an id, with how they were made and a checksum."""
        content = self._content()
        head = {key: value for key, value in content.items() if key != "folds"}
        lines = ",\n".join("  " + json.dumps(pair, ensure_ascii=False) for pair in content["folds"])
        text = json.dumps({**head, "sha256": _checksum(content)}, ensure_ascii=False, indent=1)
        text = f'{text[:-2]},\n "folds": [\n{lines}\n ]\n}}\n'
        write_atomically(path, text.encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Folds:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: the file cannot be read, is no file of folds, or was changed.
        """
        try:
            content = json.loads(read_bytes(path))
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{os.fspath(path)} is no JSON: {error}") from error
        if not isinstance(content, dict) or content.get(_MARK) != _VERSION:
            raise DataError(f"{os.fspath(path)} is no file of folds that this version can read")
        stated = content.pop("sha256", None)
        if stated != _checksum(content):
            raise DataError(
                f"{os.fspath(path)} was changed after it was written: its checksum differs"
            )
        return cls(
            ids=tuple(name for name, _ in content["folds"]),
            numbers=tuple(number for _, number in content["folds"]),
            n=content["n"],
            made=tuple((key, plain(value)) for key, value in content["made"].items()),
            seen=plain(content["seen"]),
            left_out=plain(content["left_out"]),
            counts=tuple((name, tuple(row)) for name, row in content["counts"]),
        )

    @property
    def checksum(self) -> str:
        """SHA-256 of all that is in them, as the file states it."""
        return _checksum(self._content())

    def _content(self) -> dict[str, Any]:
        return {
            _MARK: _VERSION,
            "n": self.n,
            "made": dict(self.made),
            "seen": self.seen,
            "left_out": self.left_out,
            "counts": self.counts,
            "folds": list(zip(self.ids, self.numbers, strict=True)),
        }


def unique_ids(ids: tuple[Any, ...]) -> dict[Id, int]:
    """Ids with their positions.

    Raises:
        DataError: an id is there twice, or is neither text nor a whole number.
    """
    found: dict[Id, int] = {}
    for at, name in enumerate(ids):
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise DataError(f"ids[{at}] = {name!r}: text or a whole number is wanted")
        if found.setdefault(name, at) != at:
            raise DataError(f"id {name!r} is there twice, at {found[name]} and {at}")
    return found


def counted(
    numbers: NDArray[np.int64], n: int, columns: Mapping[str, NDArray[Any]]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """How many each fold has: of all, and of each column of 0 and 1."""
    there = numbers >= 0
    inside = numbers[there]
    rows = [("all", np.bincount(inside, minlength=n))]
    rows += [
        (name, np.bincount(inside, weights=column[there], minlength=n))
        for name, column in columns.items()
    ]
    return tuple((name, tuple(int(value) for value in row)) for name, row in rows)


def _off(row: Sequence[int]) -> float:
    share = sum(row) / len(row)
    return max(abs(count - share) for count in row)


def _several(names: Sequence[Id]) -> str:
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    return f"{names[0]!r}{more}"


def _checksum(content: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    except TypeError as error:
        raise ParameterError(f"folds cannot be written as JSON: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()
