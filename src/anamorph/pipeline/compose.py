"""The pipeline. Draw, fuse and render stand together in `Compose`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from anamorph.backends import BACKENDS, DEFAULT
from anamorph.core.boxes import BboxParams, as_bbox_params
from anamorph.core.constants import INTERPOLATIONS
from anamorph.core.errors import ParameterError, PositionError, UnknownNameError, nearest
from anamorph.core.keypoints import KeypointParams, as_keypoint_params
from anamorph.core.params import Choice, Flag, Number
from anamorph.core.polygons import PolygonParams, PolylineParams
from anamorph.core.rng import Rng, Stream, mix
from anamorph.ir.ops import Warp
from anamorph.ir.plan import Plan
from anamorph.ir.rules import check_mode
from anamorph.pipeline.explain import Explanation, explain
from anamorph.pipeline.hub import Shared
from anamorph.pipeline.inverse import PLAN, bring_home
from anamorph.pipeline.keyed import Keyed
from anamorph.pipeline.ranges import check_range
from anamorph.pipeline.sample import Sample
from anamorph.pipeline.serialize import to_dict
from anamorph.pipeline.settings import Settings
from anamorph.pipeline.slots import slots_of
from anamorph.pipeline.tree import BaseCompose
from anamorph.transforms.base import Transform
from anamorph.transforms.described import Processor

Data = Mapping[str, Any]


class Compose(Shared, BaseCompose):
    """A pipeline: transforms in order, and what it needs to know of boxes, keypoints and chance.

    Args:
        transforms: transforms and compositions.
        bbox_params: format of boxes and when to drop them; also as a dictionary.
        keypoint_params: format of keypoints; also as a dictionary.
        additional_targets: further keys of a call, each with the target that it is like.
        p: probability of doing anything.
        is_check_shapes: refuse targets of different heights and widths. If False, each shows the
            whole scene in its own resolution.
        strict: refuse keys that nothing in the pipeline knows.
        mask_interpolation: interpolation of masks for all members, in place of their own.
        seed: makes the stream of random numbers reproducible; every worker process has its own.
        save_applied_params: put ``applied_transforms`` into the result.
        fuse: "all", "exact" (only what is equal bit by bit) or "none".
        backend: name of the backend that renders.
        instance_binding: targets whose i-th members are one object and disappear together.
        value_range: (black, white) of the pictures, where it is not that of their dtype: transforms
            then see float32 in which 0 is black and 1 is white, fills included, and results return
            to the dtype and units that came in unless a transform converts them.
        undefined: what to do with a transform that is not defined for a picture (hue where there
            is one channel): "refuse" the picture, or "skip" the transform.
        polygon_params: label fields of polygons and when to drop them; also as a dictionary.
        polyline_params: the same for polylines.
        save_plan: put the plan into the result, under "plan", which `inverse` reads.

    >>> pipeline = A.Compose([A.HorizontalFlip(p=1), A.Rotate(limit=20, p=1)], seed=1)
    >>> pipeline(image=photo)["image"].shape
    (427, 640, 3)
    """

    init_names: ClassVar[tuple[str, ...]] = (
        "bbox_params", "keypoint_params", "additional_targets", "p", "is_check_shapes", "strict",
        "mask_interpolation", "seed", "save_applied_params", "fuse", "backend", "instance_binding",
        "value_range", "undefined", "polygon_params", "polyline_params", "save_plan",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - the interface of Albumentations 2.0.8 and three options
        self,
        transforms: Any,
        bbox_params: BboxParams | Mapping[str, Any] | None = None,
        keypoint_params: KeypointParams | Mapping[str, Any] | None = None,
        additional_targets: Mapping[str, str] | None = None,
        p: float = 1.0,
        is_check_shapes: bool = True,  # noqa: FBT001, FBT002
        strict: bool = False,  # noqa: FBT001, FBT002
        mask_interpolation: int | None = None,
        seed: int | None = None,
        save_applied_params: bool = False,  # noqa: FBT001, FBT002
        *,
        fuse: str = "all",
        backend: str = DEFAULT,
        instance_binding: Sequence[str] | None = None,
        value_range: Sequence[float] | None = None,
        undefined: str = "refuse",
        polygon_params: PolygonParams | Mapping[str, Any] | None = None,
        polyline_params: PolylineParams | Mapping[str, Any] | None = None,
        save_plan: bool = False,
    ) -> None:
        super().__init__(transforms, p)
        interpolations = Choice(tuple(INTERPOLATIONS), optional=True)
        self.settings: Settings = Settings(
            bbox_params=as_bbox_params(bbox_params),
            keypoint_params=as_keypoint_params(keypoint_params),
            additional_targets=dict(additional_targets or {}),
            is_check_shapes=Flag().check("Compose.is_check_shapes", is_check_shapes),
            strict=Flag().check("Compose.strict", strict),
            mask_interpolation=interpolations.check(
                "Compose.mask_interpolation", mask_interpolation
            ),
            fuse=check_mode(fuse),
            instance_binding=tuple(instance_binding or ()),
            value_range=check_range(value_range),
            undefined=Choice(("refuse", "skip")).check("Compose.undefined", undefined),
            polygon_params=PolygonParams.taken("polygon_params", polygon_params),
            polyline_params=PolylineParams.taken("polyline_params", polyline_params),
        )
        _ = self.settings.kinds, self.settings.bound  # refuse wrong targets now
        if backend not in BACKENDS:
            hint = nearest(str(backend), BACKENDS)
            raise UnknownNameError(
                f"Compose.backend = {backend!r}: it must be one of {', '.join(BACKENDS)}{hint}"
            )
        self.backend = backend
        flag = Flag().check("Compose.save_applied_params", save_applied_params)
        self.save_applied_params: bool = flag
        self.save_plan: bool = Flag().check("Compose.save_plan", save_plan)
        self.stream: Stream = Stream(_whole("Compose.seed", seed))
        _refuse_inner(self, self)

    # -------------------------------------------------------------- options, as they were given

    def __getattr__(self, name: str) -> Any:
        if name != "settings" and name in Settings.__dataclass_fields__:
            return getattr(self.settings, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def seed(self) -> int | None:
        """The seed of the stream."""
        return self.stream.seed

    @property
    def available_keys(self) -> set[str]:
        """Keys of a call that the pipeline knows: those of its members, labels, further targets."""
        keys = super().available_keys | self.settings.label_fields
        return keys | set(self.settings.additional_targets) | set(self.processors)

    @property
    def processors(self) -> dict[str, Processor]:
        """Kinds of labels that the pipeline knows the format of → what it knows."""
        return dict(self.settings.told)

    def values(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.init_names}
        values["additional_targets"] = dict(self.settings.additional_targets) or None
        return values

    def add_targets(self, additional_targets: Mapping[str, str] | None) -> None:
        """Take further keys of a call, each with the target that it is like."""
        targets = {**self.settings.additional_targets, **(additional_targets or {})}
        settings = dataclasses.replace(self.settings, additional_targets=targets)
        _ = settings.kinds  # refuse wrong targets before anything is changed
        self.settings = settings

    def to_dict(self, on_not_implemented_error: str = "raise") -> dict[str, Any]:
        """Write the pipeline as plain data, see `anamorph.to_dict`."""
        return to_dict(self, on_not_implemented_error)

    # -------------------------------------------------------------- the flow

    def __call__(
        self, *args: Any, force_apply: bool = False, out: Any = None, **data: Any
    ) -> dict[str, Any]:
        """Transform a sample.

        Args:
            args: none; everything is passed by name.
            force_apply: act even if p says no.
            out: memory for the picture, or a mapping from keys of pictures and masks to memory:
                contiguous arrays (or tensors of the CPU) of the result's shape, H×W×C or C×H×W,
                and dtype; float32 may go to float16. The result holds them under their keys.
            data: the targets (image, mask, bboxes, …), label fields, and anything else, which
                passes through.

        Returns:
            A dictionary with the same keys.

        Raises:
            AnamorphError: a target is missing, or not what the pipeline was told.
        """
        if args:
            refuse_positions(args)
        return self._transform(self.stream.current(), data, force=force_apply, out=out)

    def _transform(
        self, rng: Rng, data: Data, *, force: bool = False, out: Any = None
    ) -> dict[str, Any]:
        sample = self.begin(data, out=out)
        if self.save_applied_params:
            sample.notes = []
        self.decide(rng, sample, force=force)
        done: dict[str, Any] = sample.finish()
        if sample.notes is not None:
            done["applied_transforms"] = applied(sample)
        if self.save_plan:
            done[PLAN] = sample.planned()
        return done

    def begin(self, data: Data, kind: type[Sample] = Sample, out: Any = None) -> Any:
        """Take in the data of a call, and the memory that its results go to."""
        if self.settings.strict:
            self.settings.check_keys(data, frozenset(_needed(self)))
        sample = kind(self.settings, data, BACKENDS[self.backend])
        if out is not None:
            sample.slots = slots_of(out, sample.entries)
        return sample

    def decide(self, rng: Rng, sample: Sample, *, force: bool = False) -> None:
        """Draw the whole tree."""
        if force or rng.chance(self.p):
            self.run_members(rng, sample)

    def run(self, rng: Rng, sample: Sample, *, force: bool = False) -> None:
        """Run as a member of another composition, whose boxes and chance it then shares."""
        self.decide(rng, sample, force=force)

    # -------------------------------------------------------------- other ways to run it

    def keyed(self, epoch: int, index: int) -> Keyed:
        """Give the pipeline as it acts on one sample of one epoch.

        The result depends on the seed, the epoch and the index alone: it is the same with any
        number of workers, in any order. A pipeline without a seed counts as seeded with 0.

        Args:
            epoch: number of the pass over the data.
            index: number of the sample.

        Returns:
            What is called as the pipeline is, and has its `plan`.
        """
        key = mix(self.seed or 0, 1 + _whole("epoch", epoch), 1 + _whole("index", index))

        return Keyed(
            lambda data, out: self._transform(Rng(key), data, out=out),
            lambda data: self._drawn(Rng(key), data),
        )

    def plan(self, **data: Any) -> Plan:
        """Draw the plan for a sample, without rendering what need not be rendered to draw it."""
        return self._drawn(self.stream.current(), data)

    def _drawn(self, rng: Rng, data: Data) -> Plan:
        sample = self.begin(data)
        sample.notes = []
        self.decide(rng, sample)
        plan: Plan = sample.planned()
        return plan

    def render(self, plan: Plan, *, out: Any = None, **data: Any) -> dict[str, Any]:
        """Render a plan on a sample, with this pipeline's formats of boxes and keypoints."""
        sample = self.begin(data, out=out)
        for op in plan.ops:
            sample.push(op)
        done: dict[str, Any] = sample.finish()
        return done

    def inverse(self, result: Plan | Mapping[str, Any], **predictions: Any) -> dict[str, Any]:
        """Bring what was predicted on a result home to the picture that it was made from.

        Sizes, crops, padding, turns and perspectives are undone: exactly where pixels fell on
        pixels. What a crop cut off comes back as 0. Predictions in another resolution than the
        result (a network's maps at a quarter of it) are resized to it on the way.

        Args:
            result: a result of a pipeline with ``save_plan=True``, or a plan. Masks, boxes,
                keypoints and shapes in it come home too, pictures only where they are named.
            predictions: targets by name, in this pipeline's formats, which replace those of the
                result; ``maps`` are floats H×W or H×W×C (tensors C×H×W) that are interpolated.

        Returns:
            The targets, and their label fields, in the source picture.

        Raises:
            NotInvertibleError: the plan holds a dense distortion or a user's own transform.

        >>> pipeline = A.Compose([A.LetterBox((256, 256)), A.HorizontalFlip(p=1)], save_plan=True)
        >>> out = pipeline(image=photo)
        >>> pipeline.inverse(out, mask=(out["image"][..., 0] > 99).astype("uint8"))["mask"].shape
        (427, 640)
        """
        return bring_home(self.settings, BACKENDS[self.backend], result, predictions)

    def explain(self, **data: Any) -> Explanation:
        """Run once and tell what was drawn, what fused with which label, and what each op cost."""
        sample = self.begin(data)
        sample.notes = []
        return explain(sample, lambda: self.decide(self.stream.current(), sample))


