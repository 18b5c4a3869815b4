"""``anamorph bench``: how long the user's own pipeline takes, fused and unfused, op by op."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer
from rich.console import Console
from rich.table import Table

import anamorph
from anamorph.cli import options
from anamorph.cli.pipelines import configured, load_pipeline
from anamorph.cli.work import quieten
from anamorph.data import read_picture

_ASSET = Path(anamorph.__file__).parent / "assets" / "images" / "astronaut.jpg"
_WARM = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of step cost: in how many calls it ran, and its microseconds in each."""

    name: str
    primitive: str
    label: str
    times: tuple[float, ...]


def bench(
    pipeline: options.Pipeline,
    image: Annotated[
        Path | None, typer.Option(help="A picture.", show_default="a photograph of 512x512")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=1, help="Scale the picture to this longer side first.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 4.0,
    seed: options.Seed = None,
) -> None:
    """Time a pipeline on one picture in one thread, fused and not, call by call in turn."""
    quieten()
    picture = _sized(read_picture(image or _ASSET), size)
    loaded = load_pipeline(pipeline)
    chosen = (loaded.seed or 0) if seed is None else seed
    ways = {mode: configured(loaded, seed=chosen, fuse=mode) for mode in ("all", "none")}
    times = compared(ways, picture, seconds / 2)
    console = Console(markup=False)
    shape = "x".join(map(str, picture.shape))
    calls = len(times["all"])
    typer.echo(f"{image or _ASSET.name}, {shape} {picture.dtype}, {calls} calls of each\n")
    console.print(_totals(times))
    for mode, title in (("none", "Each step by itself"), ("all", "Fused")):
        costs = traced(ways[mode], picture, seconds / 4)
        console.print(f"\n{title}")
        console.print(_table(costs))


def _sized(picture: Any, size: int | None) -> Any:
    if size is None:
        return picture
    scale = size / max(picture.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=way)


def compared(ways: dict[str, Any], picture: Any, seconds: float) -> dict[str, list[float]]:
    """Microseconds of call after call with each way in turn, on the same draws."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    end = time.perf_counter() + seconds
    index = 0
    while index < _WARM + 5 or time.perf_counter() < end:
        for name, way in ways.items():
            call = way.keyed(0, index)
            start = time.perf_counter()
            call(image=picture)
            if index >= _WARM:
                times[name].append(1e6 * (time.perf_counter() - start))
        index += 1
    return times


def traced(pipeline: Any, picture: Any, seconds: float) -> list[Cost]:
    """What each step cost, over as many draws as the time allows, the dearest first."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    end = time.perf_counter() + seconds
    calls = 0
    while calls < _WARM + 5 or time.perf_counter() < end:
        explanation = pipeline.explain(image=picture)
        calls += 1
        if calls <= _WARM:
            continue
        for row in explanation.rows:
            key = (" + ".join(row.transforms), row.primitive, row.label or "")
            found[key].append(row.microseconds)
    costs = [Cost(*key, tuple(times)) for key, times in found.items()]
    return sorted(costs, key=lambda cost: -sum(cost.times))


def _totals(times: dict[str, list[float]]) -> Table:
    fused, unfused = (statistics.median(times[mode]) for mode in ("all", "none"))
    table = Table("", "median µs", "pictures/s", box=None, pad_edge=False)
    for name, value in (("fused", fused), ("unfused", unfused)):
        table.add_row(name, f"{value:.0f}", f"{1e6 / value:.0f}")
    mean = sum(times["none"]) / sum(times["all"])
    table.add_row("gain", f"{unfused / fused:.2f}x", f"{mean:.2f}x over all calls")
    return table


def _table(costs: list[Cost]) -> Table:
    table = Table("median µs", "ran", "primitive", "transforms", "fusion", box=None, pad_edge=False)
    total = sum(sum(cost.times) for cost in costs) or 1.0
    for cost in costs:
        share = sum(cost.times) / total
        table.add_row(
            f"{statistics.median(cost.times):.0f}",
            f"{len(cost.times)} times, {share:.0%}",
            cost.primitive,
            cost.name,
            cost.label,
        )
    return table
