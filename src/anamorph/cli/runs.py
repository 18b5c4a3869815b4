"""``anamorph runs``: what was trained, how the runs differ, which are kept."""

from __future__ import annotations

import dataclasses
import json
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from anamorph.cli import runs_tables as tables
from anamorph.core.errors import MissingFileError
from anamorph.ledger import Ledger

Root: TypeAlias = Annotated[Path, typer.Option(help="Folder of the runs.", envvar="ANAMORPH_RUNS")]
Name: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="An id, its beginning or its last part, or a promoted name such as cells@best.",
    ),
]
Names: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="As for one: ids, parts of them, names.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="For programs: as JSON.")]
Task: TypeAlias = Annotated[str | None, typer.Option(help="Only of this task.")]

_ROOT = Path("runs")

app: typer.Typer = typer.Typer(
    help="What was trained: list, compare, annotate, promote, reproduce runs.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("list")
def listing(  # noqa: PLR0913 - one parameter an option
    *,
    root: Root = _ROOT,
    task: Task = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only with this tag; may be given again.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="running|done|failed|stopped|killed", help="Only of this.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Only with this score; it is shown.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            help="score (the best first), a column or a score; with - before it, reversed."
        ),
    ] = "created",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    as_json: Json = False,
) -> None:
    """List runs: their scores as mean ± deviation over folds, leaderboard, names, tags, notes."""
    rows = Ledger(root).runs(
        task=task, tags=tag or (), status=status, metric=metric, sort=sort, limit=limit
    )
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=1))
    else:
        tables.listed(rows, metric)


@app.command()
def show(run: Name, *, root: Root = _ROOT, as_json: Json = False) -> None:
    """Show all that is known of a run."""
    found = Ledger(root).resolve(run)
    if as_json:
        typer.echo(json.dumps({**found.record, "config": found.config}, indent=1))
    else:
        tables.shown(found)


@app.command()
def compare(runs: Names, *, root: Root = _ROOT, as_json: Json = False) -> None:
    """Show runs side by side: the options they differ in, and their scores."""
    found = Ledger(root).compare(runs)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=1))
    else:
        tables.compared(found)


@app.command()
def diff(a: Name, b: Name, *, root: Root = _ROOT, as_json: Json = False) -> None:
    """Show what two runs differ in: configuration, code, data, environment."""
    found = Ledger(root).diff(a, b)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(entry) for entry in found], indent=1))
    else:
        tables.differing(found, ("a", "b"), "they do not differ")


@app.command()
def note(
    run: Name, text: Annotated[str, typer.Argument(metavar="TEXT")], *, root: Root = _ROOT
) -> None:
    """Add a note to a run."""
    Ledger(root).resolve(run).note(text)


@app.command()
def tag(
    run: Name,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="keep keeps its weights.")],
    *,
    root: Root = _ROOT,
    remove: Annotated[bool, typer.Option("--remove", help="Take them away.")] = False,
) -> None:
    """Add tags to a run."""
    found = Ledger(root).resolve(run)
    (found.untag if remove else found.tag)(*tags)


@app.command()
def score(
    run: Name,
    score: Annotated[float, typer.Argument(metavar="SCORE")],
    *,
    root: Root = _ROOT,
    split: Annotated[
        str, typer.Option(help="Part of the leaderboard: public, private.")
    ] = "public",
) -> None:
    """Type in the score that a leaderboard gave to a run."""
    Ledger(root).resolve(run).leaderboard(score, split)


@app.command()
def plot(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to draw to (.png, .svg, .pdf).")],
    *,
    root: Root = _ROOT,
    task: Task = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Score.", show_default="the one that ranks")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the leaderboard.")] = "public",
) -> None:
    """Draw scores in cross-validation against those of the leaderboard."""
    rows = Ledger(root).runs(task=task, tags=tag or ())
    found = import_module("anamorph.ledger.plots").plot(rows, out, metric, split)
    told = "undefined" if found is None else f"{found[0]:.3f}, of ranks {found[1]:.3f}"
    typer.echo(f"{out}: the correlation is {told}")


@app.command()
def promote(
    run: Name,
    name: Annotated[str, typer.Argument(metavar="NAME@ALIAS", help="Such as cells@best.")],
    *,
    root: Root = _ROOT,
) -> None:
    """Have a name mean a run; its weights are then never collected."""
    found = Ledger(root).promote(run, name)
    typer.echo(f"{name} is {found.id}")


@app.command()
def demote(
    name: Annotated[str, typer.Argument(metavar="NAME@ALIAS")], *, root: Root = _ROOT
) -> None:
    """Have a name mean nothing."""
    Ledger(root).demote(name)


@app.command()
def gc(
    *,
    root: Root = _ROOT,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove it, do not only say so.")
    ] = False,
    best: Annotated[int, typer.Option(min=0, help="Keep so many of each task and metric.")] = 3,
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Remove those of failed, stopped and killed runs too."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say which weights nobody will miss; with --delete, remove them.

    Runs that are promoted, tagged keep, have a score of a leaderboard, are among the best, or are
    not done keep theirs. A run whose weights are removed keeps all else.
    """
    found = Ledger(root).collect(dry_run=not delete, best=best, unfinished=unfinished)
    if as_json:
        entry = {**dataclasses.asdict(found), "files": [str(path) for path in found.files]}
        typer.echo(json.dumps(entry, indent=1))
    else:
        tables.garbage(found, root, deleted=delete)


@app.command()
def rebuild(*, root: Root = _ROOT) -> None:
    """Make the index anew from the folders."""
    typer.echo(f"{Ledger(root).rebuild()} runs")


@app.command()
def reproduce(
    run: Name,
    *,
    root: Root = _ROOT,
    check: Annotated[
        bool, typer.Option("--check", help="Only look; the exit status is 1 if anything changed.")
    ] = False,
) -> None:
    """Say what has changed since a run began, run it again, and compare."""
    ledger = Ledger(root)
    drift = ledger.drift(run)
    tables.differing(drift, ("then", "now"), "code, data and environment are what they were")
    if check:
        raise typer.Exit(1 if drift else 0)
    made, found = ledger.reproduce(run, _fit())
    typer.echo(f"\n{made.id}")
    tables.compared(found)
    same = bool(found.weights) and all(found.weights.values())
    typer.echo(f"the weights are {'the same to the bit' if same else 'not the same'}")


def _fit() -> Any:
    """What trains, of the layer that is loaded for nothing else here."""
    try:
        return import_module("anamorph.tasks").fit
    except (ImportError, AttributeError) as error:
        raise MissingFileError(
            f"nothing can be trained here: anamorph.tasks.fit needs more ({error})"
        ) from error


@app.command()
def export(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN...]", show_default="all", help="Runs.")
    ] = None,
    *,
    mlflow: Annotated[
        str, typer.Option(metavar="URI", help="http://HOST:PORT, or sqlite:///mlflow.db.")
    ],
    root: Root = _ROOT,
    experiment: Annotated[
        str | None, typer.Option(help="Its name in MLflow.", show_default="anamorph-TASK")
    ] = None,
    weights: Annotated[bool, typer.Option(help="Write the weights of bundles too.")] = True,
) -> None:
    """Write runs to MLflow; what is there already is brought up to date."""
    ledger = Ledger(root)
    names = sorted(ledger.resolve(name).id for name in runs or [row.id for row in ledger.runs()])
    chosen = [ledger.resolve(name) for name in names]
    module = import_module("anamorph.ledger.exporting")
    for run, key in module.export(chosen, mlflow, experiment, weights=weights).items():
        typer.echo(f"{run} is {key}")
