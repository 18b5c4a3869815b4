"""Pictures of statistics: one page of panels, drawn by matplotlib."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from anamorph.core.errors import DataError, MissingFileError, UndefinedError
from anamorph.data.statistics import Spread, Statistics
from anamorph.data.write import write_atomically

Axes: TypeAlias = Any

_COLORS = {1: ("0.2",), 3: ("#c33", "#393", "#36c"), 4: ("#c33", "#393", "#36c", "0.5")}
_BAR = "#47a"
_TICKS = 7
_MOST = 30
"""Classes that are drawn, and sizes; more would be a smear."""


def plot(statistics: Statistics, path: str | os.PathLike[str], title: str = "") -> None:
    """Draw statistics: pixels, sizes, classes, boxes, masks, a panel for each that there is.

    Args:
        statistics: what :func:`measure` found.
        path: file to write; its ending says how (.png, .svg, .pdf).
        title: stands above all.

    Raises:
        MissingFileError: matplotlib is not installed.
        UndefinedError: no picture could be read.
        DataError: the ending is of no such kind.
    """
    panels = [draw for draw, there in PANELS.items() if there(statistics)]
    if not panels:
        raise UndefinedError("there is nothing to draw: no picture could be read")
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingFileError(
            'plots are drawn by matplotlib: install it (pip install "anamorph[plots]")'
        ) from error
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    # A figure of one's own, not pyplot's: nothing is opened, and nothing has to be closed.
    figure = figures.Figure(figsize=(4.4 * columns, 3.3 * rows), layout="constrained")
    figure.suptitle(title or f"{statistics.pictures} pictures")
    for at, draw in enumerate(panels):
        draw(figure.add_subplot(rows, columns, at + 1), statistics)
    content = io.BytesIO()
    try:
        figure.savefig(content, format=Path(path).suffix.lstrip(".").lower() or "png", dpi=120)
    except ValueError as error:
        raise DataError(f"{os.fspath(path)}: {' '.join(str(error).split())}") from error
    write_atomically(Path(path), content.getvalue())


def _draw_pixels(axes: Axes, statistics: Statistics) -> None:
    found = statistics.channels[0]
    colors = _COLORS.get(len(found.mean), ("0.2",) * len(found.mean))
    steps = np.linspace(0, 1, 257)
    for counts, mean, color in zip(found.histograms, found.mean, colors, strict=True):
        axes.stairs(np.array(counts) / found.pixels, steps, color=color)
        axes.axvline(mean, color=color, linestyle=":", linewidth=1)
    axes.set(title=f"values of {found.dtype}, means dotted", xlabel=f"part of {found.unit:g}")
    axes.set(yscale="log", ylabel="part of pixels")


def _draw_sizes(axes: Axes, statistics: Statistics) -> None:
    height, width, count = np.array(statistics.sizes).T
    area = 12 + 240 * count / count.max()
    axes.scatter(width, height, s=area, color=_BAR, alpha=0.6, linewidths=0)
    most = 1.1 * max(height.max(), width.max())
    axes.plot((0, most), (0, most), color="0.7", linewidth=1)
    axes.set(title=f"sizes ({len(statistics.sizes)} different)", xlabel="width", ylabel="height")
    axes.set(xlim=(0, most), ylim=(0, most))


def _draw_aspects(axes: Axes, statistics: Statistics) -> None:
    _spread(axes, statistics.aspect, "pictures: width by height", "pictures")


def _draw_classes(axes: Axes, statistics: Statistics) -> None:
    objects = any(entry.objects for entry in statistics.classes)
    counts = {c.name or "none": c.objects if objects else c.pictures for c in statistics.classes}
    _bars(axes, counts, "objects" if objects else "pictures")


def _draw_masks(axes: Axes, statistics: Statistics) -> None:
    _bars(axes, {value.name: value.part for value in statistics.masks}, "part of pixels of masks")


def _draw_per_picture(axes: Axes, statistics: Statistics) -> None:
    found = None if statistics.boxes is None else statistics.boxes.per_picture
    _spread(axes, found, "objects in a picture", "pictures")


def _draw_sides(axes: Axes, statistics: Statistics) -> None:
    found = None if statistics.boxes is None else statistics.boxes.side
    _spread(axes, found, "boxes: square root of area, pixels", "boxes")
    for limit in (32, 96):  # COCO's small and large
        if found is not None and found.least < limit < found.most:
            axes.axvline(limit, color="0.6", linestyle=":", linewidth=1)


def _draw_parts(axes: Axes, statistics: Statistics) -> None:
    found = None if statistics.boxes is None else statistics.boxes.part
    _spread(axes, found, "boxes: part of the picture", "boxes")


def _draw_box_aspects(axes: Axes, statistics: Statistics) -> None:
    found = None if statistics.boxes is None else statistics.boxes.aspect
    _spread(axes, found, "boxes: width by height", "boxes")


def _has_boxes(statistics: Statistics) -> bool:
    return statistics.boxes is not None and statistics.boxes.side is not None


PANELS: Mapping[Callable[[Axes, Statistics], None], Callable[[Statistics], bool]] = {
    _draw_pixels: lambda s: bool(s.channels) and bool(s.channels[0].histograms),
    _draw_sizes: lambda s: bool(s.sizes),
    _draw_aspects: lambda s: s.aspect is not None,
    _draw_classes: lambda s: bool(s.classes),
    _draw_masks: lambda s: bool(s.masks),
    _draw_per_picture: lambda s: s.boxes is not None,
    _draw_sides: _has_boxes,
    _draw_parts: _has_boxes,
    _draw_box_aspects: _has_boxes,
}
"""What draws a panel → whether the statistics have something for it."""


def _spread(axes: Axes, found: Spread | None, title: str, counted: str) -> None:
    """A histogram, on a scale that its bins are even on, the median dotted."""
    if found is None:
        return
    edges: Sequence[float] = found.edges
    axes.stairs(found.counts, edges, fill=True, color=_BAR)
    grown = edges[-1] - edges[-2] > 2 * (edges[1] - edges[0])
    if edges[0] > 0 and grown:
        axes.set_xscale("log")
        ticks = _ticks(edges[0], edges[-1])
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks((), minor=True)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.axvline(found.median, color="0.2", linestyle=":", linewidth=1)
    axes.set(title=title, xlabel=f"median {found.median:.4g}", ylabel=counted)


def _ticks(least: float, most: float) -> list[float]:
    """Round numbers in a range that grows by factors: a handful, evenly spread."""
    powers = range(floor(log10(least)), ceil(log10(most)) + 1)
    within: list[float] = []
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{step}e{power}") for power in powers for step in steps]
        within = [tick for tick in ticks if least <= tick <= most]
        if len(within) <= _TICKS:
            break
    return within


def _bars(axes: Axes, counts: Mapping[str, float], counted: str) -> None:
    """A bar for each name, the longest first; of too many the longest."""
    ranked = sorted(counts.items(), key=lambda entry: -entry[1])[:_MOST]
    names, values = [name for name, _ in ranked], [value for _, value in ranked]
    places = range(len(ranked))
    axes.barh(places, values, color=_BAR)
    axes.set_yticks(places, names, fontsize=9 if len(ranked) <= 12 else 5)
    axes.invert_yaxis()
    more = f", {len(ranked)} of {len(counts)}" if len(counts) > len(ranked) else ""
    axes.set(title=f"classes{more}", xlabel=counted)
