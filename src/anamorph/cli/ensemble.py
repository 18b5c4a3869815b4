"""``anamorph ensemble``: several bundles as one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from anamorph import tasks
from anamorph.cli import asking
from anamorph.cli.scores import told
from anamorph.core.errors import ParameterError


def ensemble(
    bundles: Annotated[
        list[str], typer.Argument(help="Bundles: folders, folders or ids of runs, or NAME@ALIAS.")
    ],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the new bundle.")],
    weights: Annotated[
        str | None, typer.Option(help="One a bundle, as 0.5,0.3,0.2; equal ones if not said.")
    ] = None,
    search: Annotated[
        bool,
        typer.Option(help="Search weights and thresholds on the runs' out-of-fold predictions."),
    ] = False,
    root: asking.Root = Path("runs"),
) -> None:
    """Make one bundle of several, whose models are asked together.

    With `--search`, the weights are those that score best on the out-of-fold predictions of the runs,
    which must be of the same pictures.
    """
    if search and weights is not None:
        raise ParameterError(
            "--search looks for weights, and --weights says them: give one of them"
        )
    blending = import_module("anamorph.tasks.blending")
    loaded = [tasks.Bundle.load(name, root) for name in bundles]
    if search:
        found = blending.search(loaded, bundles, root)
        bundle = found.bundle
        typer.echo(told(found.scores, as_json=False))
        typer.echo("weights " + " ".join(f"{weight:.3f}" for weight in found.weights))
    else:
        bundle = import_module("anamorph.tasks.bundle").ensemble(loaded, _numbers(weights))
    typer.echo(bundle.save(out))


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise ParameterError(
            f"--weights {text}: numbers with commas between them are wanted"
        ) from error
