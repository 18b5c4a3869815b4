"""``anamorph predict``: a bundle, a folder, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anamorph import tasks
from anamorph.cli import asking
from anamorph.cli.board import terminal


def predict(  # noqa: PLR0913 - one parameter an option
    bundle: asking.One,
    source: Annotated[Path, typer.Argument(help="Folder of pictures, or a picture.")],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the predictions.")],
    also: Annotated[
        list[str] | None, typer.Option("--with", help="Further bundles, asked together with it.")
    ] = None,
    tta: asking.Views = None,
    tile: asking.Tile = None,
    overlap: asking.Overlap = 0.25,
    batch: asking.Batch = None,
    device: asking.Device = "auto",
    workers: asking.Workers = 0,
    root: asking.Root = Path("runs"),
    overwrite: Annotated[
        bool, typer.Option(help="Begin anew where predictions of something else are.")
    ] = False,
) -> None:
    """Predict a folder of pictures: a table of classes, PNG masks, or COCO detections.

    A run that was stopped goes on with the pictures that are left. Pictures that cannot be read are
    named, and the exit status is 1.
    """
    with terminal() as board:
        rows = tasks.predict(
            [bundle, *(also or ())],
            source,
            out,
            tta=tta,
            tiles=asking.tiles(tile, overlap),
            batch=batch,
            device=device,
            workers=workers,
            root=root,
            overwrite=overwrite,
            board=board,
        )
    broken = [row for row in rows if row.error is not None]
    for row in broken:
        typer.echo(f"left out: {row.error}", err=True)
    typer.echo(f"{len(rows) - len(broken)} pictures predicted, in {out}")
    raise typer.Exit(1 if broken else 0)
