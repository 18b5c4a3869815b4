"""The root of all transforms: a frozen value that describes what may happen, and `draw`."""

from __future__ import annotations

import sys
from abc import ABCMeta, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter, Signature
from typing import Any, ClassVar, Protocol, Self, dataclass_transform, get_type_hints

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import AnamorphError, ParameterTypeError, UndefinedError, nearest
from anamorph.core.params import Number, Rule, rule_of
from anamorph.core.rng import Rng, Stream
from anamorph.ir.frames import Clip
from anamorph.ir.ops import Op, Sampling, Size
from anamorph.transforms.described import Described
from anamorph.transforms.dialects import translate

MISSING: Any = object()
PICTURES = frozenset(("image", "images", "volume", "volumes"))
KEYS: Mapping[str, frozenset[str]] = {
    "image": PICTURES,
    "dual": PICTURES
    | {"mask", "masks", "mask3d", "masks3d", "bboxes", "keypoints"}
    | {"polygons", "polylines", "depth", "normals", "flow"},
    "volume": frozenset({"volume", "volumes", "mask3d", "masks3d", "keypoints"}),
    "clip": frozenset({"images", "masks", "bboxes", "keypoints"}),
}
"""Kind of transform → keys of a call that it changes."""
PROBABILITY = Number(0, 1)


