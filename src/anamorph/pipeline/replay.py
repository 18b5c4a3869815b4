"""A pipeline whose result says how it came about, and can be had again on other data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from anamorph.core.errors import ParameterError
from anamorph.core.rng import Rng
from anamorph.ir.plan import op_to_dict
from anamorph.pipeline.compose import Compose, applied, refuse_positions
from anamorph.pipeline.sample import Sample
from anamorph.pipeline.serialize import node_from_dict, node_to_dict


class ReplayCompose(Compose):
    """A Compose whose result holds, under ``save_key``, what `replay` needs to do it again.

    The record is plain data: the pipeline with, for each transform, whether it was applied and
    the ops it drew, and the key of the chance behind them. Only where a part of the pipeline
    cannot be written as data, the record holds the pipeline itself.

    >>> pipeline = A.ReplayCompose([A.RandomCrop(64, 64, p=1)])
    >>> first = pipeline(image=photo)
    >>> again = A.ReplayCompose.replay(first["replay"], image=photo)
    >>> bool((first["image"] == again["image"]).all())
    True
    """

    init_names: ClassVar[tuple[str, ...]] = (*Compose.init_names, "save_key")

    def __init__(
        self, transforms: Any, *args: Any, save_key: str = "replay", **kwargs: Any
    ) -> None:
        super().__init__(transforms, *args, **kwargs)
        self.save_key = save_key

    def __call__(self, *args: Any, force_apply: bool = False, **data: Any) -> dict[str, Any]:
        refuse_positions(args)
        key = self.stream.current().key()
        sample = self.begin(data)
        sample.notes = []
        self.decide(Rng(key), sample, force=force_apply)
        out = sample.finish()
        if self.save_applied_params:
            out["applied_transforms"] = applied(sample)
        out[self.save_key] = self._record(sample, {"key": key, "force": force_apply})
        return out

    def _record(self, sample: Sample, chance: dict[str, Any]) -> dict[str, Any]:
        told = _Told(sample)
        try:
            written: dict[str, Any] = node_to_dict(self, told)
        except ParameterError:
            written = {"pipeline": self}
        return {**written, "replayed": chance}

    @staticmethod
    def replay(saved_augmentations: Mapping[str, Any], **data: Any) -> dict[str, Any]:
        """Do again what a record tells.

        On the same data the result is the same; on a picture of another size the same numbers are
        drawn, and meet that size.
        """
        chance = saved_augmentations["replayed"]
        pipeline = saved_augmentations.get("pipeline") or node_from_dict(saved_augmentations, {})
        sample = pipeline.begin(data)
        pipeline.decide(Rng(chance["key"]), sample, force=chance["force"])
        return sample.finish()  # type: ignore[no-any-return]


class _Told:
    """Tells of a transform whether it was applied, and the ops it drew."""

    def __init__(self, sample: Sample) -> None:
        self.found: dict[int, dict[str, Any]] = {}
        for node, note in zip(sample.drawn_by, sample.notes or (), strict=True):
            ops = [op for op in sample.ops[note.start : note.stop] if not _opaque(op)]
            params = {"ops": [op_to_dict(op) for op in ops]} if note.applied else None
            self.found[id(node)] = {"applied": note.applied, "params": params}

    def __call__(self, node: Any) -> dict[str, Any]:
        return self.found.get(id(node), {"applied": False, "params": None})


def _opaque(op: Any) -> bool:
    return bool(getattr(op, "opaque", False))
