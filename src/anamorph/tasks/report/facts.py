"""What is known of a run, read from its folder when it is asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import DataError
from anamorph.data import Folds
from anamorph.ledger import Event, Ledger, Run
from anamorph.tasks.base import Decision, Task
from anamorph.tasks.config import Config, load
from anamorph.tasks.oof import Oof, folds_of, read_oof
from anamorph.tasks.pictures import Pictures, pictures_of
from anamorph.tasks.report.judging import Judge, judge_of
from anamorph.tasks.table import task_of


@final
@dataclass(frozen=True)
class Facts:
    """A run as its page sees it; what is not there yet raises `DataError` when it is asked for."""

    run: Run
    shown: int = 6
    """Pictures of each kind."""

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """What ``run.json`` holds."""
        return self.run.record

    @cached_property
    def config(self) -> Config:
        """The configuration that it was trained with."""
        return load(self.run.config)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """What was logged; of lines that a resumed run wrote twice, the later one."""
        last = {(e.fold, e.split, e.epoch, e.step): e for e in self.run.metrics()}
        return tuple(last.values())

    @cached_property
    def bundle(self) -> Mapping[str, Any]:
        """What ``bundle.json`` says, or nothing where there is none yet."""
        try:
            text = (self.run.path / "bundle" / "bundle.json").read_text(encoding="utf-8")
            content: dict[str, Any] = json.loads(text)
        except (OSError, ValueError):
            return {}
        return content

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        given = self.bundle.get("classes")
        return self.pictures.classes if given is None else tuple(given)

    @cached_property
    def task(self) -> Task:
        """The task under its configuration."""
        return task_of(self.config, self.classes)

    @cached_property
    def decision(self) -> Decision:
        """That of the bundle; the usual one where there is none yet."""
        if not self.bundle:
            return self.task.usual()
        return Decision(tuple(self.bundle["thresholds"]), tuple(self.bundle["min_area"]))

    @cached_property
    def folds(self) -> Folds:
        """How the pictures are split."""
        return Folds.load(self.run.path / "folds.json")

    @cached_property
    def pictures(self) -> Pictures:
        """The pictures, where they still are."""
        return pictures_of(self.config)

    @cached_property
    def predictions(self) -> dict[int, Oof]:
        """Fold → out-of-fold predictions.

        Raises:
            DataError: no fold is done yet.
        """
        found = {fold: read_oof(self.run.path, fold) for fold in folds_of(self.run.path)}
        if not found:
            raise DataError("no fold is done yet, so there are no out-of-fold predictions")
        return found

    @cached_property
    def judge(self) -> Judge:
        """What was right and wrong in all out-of-fold predictions."""
        judge = judge_of(self.task, self.decision)
        for fold, part in self.predictions.items():
            for at in range(len(part)):
                judge.add((fold, at), part.predictions[at], part.targets[at])
        return judge

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Id of a picture → its number."""
        return {name: at for at, name in enumerate(self.pictures.ids)}


def facts_of(what: Any, root: str | os.PathLike[str] = "runs", shown: int = 6) -> Facts:
    """A run of the ledger, its folder, its id, or a name that it is promoted to."""
    if isinstance(what, Run):
        return Facts(what, shown)
    path = Path(what)
    if path.is_dir():
        return Facts(Ledger(path.resolve().parent).resolve(path.resolve().name), shown)
    return Facts(Ledger(root).resolve(os.fspath(what)), shown)
