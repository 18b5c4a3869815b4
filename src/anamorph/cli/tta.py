"""``anamorph tta``: which views help, measured on labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from anamorph import tasks
from anamorph.cli import asking
from anamorph.cli.board import terminal
from anamorph.cli.evaluate import given

_USUAL = ("none", "hflip", "d4")


def tta(  # noqa: PLR0913 - one parameter an option
    bundle: asking.One,
    data: Annotated[Path, typer.Argument(help="Labelled pictures, as `evaluate` takes them.")],
    *,
    views: Annotated[
        list[str] | None,
        typer.Option("--views", help="A set of views; may be given several times."),
    ] = None,
    tile: asking.Tile = None,
    overlap: asking.Overlap = 0.25,
    batch: asking.Batch = None,
    device: asking.Device = "auto",
    workers: asking.Workers = 0,
    root: asking.Root = Path("runs"),
    as_json: asking.Json = False,
) -> None:
    """Compare test-time augmentations of a bundle on labelled pictures: none, hflip, d4, or others."""
    rows = {}
    with terminal() as board:
        for name in views or _USUAL:
            rows[name] = tasks.evaluate(
                bundle,
                given(data),
                tta=name,
                tiles=asking.tiles(tile, overlap),
                batch=batch,
                device=device,
                workers=workers,
                root=root,
                board=board,
            )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    names = list(next(iter(rows.values())))
    shown = Table("views", box=None, pad_edge=False)
    for name in names:
        shown.add_column(name, justify="right")
    for view, scores in rows.items():
        shown.add_row(view, *(f"{scores[name]:.4f}" for name in names))
    Console(markup=False, highlight=False).print(shown)
