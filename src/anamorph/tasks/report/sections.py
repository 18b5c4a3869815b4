"""The sections of a run's page that are numbers: scores, curves, decisions, data, configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from anamorph.core.errors import AnamorphError
from anamorph.data import read_size
from anamorph.ledger import Event
from anamorph.tasks.report.charts import Chart, Line, heat, number, table
from anamorph.tasks.report.facts import Facts

_CHARTS, _LINES, _SIZES = 8, 8, 500
_UNIT = (0.0, 1.0)


def metric_of(facts: Facts) -> tuple[str | None, str]:
    """The metric that ranks, and whether it is to be max or min; None where nothing says it."""
    record = facts.record
    if record["metric"] is not None:
        return record["metric"], record["mode"]
    try:
        return facts.task.metric
    except (AnamorphError, OSError):  # the pictures are gone, and with them the classes
        return None, "max"


# ---------------------------------------------------------------------------- scores


def scores(facts: Facts) -> str:
    """Mean ± deviation over folds; of a run that is not done, the best epoch of each fold so far."""
    found = facts.record["scores"]
    if not found:
        return _so_far(facts)
    metric, _ = metric_of(facts)
    numbers = sorted({at for score in found.values() for at in score.get("numbers", ())})
    rows = []
    for name in sorted(found, key=lambda each: (each != metric, "/" in each)):
        score = found[name]
        each = dict(zip(score["numbers"], score["folds"], strict=True))
        rows.append([name, score["mean"], score["std"], *(each.get(at) for at in numbers)])
    return table(["score", "mean", "std", *(f"fold {at}" for at in numbers)], rows, "lead")


def _so_far(facts: Facts) -> str:
    metric, mode = metric_of(facts)
    best: dict[int, tuple[float, int]] = {}
    for event in facts.events:
        value = event.values.get(metric or "")
        if event.split == "valid" and value is not None and event.fold is not None:
            had = best.get(event.fold)
            if had is None or (value > had[0]) == (mode == "max"):
                best[event.fold] = value, event.epoch or 0
    if not best:
        return "<p>Nothing has been scored yet.</p>"
    rows = [[f"fold {fold}", *best[fold]] for fold in sorted(best)]
    return "<p>The run is not done; the best so far:</p>" + table(["", metric, "epoch"], rows)


def curves(facts: Facts) -> str:
    """Loss and metrics by epoch, a color a fold."""
    kept = _kept(facts)
    losses = [
        *_lines(facts.events, "train", "loss", {}),
        *_lines(facts.events, "valid", "loss", {}),
    ]
    charts = [Chart("loss in training", losses, "epoch", whole=True)]
    metric, _ = metric_of(facts)
    told = {n for event in facts.events if event.split == "valid" for n in event.values}
    names = sorted(told - {"loss"}, key=lambda name: (name != metric, "/" in name, name))
    charts += [
        Chart(name, _lines(facts.events, "valid", name, kept), "epoch", whole=True)
        for name in names[:_CHARTS]
    ]
    drawn = "".join(chart.svg() for chart in charts)
    return _grid(drawn) if drawn else "<p>No epoch is done yet.</p>"


def _lines(
    events: Iterable[Event], split: str, name: str, kept: dict[int, Sequence[int]]
) -> list[Line]:
    points: dict[int, dict[int, list[float]]] = {}
    for event in events:
        if event.split == split and name in event.values:
            at = event.epoch if event.epoch is not None else event.step
            here = points.setdefault(event.fold or 0, {}).setdefault(at or 0, [])
            here.append(event.values[name])
    found = []
    for fold, by in sorted(points.items()):
        line = [(float(at), float(np.mean(values))) for at, values in sorted(by.items())]
        style = "dashed" if split == "valid" and name == "loss" else ""
        found.append(Line(f"fold {fold}", line, fold, style))
        marks = [(x, y) for x, y in line if x in kept.get(fold, ())]
        found.append(Line("", marks, fold, "dots"))
    return found


def _kept(facts: Facts) -> dict[int, Sequence[int]]:
    """Fold → epochs whose weights are kept."""
    found = {}
    for path in (facts.run.path / "oof").glob("fold-*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        found[int(told["fold"])] = told["epochs"]
    return found


# ---------------------------------------------------------------------------- decisions


def confusion(facts: Facts) -> str:
    """What was taken for what, out of fold, under the decision of the bundle."""
    judge = facts.judge
    if judge.confusion is None:
        return "<p>Labels that exclude none of each other are not confused.</p>"
    text = f"<p>Of the {judge.unit} of each row, the share that was told as each column.</p>"
    return text + heat(judge.named, judge.confusion)


def decisions(facts: Facts) -> str:
    """Precision and recall, F1 by threshold, calibration."""
    judge, chosen = facts.judge, facts.decision.thresholds
    classes = [at for at in np.argsort(-judge.there, kind="stable").tolist() if judge.there[at]]
    shown = sorted(classes[:_LINES])
    marked = len(chosen) == len(judge.names)  # the borders of grades are no thresholds
    recalls, f1s = [], []
    for at in shown:
        steps, precision, recall = judge.curves(at)
        name = judge.names[at]
        points = list(zip(recall.tolist(), precision.tolist(), strict=True))
        recalls.append(Line(f"{name} {number(judge.average_precision(at))}", points, at))
        f1 = judge.f1(at)
        f1s.append(Line(name, list(zip(steps.tolist(), f1.tolist(), strict=True)), at))
        if marked:
            step = min(int(np.ceil(chosen[at] * (len(steps) - 1))), len(steps) - 1)
            f1s.append(Line("", [(chosen[at], float(f1[step]))], at, "dots"))
    mean, share, _ = judge.calibration()
    points = list(zip(mean.tolist(), share.tolist(), strict=True))
    calibrated = [Line("as it should be", [(0, 0), (1, 1)], 7, "dashed")]
    calibrated += [Line("as it is", points, 0), Line("", points, 0, "dots")]
    of = f"Of all {judge.unit}; "
    charts = (
        Chart(
            "precision by recall",
            recalls,
            "recall",
            _UNIT,
            _UNIT,
            of + "average precision in the key.",
        ),
        Chart(
            "F1 by threshold",
            f1s,
            "threshold",
            _UNIT,
            _UNIT,
            of + ("the dot is the bundle's threshold." if marked else "a class against the rest."),
        ),
        Chart(
            "calibration: share that is right",
            calibrated,
            "score",
            _UNIT,
            _UNIT,
            of + "ten equal bins.",
        ),
    )
    return _grid("".join(chart.svg() for chart in charts))


# ---------------------------------------------------------------------------- data


def data(facts: Facts) -> str:
    """How many pictures, of what, how split; what they are known by."""
    told = facts.record["data"] or {}
    path = told.get("path")
    places = ", ".join(path) if isinstance(path, list) else path
    rows = [
        ["folders", places],
        ["files", told.get("files")],
        ["fingerprint", told.get("fingerprint")],
    ]
    return table(["", ""], rows, "plain") + _folds(facts) + _sizes(facts)


def _folds(facts: Facts) -> str:
    try:
        summary = facts.folds.summary()
    except (AnamorphError, OSError) as error:
        return f"<p>{escape(str(error))}</p>"
    return f"<h3>folds</h3><pre>{escape(summary)}</pre>"


def _sizes(facts: Facts) -> str:
    try:
        pictures = facts.pictures
        step = max(1, len(pictures) // _SIZES)
        sizes = np.array([read_size(pictures.path(at)) for at in range(0, len(pictures), step)])
    except (AnamorphError, OSError) as error:
        return f"<p>The pictures are not where they were: {escape(str(error))}</p>"
    ends = [("smallest", sizes.min(0)), ("median", np.median(sizes, 0)), ("largest", sizes.max(0))]
    rows = [[name, int(sides[0]), int(sides[1])] for name, sides in ends]
    few = f" of {len(sizes)} of them" if step > 1 else ""
    head = f"<h3>sides of the {len(pictures)} pictures{few}</h3>"
    return head + table(["", "height", "width"], rows)


def settings(facts: Facts) -> str:
    """The configuration, the code and the environment."""
    record = facts.record
    code, environment = record["code"] or {}, dict(record["environment"] or {})
    packages = environment.pop("packages", {})
    state = "changed since" if code.get("dirty") else "as committed"
    commit = f"{code['commit'][:12]}, {state}" if code.get("commit") else None
    rows = [["command", " ".join(record["command"] or ()) or None], ["seed", record["seed"]]]
    rows += [["version", code.get("version")], ["commit", commit], ["came of", record["parent"]]]
    rows += [[name, value] for name, value in environment.items()]
    text = (facts.run.path / "config.yaml").read_text(encoding="utf-8")
    return (
        f"<details><summary>configuration</summary><pre>{escape(text)}</pre></details>"
        f"<details><summary>code and environment</summary>{table(['', ''], rows, 'plain')}</details>"
        f"<details><summary>packages</summary>{table(['', ''], packages.items(), 'plain')}</details>"
    )


def remarks(facts: Facts) -> str:
    """Leaderboard, notes, tags."""
    record: Any = facts.record
    found = ""
    if record["leaderboard"]:
        rows = [[each["split"], each["score"], each["at"][:16]] for each in record["leaderboard"]]
        found += table(["leaderboard", "score", "typed in"], rows)
    for note in record["notes"]:
        found += f"<blockquote>{escape(note['text'])}<small>{escape(note['at'][:16])}</small></blockquote>"
    return found


def _grid(text: str) -> str:
    return f'<div class="grid">{text}</div>'
