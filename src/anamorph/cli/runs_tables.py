"""Runs as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from anamorph.ledger import Comparison, Difference, Garbage, Row, Run
from anamorph.ledger.configuration import flat

_SECTIONS = ("code", "data", "environment")

_PIPED = 400
"""Columns where there is no terminal: lines are for other programs, not to be broken."""

_LONGEST = 40
"""Changed files that are named; --json has them all."""


def listed(rows: Sequence[Row], metric: str | None) -> None:
    """A row a run."""
    table = _table("run", "status", "score", "public", "private", "names", "tags", "note")
    for row in rows:
        name = metric or row.metric
        score = None if name is None else row.scores.get(name)
        told = "" if score is None else f"{name} {score}"
        boards = [_number(row.board(split)) for split in ("public", "private")]
        notes = row.notes[-1] if row.notes else ""
        table.add_row(
            row.id, row.status, told, *boards, " ".join(row.names), " ".join(row.tags), notes
        )
    console = _console()
    console.print(table) if rows else console.print("there are no such runs")


def shown(run: Run) -> None:
    """Everything of a run, section by section."""
    told = run.record
    lines = [(name, told[name]) for name in ("id", "task", "created", "finished", "seed", "parent")]
    lines += [("status", run.status), ("command", " ".join(told["command"]))]
    lines += [("tags", told["tags"]), ("path", run.path)]
    lines += [(name, value) for name in _SECTIONS for name, value in flat(told[name] or {}, name)]
    lines += [(f"weights {name}", digest) for name, digest in told["weights"].items()]
    lines += [
        (f"{b['split']} leaderboard", f"{b['score']}  {b['at']}") for b in told["leaderboard"]
    ]
    lines += [("note", f"{entry['text']}  {entry['at']}") for entry in told["notes"]]
    lines = [(name, value) for name, value in lines if value not in (None, [], {}, "")]
    width = max(len(name) for name, _ in lines)
    console = _console()
    for name, value in lines:
        text = ", ".join(value) if isinstance(value, list) else str(value)
        console.print(f"{name:{width}}  {text}", soft_wrap=True)
    _scores(console, run.row)


def _scores(console: Console, row: Row) -> None:
    if not row.scores:
        return
    table = _table("score", "mean ± std", "folds")
    for name, score in row.scores.items():
        mark = f"{name} *" if name == row.metric else name
        table.add_row(mark, str(score), "  ".join(f"{value:.4f}" for value in score.folds))
    console.print()
    console.print(table)


def compared(found: Comparison) -> None:
    """A column a run: scores, then the options that are not the same in all."""
    table = _table("", *(row.id for row in found.rows))
    for name, scores in found.scores.items():
        table.add_row(name, *("" if score is None else str(score) for score in scores))
    for split in ("public", "private"):
        boards = [row.board(split) for row in found.rows]
        if any(board is not None for board in boards):
            table.add_row(f"{split} leaderboard", *map(_number, boards))
    table.add_section()
    for name, values in found.config.items():
        table.add_row(name, *map(_text, values))
    _console().print(table)


def differing(found: Sequence[Difference], sides: tuple[str, str], none: str) -> None:
    """A row a difference."""
    console = _console()
    if not found:
        console.print(none)
        return
    table = _table("", "", *sides)
    for entry in found[:_LONGEST]:
        table.add_row(entry.section, entry.name, _text(entry.a), _text(entry.b))
    console.print(table)
    if len(found) > _LONGEST:
        console.print(f"and {len(found) - _LONGEST} more")


def garbage(found: Garbage, root: Path, *, deleted: bool) -> None:
    """What goes, what stays and why."""
    console = _console()
    for run, why in found.kept.items():
        console.print(f"kept     {run}  {why}", soft_wrap=True)
    for run in found.runs:
        console.print(f"{'removed' if deleted else 'garbage':8} {run}", soft_wrap=True)
    told = f"{len(found.files)} files, {found.freed / 1e6:.1f} MB, of {len(found.runs)} runs"
    end = "were removed" if deleted else "may go: give --delete to remove them"
    console.print(f"{told} in {root} {end}", soft_wrap=True)


def _console() -> Console:
    console = Console(markup=False, highlight=False, emoji=False)
    return (
        console
        if console.is_terminal
        else Console(markup=False, highlight=False, emoji=False, width=_PIPED)
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)
