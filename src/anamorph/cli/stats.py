"""``anamorph stats``: what the pictures, masks and annotations of a dataset are like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from anamorph.cli import options
from anamorph.cli.work import quieten
from anamorph.core.errors import ParameterError, UndefinedError
from anamorph.data import (
    ClassFolders,
    CocoDataset,
    Dataset,
    MaskFolders,
    Statistics,
    TableDataset,
    VocDataset,
    YoloDataset,
    detect_format,
    find_pictures,
    format_named,
    measure,
)
from anamorph.data.plots import plot
from anamorph.data.statistics import Boxes, Channels, Spread

_BY_FORMAT = {kind.form: kind for kind in (CocoDataset, VocDataset, YoloDataset)}
_LONGEST = 20
"""Rows of a table, and broken files that are named; --json has them all."""


def stats(  # noqa: PLR0913 - one parameter an option
    images: Annotated[
        Path, typer.Argument(help="Folder of pictures, searched with its subfolders.")
    ],
    *,
    masks: options.Masks = None,
    annotations: options.Annotations = None,
    annotation_format: options.Form = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 works in this one.")] = 0,
    plots: Annotated[
        Path | None, typer.Option(help="Draw all of it to this file (.png, .svg, .pdf).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Measure a dataset: means, sizes, classes, boxes, masks, and which files are broken.

    Classes are those of the annotations, or else the subfolders if all pictures lie in some. The
    exit status is 1 if a file is broken.
    """
    quieten()
    dataset = _dataset(images, masks, annotations, annotation_format)
    console = Console(stderr=True)
    with _progress(console, len(dataset)) as advance:
        found = measure(dataset, workers=workers, advance=advance)
    typer.echo(found.to_json(indent=2)) if as_json else _tell(found)
    if plots is not None:
        plot(found, plots, f"{images}: {found.pictures} pictures")
    raise typer.Exit(1 if found.broken else 0)


def _dataset(
    images: Path, masks: Path | None, annotations: Path | None, form: str | None
) -> Dataset:
    """The dataset that the options describe."""
    if annotations is not None and masks is not None:
        raise ParameterError("--masks and --annotations: give one of them at a time")
    if annotations is not None:
        chosen = detect_format(annotations) if form is None else format_named(form)
        return _BY_FORMAT[chosen.name](images, annotations, skip_broken=True)
    if masks is not None:
        return MaskFolders(images, masks)
    names = find_pictures(images)
    if names and all("/" in name for name in names):
        return ClassFolders(images)
    return TableDataset({"image": names}, root=images)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def _tell(found: Statistics) -> None:
    """Print it in tables, and the broken files, each in its sentence."""
    console = Console(markup=False, highlight=False)
    console.print(f"{found.pictures} pictures, {len(found.broken)} broken")
    for section in (_sizes, _channels, _classes, _boxes, _masks):
        section(console, found)
    try:
        arguments = ", ".join(f"{name}={value}" for name, value in found.normalize.items())
        console.print(f"\nA.Normalize({arguments})", soft_wrap=True)
    except UndefinedError as error:
        console.print(f"\nno arguments for Normalize: {error}", soft_wrap=True)
    for sentence in found.broken[:_LONGEST]:
        console.print(f"broken: {sentence}", style="red", soft_wrap=True)
    if len(found.broken) > _LONGEST:
        console.print(f"and {len(found.broken) - _LONGEST} more: --json has them all")


def _table(console: Console, title: str, *columns: str) -> Table:
    console.print(f"\n{title}")
    table = Table(*columns[:1], box=None, pad_edge=False)
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _spreads(console: Console, title: str, spreads: dict[str, Spread | None]) -> None:
    table = _table(console, title, "", "least", "25 %", "median", "75 %", "most", "mean")
    for name, found in spreads.items():
        if found is not None:
            numbers = (found.least, found.lower, found.median, found.upper, found.most, found.mean)
            table.add_row(name, *(f"{number:.4g}" for number in numbers))
    console.print(table)


def _sizes(console: Console, found: Statistics) -> None:
    if not found.sizes:
        return
    height, width, count = found.sizes[0]
    told = f"sizes: {len(found.sizes)} different, {count} times {width}x{height}"
    spreads = {"width": found.width, "height": found.height, "width / height": found.aspect}
    _spreads(console, told, spreads)


def _channels(console: Console, found: Statistics) -> None:
    for kind in found.channels:
        told = f"{kind.dtype}, {len(kind.mean)} channels: {kind.pictures} pictures"
        table = _table(console, told, "channel", "mean", "std", "least", "most")
        for at, numbers in enumerate(_parts(kind)):
            table.add_row(str(at), *(f"{number:.6f}" for number in numbers))
        console.print(table)


def _parts(kind: Channels) -> Iterator[tuple[float, ...]]:
    return zip(kind.mean, kind.std, kind.least, kind.most, strict=True)


def _classes(console: Console, found: Statistics) -> None:
    if not found.classes:
        return
    ranked = sorted(found.classes, key=lambda entry: (-entry.objects, -entry.pictures))
    table = _table(console, f"classes: {len(ranked)}", "class", "pictures", "objects")
    for entry in ranked[:_LONGEST]:
        table.add_row(entry.name or "(none)", str(entry.pictures), str(entry.objects or ""))
    _rest(table, ranked)
    console.print(table)


def _boxes(console: Console, found: Statistics) -> None:
    boxes = found.boxes
    if boxes is None:
        return
    spreads = {
        "in a picture": boxes.per_picture, "width": boxes.width, "height": boxes.height,
        "root of area": boxes.side, "part of picture": boxes.part, "width / height": boxes.aspect,
    }  # fmt: skip
    _spreads(console, f"boxes: {boxes.count}{_odd(boxes)}", spreads)


def _odd(boxes: Boxes) -> str:
    told = [f", {boxes.small} small, {boxes.medium} medium, {boxes.large} large"]
    told += [f", {boxes.empty} without area"] if boxes.empty else []
    told += [f", {boxes.outside} reach out of the picture"] if boxes.outside else []
    return "".join(told)


def _masks(console: Console, found: Statistics) -> None:
    if not found.masks:
        return
    ranked = sorted(found.masks, key=lambda entry: -entry.pixels)
    table = _table(console, f"masks: {len(ranked)} values", "value", "masks", "pixels", "part")
    for entry in ranked[:_LONGEST]:
        table.add_row(str(entry.value), str(entry.masks), str(entry.pixels), f"{entry.part:.2%}")
    _rest(table, ranked)
    console.print(table)


def _rest(table: Table, ranked: list[Any]) -> None:
    if len(ranked) > _LONGEST:
        table.add_row(f"and {len(ranked) - _LONGEST} more")
