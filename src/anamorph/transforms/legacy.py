"""Base classes for transforms written for Albumentations 2.0.8, which keep working unchanged.

A subclass defines `apply` and its kin, and draws its numbers in `get_params` and
`get_params_dependent_on_data` from ``self.py_random`` and ``self.random_generator``. It runs as an
op that is rendered at once. A transform written for this package defines `draw` instead: its ops
fuse, and every target follows without further code.
"""

from __future__ import annotations

import copyreg
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import numpy as np

from anamorph.core.errors import BackendError, ParameterTypeError
from anamorph.core.labels import Boxes, Points
from anamorph.core.rng import Rng, Stream, generator
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Effect, Op
from anamorph.transforms.base import Scene, Transform, check_probability

_chance: ContextVar[tuple[Rng, np.random.Generator] | None] = ContextVar("chance", default=None)
_fallback = Stream()


def _drawn() -> tuple[Rng, np.random.Generator]:
    """Give the generators of the call that is running in this thread."""
    current = _chance.get()
    if current is None:
        rng = _fallback.current()
        return rng, rng.numpy()
    return current


class _Family(type(Transform)):  # type: ignore[misc]
    """Lets ``isinstance(t, DualTransform)`` hold for every transform of that kind."""

    def __subclasscheck__(cls, other: type) -> bool:
        if super().__subclasscheck__(other):
            return True
        stands_for: tuple[str, ...] = vars(cls).get("stands_for", ())
        return issubclass(other, Transform) and other.kind in stands_for

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))


class BasicTransform(Transform, metaclass=_Family):
    """Base of all transforms written for Albumentations.

    Args:
        p: probability of being applied.
    """

    kind: ClassVar[str] = "basic"
    stands_for: ClassVar[tuple[str, ...]] = ("image", "dual", "basic")
    _targets: ClassVar[Any] = ()

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_probability(f"{type(self).__name__}.p", p)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)

    # ------------------------------------------------------------------ chance

    @property
    def py_random(self) -> Rng:
        """A ``random.Random`` that belongs to the running call."""
        return _drawn()[0]

    @property
    def random_generator(self) -> np.random.Generator:
        """A NumPy generator that belongs to the running call."""
        return _drawn()[1]

    # ------------------------------------------------------------------ what a subclass defines

    def get_params(self) -> dict[str, Any]:
        """Draw parameters that need no data."""
        return {}

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw parameters that depend on the data; ``params`` has the picture's shape."""
        return {}

    @property
    def targets_as_params(self) -> list[str]:
        """Keys of a call that the transform cannot do without."""
        return []

    def apply(self, img: Any, *args: Any, **params: Any) -> Any:
        """Transform a picture."""
        raise BackendError(f"{type(self).__name__} must define apply(img, **params)")

    def apply_to_images(self, images: Any, *args: Any, **params: Any) -> Any:
        """Transform pictures that share their parameters."""
        return [self.apply(image, *args, **params) for image in images]

    def apply_to_volume(self, volume: Any, *args: Any, **params: Any) -> Any:
        """Transform the slices of a volume."""
        return self.apply_to_images(volume, *args, **params)

    def update_transform_params(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Add what every transform is told: the picture's shape."""
        shape = next(
            (v.shape for v in data.values() if isinstance(v, np.ndarray) and v.ndim > 1), ()
        )
        return {**params, "shape": shape, "rows": shape[0], "cols": shape[1]} if shape else params

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """Key → method that transforms it."""
        return {"image": self.apply, "images": self.apply_to_images, "volume": self.apply_to_volume}

    @property
    def available_keys(self) -> set[str]:
        """Keys that the transform handles."""
        return set(self.targets)

    # ------------------------------------------------------------------ how it is written down

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        """Names of the constructor's parameters, in order."""
        names: dict[str, None] = {}
        for cls in type(self).__mro__:
            if cls is BasicTransform or "__init__" not in vars(cls):
                continue
            for name, parameter in inspect.signature(vars(cls)["__init__"]).parameters.items():
                if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                    names.setdefault(name)
        return tuple(n for n in names if n not in ("self", "p"))

    def values(self) -> dict[str, Any]:
        name = type(self).__name__
        out = {}
        for key in self.get_transform_init_args_names():
            if not hasattr(self, key):
                raise ParameterTypeError(
                    f"{name} does not keep its parameter {key}: store it as self.{key}, "
                    "or define get_transform_init_args_names()"
                )
            out[key] = getattr(self, key)
        return {**out, "p": self.p}

    def __repr__(self) -> str:
        shown = {k: getattr(self, k, "?") for k in (*self.get_transform_init_args_names(), "p")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self),), dict(self.__dict__)  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ how it runs

    def draw(self, rng: Rng, scene: Scene) -> Iterable[Op]:
        yield Effect("call", call=Call(self, rng))


class ImageOnlyTransform(BasicTransform):
    """Base of transforms that change values of pixels: define `apply`; labels stay."""

    kind: ClassVar[str] = "image"
    stands_for: ClassVar[tuple[str, ...]] = ("image",)


