"""``anamorph explain``: what a pipeline did to one picture, and what each step cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anamorph.cli import options
from anamorph.cli.pipelines import configured, load_pipeline
from anamorph.cli.work import quieten
from anamorph.data import read_picture


def explain(
    pipeline: options.Pipeline,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture.")],
    seed: options.Seed = None,
) -> None:
    """Tell what was drawn, what fused under which label, which primitive ran, and its cost."""
    quieten()
    picture = read_picture(image)
    loaded = load_pipeline(pipeline)
    chosen = (loaded.seed or 0) if seed is None else seed
    # Once for warmth: a first call pays for tables that later ones find made.
    configured(loaded, seed=chosen)(image=picture)
    typer.echo(str(configured(loaded, seed=chosen).explain(image=picture)))
