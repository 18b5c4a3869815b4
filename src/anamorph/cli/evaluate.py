"""``anamorph evaluate`` and ``anamorph tta``: scores of a bundle on labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from anamorph import tasks
from anamorph.cli import asking
from anamorph.cli.board import terminal
from anamorph.cli.scores import told

Data = Annotated[
    Path | None,
    typer.Argument(
        help="Folder laid out as that of the training pictures, or a configuration (.yaml); a run's "
        "own out-of-fold predictions if none."
    ),
]


def evaluate(  # noqa: PLR0913 - one parameter an option
    bundle: asking.One,
    data: Data = None,
    *,
    tta: asking.Views = None,
    tile: asking.Tile = None,
    overlap: asking.Overlap = 0.25,
    batch: asking.Batch = None,
    device: asking.Device = "auto",
    workers: asking.Workers = 0,
    root: asking.Root = Path("runs"),
    as_json: asking.Json = False,
) -> None:
    """Score a bundle on labelled pictures, or a run on its out-of-fold predictions."""
    with terminal() as board:
        scores = tasks.evaluate(
            bundle,
            given(data),
            tta=tta,
            tiles=asking.tiles(tile, overlap),
            batch=batch,
            device=device,
            workers=workers,
            root=root,
            board=board,
        )
    typer.echo(told(scores, as_json=as_json))


def given(data: Path | None) -> Any:
    """Labelled data: a folder, or what a configuration says."""
    if data is not None and data.suffix in {".yaml", ".yml", ".json"}:
        return tasks.load(data)
    return data
