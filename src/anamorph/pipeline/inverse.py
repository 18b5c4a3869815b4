"""Predictions on a transformed picture brought home to the picture that it was made from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.backends.base import Backend
from anamorph.core.boxes import BboxParams
from anamorph.core.errors import DataTypeError, MissingDataError, UnknownNameError, nearest
from anamorph.ir.ops import IMAGE, Sampling, Size, Warp
from anamorph.ir.plan import Plan
from anamorph.pipeline.sample import Sample
from anamorph.pipeline.settings import Settings
from anamorph.pipeline.targets import PICTURES, Kind

Array = npt.NDArray[Any]
PLAN = "plan"
"""Key under which a result holds the plan that it came by."""
MAPS = "maps"
"""Key of maps of probabilities or other floats, which are interpolated as pictures are."""
_RESIZED = Sampling()


def bring_home(
    settings: Settings, backend: Backend, result: Plan | Mapping[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    """Invert the plan of a result on what was predicted (see `Compose.inverse`).

    Raises:
        MissingDataError: nothing says by which plan the result came.
        NotInvertibleError: its plan has no inverse.
        UnknownNameError: a prediction is under a key that is no target.
    """
    plan, data, kinds = _read(settings, result, more)
    back = plan.inverse()
    pictures = [key for key in data if kinds[key].target in PICTURES]
    done = {key: _picture(key, data[key], kinds[key], back, backend) for key in pictures}
    labels = {key: value for key, value in data.items() if key not in pictures}
    if labels:
        fields = {k: v for k, v in _all(result, more).items() if k in settings.label_fields}
        done.update(_labels({**labels, **fields}, settings, back, backend))
    return done


def _all(result: Plan | Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {**more} if isinstance(result, Plan) else {**result, **more}


def _read(
    settings: Settings, result: Plan | Mapping[str, Any], more: Mapping[str, Any]
) -> tuple[Plan, dict[str, Any], Mapping[str, Kind]]:
    """The plan, the targets to bring home, and what they are.

    Pictures that the pipeline made are no predictions: they come home where they are named.
    """
    kinds = {**settings.kinds, MAPS: Kind(IMAGE)}
    given = _all(result, more)
    plan = result if isinstance(result, Plan) else given.get(PLAN)
    if not isinstance(plan, Plan):
        raise MissingDataError(
            f"the result has no {PLAN!r}, which says how to invert it: make the pipeline with "
            "Compose(..., save_plan=True), or pass the plan itself"
        )
    known = kinds.keys() | settings.label_fields | {PLAN}
    for key in more:
        if key not in known:
            raise UnknownNameError(f"inverse knows no target {key!r}{nearest(key, known)}")
    data = {
        key: value
        for key, value in given.items()
        if value is not None
        and key in kinds
        and (key in more or key == MAPS or kinds[key].target is not IMAGE)
    }
    return plan, data, kinds


def _picture(key: str, given: Any, kind: Kind, back: Plan, backend: Backend) -> Any:
    """Bring one picture, mask or map home; of another resolution than the result, it is resized."""
    value, first = _pixels(key, given, back.size)
    sample = Sample(Settings(additional_targets={MAPS: "image"}), {key: value}, backend)
    if not kind.solid and sample.size != back.size:
        sample.push(Warp.resize(sample.size, back.size, _RESIZED))
    for op in back.ops:
        sample.push(op)
    home = np.ascontiguousarray(sample.finish()[key])
    if isinstance(given, np.ndarray | list | tuple):
        return home
    home = np.ascontiguousarray(np.moveaxis(home, -1, 0)) if first else home
    return sys.modules["torch"].from_numpy(home)


def _pixels(key: str, given: Any, size: Size) -> tuple[Any, bool]:
    """A tensor as an array with its channels last, and whether they came first."""
    if isinstance(given, np.ndarray | list | tuple):
        return given, False
    try:
        array: Array = given.detach().cpu().numpy()
    except (AttributeError, TypeError) as error:
        raise DataTypeError(
            f"{key} is a {type(given).__name__}: it must be a NumPy array or a tensor"
        ) from error
    first = array.ndim == 3 and array.shape[:2] != size
    return (np.ascontiguousarray(np.moveaxis(array, 0, -1)), True) if first else (array, False)


def _labels(
    data: Mapping[str, Any], settings: Settings, back: Plan, backend: Backend
) -> dict[str, Any]:
    """Bring boxes, keypoints and shapes home, with their label fields."""
    told = replace(settings, bbox_params=_lenient(settings.bbox_params), instance_binding=())
    sample = Sample(told, data, backend, scene=back.size)
    for op in back.ops:
        sample.push(op)
    return sample.finish()


def _lenient(params: BboxParams | None) -> BboxParams | None:
    """Predictions may reach out of the picture, and none is too small to be told."""
    if params is None:
        return None
    loose = {"min_area": 0.0, "min_visibility": 0.0, "min_width": 0.0, "min_height": 0.0}
    return BboxParams(**{**params.values(), **loose, "clip": True, "max_accept_ratio": None})