class Scene(Protocol):
    """What a transform may know of the sample. Sizes cost nothing, pixels cost a rendering."""

    @property
    def size(self) -> Size:
        """Height and width of the picture as it will be when this transform acts."""

    @property
    def channels(self) -> int:
        """Number of channels of the picture at that point."""

    @property
    def dtype(self) -> str:
        """Name of the picture's dtype at that point."""

    @property
    def depth(self) -> int:
        """Number of slices of the volume at that point; 0 if the call has none."""

    @property
    def image(self) -> npt.NDArray[Any]:
        """The picture (H, W, C), rendered up to this point. Ends a fusion run."""

    @property
    def mask(self) -> npt.NDArray[Any] | None:
        """The mask (H, W) or (H, W, C), rendered up to this point; None if there is none."""

    @property
    def boxes(self) -> npt.NDArray[np.float64] | None:
        """The boxes (N, 4) as x0, y0, x1, y1 in pixels; None if the call has none."""

    @property
    def points(self) -> npt.NDArray[np.float64] | None:
        """The keypoints (N, 2) in continuous pixels; None if the call has none."""

    @property
    def located(self) -> bool:
        """Whether the call holds anything that says where things are, as masks and boxes do."""

    def clip(self, keys: tuple[str, ...]) -> Clip | None:
        """The clip that keys of the call hold, rendered; None if none of them holds pictures."""

    def tell(self, key: str, values: list[Any]) -> None:
        """Put values into the result, under a key besides the targets."""

    def given(self, key: str) -> Any:
        """A value of the call that is not a target, by its key.

        Raises:
            MissingDataError: the call has no such key.
        """

    def labels(self, field: str) -> list[Any]:
        """A label field of the boxes, one value a remaining box."""

    def box_labels(self) -> list[tuple[Any, ...]]:
        """All labels of each remaining box: those of its label fields, then its further columns."""

    @property
    def members(self) -> list[npt.NDArray[Any]] | None:
        """The masks of single objects (H, W, C), rendered; None if the call has none."""

    @property
    def owners(self) -> list[int]:
        """Which of the caller's boxes each remaining box is."""

    @property
    def objects(self) -> int:
        """How many objects there have been, where targets are bound into objects."""

    def donor(self, place: str, data: Mapping[str, Any] | None = None) -> Any:
        """Another picture with its labels (`anamorph.pipeline.donors.Donor`); or this one again."""

    @property
    def paired(self) -> bool:
        """Whether there are as many masks of objects as boxes, which then belong together."""

    def has(self, key: str) -> bool:
        """Tell whether the call has a target of that name."""

    def box_from(self, place: str, row: Any, size: Size) -> list[float]:
        """Read a box in the format of the call: the rectangle x0, y0, x1, y1 around it."""

    def box_row(self, place: str, bounds: Any, row: Any, size: Size) -> Any:
        """Write a box x0, y0, x1, y1 in the format of the call, with the columns of a row."""

    def resized(self, array: npt.NDArray[Any], to: Size, interpolation: int) -> npt.NDArray[Any]:
        """Scale an array (H, W, C) as the backend does."""


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter of a transform: its name, what it may be, and its default."""

    name: str
    rule: Rule
    default: Any = MISSING


class Runner(Protocol):
    """What runs a lone transform: the pipeline, which puts itself here when it is imported."""

    def __call__(self, transform: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        """Transform a sample."""


class FrozenError(AnamorphError, AttributeError):
    """Somebody tried to change a value."""


def _rebuild(cls: type[Transform], values: Mapping[str, Any]) -> Transform:
    return cls(**values)


def _name(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)


def _generated(cls: type) -> bool:
    return cls is Transform or getattr(vars(cls)["__init__"], "generated", False)


def _collect(cls: type, around: Mapping[str, Any]) -> dict[str, Field]:
    """Read the parameters off a class; ``around`` are the names where it is being defined."""
    found: dict[str, Field] = {}
    hints = get_type_hints(cls, localns=dict(around), include_extras=True)
    for base in reversed(cls.__mro__):
        for name in vars(base).get("__annotations__", {}):
            if base is Transform or name.startswith("_") or _is_classvar(hints[name]):
                continue
            found.pop(name, None)
            rule = PROBABILITY if name == "p" else rule_of(hints[name], f"{cls.__name__}.{name}")
            found[name] = Field(name, rule, getattr(cls, name, MISSING))
    return found


def _is_classvar(hint: Any) -> bool:
    return hint is ClassVar or getattr(hint, "__origin__", None) is ClassVar


def _make_init(cls: type[Transform]) -> Any:
    fields = cls.fields

    def init(self: Transform, *args: Any, **kwargs: Any) -> None:
        given = _bind(cls, args, kwargs)
        stored = {
            name: field.rule.check(f"{cls.__name__}.{name}", given[name])
            for name, field in fields.items()
        }
        self.__dict__.update(stored)
        self.check()

    parameters = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    optional = False
    for field in fields.values():
        optional = optional or field.default is not MISSING
        default = field.default if field.default is not MISSING else Parameter.empty
        if optional and default is Parameter.empty:
            default = None  # a required parameter after an optional one keeps its place
        parameters.append(Parameter(field.name, Parameter.POSITIONAL_OR_KEYWORD, default=default))
    init.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    init.generated = True  # type: ignore[attr-defined]
    init.__name__ = "__init__"
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _bind(cls: type[Transform], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Put arguments to their names, other dialects' names included, and fill in defaults."""
    fields = cls.fields
    if len(args) > len(fields):
        msg = f"{cls.__name__} takes {len(fields)} arguments, {len(args)} were given"
        raise ParameterTypeError(msg)
    given = dict(zip(fields, args, strict=False))
    if any(name not in fields for name in kwargs):
        kwargs = translate(cls.__name__, kwargs, fields)
    for name in kwargs:
        if name not in fields:
            hint = nearest(name, fields) or f"; its parameters are {', '.join(fields)}"
            raise ParameterTypeError(f"{cls.__name__} has no parameter {name!r}{hint}")
        if name in given:
            raise ParameterTypeError(f"{cls.__name__}.{name} was given twice")
    given.update(kwargs)
    return {name: given[name] if name in given else _default(cls, fields[name]) for name in fields}


def _default(cls: type[Transform], field: Field) -> Any:
    if field.default is MISSING:
        wanted = field.rule.describe()
        raise ParameterTypeError(f"{cls.__name__}.{field.name} is missing: it must be {wanted}")
    return field.default


