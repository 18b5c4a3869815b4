"""``anamorph list``: the transforms, and what their parameters may be."""

from __future__ import annotations

import inspect
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from anamorph.cli import catalog
from anamorph.core.errors import UnknownNameError, nearest
from anamorph.transforms.base import Field


def listing(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A transform, or a part of its name.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--json", help="For programs: everything as JSON.")
    ] = False,
) -> None:
    """List all transforms; with NAME, its parameters with their units, bounds and defaults."""
    known = catalog.transforms()
    chosen = list(known) if name is None else _matching(name)
    if as_json:
        typer.echo(json.dumps([_entry(found) for found in chosen], indent=1))
    elif len(chosen) == 1:
        _print_one(chosen[0])
    else:
        _print_all(chosen)


def _matching(name: str) -> list[str]:
    """The transform of that name, or those whose names contain it."""
    known = catalog.transforms()
    lowered = {found.lower(): found for found in known}
    if name.lower() in lowered:
        return [lowered[name.lower()]]
    chosen = [found for found in known if name.lower() in found.lower()]
    if not chosen:
        raise UnknownNameError(f"there is no transform {name}{nearest(name, known)}")
    return chosen


def _print_all(names: list[str]) -> None:
    known = catalog.transforms()
    table = Table("transform", "acts on", "what it does", box=None, pad_edge=False)
    for name in names:
        targets = "all targets" if known[name].kind == "dual" else "pixels"
        table.add_row(name, targets, catalog.summary(known[name]))
    Console(markup=False).print(table)
    typer.echo(f"\n{len(names)} transforms. For the parameters of one: anamorph list NAME")


def _print_one(name: str) -> None:
    found = catalog.transforms()[name]
    typer.echo(f"{name}\n\n{inspect.getdoc(found) or ''}\n")
    table = Table("parameter", "default", "what it may be", box=None, pad_edge=False)
    for field in catalog.parameters(found):
        table.add_row(field.name, _default(field), field.rule.describe())
    Console(markup=False).print(table)


def _default(field: Field) -> str:
    return repr(field.default) if catalog.has_default(field) else "(needed)"


def _entry(name: str) -> dict[str, object]:
    found = catalog.transforms()[name]
    return {
        "name": name,
        "kind": found.kind,
        "summary": catalog.summary(found),
        "parameters": [
            {
                "name": field.name,
                "default": _default(field),
                "unit": field.rule.unit,
                "wanted": field.rule.describe(),
            }
            for field in catalog.parameters(found)
        ],
    }
