"""The end of a run: decisions searched on out-of-fold predictions, scores, the bundle."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from anamorph.ledger import Run
from anamorph.tasks.base import Decision, Task
from anamorph.tasks.bundle import Bundle, Member
from anamorph.tasks.config import Config
from anamorph.tasks.oof import Oof, joined, read_oof

TUNED = "_tuned"
"""Ends the name of a score under decisions that were searched on the other folds."""


@final
@dataclass(frozen=True)
class Finished:
    """A run whose folds are trained."""

    config: Config
    task: Task
    run: Run
    folds: tuple[int, ...]

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.run.path


def marker(path: Path, fold: int) -> Path:
    """The file of a run that says that a fold is done."""
    return path / "oof" / f"fold-{fold}.json"


def close(job: Finished) -> None:
    """Score a run whose folds are all trained, write its bundle, and say that it is done."""
    told = {
        fold: json.loads(marker(job.path, fold).read_text(encoding="utf-8")) for fold in job.folds
    }
    parts = {fold: read_oof(job.path, fold) for fold in job.folds}
    scores = {fold: dict(told[fold]["scores"]) for fold in job.folds}
    name, goal = job.task.metric
    for fold, extra in tuned(job.task, parts).items():
        scores[fold] |= extra
    known = {fold: _finite(each) for fold, each in scores.items()}
    job.run.scores(name, goal, known)
    decision = job.task.decide(joined(list(parts.values())))
    bundle_of(job, told, decision, scores).save(job.path / "bundle")
    shutil.rmtree(job.path / "checkpoints", ignore_errors=True)
    job.run.finish("done")


def _finite(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores without those of classes that a fold does not have."""
    return {name: value for name, value in scores.items() if math.isfinite(value)}


def tuned(task: Task, parts: Mapping[int, Oof]) -> dict[int, dict[str, float]]:
    """Scores of each fold under the decision that is best on the others.

    A decision that is searched on the pictures that it is scored on flatters itself.
    """
    name, _ = task.metric
    if len(parts) < 2 or not task.searches:
        return {}
    found = {}
    for fold, part in parts.items():
        others = joined([other for number, other in parts.items() if number != fold])
        found[fold] = {name + TUNED: task.scores(part, task.decide(others))[name]}
    return found


def bundle_of(
    job: Finished,
    told: Mapping[int, Mapping[str, Any]],
    decision: Decision,
    scores: Mapping[int, Mapping[str, float]],
) -> Bundle:
    """The models of all folds."""
    # The weights are in the bundle: those of the encoder are not to be looked for again.
    model: Any = job.config.model  # type: ignore[attr-defined]
    config = replace(job.config, model=replace(model, weights=None))  # type: ignore[call-arg]
    members = tuple(
        Member(
            config,
            job.path / "weights" / f"{told[fold]['weights']}.safetensors",
            told[fold]["weights"],
            name=f"fold-{fold}",
        )
        for fold in sorted(told)
    )
    return Bundle(job.task.classes, members, decision, about(job, scores))


def about(job: Finished, scores: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    """What is good to know of a bundle."""
    names: Sequence[str] = sorted({name for each in scores.values() for name in each})
    return {
        "run": job.run.id,
        "metric": job.task.metric[0],
        "scores": {
            name: [each[name] for each in scores.values() if name in each] for name in names
        },
    }
