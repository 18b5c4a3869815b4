"""``anamorph report``: the page of a run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from anamorph.cli import asking


def report(
    run: Annotated[str, typer.Argument(help="A run's folder or id, or NAME@ALIAS.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File to write.", show_default="report.html of the run"),
    ] = None,
    shown: Annotated[int, typer.Option(min=1, help="Pictures of the best, and of the worst.")] = 6,
    root: asking.Root = Path("runs"),
) -> None:
    """Write the page of a run, done or not: one HTML file that needs nothing else."""
    found = import_module("anamorph.tasks.report").report(run, out, root=root, shown=shown)
    typer.echo(f"the page is {found}")
