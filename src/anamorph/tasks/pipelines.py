"""What pictures go through: in training, and before they are predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import anamorph as A  # noqa: N812, RUF100
from anamorph.core.errors import ParameterError, ParameterTypeError
from anamorph.pipeline.compose import Compose
from anamorph.tasks.config.configs import Config
from anamorph.tasks.masks import IGNORED

BOXES: Mapping[str, Any] = {
    "format": "pascal_voc", "label_fields": ["labels"], "min_area": 1, "min_visibility": 0.1,
    "clip": True,
}  # fmt: skip


def training(config: Config) -> Compose:
    """The pipeline of training pictures: fit to the size, augment, normalize, to a tensor."""
    steps = [*_FITS[config.input.fit](config), *steps_of(config.augment), *_tail(config)]
    return Compose(steps, seed=config.seed, **_options(config))


def preparing(config: Config) -> Compose:
    """The pipeline before a model; it draws nothing, and what was predicted can be brought home."""
    fit = [] if config.predict.tile is not None else _PREPARED[config.input.fit](config)
    return Compose([*fit, *_tail(config)], save_plan=True, seed=0, **_options(config))


def _options(config: Config) -> dict[str, Any]:
    return {"bbox_params": dict(BOXES)} if config.task == "detect" else {}


def _tail(config: Config) -> list[Any]:
    given = config.input
    normalize = A.Normalize(mean=given.mean, std=given.std, max_pixel_value=given.white)
    return [normalize, A.ToTensorV2(transpose_mask=True)]


def _fill_mask(config: Config) -> int:
    """What the mask has where a canvas shows no picture."""
    ignore = config.data.ignore
    return 0 if ignore is None or ignore == IGNORED else ignore


def _resize(config: Config) -> list[Any]:
    return [A.Resize(*config.input.size)]


def _letterbox(config: Config) -> list[Any]:
    return [A.LetterBox(config.input.size, fill_mask=_fill_mask(config))]


def _crop(config: Config) -> list[Any]:
    """A part of the picture at its own scale; for classes, of any scale."""
    if config.task == "classify":
        return [A.RandomResizedCrop(config.input.size, scale=(0.35, 1))]
    fill = _fill_mask(config)
    return [A.RandomCrop(*config.input.size, pad_if_needed=True, fill_mask=fill)]


def _middle(config: Config) -> list[Any]:
    side = math.ceil(max(config.input.size) * 1.14)
    return [A.SmallestMaxSize(max_size=side), A.CenterCrop(*config.input.size)]


_FITS: Mapping[str, Callable[[Config], list[Any]]] = {
    "resize": _resize,
    "letterbox": _letterbox,
    "crop": _crop,
    "none": lambda _: [],
}
"""input.fit → first steps in training."""

_PREPARED: Mapping[str, Callable[[Config], list[Any]]] = {
    **_FITS,
    "crop": _middle,
    "none": _resize,
}
"""input.fit → first steps before a prediction."""


# ---------------------------------------------------------------------------- the text form


def steps_of(given: Any) -> list[Any]:
    """The transforms that a configuration's pipeline stands for.

    Args:
        given: None or "" for none; a line of text, the path of a pipeline's file, or
            ``module:object``; a list of steps, each a line or ``{Name: {parameter: value}}``; or what
            `to_dict` gives.

    >>> from anamorph.tasks.pipelines import steps_of
    >>> steps_of(["HorizontalFlip", {"Rotate": {"limit": 20}}])[1].limit
    (-20, 20)
    """
    if given is None or given == "" or given in ((), []):
        return []
    if isinstance(given, Mapping) and "transform" in given:
        loaded: Any = A.from_dict(dict(given))
        return list(loaded.transforms) if hasattr(loaded, "transforms") else [loaded]
    text = given if isinstance(given, str) else " | ".join(map(_text, _listed(given)))
    # The line's grammar lives with the command line, above this layer; it needs no more than the core.
    pipeline = import_module("anamorph.cli.pipelines").load_pipeline(text)
    return list(pipeline.transforms)


def _listed(given: Any) -> Any:
    if isinstance(given, Mapping):
        given = given.get("transforms", [given])
    if not isinstance(given, list | tuple):
        raise ParameterTypeError(f"augment = {given!r}: text or a list of steps is wanted")
    return given


def _text(step: Any) -> str:
    """A step as a line has it."""
    if isinstance(step, str):
        return step
    if not isinstance(step, Mapping) or len(step) != 1:
        raise ParameterError(f"augment has {step!r}: Name: {{parameter: value}} is wanted")
    ((name, given),) = step.items()
    values = {"transforms": given} if isinstance(given, list | tuple) else dict(given or {})
    return f"{name}({', '.join(f'{key}={_word(key, v)}' for key, v in values.items())})"


def _word(key: str, value: Any) -> str:
    if key == "transforms":
        return f"[{', '.join(_called(_text(step)) for step in value)}]"
    if isinstance(value, str) and value.startswith("cv2."):
        return value
    return repr(value)


def _called(text: str) -> str:
    return text if text.endswith(")") else f"{text}()"
