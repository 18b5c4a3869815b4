"""What runs differ in, and what has changed since one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import MissingFileError, ParameterError
from anamorph.ledger import code, configuration, content
from anamorph.ledger.content import Places
from anamorph.ledger.environment import environment
from anamorph.ledger.record import Record
from anamorph.ledger.rows import Row, Score
from anamorph.ledger.run import Run

SECTIONS = ("run", "config", "code", "data", "environment")
_SHORT = 12
"""Digits of a hash that are shown."""


@final
@dataclass(frozen=True)
class Difference:
    """A thing that differs; None is what is not there."""

    section: str
    name: str
    a: Any
    b: Any


@final
@dataclass(frozen=True)
class Comparison:
    """Several runs side by side."""

    rows: tuple[Row, ...]
    config: Mapping[str, tuple[Any, ...]]
    """Options that are not the same in all, and their values."""
    scores: Mapping[str, tuple[Score | None, ...]]
    weights: Mapping[str, bool]
    """Names of weights that all have, and whether they are the same to the bit."""


def compared(runs: Sequence[Run]) -> Comparison:
    """Compare runs."""
    if len(runs) < 2:
        raise ParameterError(f"compare: {len(runs)} runs, two at least are wanted")
    rows = tuple(run.row for run in runs)
    flat = [dict(configuration.flat(run.config)) for run in runs]
    config = {name: tuple(found) for name, *found in _table(flat) if _differ(found)}
    scores = {name: tuple(found) for name, *found in _table([row.scores for row in rows])}
    held = [run.record["weights"] for run in runs]
    weights = {name: not _differ(found) for name, *found in _table(held) if None not in found}
    return Comparison(rows, config, scores, weights)


def differences(a: Run, b: Run) -> list[Difference]:
    """What two runs differ in."""
    one, two = a.record, b.record
    pairs = {
        "run": ({name: told[name] for name in ("task", "seed", "command")} for told in (one, two)),
        "config": (dict(configuration.flat(run.config)) for run in (a, b)),
        "code": (_code(run.record["code"], _diff(run.path)) for run in (a, b)),
        "environment": (dict(configuration.flat(told["environment"])) for told in (one, two)),
    }
    found = [entry for section, (x, y) in pairs.items() for entry in _section(section, x, y)]
    found += _data(_print(one), _print(two), lambda: (_files(a), _files(b)))
    return _sorted(found)


def drifted(run: Run, data: Places | None, cache: Path, root: Path) -> list[Difference]:
    """What has changed since a run began: ``a`` is then, ``b`` is now."""
    told = run.record
    now = code.state(root=root)
    then = _code(told["code"], _diff(run.path))
    found = list(_section("code", then, _code(now.told, now.diff)))
    found += _section("environment", _versions(told["environment"]), _versions(environment()))
    if told["data"] is not None:
        found += _drift(run, told, data, cache)
    return _sorted(found)


def _drift(run: Run, told: Record, data: Places | None, cache: Path) -> list[Difference]:
    places = told["data"]["path"] if data is None else data
    try:
        now = content.fingerprint(places, cache, run.path.parent)
    except MissingFileError:
        return [Difference("data", "path", told["data"]["path"], None)]
    return _data(_print(told), now.sha256, lambda: (_files(run), _begun(now.files)))


def _data(
    a: str | None, b: str | None, files: Callable[[], tuple[Mapping[str, str], Mapping[str, str]]]
) -> list[Difference]:
    """How fingerprints differ, and the files that make them; those are read only if need be."""
    if a == b:
        return []
    names = [Difference("data", "fingerprint", _shortened(a), _shortened(b))]
    if a is None or b is None:
        return names
    return names + list(_section("data", *files()))


def _section(section: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    for name, one, two in _table([a, b]):
        if one != two:
            yield Difference(section, name, one, two)


def _table(columns: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Names, in the order they come in, with what each column has of it."""
    for name in dict.fromkeys(name for column in columns for name in column):
        yield (name, *(column.get(name) for column in columns))


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _sorted(found: Iterable[Difference]) -> list[Difference]:
    return sorted(found, key=lambda entry: SECTIONS.index(entry.section))


def _code(told: Mapping[str, Any], diff: bytes) -> dict[str, Any]:
    changed = _shortened(hashlib.sha256(diff).hexdigest()) if diff else None
    return {"version": told["version"], "commit": told["commit"], "not committed": changed}


def _diff(folder: Path) -> bytes:
    path = folder / code.DIFF
    return path.read_bytes() if path.exists() else b""


def _versions(told: Mapping[str, Any]) -> dict[str, Any]:
    """What can be known without loading torch."""
    kept = {name: value for name, value in told.items() if name not in ("torch", "cuda")}
    return dict(configuration.flat(kept))


def _print(told: Record) -> str | None:
    return None if told["data"] is None else str(told["data"]["fingerprint"])


def _files(run: Run) -> Mapping[str, str]:
    return _begun(content.saved(run.path) or {})


def _begun(files: Mapping[str, str]) -> Mapping[str, str]:
    return {name: digest[:_SHORT] for name, digest in files.items()}


def _shortened(digest: str | None) -> str | None:
    return None if digest is None else digest[:_SHORT]
