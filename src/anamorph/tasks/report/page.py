"""The page: sections in order, each of which may have to say why it is empty."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from anamorph.core.atomic import write_atomically
from anamorph.core.errors import AnamorphError
from anamorph.tasks.report import pictures, sections
from anamorph.tasks.report.charts import number
from anamorph.tasks.report.facts import Facts, facts_of

File = str | os.PathLike[str]

_SECTIONS: tuple[tuple[str, str, Callable[[Facts], str]], ...] = (
    ("scores", "Scores", sections.scores),
    ("remarks", "Leaderboard and notes", sections.remarks),
    ("curves", "Learning curves", sections.curves),
    ("confusion", "Confusion", sections.confusion),
    ("decisions", "Thresholds and calibration", sections.decisions),
    ("worst", "Worst predictions", lambda facts: pictures.worst(facts) + pictures.key(facts)),
    ("best", "Best predictions", lambda facts: pictures.best(facts) + pictures.key(facts)),
    ("augmentation", "What the model sees", pictures.augmentation),
    ("data", "Data", sections.data),
    ("settings", "Settings", sections.settings),
)
"""Anchor, heading, what writes it; one that gives "" is left out."""


def report(run: Any, out: File | None = None, *, root: File = "runs", shown: int = 6) -> Path:
    """Write the page of a run; gives where it is.

    Args:
        run: a run of the ledger, its folder, its id, or a name that it is promoted to. It need not
            be done: what is not there yet is said to be so.
        out: file; ``report.html`` in the run's folder if None.
        root: folder of the ledger.
        shown: pictures among the best, and among the worst.
    """
    facts = facts_of(run, root, shown)
    path = facts.run.path / "report.html" if out is None else Path(out)
    write_atomically(path, html(facts).encode())
    return path


def html(facts: Facts) -> str:
    """The page as text."""
    parts = _parts(facts)
    links = "".join(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in parts)
    body = "".join(
        f'<section id="{anchor}"><h2>{title}</h2>{text}</section>' for anchor, title, text in parts
    )
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    name = escape(facts.run.id)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{style}</style></head>\n<body>\n"
        f"{_head(facts)}<nav>{links}</nav>\n<main>{body}</main>\n</body></html>\n"
    )


def _parts(facts: Facts) -> list[tuple[str, str, str]]:
    """Anchor, heading and content of what there is; at the end, why the rest is not."""
    found, missing = [], dict[str, list[str]]()
    for anchor, title, write in _SECTIONS:
        try:
            text = write(facts)
        except (AnamorphError, OSError) as error:
            missing.setdefault(str(error), []).append(title)
        else:
            found += [(anchor, title, text)] if text else []
    if missing:
        told = "".join(
            f'<p class="missing"><b>{", ".join(titles)}</b>: {escape(why)}</p>'
            for why, titles in missing.items()
        )
        found.append(("missing", "Not there", told))
    return found


def _head(facts: Facts) -> str:
    record, status = facts.record, facts.run.status
    chips = [f'<span class="chip {escape(status)}">{escape(status)}</span>']
    chips += [f'<span class="chip">{escape(tag)}</span>' for tag in record["tags"]]
    when = f"{record['created'][:16].replace('T', ' ')} UTC{_lasted(record)}"
    metric, _ = sections.metric_of(facts)
    score = record["scores"].get(metric)
    big = ""
    if score:
        spread = "" if score["std"] is None else f"<small> ± {number(score['std'])}</small>"
        mean, name = number(score["mean"]), escape(str(metric))
        big = f'<div class="big"><b>{mean}</b>{spread}<p>{name}</p></div>'
    return (
        f'<header><div><p class="task">{escape(record["task"])}</p><h1>{escape(facts.run.id)}</h1>'
        f"<p>{escape(when)}</p><p>{''.join(chips)}</p></div>{big}</header>"
    )


def _lasted(record: Any) -> str:
    if not record["finished"]:
        return ""
    begun, ended = (datetime.fromisoformat(record[name]) for name in ("created", "finished"))
    minutes, seconds = divmod(int((ended - begun).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    told = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    return f", {told}"
