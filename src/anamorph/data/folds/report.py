"""What leaks from fold to fold: pairs of pictures that are, or nearly are, the same."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from anamorph.core.errors import DataError
from anamorph.data.folds.value import Id

_SHOWN = 10


@final
@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures of the same content.

    ``kind`` is "bytes" where files or arrays are equal, "pixels" where two files hold the same
    pixels, "near" for what only looks alike. ``view`` says how the second must be seen to look like the
    first, ``distance`` in how many bits of 64 the hashes differ, ``likeness`` how their small gray
    copies correlate. ``folds`` are None without folds.
    """

    first: Id
    second: Id
    kind: str
    view: str
    distance: int
    likeness: float
    folds: tuple[int, int] | None = None

    @property
    def leaks(self) -> bool:
        """Whether the two lie in different folds."""
        return self.folds is not None and self.folds[0] != self.folds[1]

    def __str__(self) -> str:
        apart = f", folds {self.folds[0]} and {self.folds[1]}" if self.folds else ""
        how = "equal " + self.kind if self.kind != "near" else f"{self.likeness:.3f} alike"
        seen = "" if self.view == "as it is" else f", {self.view}"
        return f"{self.first} = {self.second} ({how}{seen}{apart})"


@final
@dataclass(frozen=True, slots=True)
class LeakReport:
    """What :func:`find_leaks` found.

    ``flat`` are pictures of one gray level, which no hash can tell apart; equal files among them are
    in ``pairs``. ``broken`` has a sentence for each that cannot be read.
    """

    ids: tuple[Id, ...] = field(repr=False)
    pairs: tuple[Pair, ...]
    radius: int
    flat: tuple[Id, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[Pair, ...]:
        """The pairs whose pictures lie in different folds."""
        return tuple(pair for pair in self.pairs if pair.leaks)

    @property
    def counts(self) -> dict[str, int]:
        """How many pairs there are of each kind."""
        return dict(Counter(pair.kind for pair in self.pairs))

    def groups(self, also: Sequence[Any] | None = None) -> tuple[int, ...]:
        """A group for each id, so that what looks alike stays together: for ``make_folds``.

        Args:
            also: groups that are known, one an id; what either says belongs together then does.

        Raises:
            DataError: there is not one known group an id.
        """
        at = {name: place for place, name in enumerate(self.ids)}
        links = [(at[pair.first], at[pair.second]) for pair in self.pairs]
        if also is not None:
            if len(also) != len(self.ids):
                raise DataError(f"{len(self.ids)} ids have {len(also)} groups: one each is wanted")
            first: dict[Any, int] = {}
            links += [(first.setdefault(group, place), place) for place, group in enumerate(also)]
        return united(len(self.ids), links)

    def to_dict(self) -> dict[str, Any]:
        """All of it in dictionaries, lists and numbers."""
        whole = dataclasses.asdict(self)
        whole["counts"] = self.counts
        return dict(json.loads(json.dumps(whole)))

    def to_json(self, indent: int | None = None) -> str:
        """All of it as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        lines = [f"{len(self.ids)} pictures, {len(self.pairs)} alike pairs ({kinds or 'none'})"]
        shown: Sequence[Pair] = self.pairs
        if any(pair.folds for pair in self.pairs):
            shown = self.leaks
            lines.append(f"{len(shown)} of them lie in different folds")
        lines += [f"  {pair}" for pair in shown[:_SHOWN]]
        lines += [f"  and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
        lines += [f"{len(self.flat)} pictures are flat"] if self.flat else []
        lines += [f"{len(self.broken)} cannot be read"] if self.broken else []
        return "\n".join(lines)


def united(count: int, links: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """Number of the group of each place, when linked places share one; groups are counted from 0."""
    parents = list(range(count))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for one, other in links:
        a, b = root(one), root(other)
        parents[max(a, b)] = min(a, b)
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(root(place), len(numbers)) for place in range(count))