def _whole(place: str, value: Any) -> Any:
    return Number(whole=True, optional=True).check(place, value)


_OUTERMOST: Mapping[str, Any] = {
    "bbox_params": None, "keypoint_params": None, "additional_targets": {}, "strict": False,
    "mask_interpolation": None, "save_applied_params": False, "fuse": "all", "backend": DEFAULT,
    "instance_binding": (), "value_range": None, "undefined": "refuse",
    "polygon_params": None, "polyline_params": None, "save_plan": False,
}  # fmt: skip
"""Options that hold for a whole pipeline, and what they are when nobody sets them."""


def _refuse_inner(outer: Compose, node: BaseCompose) -> None:
    """Refuse a Compose within another whose options would be ignored."""
    for member in node.transforms:
        if isinstance(member, Compose):
            for name, default in _OUTERMOST.items():
                if getattr(member, name) not in (default, getattr(outer, name)):
                    raise ParameterError(
                        f"a Compose within another sets {name}, which holds for a whole pipeline: "
                        "give it to the outermost"
                    )
        if isinstance(member, BaseCompose):
            _refuse_inner(outer, member)


def refuse_positions(args: tuple[Any, ...]) -> None:
    """Refuse data that was passed without names."""
    if args:
        raise PositionError(
            "a pipeline takes its data by name: write pipeline(image=image, mask=mask)"
        )


