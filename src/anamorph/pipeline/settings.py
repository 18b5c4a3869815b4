"""What a pipeline was told apart from its transforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from anamorph.core.boxes import BboxParams
from anamorph.core.errors import (
    DataError,
    DataTypeError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)
from anamorph.core.errors import nearest as nearest_name
from anamorph.core.keypoints import KeypointParams
from anamorph.core.labels import pick
from anamorph.core.polygons import PolygonParams, PolylineParams
from anamorph.ir.ops import BOXES, MEASURED, POINTS, POLYGONS, POLYLINES, SHAPES, Target
from anamorph.pipeline.instances import bind
from anamorph.pipeline.ranges import Range
from anamorph.pipeline.targets import KINDS, Entry, Kind
from anamorph.transforms.described import Processor

if TYPE_CHECKING:
    from anamorph.pipeline.sample import Sample


@dataclass(frozen=True)
class Settings:
    """The options of a Compose, checked and with everything derived from them."""

    bbox_params: BboxParams | None = None
    keypoint_params: KeypointParams | None = None
    additional_targets: Mapping[str, str] = field(default_factory=dict)
    is_check_shapes: bool = True
    strict: bool = False
    mask_interpolation: int | None = None
    fuse: str = "all"
    instance_binding: tuple[str, ...] = ()
    value_range: Range | None = None
    undefined: str = "refuse"
    polygon_params: PolygonParams | None = None
    polyline_params: PolylineParams | None = None

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Key → kind, the additional targets included.

        Raises:
            UnknownNameError: an additional target is of a kind that does not exist.
        """
        kinds = dict(KINDS)
        for name, like in self.additional_targets.items():
            if like not in KINDS:
                hint = nearest_name(str(like), KINDS)
                raise UnknownNameError(
                    f"additional_targets[{name!r}] = {like!r}: it must be one of "
                    f"{', '.join(KINDS)}{hint}"
                )
            if name in _TAKEN and like != name:
                raise ParameterError(
                    f"additional_targets[{name!r}] = {like!r}: {name} is a target already"
                )
            kinds[name] = KINDS[like]
        return kinds

    @cached_property
    def told(self) -> dict[str, Processor]:
        """Kinds of labels whose format is known → what is known."""
        params = {"bboxes": self.bbox_params, "keypoints": self.keypoint_params}
        return {name: Processor(name, p) for name, p in params.items() if p is not None}

    @cached_property
    def bound(self) -> tuple[str, ...]:
        """The targets that are bound into objects.

        Raises:
            UnknownNameError: one of them does not exist.
        """
        for name in self.instance_binding:
            if name not in self.kinds:
                hint = nearest_name(str(name), self.kinds)
                raise UnknownNameError(f"instance_binding has {name!r}, which is no target{hint}")
        return self.instance_binding

    @cached_property
    def plain(self) -> bool:
        """Whether pictures are taken as they are, and nothing is bound to anything."""
        return self.value_range is None and not self.bound

    @cached_property
    def label_fields(self) -> frozenset[str]:
        """Keys of the label fields of boxes, keypoints, polygons and polylines."""
        told = (self.bbox_params, self.keypoint_params, self.polygon_params, self.polyline_params)
        return frozenset(name for params in told if params for name in params.label_fields)

    def params_of(self, target: Target) -> Any:
        """The parameters of boxes, keypoints, polygons or polylines.

        Raises:
            MissingDataError: the call has such labels, and the pipeline was not told their format.
        """
        if target is BOXES:
            if self.bbox_params is None:
                raise MissingDataError(
                    "the call has bboxes: say their format with Compose(..., "
                    "bbox_params=BboxParams(format=...))"
                )
            return self.bbox_params
        if target is POLYGONS:
            return self.polygon_params or _POLYGONS
        if target is POLYLINES:
            return self.polyline_params or _POLYLINES
        if self.keypoint_params is None:
            raise MissingDataError(
                "the call has keypoints: say their format with Compose(..., "
                "keypoint_params=KeypointParams(format=...))"
            )
        return self.keypoint_params

    def check_keys(self, data: Mapping[str, Any], extra: frozenset[str]) -> None:
        """Refuse keys that nothing in the pipeline knows, where the caller asked for strictness.

        Raises:
            UnknownNameError: there is such a key.
        """
        known = set(self.kinds) | self.label_fields | extra
        for key in data:
            if key not in known:
                hint = nearest_name(key, known)
                raise UnknownNameError(f"the pipeline is strict and knows no key {key!r}{hint}")

    def hand_out(self, sample: Sample, out: dict[str, Any]) -> None:
        """Write boxes, keypoints and their label fields to a result."""
        if self.bound:
            bind(self.bound, sample, out)
        for key, entry in sample.entries.items():
            target = entry.kind.target
            if target not in _MAIN:
                continue
            params = self.params_of(target)
            value = entry.value
            if params.settles_last:
                value = params.settle(value, sample.size)
            out[key] = params.write(value, entry.given, sample.size)
            if self.fields_of(sample, entry):
                self._hand_out_labels(entry, params, value, out)

    def fields_of(self, sample: Sample, entry: Entry) -> tuple[str, ...]:
        """The label fields that belong to a target of a sample."""
        target = entry.kind.target
        fields: tuple[str, ...] = self.params_of(target).label_fields
        owns = fields and (entry.key == _MAIN[target] or _labelled(entry.key, target, sample))
        return fields if owns else ()

    def _hand_out_labels(self, entry: Entry, params: Any, value: Any, out: dict[str, Any]) -> None:
        for name in params.label_fields:
            if name not in out:
                raise MissingDataError(f"the call has no {name}=, which is a label field")
            labels = out[name]
            count = _count(name, labels)
            if count != len(entry.given):
                raise DataError(
                    f"{name} has {count} labels for {len(entry.given)} {entry.kind.target.value}: "
                    "there must be one for each"
                )
            if isinstance(params, KeypointParams):
                out[name] = params.relabel(value, name, labels)
            else:
                out[name] = pick(labels, value.index)


_POLYGONS, _POLYLINES = PolygonParams(), PolylineParams()
_NO_LABELS = (str, bytes, dict)
_TAKEN = frozenset(k for k, kind in KINDS.items() if kind.target not in SHAPES | MEASURED)
"""Keys that mean one thing; others may be names of something else in code for Albumentations."""
_MAIN: Mapping[Target, str] = {
    BOXES: "bboxes",
    POINTS: "keypoints",
    POLYGONS: "polygons",
    POLYLINES: "polylines",
}
"""Target → the key that its label fields belong to, …"""


def _labelled(key: str, target: Target, sample: Sample) -> bool:
    """… unless the call has none of these, but one under another name.

    Raises:
        DataError: it has several, and nothing says whose the labels are.
    """
    keys = [k for k, entry in sample.entries.items() if entry.kind.target is target]
    main = _MAIN[target]
    if main in keys:
        return False
    if len(keys) > 1:
        raise DataError(
            f"the call has {' and '.join(keys)} but no {main}: label fields belong to {main}, or "
            f"to {key} if it is the only one"
        )
    return True


def _count(name: str, labels: Any) -> int:
    has_places = hasattr(labels, "__getitem__") and not isinstance(labels, _NO_LABELS)
    if has_places and getattr(labels, "shape", True) != ():
        return len(labels)
    raise DataTypeError(
        f"{name} is a {type(labels).__name__}: it must be a list, tuple or array of labels"
    )
