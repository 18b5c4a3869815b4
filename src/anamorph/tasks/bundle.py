"""What `predict` needs and nothing else: weights, classes, thresholds, preprocessing, metadata."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, final

import anamorph
from anamorph.core.errors import DataError, ParameterError
from anamorph.data import write_atomically
from anamorph.ledger import Ledger
from anamorph.pipeline.compose import Compose
from anamorph.tasks.base import Decision, Task
from anamorph.tasks.config import Config, load, to_plain
from anamorph.tasks.pipelines import preparing
from anamorph.tasks.table import task_of

_FILE = "bundle.json"
_FORM = 1
File = str | os.PathLike[str]


@final
@dataclass(frozen=True)
class Member:
    """One model of a bundle: how it is built, its weights, and what pictures go through before it."""

    config: Config
    weights: Path
    sha256: str
    weight: float = 1.0
    name: str = ""

    @cached_property
    def pipeline(self) -> Compose:
        """What pictures go through; it draws nothing."""
        return preparing(self.config)

    def model(self, task: Task, device: Any = "cpu") -> Any:
        """The model in the mode of prediction, its weights checked against their hash.

        Raises:
            DataError: the file of the weights is not what it was.
        """
        if sha256_of(self.weights) != self.sha256:
            raise DataError(f"{self.weights} is not what the bundle was made with: it has changed")
        model = task.model()
        model.load_state_dict(read_weights(self.weights))
        return model.to(device).eval()

    def plain(self) -> dict[str, Any]:
        """As the file of a bundle has it."""
        return {
            "config": to_plain(self.config),
            "pipeline": anamorph.to_dict(self.pipeline),
            "weights": self.sha256,
            "weight": self.weight,
            "name": self.name,
        }


@final
@dataclass(frozen=True)
class Bundle:
    """Models that are asked together, and how labels are made of what they say.

    ``about`` holds what is good to know: the run, its scores, versions.
    """

    classes: tuple[str, ...]
    members: tuple[Member, ...]
    decision: Decision
    about: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.members:
            raise ParameterError("a bundle of no models: one at least is wanted")
        kinds = {(member.config.task, member.config.mode) for member in self.members}
        if len(kinds) > 1:
            raise ParameterError(f"a bundle of models for different tasks: {sorted(kinds)}")

    @property
    def task(self) -> Task:
        """The task, under the configuration of the first model."""
        return task_of(self.members[0].config, self.classes)

    @property
    def mode(self) -> str:
        """What a label is."""
        return self.members[0].config.mode

    @cached_property
    def hash(self) -> str:
        """By which two bundles that predict the same are known."""
        told = json.dumps({**self._plain(), "about": None}, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def _plain(self) -> dict[str, Any]:
        return {
            "form": _FORM,
            "task": self.task.name,
            "mode": self.mode,
            "classes": list(self.classes),
            "thresholds": list(self.decision.thresholds),
            "min_area": list(self.decision.min_area),
            "members": [member.plain() for member in self.members],
            "about": dict(self.about),
        }

    def save(self, path: File) -> Path:
        """Write a folder that holds all of it: ``bundle.json`` and ``weights``; gives its path."""
        folder = Path(path)
        (folder / "weights").mkdir(parents=True, exist_ok=True)
        for member in self.members:
            _place(member.weights, folder / "weights" / f"{member.sha256}.safetensors")
        content = {**self._plain(), "hash": self.hash}
        write_atomically(folder / _FILE, (json.dumps(content, indent=1) + "\n").encode())
        return folder

    @classmethod
    def load(cls, source: File, root: File = "runs") -> Bundle:
        """Read a bundle.

        Args:
            source: its folder, that of a run, or what the ledger knows a run by: ``model@best``.
            root: folder of the ledger.

        Raises:
            DataError: there is none, or it was changed.
        """
        folder = _folder(source, root)
        try:
            content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / _FILE} cannot be read: {error}") from error
        if content.get("form") != _FORM:
            raise DataError(f"{folder / _FILE} has form {content.get('form')!r}: {_FORM} is read")
        members = tuple(_member(entry, folder) for entry in content["members"])
        decision = Decision(tuple(content["thresholds"]), tuple(content["min_area"]))
        found = cls(tuple(content["classes"]), members, decision, content["about"])
        if found.hash != content["hash"]:
            raise DataError(f"{folder / _FILE} was changed after it was written: its hash differs")
        return found

    def only(self, names: Sequence[str]) -> Bundle:
        """The bundle with some of its models."""
        kept = tuple(member for member in self.members if member.name in names)
        return replace(self, members=kept)


def ensemble(bundles: Sequence[Bundle], weights: Sequence[float] | None = None) -> Bundle:
    """One bundle of several, whose models are asked together.

    Args:
        bundles: of the same task and classes; models and preprocessing may differ.
        weights: one a bundle, shared by its models; equal ones if None.

    Raises:
        ParameterError: they do not go together.
    """
    if len({bundle.classes for bundle in bundles}) != 1:
        raise ParameterError("the bundles have different classes: they must be the same")
    given = [1.0] * len(bundles) if weights is None else [float(weight) for weight in weights]
    if len(given) != len(bundles) or min(given) < 0 or not any(given):
        raise ParameterError(f"weights = {given}: one a bundle, none below 0, not all 0")
    members = []
    for bundle, weight in zip(bundles, given, strict=True):
        total = sum(member.weight for member in bundle.members)
        shares = [member.weight / total * weight for member in bundle.members]
        pairs = zip(bundle.members, shares, strict=True)
        members += [replace(member, weight=share) for member, share in pairs if share > 0]
    decision = bundles[0].decision
    same = all(len(b.decision.thresholds) == len(decision.thresholds) for b in bundles)
    if same and decision.thresholds:
        mean = [
            sum(w * b.decision.thresholds[at] for w, b in zip(given, bundles, strict=True))
            / sum(given)
            for at in range(len(decision.thresholds))
        ]
        decision = replace(decision, thresholds=tuple(mean))
    about = {"of": [{"bundle": b.hash, **dict(b.about)} for b in bundles]}
    return Bundle(bundles[0].classes, tuple(members), decision, about)


def _folder(source: File, root: File) -> Path:
    """Where a bundle is."""
    for folder in (Path(source), Path(source) / "bundle"):
        if (folder / _FILE).is_file():
            return folder
    if Path(source).exists():
        raise DataError(f"{os.fspath(source)} holds no {_FILE}")
    return Ledger(root).resolve(os.fspath(source)).path / "bundle"


def _member(entry: Mapping[str, Any], folder: Path) -> Member:
    digest = entry["weights"]
    path = folder / "weights" / f"{digest}.safetensors"
    if not path.is_file():
        path = folder.parent / "weights" / f"{digest}.safetensors"
    member = Member(load(entry["config"]), path, digest, entry["weight"], entry["name"])
    object.__setattr__(member, "pipeline", anamorph.from_dict(entry["pipeline"]))
    return member


def _place(source: Path, target: Path) -> None:
    """Have a file under another name too: the same one where that can be, else a copy."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        temporary = target.with_name(f".{target.name}.part")
        shutil.copyfile(source, temporary)
        temporary.replace(target)


def sha256_of(path: File) -> str:
    """The hash of a file."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_weights(path: File) -> dict[str, Any]:
    """Tensors by name, from a safetensors file."""
    found: dict[str, Any] = import_module("safetensors.torch").load_file(path)
    return found
