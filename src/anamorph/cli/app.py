"""All commands under one name."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from anamorph.cli import (
    augment,
    bench,
    check,
    ensemble,
    evaluate,
    explain,
    export,
    fit,
    init,
    listing,
    predict,
    report,
    runs,
    show,
    stats,
    tta,
)
from anamorph.core.errors import AnamorphError

app: typer.Typer = typer.Typer(
    name="anamorph",
    help="Image augmentation that is planned, fused and rendered once.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("augment")(augment.augment)
app.command("show")(show.show)
app.command("explain")(explain.explain)
app.command("check")(check.check)
app.command("stats")(stats.stats)
app.command("list")(listing.listing)
app.command("bench")(bench.bench)
app.command("init")(init.init)
app.command("fit")(fit.fit)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("tta")(tta.tta)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("ensemble")(ensemble.ensemble)
app.add_typer(runs.app, name="runs")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give the exit status; a mistake of the user's is one sentence."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="anamorph")
    except AnamorphError as error:
        sys.stderr.write(f"anamorph: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("anamorph: interrupted\n")
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0