def _needed(node: Any) -> Iterator[str]:
    """Keys that transforms read although they are no targets."""
    if isinstance(node, BaseCompose):
        for member in node.transforms:
            yield from _needed(member)
        return
    yield from node.targets_as_params


def applied(sample: Sample) -> list[tuple[str, dict[str, Any]]]:
    """What was applied, and the numbers that were drawn, as ops by name."""
    out = []
    for note in sample.notes or ():
        if note.applied:
            ops = sample.ops[note.start : note.stop]
            params: dict[str, Any] = {}
            for op in ops:
                if op.opaque:
                    params.update(op.call.drawn)  # type: ignore[attr-defined]
                    continue
                params.update({f.name: getattr(op, f.name) for f in dataclasses.fields(op)})
                if isinstance(op, Warp):
                    params["shape"] = op.size
            out.append((note.transform, params))
    return out


def _run_alone(transform: Transform, data: Data) -> dict[str, Any]:
    boxes = BboxParams("albumentations") if "bboxes" in data else None
    points = KeypointParams("xy", remove_invisible=False) if "keypoints" in data else None
    pipeline = Compose(
        [transform], bbox_params=boxes, keypoint_params=points, is_check_shapes=False
    )
    pipeline.stream = vars(transform).get("stream") or pipeline.stream
    return pipeline(**data)


BaseCompose.alone = staticmethod(lambda member: Compose([member]))
Transform.runner = staticmethod(_run_alone)
