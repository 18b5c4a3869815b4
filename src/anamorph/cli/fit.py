"""``anamorph fit``: train the folds of a configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from anamorph import tasks
from anamorph.cli.board import terminal
from anamorph.cli.scores import table
from anamorph.core.errors import ParameterError

Root = Annotated[Path, typer.Option(help="Folder of runs.")]


def fit(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration, as `anamorph init` writes it.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SECTION.OPTION=VALUE]…", help="Options in place of the file's."),
    ] = None,
    *,
    root: Root = Path("runs"),
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with a run that was not finished.")
    ] = None,
) -> None:
    """Train the folds of a configuration; keep weights, out-of-fold predictions, scores, a bundle.

    A run that was killed goes on with `--resume ID`, without the configuration, and ends with the
    same weights. SIGTERM and Ctrl-C end it after its step, with a checkpoint (exit status 143, 130).
    """
    changes = list(overrides or ())
    if config is not None and "=" in str(config):
        config, changes = None, [str(config), *changes]
    if config is None:
        if resume is None:
            raise ParameterError(
                "which configuration? anamorph init FOLDER -o config.yaml writes one"
            )
        config = root / resume / "config.yaml"
    chosen = tasks.load(config, changes)
    with terminal() as board:
        run = tasks.fit(chosen, root, resume, board=board, command=sys.argv)
    if run is not None:
        typer.echo(run.path)
        typer.echo(table(tasks.evaluate(run.path)))