@dataclass_transform(frozen_default=True, eq_default=True)
class Transform(Described, metaclass=ABCMeta):
    """What may happen to a sample: parameters, their checks, and how an outcome is drawn.

    A subclass declares its parameters as annotated class attributes, ``p`` last, in the order in
    which they may be given without names, and defines `draw`. It is a frozen value: equal by
    content, hashable, and its repr is the call that makes it.
    """

    kind: ClassVar[str] = "image"
    """"dual" if it moves pixels (so masks, boxes and keypoints follow), "image" if not, "volume"
    if it acts on whole volumes."""
    fields: ClassVar[Mapping[str, Field]] = {}
    runner: ClassVar[Runner]
    writer: ClassVar[Any]

    p: float
    """Probability of being applied. Each transform declares its own, last."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if any("__init__" in vars(base) and not _generated(base) for base in cls.__mro__[:-1]):
            return  # the class, or one it derives from, has its own way of being made
        around = sys._getframe(1).f_locals  # noqa: SLF001 - a class may be defined in a function
        cls.fields = _collect(cls, around)
        type.__setattr__(cls, "__init__", _make_init(cls))

    @abstractmethod
    def draw(self, rng: Rng, scene: Scene) -> Iterable[Op]:
        """Decide what happens: draw numbers and give the ops, in order.

        Args:
            rng: the source of chance; nothing else may be drawn from.
            scene: what is known of the sample.
        """

    def check(self) -> None:
        """Refuse parameters that do not go together. Overridden where there are such."""

    def __call__(self, /, **data: Any) -> dict[str, Any]:
        """Transform a sample by itself, as a pipeline of one."""
        return self.runner(self, data)

    def set_random_seed(self, seed: int | None) -> None:
        """Give the transform a reproducible stream for when it is called by itself.

        It is no part of the value: in a pipeline, the pipeline's stream is drawn from.
        """
        checked = Number(whole=True, optional=True).check(f"{type(self).__name__}.seed", seed)
        self.__dict__["stream"] = Stream(checked)

    def to_dict(self) -> dict[str, Any]:
        """Write the transform as plain data, see `anamorph.to_dict`."""
        out: dict[str, Any] = self.writer(self)
        return out

    @cached_property
    def _sampling(self) -> Sampling:
        """How its warps read pixels."""
        return sampling_of(self)

    def values(self) -> dict[str, Any]:
        """Parameters by name."""
        return {name: getattr(self, name) for name in self.fields}

    @property
    def available_keys(self) -> set[str]:
        """Keys of a call that the transform changes."""
        return set(KEYS[self.kind])

    def replace(self, **changes: Any) -> Self:
        """Make a copy with some parameters changed."""
        return type(self)(**{**self.values(), **changes})

    def __setattr__(self, name: str, value: Any) -> None:
        where = type(self).__name__
        msg = f"{where} is a value and cannot be changed: write t.replace({name}={value!r})"
        raise FrozenError(msg)

    def __delattr__(self, name: str) -> None:
        raise FrozenError(f"{type(self).__name__} is a value and cannot be changed")

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}={_name(v)}" for k, v in self.values().items())
        return f"{type(self).__name__}({inner})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.values() == other.values()

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.values())


class SpatialTransform(Transform):
    """Base of transforms that move pixels: masks, boxes and keypoints follow."""

    kind = "dual"


class PixelTransform(Transform):
    """Base of transforms that change values of pixels in place: labels stay."""


def sampling_of(t: Any) -> Sampling:
    """Bundle the sampling parameters that a transform has."""
    return Sampling(
        interpolation=getattr(t, "interpolation", 1),
        mask_interpolation=getattr(t, "mask_interpolation", 0),
        border=getattr(t, "border_mode", 0),
        fill=getattr(t, "fill", 0),
        fill_mask=getattr(t, "fill_mask", 0) or 0,
        box_method=getattr(t, "rotate_method", "largest_box"),
    )


def need_channels(transform: Transform, scene: Scene, *counts: int) -> None:
    """Refuse a picture that has not one of these numbers of channels.

    Raises:
        UndefinedError: it has another number.
    """
    if scene.channels not in counts:
        wanted = " or ".join(map(str, counts))
        raise UndefinedError(
            f"{type(transform).__name__} needs a picture of {wanted} channels, "
            f"not of {scene.channels}"
        )


def check_probability(place: str, value: Any) -> float:
    """Check a probability."""
    return float(PROBABILITY.check(place, value))