class DualTransform(BasicTransform):
    """Base of transforms that change pixels and labels: define `apply` and `apply_to_…`.

    Boxes come as an array (N, 4+) of x_min, y_min, x_max, y_max as fractions of the picture's
    sides; keypoints as an array (N, 5+) of x, y, z, angle in radians, scale, x and y being pixel
    indices.
    """

    kind: ClassVar[str] = "dual"
    stands_for: ClassVar[tuple[str, ...]] = ("dual",)

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        return {
            **super().targets,
            "mask": self.apply_to_mask,
            "masks": self.apply_to_masks,
            "mask3d": self.apply_to_mask3d,
            "bboxes": self.apply_to_bboxes,
            "keypoints": self.apply_to_keypoints,
        }

    def apply_to_mask(self, mask: Any, *args: Any, **params: Any) -> Any:
        """Transform a mask; as the picture, if not overridden."""
        return self.apply(mask, *args, **params)

    def apply_to_masks(self, masks: Any, *args: Any, **params: Any) -> Any:
        """Transform several masks."""
        return [self.apply_to_mask(mask, *args, **params) for mask in masks]

    def apply_to_mask3d(self, mask3d: Any, *args: Any, **params: Any) -> Any:
        """Transform the slices of a volume of masks."""
        return self.apply_to_masks(mask3d, *args, **params)

    def apply_to_bboxes(self, bboxes: Any, *args: Any, **params: Any) -> Any:
        """Transform boxes."""
        raise BackendError(f"{type(self).__name__} must define apply_to_bboxes(bboxes, **params)")

    def apply_to_keypoints(self, keypoints: Any, *args: Any, **params: Any) -> Any:
        """Transform keypoints."""
        raise BackendError(
            f"{type(self).__name__} must define apply_to_keypoints(keypoints, **params)"
        )


class Call:
    """One run of a user's transform, with the chance that belongs to it."""

    __slots__ = ("chance", "transform")

    def __init__(self, transform: BasicTransform, rng: Rng) -> None:
        self.transform = transform
        self.chance = rng.key()

    def run(self, sample: Any) -> None:
        """Draw the parameters and apply them to every target of a sample."""
        transform = self.transform
        data = {key: _outside(entry, sample.size) for key, entry in sample.entries.items()}
        whole = {**sample.data, **data}
        with _lent(self.chance):
            missing = [key for key in transform.targets_as_params if key not in whole]
            if missing:
                raise ParameterTypeError(
                    f"{type(transform).__name__} needs {', '.join(missing)} in the call"
                )
            params = transform.get_params()
            params = transform.update_transform_params(params, data)
            params.update(transform.get_params_dependent_on_data(params, whole))
            methods = transform.targets
            kinds = sample.settings.additional_targets
            results = {
                key: methods[name](data[key], **params)
                for key in sample.entries
                if (name := kinds.get(key, key)) in methods
            }
        pictures = {k: v for k, v in results.items() if _is_picture(sample.entries[k])}
        for key, value in pictures.items():
            _inside(sample.entries[key], value, sample.size)
        sample.refresh()
        for key, value in results.items():
            if key not in pictures:
                _inside(sample.entries[key], value, sample.size)
                entry = sample.entries[key]
                params_of = sample.settings.params_of(entry.kind.target)
                if params_of.check_each_transform:
                    entry.value = params_of.settle(entry.value, sample.size)


@contextmanager
def _lent(key: int) -> Iterator[None]:
    rng = Rng(key)
    token = _chance.set((rng, generator(rng.key())))
    try:
        yield
    finally:
        _chance.reset(token)


def _is_picture(entry: Any) -> bool:
    return entry.kind.target in (IMAGE, MASK)


def _outside(entry: Any, size: tuple[int, int]) -> Any:
    """Bring a target to the form that such transforms expect."""
    if _is_picture(entry):
        if entry.kind.stacks:
            return np.stack([_squeezed(v, flat=entry.flat) for v in entry.value])
        return _squeezed(entry.value, flat=entry.flat)
    if entry.kind.target is BOXES:
        height, width = size
        data = entry.value.data / np.array([width, height] * (entry.value.data.shape[1] // 2))
        return np.concatenate([data, entry.value.index[:, None].astype(np.float64)], axis=1)
    data = entry.value.data
    xy = data[:, :2] - 0.5
    return np.concatenate([xy, data[:, 2:5], data[:, 5:], entry.value.index[:, None]], axis=1)


def _squeezed(value: Any, *, flat: bool) -> Any:
    return value[:, :, 0] if flat else value


def _inside(entry: Any, value: Any, size: tuple[int, int]) -> None:
    """Take a target back from such a transform."""
    if entry.kind.stacks and _is_picture(entry):
        entry.value = [_axes(v) for v in value]
    elif _is_picture(entry):
        entry.value = _axes(value)
    elif entry.kind.target is BOXES:
        rows = np.asarray(value, np.float64).reshape(-1, entry.value.data.shape[1] + 1)
        height, width = size
        data = rows[:, :-1] * np.array([width, height] * ((rows.shape[1] - 1) // 2))
        entry.value = Boxes(data, rows[:, -1].astype(np.int64))
    elif entry.kind.target is POINTS:
        rows = np.asarray(value, np.float64).reshape(-1, 7)
        data = rows[:, :6].copy()
        data[:, :2] += 0.5
        entry.value = Points(data, rows[:, 6].astype(np.int64), entry.value.fixed)


def _axes(value: Any) -> Any:
    return value[:, :, None] if isinstance(value, np.ndarray) and value.ndim == 2 else value
