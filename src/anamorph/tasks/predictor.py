"""A bundle at work: files in, what is told of them out. The same code serves one file and millions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import anamorph
from anamorph.core.errors import ParameterTypeError, UnknownNameError, nearest
from anamorph.tasks import devices
from anamorph.tasks.base import Decision, Task
from anamorph.tasks.bundle import Bundle, Member, ensemble
from anamorph.tasks.samples import Views
from anamorph.tasks.seeing import Manner, Seen, Seer
from anamorph.tasks.table import task_of

_TILES = ("tile", "overlap")


@dataclass(frozen=True)
class Row:
    """What is told of a picture.

    ``prediction`` is what the models say, in the picture's coordinates: probabilities of classes, a
    map H×W×classes, or boxes; ``final`` what the bundle's thresholds make of it: a class, a mask,
    boxes. A picture that cannot be read has an ``error`` and neither.
    """

    file: str
    prediction: Any = None
    final: Any = None
    size: tuple[int, int] = (0, 0)
    truth: Any = None
    error: str | None = None


@final
class Predictor:
    """The models of a bundle on a device, ready for pictures.

    Args:
        bundle: what is asked.
        device: "auto", "cpu", "cuda", …
        tta: views, as ``"d4"``; None takes what the configuration says, "none" no views.
        tiles: ``{"tile": 512, "overlap": 0.25}``, where it is not as the configuration says.
        batch: pictures or tiles at once.
        workers: processes that read pictures.

    >>> from anamorph.tasks.predictor import Predictor
    >>> Predictor.__name__
    'Predictor'
    """

    task: Task
    bundle: Bundle

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str = "auto",
        tta: str | None = None,
        tiles: Mapping[str, Any] | None = None,
        batch: int | None = None,
        workers: int = 0,
    ) -> None:
        """Build the models; their weights are checked against their hashes."""
        self.bundle, self.task = bundle, bundle.task
        place = devices.device_of(device)
        self.manners: list[Manner] = [
            _manner(members[0], place, tta, tiles, batch, workers)
            for members in _alike(bundle.members)
        ]
        self.groups: list[Seer] = [
            _seer(bundle, members, manner)
            for members, manner in zip(_alike(bundle.members), self.manners, strict=True)
        ]
        self.weights: list[float] = [
            sum(m.weight for m in members) for members in _alike(bundle.members)
        ]

    def plain(self) -> dict[str, Any]:
        """What decides the result, besides the picture."""
        told = [(m.tile, m.overlap, m.tta, str(m.dtype)) for m in self.manners]
        return {"bundle": self.bundle.hash, "manner": json.loads(json.dumps(told))}

    def over(
        self,
        paths: Sequence[str],
        *,
        truth: Any = None,
        decision: Decision | None = None,
    ) -> Iterator[Row]:
        """Predict pictures, in this order.

        Args:
            paths: of pictures.
            truth: function of the number of a picture, what is true of it.
            decision: in place of the bundle's.
        """
        chosen = self.bundle.decision if decision is None else decision
        order = range(len(paths))
        runs = [
            seer.over(_views(paths, seer, truth if at == 0 else None), order)
            for at, seer in enumerate(self.groups)
        ]
        for seen in zip(*runs, strict=True):
            yield self._row(paths, seen, chosen)

    def _row(self, paths: Sequence[str], seen: Sequence[Seen], decision: Decision) -> Row:
        first = seen[0]
        path = paths[first.index]
        error = next((each.error for each in seen if each.error is not None), None)
        if error is not None:
            return Row(path, error=error)
        said = [each.prediction for each in seen]
        merged = said[0] if len(said) == 1 else self.task.merge(said, self.weights)
        return Row(path, merged, self.task.final(merged, decision), first.size, first.truth)


def _alike(members: Sequence[Member]) -> list[list[Member]]:
    """Models in groups that see pictures in the same way, and so can be asked in one go."""
    groups: dict[str, list[Member]] = {}
    for member in members:
        told = json.dumps([anamorph.to_dict(member.pipeline), member.config.predict.tile])
        groups.setdefault(told, []).append(member)
    return list(groups.values())


def _manner(
    member: Member,
    device: Any,
    tta: str | None,
    tiles: Mapping[str, Any] | None,
    batch: int | None,
    workers: int,
) -> Manner:
    given, train = member.config.predict, member.config.train
    views = given.tta if tta is None else tta
    told = Manner(
        device,
        devices.precision_of(train.precision, device),
        batch or given.batch or train.batch,
        workers,
        given.tile,
        given.overlap,
        None if views == "none" else views,
    )
    for name in tiles or {}:
        if name not in _TILES:
            raise UnknownNameError(
                f"tiles has {name!r}: {', '.join(_TILES)} are what there is{nearest(name, _TILES)}"
            )
    return replace(told, **dict(tiles or {}))


def _seer(bundle: Bundle, members: Sequence[Member], manner: Manner) -> Seer:
    task = task_of(members[0].config, bundle.classes)
    models = [m.model(task_of(m.config, bundle.classes), manner.device) for m in members]
    prepare = members[0].pipeline
    if manner.tile != members[0].config.predict.tile:
        prepare = _other(members[0], manner.tile)
    return Seer(task, models, [m.weight for m in members], prepare, manner)


def _other(member: Member, tile: int | None) -> Any:
    """The pipeline where pictures are seen in tiles although they were seen whole, or the reverse."""
    config = member.config
    changed = replace(config, predict=replace(config.predict, tile=tile))
    return Member(changed, member.weights, member.sha256).pipeline


def _views(paths: Sequence[str], seer: Seer, truth: Any) -> Views:
    config = seer.task.config
    return Views(
        paths,
        seer.prepare,
        config.input.channels,
        truth=truth,
        skip=True,
        whole=seer.manner.tile is None,
    )


def bundle_from(given: Any, root: Any = "runs") -> Bundle:
    """A bundle, of itself, of a place that has one, or of several such."""
    from_many = isinstance(given, list | tuple)
    if isinstance(given, Bundle):
        return given
    if from_many and given:
        loaded = [bundle_from(each, root) for each in given]
        return loaded[0] if len(loaded) == 1 else ensemble(loaded)
    if from_many:
        raise ParameterTypeError("no bundle is given: one at least is wanted")
    return Bundle.load(getattr(given, "path", given), root)
