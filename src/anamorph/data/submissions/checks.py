"""What is wrong with a submission, before a scorer says it less plainly."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np

from anamorph.core.errors import DataError
from anamorph.data.submissions.runs import Runs, fault, is_empty, parsed
from anamorph.data.submissions.tables import Submission

Size = tuple[int, int]
_NOT_NUMBERS = frozenset({"nan", "inf", "-inf", "infinity", "-infinity"})


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: its kind, and a sentence that names place and value."""

    kind: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class _Rules:
    given: Submission
    sample: Submission
    key: int
    runs: str | None = None
    sizes: Mapping[str, Size] | Size | None = None
    start: int = 1
    apart: bool = True
    instances: bool = False
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def size(self, name: str) -> Size | None:
        if self.sizes is None or isinstance(self.sizes, tuple):
            return self.sizes
        return self.sizes.get(name)


def check_submission(  # noqa: PLR0913 - each is a rule that competitions differ in
    given: Submission | str | os.PathLike[str],
    sample: Submission | str | os.PathLike[str],
    *,
    key: str | None = None,
    runs: str | None = None,
    sizes: Mapping[str, Size] | Size | None = None,
    start: int = 1,
    instances: bool = False,
    apart: bool = True,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> tuple[Finding, ...]:
    """Compare a submission with the sample that a competition gives.

    Columns, ids and their order, absent and infinite numbers, and numbers out of their range are
    looked at, and run lengths: in pairs, within the picture, sorted, not overlapping.

    Args:
        given: a submission or its file.
        sample: the sample or its file.
        key: column of ids; None is the sample's first.
        runs: column of run lengths.
        sizes: height and width of all pictures, or of each id.
        start: number of the first pixel in run lengths.
        instances: an id may have several rows, one an object.
        apart: objects of an id must share no pixel.
        ranges: column → least and greatest number.

    Returns:
        What was found, a sentence each; nothing if all is well.

    >>> from anamorph.data.submissions import Submission, check_submission
    >>> sample = Submission(("id", "rle"), (("a", ""), ("b", "")))
    >>> wrong = Submission(("id", "rle"), (("a", "5 2 3 1"), ("b", "9 9")))
    >>> for finding in check_submission(wrong, sample, runs="rle", sizes=(4, 4)):
    ...     print(finding)
    row 1 (a): run lengths in 'rle' are not sorted
    row 2 (b): run lengths in 'rle' end at pixel 17 of 16
    """
    ours, theirs = _table(given), _table(sample)
    if ours.columns != theirs.columns:
        return (_columns(ours, theirs),)
    name = theirs.columns[0] if key is None else key
    theirs.column(name)
    for column in (*(() if runs is None else (runs,)), *(ranges or {})):
        theirs.column(column)
    rules = _Rules(
        ours, theirs, theirs.columns.index(name), runs, sizes, start, apart, instances, ranges or {}
    )
    return tuple(finding for check in CHECKS for finding in check(rules))


def _table(given: Submission | str | os.PathLike[str]) -> Submission:
    return given if isinstance(given, Submission) else Submission.read(given)


def _columns(ours: Submission, theirs: Submission) -> Finding:
    if sorted(ours.columns) == sorted(theirs.columns):
        return Finding("columns", f"columns are in the order {', '.join(ours.columns)}: "
                       f"{', '.join(theirs.columns)} is wanted")  # fmt: skip
    return Finding("columns", f"columns are {', '.join(ours.columns)}: "
                   f"{', '.join(theirs.columns)} are wanted")  # fmt: skip


def _ids(rules: _Rules) -> Iterator[Finding]:
    ours = [row[rules.key] for row in rules.given.rows]
    wanted = [row[rules.key] for row in rules.sample.rows]
    for what, names in (
        ("is missing", [name for name in dict.fromkeys(wanted) if name not in set(ours)]),
        ("is not in the sample", [name for name in dict.fromkeys(ours) if name not in set(wanted)]),
    ):
        if names:
            more = f", and {len(names) - 1} more" if len(names) > 1 else ""
            yield Finding("ids", f"id {names[0]!r} {what}{more}")
    counts, often = Counter(ours), Counter(wanted)
    twice = [name for name, count in counts.items() if count > max(1, often[name])]
    if twice and not rules.instances:
        more = f", and {len(twice) - 1} more ids" if len(twice) > 1 else ""
        yield Finding("ids", f"id {twice[0]!r} is there {counts[twice[0]]} times{more}")


def _order(rules: _Rules) -> Iterator[Finding]:
    ours = list(dict.fromkeys(row[rules.key] for row in rules.given.rows))
    wanted = list(dict.fromkeys(row[rules.key] for row in rules.sample.rows))
    if ours != wanted and set(ours) == set(wanted):
        at = next(at for at, (a, b) in enumerate(zip(ours, wanted, strict=True)) if a != b)
        yield Finding("order", f"ids are in another order than the sample's: the first to differ is "
                      f"{ours[at]!r}, where {wanted[at]!r} is wanted")  # fmt: skip


def _cells(rules: _Rules) -> Iterator[Finding]:
    for at, name in enumerate(rules.given.columns):
        if name == rules.runs:
            continue
        blank_allowed = any(not row[at].strip() for row in rules.sample.rows)
        low, high = rules.ranges.get(name, (-math.inf, math.inf))
        for number, row in enumerate(rules.given.rows, start=1):
            text = row[at].strip().lower()
            if text in _NOT_NUMBERS or (not text and not blank_allowed):
                yield _at(rules, number, "cells", f"{name!r} is {row[at].strip() or 'blank'}")
            elif name in rules.ranges and not low <= _number(text) <= high:
                yield _at(
                    rules,
                    number,
                    "cells",
                    f"{name!r} is {row[at]}: a number in [{low:g}, {high:g}] is wanted",
                )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _runs(rules: _Rules) -> Iterator[Finding]:
    if rules.runs is None:
        return
    column = rules.given.columns.index(rules.runs)
    taken: dict[str, Runs] = {}
    for number, row in enumerate(rules.given.rows, start=1):
        name = row[rules.key]
        size = rules.size(name)
        try:
            found = parsed(row[column], rules.start)
        except DataError as error:
            yield _at(rules, number, "runs", str(error))
            continue
        wrong = fault(found, None if size is None else size[0] * size[1])
        if wrong:
            yield _at(rules, number, "runs", f"run lengths in {rules.runs!r} {wrong}")
        elif rules.instances and rules.apart and not is_empty(row[column]):
            both = np.concatenate([taken.get(name, found[:0]), found])
            taken[name] = both[np.argsort(both[:, 0], kind="stable")]
            if fault(taken[name], None):
                yield _at(rules, number, "runs", "shares pixels with another object of its picture")


def _at(rules: _Rules, number: int, kind: str, what: str) -> Finding:
    return Finding(kind, f"row {number} ({rules.given.rows[number - 1][rules.key]}): {what}")


CHECKS: tuple[Callable[[_Rules], Iterator[Finding]], ...] = (_ids, _order, _cells, _runs)
"""What is looked at, in this order, once the columns are right."""
