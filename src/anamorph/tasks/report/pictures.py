"""The sections of a run's page that are pictures: the worst, the best, what augmentation makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from itertools import product
from typing import Any

import numpy as np

from anamorph.data import read_picture
from anamorph.tasks.masks import IGNORED
from anamorph.tasks.pipelines import training
from anamorph.tasks.report import looks
from anamorph.tasks.report.charts import number
from anamorph.tasks.report.facts import Facts
from anamorph.tasks.samples import TrainingSamples

_DRAWN, _DRAWS = 4, 5
_BOXES = 40
"""More would hide the picture."""
Panel = tuple[str, str]
"""What a picture shows, and the picture."""


def worst(facts: Facts) -> str:
    """Pictures that were predicted worst."""
    return _ranked(facts, facts.judge.ordered[: facts.shown])


def best(facts: Facts) -> str:
    """Pictures that were predicted best, but for those that are among the worst."""
    return _ranked(facts, facts.judge.ordered[facts.shown :][-facts.shown :][::-1])


def _ranked(facts: Facts, keys: Sequence[tuple[int, int]]) -> str:
    if not keys:
        return "<p>All pictures are among the worst.</p>"
    cards = [_card(facts, fold, at) for fold, at in keys]
    return f'<div class="looks {facts.task.name}">{"".join(cards)}</div>'


def _card(facts: Facts, fold: int, at: int) -> str:
    part = facts.predictions[fold]
    name, truth, said = part.ids[at], part.targets[at], part.predictions[at]
    picture = looks.viewable(
        read_picture(facts.pictures.path(facts.places[name])), facts.config.input.white
    )
    panels = _PANELS[facts.task.name](facts, picture, truth, said)
    images = "".join(f"<div>{looks_}<small>{escape(what)}</small></div>" for what, looks_ in panels)
    worth = f"{facts.judge.worth} {number(facts.judge.worths[fold, at])}"
    return (
        f'<figure class="look"><div class="panels">{images}</div><figcaption>{escape(name)}'
        f"<small>fold {fold} · {escape(worth)}</small></figcaption></figure>"
    )


def key(facts: Facts) -> str:
    """Which color is which class, where classes have colors."""
    if facts.task.name == "classify":
        return ""
    spans = []
    for at, name in enumerate(facts.classes):
        red, green, blue = looks.color_of(at)
        spans.append(
            f'<span><i style="background:rgb({red},{green},{blue})"></i>{escape(name)}</span>'
        )
    return f'<div class="key">{"".join(spans)}</div>'


# ---------------------------------------------------------------------------- panels


def _classes(facts: Facts, picture: Any, truth: Any, said: Any) -> list[Panel]:
    told = facts.task.final(said, facts.decision)
    if isinstance(told, str):
        true, sure = facts.classes[int(truth)], f" {said[facts.classes.index(told)]:.0%}"
    else:
        true = ", ".join(facts.classes[at] for at in np.flatnonzero(truth)) or "none"
        told, sure = ", ".join(told) or "none", ""
    mark = "✓" if told == true else "✗"
    image = looks.image(looks.scaled(picture)[0], true)
    return [(f"{mark} true: {true} · told: {told}{sure}", image)]


def _masks(facts: Facts, picture: Any, truth: Any, said: Any) -> list[Panel]:
    shown, _ = looks.scaled(picture)
    task: Any = facts.task
    told = task.decided(said, facts.decision)
    return [
        ("picture", looks.image(shown)),
        ("true", looks.image(looks.tinted(shown, list(planes(task, truth))))),
        ("told", looks.image(looks.tinted(shown, list(planes(task, told))))),
    ]


def planes(task: Any, mask: Any) -> Iterator[tuple[int, Any]]:
    """Number and pixels of each class that is drawn; the first of many is left bare."""
    if task.config.mode == "multilabel":
        yield from ((at, mask[..., at] > 0) for at in range(mask.shape[-1]))
    elif task.config.mode == "binary":
        yield 0, (mask != 0) & (mask != IGNORED)
    else:
        yield from ((at, mask == at) for at in range(1, len(task.classes)))


def _boxes(facts: Facts, picture: Any, truth: Any, said: Any) -> list[Panel]:
    shown, scale = looks.scaled(picture)
    sure = facts.task.final(said, facts.decision)["sure"]
    best = np.argsort(-said["scores"][sure], kind="stable")
    told = {name: said[name][sure][best[:_BOXES]] for name in ("boxes", "labels")}
    few = f", the best {_BOXES} drawn" if len(best) > _BOXES else ""
    return [
        (f"true: {len(truth['labels'])}", looks.image(looks.framed(shown, truth, scale))),
        (f"told: {len(best)}{few}", looks.image(looks.framed(shown, told, scale))),
    ]


_PANELS: Mapping[str, Callable[[Facts, Any, Any, Any], list[Panel]]] = {
    "classify": _classes,
    "segment": _masks,
    "detect": _boxes,
}


# ---------------------------------------------------------------------------- augmentation


def augmentation(facts: Facts) -> str:
    """Training pictures as the model sees them in the first epochs, labels drawn on."""
    pictures, config = facts.pictures, facts.config
    samples = TrainingSamples(
        pictures, facts.task, training(config), config.input.channels, skip=True
    )
    chosen = np.unique(np.linspace(0, len(pictures) - 1, _DRAWN).round().astype(int)).tolist()
    rows = []
    for at, epoch in product(chosen, range(_DRAWS)):
        name = escape(pictures.ids[at] if epoch == 0 else f"epoch {epoch}")
        rows.append(f"<div>{_draw(facts, samples.load(at, epoch))}<small>{name}</small></div>")
    return f'<div class="sheet" style="--draws:{_DRAWS}">{"".join(rows)}</div>'


def _draw(facts: Facts, sample: Mapping[str, Any]) -> str:
    given = facts.config.input
    pixels = np.moveaxis(np.asarray(sample["image"], np.float32), 0, -1)
    shown, scale = looks.scaled(
        looks.viewable(pixels * np.array(given.std) + np.array(given.mean), 1.0)
    )
    return looks.image(_LABELLED[facts.task.name](facts.task, shown, sample, scale))


def _with_mask(task: Any, shown: Any, sample: Mapping[str, Any], scale: float) -> Any:
    del scale
    mask = np.asarray(sample["mask"])
    mask = np.moveaxis(mask, 0, -1) if mask.ndim == 3 else mask
    return looks.tinted(shown, list(planes(task, task.values.target(mask))))


def _with_boxes(task: Any, shown: Any, sample: Mapping[str, Any], scale: float) -> Any:
    del task
    boxes = {"boxes": np.asarray(sample["bboxes"]), "labels": np.asarray(sample["labels"])}
    return looks.framed(shown, boxes, scale)


_LABELLED: Mapping[str, Callable[[Any, Any, Mapping[str, Any], float], Any]] = {
    "classify": lambda _task, shown, _sample, _scale: shown,
    "segment": _with_mask,
    "detect": _with_boxes,
}
