"""A configuration for a folder of data: looks at it, chooses, and says why."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import AnamorphError, DataError
from anamorph.sources import open_source
from anamorph.tasks.config import Config, load, to_yaml
from anamorph.tasks.looking import looks
from anamorph.tasks.pictures import Pictures, pictures_of

_SIDES = (32, 64, 96, 128, 160, 224, 256, 320, 384, 448, 512, 640)
_LOOKED = 200
File = str | os.PathLike[str]


@final
@dataclass(frozen=True)
class Proposal:
    """A configuration, and why options have their values: ``section.option`` → a sentence."""

    config: Config
    notes: Mapping[str, str]
    found: str

    @property
    def text(self) -> str:
        """As a file that one can read and change."""
        return f"# {self.found}\n{to_yaml(self.config, self.notes)}"


def propose(folder: File) -> Config:
    """A configuration for a folder of data, to begin with.

    Args:
        folder: with a folder of pictures a class; pictures and masks; pictures and COCO, VOC or YOLO
            annotations; or pictures and a CSV file.

    Raises:
        DataError: nothing says what the labels are.
    """
    return proposal(folder).config


def proposal(folder: File) -> Proposal:
    """A configuration for a folder of data, and why it is so (see `propose`)."""
    look = looks(Path(folder))
    draft = _Draft({"task": look.task, "mode": look.mode, "data": dict(look.data)})
    if look.values:
        draft.say("data.values", list(look.values), "stored values that the masks have")
    pictures = pictures_of(load(draft.plain))
    sizes, channels, kinds = _pictures(pictures)
    _input(draft, look.task, sizes, channels, kinds)
    _PROPOSERS[look.task](draft, pictures)
    _training(draft, pictures)
    _folds(draft, pictures)
    found = f"{look.words}: {len(pictures)} pictures, {len(pictures.classes)} classes"
    return Proposal(load(draft.plain), draft.notes, found)


@final
@dataclass
class _Draft:
    """Options that were chosen so far, with reasons."""

    plain: dict[str, Any]
    notes: dict[str, str] = field(default_factory=dict)

    def say(self, place: str, value: Any, why: str) -> None:
        """Choose an option."""
        section, _, name = place.partition(".")
        if name:
            self.plain.setdefault(section, {})[name] = value
        else:
            self.plain[section] = value
        self.notes[place] = why


def _pictures(pictures: Pictures) -> tuple[NDArray[np.int64], set[int], set[str]]:
    """Sizes (n, 2), channels and types of some of the pictures, by their headers."""
    step = max(1, len(pictures) // _LOOKED)
    sizes, channels, kinds = [], set(), set()
    for at in range(0, len(pictures), step):
        try:
            found = open_source(pictures.path(at))
            sizes.append(found.size)
        except AnamorphError:
            continue
        channels.add(found.channels)
        kinds.add(found.dtype)
    if not sizes:
        raise DataError("none of the pictures can be read")
    return np.array(sizes, np.int64), channels, kinds


def _input(
    draft: _Draft, task: str, sizes: NDArray[np.int64], channels: set[int], kinds: set[str]
) -> None:
    height, width = (int(x) for x in np.median(sizes, axis=0))
    told = f"the median picture is {height}×{width}"
    same = len(np.unique(sizes, axis=0)) == 1
    if task == "classify":
        side = _side(min(height, width, 224))
        draft.say("input.size", [side, side], told)
    elif max(height, width) <= 640:
        draft.say("input.size", [_side(height), _side(width)], told)
        if not same:
            draft.say("input.fit", "letterbox", "sizes differ, and shapes should stay as they are")
    else:
        draft.say("input.size", [512, 512], f"{told}: too large to be seen whole")
        draft.say("input.fit", "crop", "training sees parts at full resolution")
        draft.say("predict.tile", 512, "and prediction sees tiles")
    most = max(channels)
    if most not in {3, 4}:
        count = 3 if most in {1, 3, 4} else most
        draft.say("input.channels", count, f"the pictures have {sorted(channels)} channels")
        if count != 3:
            draft.say("input.mean", [0.5], "nothing is known of these channels")
            draft.say("input.std", [0.25], "nothing is known of these channels")
    white = {"uint8": 255, "uint16": 65535, "float32": 1}
    if len(kinds) == 1 and kinds != {"uint8"}:
        kind = next(iter(kinds))
        draft.say("input.white", white[kind], f"pictures of {kind}")


def _side(pixels: int) -> int:
    """The nearest side that networks like."""
    return min(_SIDES, key=lambda side: abs(side - pixels))


# ---------------------------------------------------------------------------- tasks


def _classify(draft: _Draft, pictures: Pictures) -> None:
    labels = pictures.known
    counts = np.bincount(labels) if labels.ndim == 1 else labels.sum(0)
    rare, common = float(counts[counts > 0].min()), float(counts.max())
    if common >= 3 * rare:
        why = f"the most frequent class has {common / rare:.0f} times as many as the rarest"
        draft.say("train.balance", 0.5, why)
    draft.say("augment", ["HorizontalFlip(p=0.5)", _TONE, _MOVE], "mild: flips, light, position")
    if len(pictures) >= 1000:
        draft.say("mix.cutmix", 1.0, "enough pictures to gain by mixing")


def _segment(draft: _Draft, pictures: Pictures) -> None:
    del pictures
    draft.say(
        "augment",
        ["SquareSymmetry(p=1)", _TONE],
        "all turns and mirrors; take them out if up matters",
    )
    height, width = draft.plain["input"]["size"]
    if height != width:
        draft.say(
            "augment", ["HorizontalFlip(p=0.5)", "VerticalFlip(p=0.5)", _TONE], "flips, light"
        )


def _detect(draft: _Draft, pictures: Pictures) -> None:
    draft.say("augment", ["HorizontalFlip(p=0.5)", _TONE], "mild: flips, light")
    sides = [
        np.sqrt(np.prod(item.boxes[:, 2:] - item.boxes[:, :2], axis=1))
        for item in map(pictures.dataset.item, range(min(len(pictures), _LOOKED)))
        if item.boxes is not None and len(item.boxes)
    ]
    if not sides:
        raise DataError("none of the pictures has a box")
    median = float(np.median(np.concatenate(sides)))
    draft.notes["model.name"] = f"the median object is {median:.0f} pixels a side"


_TONE = "RandomBrightnessContrast(p=0.5)"
_MOVE = "Affine(scale=(0.9, 1.1), rotate=(-10, 10), translate_percent=(-0.05, 0.05), p=0.5)"
_PROPOSERS: Mapping[str, Callable[[_Draft, Pictures], None]] = {
    "classify": _classify,
    "segment": _segment,
    "detect": _detect,
}
"""Task → what it chooses."""


def _training(draft: _Draft, pictures: Pictures) -> None:
    """Batch by the size, epochs by the number of pictures."""
    area = int(np.prod(draft.plain["input"]["size"]))
    heavy = {"classify": 1, "segment": 2, "detect": 4}[draft.plain["task"]]
    batch = int(np.clip(2 ** np.floor(np.log2(32 * 224 * 224 / (area * heavy))), 2, 32))
    batch = min(batch, max(2, len(pictures) // 4))
    draft.say("train.batch", batch, "fits into 8 GB")
    steps = len(pictures) * 4 / 5 / batch
    epochs = int(np.clip(round(1500 / max(steps, 1)), 10, 100))
    draft.say("train.epochs", epochs, f"about {round(epochs * steps)} steps a fold")


def _folds(draft: _Draft, pictures: Pictures) -> None:
    folds = 5
    if pictures.labels is not None and pictures.labels.ndim == 1:
        counts = np.bincount(pictures.labels)
        folds = int(np.clip(counts[counts > 0].min(), 2, 5))
    folds = min(folds, max(2, len(pictures) // 2))
    why = "say with folds.group what must stay together: patients, scenes, series"
    draft.say("folds.n", folds, why)
