"""``anamorph export``: a bundle as ONNX, checked against torch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from anamorph import tasks
from anamorph.cli import asking
from anamorph.data import find_pictures


def export(  # noqa: PLR0913 - one parameter an option
    bundle: asking.One,
    out: Annotated[Path, typer.Argument(help="File to write: model.onnx.")],
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Models of it by name, as fold-0; all.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Folder of pictures to check it with, besides noise.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Pictures of that folder.")] = 4,
    tolerance: Annotated[
        float, typer.Option(min=0, help="The greatest difference from torch that is accepted.")
    ] = 1e-3,
    root: asking.Root = Path("runs"),
) -> None:
    """Write a bundle as ONNX, with classes, thresholds and preprocessing in its metadata.

    It is run beside torch before it is kept, and refused where the two differ.
    """
    loaded = tasks.Bundle.load(bundle, root)
    if only:
        loaded = loaded.only(only)
    pictures = [] if check is None else [check / name for name in find_pictures(check)[:most]]
    done = import_module("anamorph.tasks.export").export(
        loaded, out, pictures=pictures, tolerance=tolerance
    )
    for name, far in done.differences.items():
        typer.echo(f"{far:9.1e}  {name}")
    free = ", ".join(done.dynamic) or "nothing"
    typer.echo(f"{done.path} differs by {done.difference:.1e} at most; open to any: {free}")
