"""``anamorph check``: what is probably wrong with a pipeline, found without any data."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer

from anamorph.cli import options
from anamorph.cli.pipelines import load_pipeline
from anamorph.core.errors import ParameterError
from anamorph.pipeline.check import Finding, check_pipeline

_SIZE = re.compile(r"(\d+)(?:[x×](\d+))?")


def check(  # noqa: PLR0913 - one parameter an option
    pipeline: options.Pipeline,
    *,
    image_size: Annotated[
        str | None,
        typer.Option(metavar="HEIGHT[xWIDTH]", help="Size of the pictures, to hold crops against."),
    ] = None,
    channels: Annotated[int, typer.Option(min=1, help="Channels of the pictures.")] = 3,
    dtype: Annotated[
        str, typer.Option(metavar="uint8|uint16|float32", help="Type of the pictures.")
    ] = "uint8",
    labels: Annotated[
        str, typer.Option(help="Names of keypoints, by commas, to see whether sides swap.")
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Find crops larger than the picture, flips that mix up sides, and steps that do nothing.

    The exit status is 1 if there are errors (with --strict: or warnings), 0 if not.
    """
    names = [name.strip() for name in labels.split(",") if name.strip()]
    found = check_pipeline(
        load_pipeline(pipeline),
        None if image_size is None else _size(image_size),
        channels=channels,
        dtype=_dtype(dtype),
        labels=names,
    )
    typer.echo(_json(found) if as_json else _lines(found))
    if any(strict or f.level == "error" for f in found):
        raise typer.Exit(1)


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text.strip())
    sides = [int(side) for side in match.groups() if side] if match else []
    if not sides or 0 in sides:
        raise ParameterError(f"--image-size = {text!r}: it must be HEIGHT or HEIGHTxWIDTH")
    return sides[0], sides[-1]


def _dtype(name: str) -> str:
    if name not in {"uint8", "uint16", "float32"}:
        raise ParameterError(f"--dtype = {name!r}: it must be uint8, uint16 or float32")
    return name


def _lines(found: list[Finding]) -> str:
    if not found:
        return "nothing found"
    errors = sum(f.level == "error" for f in found)
    told = f"{errors} errors, {len(found) - errors} warnings"
    return "\n".join([*map(str, found), told])


def _json(found: list[Finding]) -> str:
    rows = [{"level": f.level, "rule": f.rule, "place": f.place, "text": f.text} for f in found]
    return json.dumps(rows, indent=2, ensure_ascii=False)
