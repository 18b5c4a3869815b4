"""A pipeline whose result says how it came about, and can be had again on other data."""

from __future__ import annotations

import itertools
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from anamorph.core.boxes import BboxParams
from anamorph.core.errors import ParameterError
from anamorph.core.keypoints import KeypointParams
from anamorph.core.params import Words
from anamorph.core.rng import Rng
from anamorph.ir.ops import Op
from anamorph.ir.plan import Plan, op_to_dict
from anamorph.pipeline.compose import Compose, Data, applied
from anamorph.pipeline.inverse import PLAN
from anamorph.pipeline.sample import Sample
from anamorph.pipeline.serialize import CLASS, node_from_dict, node_to_dict
from anamorph.pipeline.tree import BaseCompose

_living: WeakValueDictionary[str, ReplayCompose] = WeakValueDictionary()
"""Pipelines of this process by the name that their records have for them."""
_count = itertools.count()


class ReplayCompose(Compose):
    """A Compose whose result holds, under ``save_key``, what `replay` needs to do it again.

    The record is plain data: the pipeline with, for each transform, whether it was ``applied`` and
    in ``params`` the ops it drew, and the key of the chance behind them. It may be edited in one
    way: an ``applied`` set to False leaves that transform out.

    >>> pipeline = A.ReplayCompose([A.RandomCrop(64, 64, p=1)])
    >>> first = pipeline(image=photo)
    >>> again = A.ReplayCompose.replay(first["replay"], image=photo)
    >>> bool((first["image"] == again["image"]).all())
    True
    """

    init_names: ClassVar[tuple[str, ...]] = (*Compose.init_names, "save_key")

    def __init__(  # noqa: PLR0913, PLR0917 - the interface of 2.0.8
        self,
        transforms: Any,
        bbox_params: BboxParams | Mapping[str, Any] | None = None,
        keypoint_params: KeypointParams | Mapping[str, Any] | None = None,
        additional_targets: Mapping[str, str] | None = None,
        p: float = 1.0,
        is_check_shapes: bool = True,  # noqa: FBT001, FBT002
        save_key: str = "replay",
        **options: Any,
    ) -> None:
        super().__init__(
            transforms,
            bbox_params,
            keypoint_params,
            additional_targets,
            p,
            is_check_shapes,
            **options,
        )
        self.save_key: str = Words().check("ReplayCompose.save_key", save_key)
        if save_key in self.settings.kinds:
            raise ParameterError(f"ReplayCompose.save_key = {save_key!r}: it must name no target")

    def _transform(
        self, rng: Rng, data: Data, *, force: bool = False, out: Any = None
    ) -> dict[str, Any]:
        key = rng.key()
        sample = self.begin(data, out=out)
        sample.notes = []
        self.decide(Rng(key), sample, force=force)
        done: dict[str, Any] = sample.finish()
        if self.save_applied_params:
            done["applied_transforms"] = applied(sample)
        record = _told(self, _outcomes(sample))
        name = f"{os.getpid()}-{next(_count)}"
        _living[name] = self
        replayed = {"key": key, "force": force, "pipeline": name, "stamp": _stamp(record)}
        if self.save_plan:
            done[PLAN] = sample.planned()
        done[self.save_key] = {**record, "replayed": replayed}
        return done

    def _drawn(self, rng: Rng, data: Data) -> Plan:
        return super()._drawn(Rng(rng.key()), data)  # as a call draws

    @staticmethod
    def replay(saved_augmentations: Mapping[str, Any], **data: Any) -> dict[str, Any]:
        """Do again what a record tells.

        On the same data the result is the same; on a picture of another size the same numbers are
        drawn, and meet that size.

        Raises:
            ParameterError: it is no record, or edited otherwise than by leaving transforms out.
        """
        record = dict(saved_augmentations)
        chance = record.get("replayed")
        if chance is None:
            raise ParameterError("the record has no 'replayed': no ReplayCompose made it")
        if _stamp(record) != chance["stamp"]:
            raise ParameterError(
                "the record was edited: the one thing that may be changed in it is 'applied', to "
                "False"
            )
        pipeline = _living.get(chance["pipeline"]) or node_from_dict(record, {})
        sample = pipeline.begin(data, _Replayed)
        sample.notes = []
        members = list(_pairs(pipeline, record))
        sample.silent = {id(node) for node, told in members if not told["applied"]}
        pipeline.decide(Rng(chance["key"]), sample, force=chance["force"])
        _refuse_invented(members, _outcomes(sample))
        return {**sample.finish(), pipeline.save_key: saved_augmentations}


class _Replayed(Sample):
    """A sample that leaves out the ops of some transforms, whose numbers are drawn all the same."""

    __slots__ = ("silent",)
    silent: set[int]

    def push(self, op: Op) -> None:
        if not self._hushed:
            super().push(op)

    def tell(self, key: str, values: list[Any]) -> None:
        if not self._hushed:
            super().tell(key, values)

    @property
    def _hushed(self) -> bool:
        """Whether the transform that draws now is left out."""
        return bool(self.drawn_by) and id(self.drawn_by[-1]) in self.silent


def _outcomes(sample: Sample) -> dict[int, dict[str, Any]]:
    """By the transform: whether it was applied, and the ops it drew."""
    found: dict[int, dict[str, Any]] = {}
    for node, note in zip(sample.drawn_by, sample.notes or (), strict=True):
        ops = [op for op in sample.ops[note.start : note.stop] if not op.opaque]
        if note.applied:
            found[id(node)] = {"applied": True, "params": {"ops": [op_to_dict(op) for op in ops]}}
    return found


def _told(node: Any, outcomes: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """A node of the tree as data, with what became of it."""
    if isinstance(node, BaseCompose):
        members = [_told(member, outcomes) for member in node.transforms]
        acted = any(member["applied"] for member in members)
        written = node_to_dict(node, members=members)
        return {**written, "applied": acted, "params": None}
    try:
        written = node_to_dict(node)
    except ParameterError:  # functions: while the pipeline lives, nobody needs them written
        written = {CLASS: type(node).__name__, "__name__": None}
    return written | outcomes.get(id(node), {"applied": False, "params": None})


def _stamp(record: Mapping[str, Any]) -> int:
    """A checksum of all of a record but what may be edited."""
    return zlib.crc32(json.dumps(_fixed(record), sort_keys=True, default=str).encode())


def _fixed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _fixed(v) for k, v in value.items() if k not in ("applied", "replayed")}
    return [_fixed(v) for v in value] if isinstance(value, list | tuple) else value


def _pairs(node: Any, told: Mapping[str, Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The transforms of a pipeline, each with what a record tells of it."""
    if not isinstance(node, BaseCompose):
        yield node, told
        return
    for member, part in zip(node.transforms, told["transforms"], strict=True):
        yield from _pairs(member, part)


def _refuse_invented(
    members: list[tuple[Any, Mapping[str, Any]]], outcomes: Mapping[int, Any]
) -> None:
    for node, told in members:
        if told["applied"] and id(node) not in outcomes:
            raise ParameterError(
                f"the record says that {type(node).__name__} was applied, and it was not: "
                "'applied' may be changed to False only"
            )
