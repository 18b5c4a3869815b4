"""``anamorph init``: a configuration for a folder of data."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from anamorph.core.errors import DataError
from anamorph.data import write_atomically


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures and what tells their labels.")],
    *,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write; the standard output if none.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
) -> None:
    """Look at a folder of data and propose how to train on it: task, size, batch, loss, folds.

    The file is YAML with a comment on each option; change it, then run `anamorph fit`.
    """
    if out is not None and out.exists() and not overwrite:
        raise DataError(f"{out} is there already: --overwrite writes over it")
    found = import_module("anamorph.tasks.proposing").proposal(folder)
    if out is None:
        typer.echo(found.text, nl=False)
        return
    write_atomically(out, found.text.encode())
    typer.echo(f"{found.found}\nwritten to {out}: read it, then run  anamorph fit {out}")
