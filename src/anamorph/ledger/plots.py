"""Cross-validation against the leaderboard, drawn by matplotlib."""

from __future__ import annotations

import importlib
import io
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from anamorph.core.atomic import write_atomically
from anamorph.core.errors import DataError, MissingFileError, UndefinedError
from anamorph.ledger.rows import Row

_BLUE, _GREY = "#47a", "0.45"
_NAMED = 25
"""So many points have their run's ending beside them; more would be a smear."""


def points(
    rows: Sequence[Row], metric: str | None = None, split: str = "public"
) -> list[tuple[Row, float, float]]:
    """Runs that have both, with their score in cross-validation and on the leaderboard.

    Args:
        rows: of the ledger.
        metric: name of the score; that which ranks each run if None.
        split: part of the leaderboard.
    """
    found = []
    for row in rows:
        score, board = row.score if metric is None else row.scores.get(metric), row.board(split)
        if score is not None and board is not None:
            found.append((row, score.mean, board))
    return found


def correlations(pairs: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Correlation of numbers (Pearson) and of ranks (Spearman); None where neither is defined."""
    if len(pairs) < 2:
        return None
    columns = [list(column) for column in zip(*pairs, strict=True)]
    try:
        plain = statistics.correlation(*columns)
    except statistics.StatisticsError:  # all of one value
        return None
    return plain, statistics.correlation(*(_ranks(column) for column in columns))


def plot(
    rows: Sequence[Row],
    path: str | os.PathLike[str],
    metric: str | None = None,
    split: str = "public",
) -> tuple[float, float] | None:
    """Draw a point for each run that has both scores; gives their correlations.

    Raises:
        UndefinedError: no run has both, or the runs are ranked by different scores.
        MissingFileError: matplotlib is not installed.
        DataError: the ending of the path is of no kind that is drawn.
    """
    found = points(rows, metric, split)
    metrics = sorted({row.metric or "" for row, _, _ in found}) if metric is None else [metric]
    if not found:
        raise UndefinedError(
            f"there is nothing to draw: no run has a score and one of the {split} leaderboard"
        )
    if len(metrics) > 1:
        raise UndefinedError(f"the runs are ranked by {', '.join(metrics)}: name one metric")
    pairs = [(x, y) for _, x, y in found]
    correlation = correlations(pairs)
    _draw(found, correlation, Path(path), (metrics[0], split))
    return correlation


def _draw(
    found: Sequence[tuple[Row, float, float]],
    correlation: tuple[float, float] | None,
    path: Path,
    labels: tuple[str, str],
) -> None:
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingFileError(
            'plots are drawn by matplotlib: install it (pip install "anamorph[plots]")'
        ) from error
    figure = figures.Figure(figsize=(6.4, 5), layout="constrained")
    axes = figure.add_subplot()
    spreads = [row.scores[labels[0]].std or 0.0 for row, _, _ in found]
    xs, ys = [x for _, x, _ in found], [y for _, _, y in found]
    axes.errorbar(xs, ys, xerr=spreads, fmt="o", color=_BLUE, ecolor="0.8", elinewidth=1)
    for row, x, y in found[:_NAMED]:
        ending = row.id.rsplit("-", 1)[-1]
        axes.annotate(ending, (x, y), (5, 5), textcoords="offset points", fontsize=7, color=_GREY)
    axes.set_xlabel(f"{labels[0]}, mean over folds ± std")
    axes.set_ylabel(f"{labels[1]} leaderboard")
    axes.spines[["top", "right"]].set_visible(False)
    told = (
        "" if correlation is None else "; correlation {:.3f}, of ranks {:.3f}".format(*correlation)
    )
    axes.set_title(f"{len(found)} runs{told}", fontsize=10, loc="left")
    content = io.BytesIO()
    try:
        figure.savefig(content, format=path.suffix.lstrip(".").lower() or "png", dpi=120)
    except ValueError as error:
        raise DataError(f"{path}: a plot is written as .png, .svg or .pdf") from error
    write_atomically(path, content.getvalue())


def _ranks(values: Sequence[float]) -> list[float]:
    """Places in the order of size; equal values share the mean of theirs."""
    ordered = sorted(values)
    first = {value: ordered.index(value) for value in set(values)}
    return [first[value] + (ordered.count(value) - 1) / 2 for value in values]
