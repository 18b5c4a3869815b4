"""How a transform written for Albumentations 2.0.8 is run on a sample."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import numpy as np

from anamorph.core.errors import DataTypeError, MissingDataError, ParameterTypeError
from anamorph.core.rng import Rng, Stream, generator, mix
from anamorph.ir.ops import IMAGE, MASK, MEASURED, SHAPES
from anamorph.transforms.rows import Rings, Rows


class Running:
    """What belongs to one call: its chance, made when first asked for, and what is known of it."""

    __slots__ = ("_arrays", "_key", "_rng", "likes", "told")

    def __init__(
        self,
        key: int,
        likes: Mapping[str, str],
        rng: Rng | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        self._key = key
        self._rng = rng
        self._arrays: np.random.Generator | None = None
        self.likes: Mapping[str, str] = likes
        self.told: Mapping[str, Any] = told or {}

    @property
    def rng(self) -> Rng:
        """Scalars."""
        if self._rng is None:
            self._rng = Rng(self._key)
        return self._rng

    @property
    def arrays(self) -> np.random.Generator:
        """Arrays."""
        if self._arrays is None:
            self._arrays = generator(mix(self._key, 1))
        return self._arrays


_running: ContextVar[Running | None] = ContextVar("running", default=None)
_fallback = Stream()


def running(stream: Stream | None = None) -> Running:
    """Give what belongs to the call that is running in this thread, or to a call of its own."""
    current = _running.get()
    if current is None:
        rng = (stream or _fallback).current()
        return Running(rng.key(), {}, rng)
    return current


class Call:
    """One run of a user's transform, with the chance that belongs to it."""

    __slots__ = ("chance", "drawn", "transform")

    def __init__(self, transform: Any, chance: int) -> None:
        self.transform: Any = transform
        self.chance: int = chance
        self.drawn: dict[str, Any] = {}

    def run(self, sample: Any) -> None:
        """Draw the parameters and apply them to every target of a sample."""
        rows: dict[str, Any] = {}
        sent: dict[str, Any] = {}
        for key, entry in sample.entries.items():
            if not _is_picture(entry):
                rows[key] = (Rings if entry.kind.target in SHAPES else Rows)(sample, entry)
            elif (value := _outside(entry)) is not None:
                sent[key] = value
        sent |= {key: row.data for key, row in rows.items()}
        whole = {**sample.data, **sent}
        token = _running.set(
            Running(self.chance, sample.settings.additional_targets, told=sample.settings.told)
        )
        try:
            params = self.drawn = self._drawn(sent, whole)
            results = self.transform.apply_with_params(params, **whole)
        finally:
            _running.reset(token)
        for key in sent.keys() - rows.keys():
            if key in results and self._touched(key, sent, results, sample):
                _inside(
                    f"{type(self.transform).__name__}: {key}", sample.entries[key], results[key]
                )
        sample.refresh()
        for key, row in rows.items():
            row.take(type(self.transform).__name__, results.get(key, row.data))
        others = {k: v for k, v in results.items() if k not in sent and v is not whole.get(k)}
        if others:
            self._refuse_labels(others, sample.settings.label_fields)
            sample.data = {**sample.data, **others}

    def _drawn(self, sent: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
        transform = self.transform
        needed = transform.targets_as_params
        missing = [key for key in needed if key not in whole]
        if missing:
            name = type(transform).__name__
            raise MissingDataError(f"{name} needs {', '.join(missing)} in the call")
        params: dict[str, Any] = transform.update_transform_params(transform.get_params(), sent)
        if hasattr(transform, "get_params_dependent_on_targets"):  # its name in 1.x
            params.update(transform.get_params_dependent_on_targets({k: whole[k] for k in needed}))
        params.update(transform.get_params_dependent_on_data(params, whole))
        return params

    def _touched(self, key: str, sent: Any, results: Any, sample: Any) -> bool:
        """Tell whether pictures may have changed; a stack was copied, to be changed in place."""
        if results[key] is not sent[key]:
            return True
        methods = self.transform.targets
        like = sample.settings.additional_targets.get(key, key)
        return bool(sample.entries[key].kind.stacks) and (key in methods or like in methods)

    def _refuse_labels(self, others: Mapping[str, Any], fields: frozenset[str]) -> None:
        for key in others:
            if key in fields:
                raise ParameterTypeError(
                    f"{type(self.transform).__name__} changes {key}, a label field: labels are the "
                    "last columns of bboxes and keypoints, to be changed there"
                )


_PICTURES = frozenset((IMAGE, MASK)) | MEASURED


def _is_picture(entry: Any) -> bool:
    return entry.kind.target in _PICTURES


def _outside(entry: Any) -> Any:
    """Bring pictures to the form that such transforms expect; None if there are none."""
    if not entry.kind.stacks:
        return _squeezed(entry.value, flat=entry.flat)
    if not len(entry.value):
        return None
    stack = np.stack([_squeezed(v, flat=_flat(entry)) for v in entry.value])
    return stack.reshape(entry.shape + stack.shape[1:])


def _flat(entry: Any) -> bool:
    """Whether pictures of a stack have no axis of channels."""
    if isinstance(entry.given, np.ndarray):
        return bool(entry.flat)
    return bool(entry.given[0].ndim == 2)


def _squeezed(value: Any, *, flat: bool) -> Any:
    return value[:, :, 0] if flat and value.shape[2] == 1 else value


def _inside(place: str, entry: Any, value: Any) -> None:
    """Take pictures back from such a transform."""
    if not entry.kind.stacks:
        _check_picture(place, value)
        entry.flat = len(value.shape) == 2
        entry.value = value[:, :, None] if entry.flat else value
        return
    members = list(value)
    shape: tuple[int, ...] = (len(members),)
    for _ in entry.shape[1:]:
        shape = (*shape, len(members[0]) if members else 0)
        members = [member for part in members for member in part]
    for i, member in enumerate(members):
        _check_picture(f"{place}[{i}]", member)
    entry.shape = shape
    entry.flat = bool(members) and members[0].ndim == 2
    entry.value = [v[:, :, None] if v.ndim == 2 else v for v in members]


def _check_picture(place: str, value: Any) -> None:
    if not hasattr(value, "shape") or len(value.shape) < 2:
        raise DataTypeError(
            f"{place} came back as a {type(value).__name__}: it must be a picture (H×W or H×W×C)"
        )
