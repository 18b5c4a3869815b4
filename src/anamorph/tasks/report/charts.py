"""Small charts as SVG, in the colors of the page that they stand in, and tables in HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, final

_WIDTH, _HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 10, 34
TONES = 8
"""Colors that the page's style has, as ``--tone-0`` and on."""
_KEYS = 12
"""Names that fit below a chart."""

Point = tuple[float, float]


@final
@dataclass(frozen=True)
class Line:
    """A line of a chart, or its points alone."""

    name: str
    points: Sequence[Point]
    tone: int = 0
    style: str = ""
    """"", "faint", "dashed", or "dots"."""


@final
@dataclass(frozen=True)
class Chart:
    """Lines over the same axes; a range that is None is that of the points."""

    title: str
    lines: Sequence[Line]
    x: str = ""
    xs: tuple[float, float] | None = None
    ys: tuple[float, float] | None = None
    note: str = ""
    whole: bool = False
    """Whether there is nothing between two whole numbers of the axis across."""

    def svg(self) -> str:
        """The chart as a figure of HTML; "" where there is nothing to draw."""
        shown = [(line, _finite(line.points)) for line in self.lines]
        shown = [(line, points) for line, points in shown if points]
        if not shown:
            return ""
        every = [point for _, points in shown for point in points]
        least = 1.0 if self.whole else 0.0
        across = _Scale(self.xs or _range(x for x, _ in every), _LEFT, _WIDTH - _RIGHT, least)
        up = _Scale(self.ys or _range(y for _, y in every), _HEIGHT - _BOTTOM, _TOP)
        body = [*_grid(across, up), *(_drawn(line, points, across, up) for line, points in shown)]
        if self.x:
            middle = (_LEFT + _WIDTH - _RIGHT) / 2
            body.append(
                f'<text class="axis" x="{middle}" y="{_HEIGHT - 4}">{escape(self.x)}</text>'
            )
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return (
            f'<figure class="chart"><h3>{escape(self.title)}</h3>'
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="{escape(self.title, quote=True)}">{"".join(body)}</svg>'
            f"{_key([line for line, _ in shown])}{note}</figure>"
        )


@final
@dataclass(frozen=True)
class _Scale:
    """From values to pixels."""

    ends: tuple[float, float]
    low: float
    high: float
    least: float = 0.0
    """Between two ticks."""

    def __call__(self, value: float) -> float:
        share = (value - self.ends[0]) / (self.ends[1] - self.ends[0])
        return round(self.low + min(max(share, 0), 1) * (self.high - self.low), 2)

    @property
    def ticks(self) -> list[float]:
        """Some four round numbers within."""
        span = self.ends[1] - self.ends[0]
        power = 10 ** math.floor(math.log10(span / 4))
        step = next(power * each for each in (1, 2, 2.5, 5, 10) if span / (power * each) <= 5)
        step = max(step, self.least)
        step = math.ceil(step) if self.least else step
        first = math.ceil(self.ends[0] / step - 1e-9)
        last = math.floor(self.ends[1] / step + 1e-9)
        return [each * step for each in range(first, last + 1)]


def _finite(points: Iterable[Point]) -> list[Point]:
    return [(float(x), float(y)) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _range(values: Iterable[float]) -> tuple[float, float]:
    given = list(values)
    low, high = min(given), max(given)
    if low == high:
        return low - 0.5, high + 0.5
    room = (high - low) * 0.04
    return low - room, high + room


def _grid(across: _Scale, up: _Scale) -> list[str]:
    found = []
    for value in up.ticks:
        y = up(value)
        found.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        found.append(f'<text class="tick end" x="{_LEFT - 6}" y="{y + 3.5}">{number(value)}</text>')
    for value in across.ticks:
        x, y = across(value), _HEIGHT - _BOTTOM
        found.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{y}" y2="{y + 3}"/>')
        found.append(f'<text class="tick" x="{x}" y="{y + 14}">{number(value)}</text>')
    return found


def _drawn(line: Line, points: Sequence[Point], across: _Scale, up: _Scale) -> str:
    color = f"var(--tone-{line.tone % TONES})"
    places = [(across(x), up(y)) for x, y in points]
    if line.style == "dots" or len(places) == 1:
        return "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{color}"/>' for x, y in places)
    text = " ".join(f"{x:g},{y:g}" for x, y in places)
    return f'<polyline class="line {line.style}" stroke="{color}" points="{text}"/>'


def _key(lines: Sequence[Line]) -> str:
    """What the colors mean, once each; nothing where there is one line without a name."""
    named = {line.name: line.tone for line in lines if line.name}
    if not named:
        return ""
    spans = [
        f'<span><i style="background:var(--tone-{tone % TONES})"></i>{escape(name)}</span>'
        for name, tone in list(named.items())[:_KEYS]
    ]
    more = f"<span>and {len(named) - _KEYS} more</span>" if len(named) > _KEYS else ""
    return f'<div class="key">{"".join(spans)}{more}</div>'


def number(value: Any) -> str:
    """A number as short as it can be told.

    >>> from anamorph.tasks.report.charts import number
    >>> number(0.50000001), number(12345), number(3e-05), number(None)
    ('0.5', '12,345', '3e-05', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}"


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], kind: str = "") -> str:
    """A table; numbers stand at the right."""
    top = "".join(f"<th>{escape(str(cell))}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number">{number(value)}</td>'
    return f"<td>{'–' if value is None else escape(str(value))}</td>"


def heat(names: Sequence[str], counts: Any) -> str:
    """A confusion matrix: what is true by rows, what was told by columns, shaded by its share."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for at, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = int(sum(row))
        cells = [_shade(int(value), total, right=at == to) for to, value in enumerate(row)]
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    return (
        '<div class="scroll"><table class="heat"><thead><tr><th>true \\ told</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _shade(value: int, total: int, *, right: bool) -> str:
    share = value / total if total else 0.0
    tone = "--good" if right else "--bad"
    return (
        f'<td style="background:color-mix(in oklab, var({tone}) {share * 75:.0f}%, transparent)">'
        f"<b>{share:.0%}</b><small>{value:,}</small></td>"
    )
