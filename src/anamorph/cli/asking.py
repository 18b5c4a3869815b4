"""The options that commands with models share, described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

Bundles: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--bundle",
        "-b",
        help="A bundle's folder, a run's folder or id, or NAME@ALIAS; several are asked together.",
    ),
]
One: TypeAlias = Annotated[
    str, typer.Argument(help="A bundle's folder, a run's folder or id, or NAME@ALIAS.")
]
Views: TypeAlias = Annotated[
    str | None,
    typer.Option("--tta", help="Views of each picture: hflip, d4, …; none for none."),
]
Tile: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="See pictures in tiles of this side.")
]
Overlap: TypeAlias = Annotated[
    float, typer.Option(min=0, max=0.9, help="Share of a tile that its neighbours share.")
]
Batch: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Pictures or tiles at once.")]
Device: TypeAlias = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Workers: TypeAlias = Annotated[int, typer.Option(min=0, help="Processes that read pictures.")]
Root: TypeAlias = Annotated[Path, typer.Option(help="Folder of runs.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def tiles(tile: int | None, overlap: float) -> dict[str, Any] | None:
    """Tiles as `predict` takes them."""
    return None if tile is None else {"tile": tile, "overlap": overlap}
