"""``anamorph list``: the transforms, and what their parameters may be."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from anamorph.cli import catalog
from anamorph.core.errors import UnknownNameError, nearest
from anamorph.transforms.base import Field, Transform


def listing(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A transform, or a part of its name.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: as JSON.")] = False,
) -> None:
    """List transforms and compositions; with NAME, its parameters, their units and bounds."""
    chosen = list(_known()) if name is None else _matching(name)
    if as_json:
        typer.echo(json.dumps([_entry(found) for found in chosen], indent=1))
    elif len(chosen) == 1:
        _print_one(chosen[0])
    else:
        _print_all(chosen)


def _known() -> dict[str, type]:
    return {**catalog.transforms(), **catalog.compositions()}


def _matching(name: str) -> list[str]:
    """The transform of that name, or those whose names contain it."""
    known = _known()
    lowered = {found.lower(): found for found in known}
    if name.lower() in lowered:
        return [lowered[name.lower()]]
    chosen = [found for found in known if name.lower() in found.lower()]
    if not chosen:
        raise UnknownNameError(f"there is no transform {name}{nearest(name, known)}")
    return chosen


def _print_all(names: list[str]) -> None:
    table = Table("name", "acts on", "what it does", box=None, pad_edge=False)
    for name in names:
        table.add_row(name, _entry(name)["acts_on"], catalog.summary(_known()[name]))
    Console(markup=False).print(table)
    typer.echo(f"\n{len(names)} in all. For the parameters of one: anamorph list NAME")


def _print_one(name: str) -> None:
    entry = _entry(name)
    typer.echo(f"{name}\n\n{inspect.getdoc(_known()[name]) or ''}\n")
    table = Table("parameter", "default", "what it may be", box=None, pad_edge=False)
    for parameter in entry["parameters"]:
        table.add_row(parameter["name"], parameter["default"], parameter["wanted"])
    Console(markup=False).print(table)


def _entry(name: str) -> dict[str, Any]:
    """What is known of a transform or composition, as plain data."""
    found = _known()[name]
    entry = {"name": name, "summary": catalog.summary(found)}
    if not issubclass(found, Transform):
        return {**entry, "acts_on": "transforms", "parameters": _options(found)}
    acts_on = _ACTS_ON.get(found.kind, "pixels")
    rows = [_parameter(field) for field in catalog.parameters(found)]
    return {**entry, "acts_on": acts_on, "parameters": rows}


_ACTS_ON: Mapping[str, str] = {"dual": "all targets", "volume": "volumes"}


def _parameter(field: Field) -> dict[str, str]:
    return {
        "name": field.name,
        "default": repr(field.default) if catalog.has_default(field) else "(needed)",
        "unit": getattr(field.rule, "unit", ""),
        "wanted": field.rule.describe(),
    }


def _options(found: type) -> list[dict[str, str]]:
    """The arguments of a composition, which has no rules to ask; its docstring describes them."""
    arguments = list(inspect.signature(found).parameters.values())
    return [
        {
            "name": argument.name,
            "default": "(needed)" if argument.default is argument.empty else repr(argument.default),
            "unit": "",
            "wanted": str(argument.annotation),
        }
        for argument in arguments
    ]
