"""Base classes for transforms written for Albumentations 2.0.8, which keep working unchanged.

A subclass defines `apply` and its kin, and draws its numbers in `get_params` and
`get_params_dependent_on_data` from ``self.py_random`` and ``self.random_generator``. It runs as an
op that is rendered at once. A transform written for this package defines `draw` instead: its ops
fuse, and every target follows without further code.
"""

from __future__ import annotations

import copyreg
import inspect
from abc import ABCMeta
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from anamorph.core.errors import BackendError, ParameterTypeError
from anamorph.core.params import Number
from anamorph.core.rng import Rng, Stream
from anamorph.ir.ops import Effect, Op
from anamorph.transforms.base import Scene, Transform, check_probability
from anamorph.transforms.call import Call, running
from anamorph.transforms.described import Processor
from anamorph.transforms.schema import lazy_schema, validated

_PICTURES = ("image", "images", "volume", "volumes", "mask", "masks", "mask3d", "masks3d")
_TOLD = ("interpolation", "fill", "fill_mask")
"""Attributes that 2.0.8 hands to every method among the parameters."""
HOOKS = (
    "apply", "apply_to_mask", "apply_to_bboxes", "apply_to_keypoints", "apply_with_params",
    "get_params", "get_params_dependent_on_data", "get_params_dependent_on_targets",
)  # fmt: skip
"""Methods by which a subclass of these bases says what it does."""


class _Family(ABCMeta):
    """Lets ``isinstance(t, DualTransform)`` hold for every transform of that kind."""

    def __subclasscheck__(cls, other: type) -> bool:
        mro = getattr(other, "__mro__", ())
        if cls in mro:
            return True
        stands_for: tuple[str, ...] = vars(cls).get("stands_for", ())
        return Transform in mro and other.kind in stands_for  # type: ignore[attr-defined]

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        schema = cls._own_schema
        if schema is not None:
            args, kwargs = validated(cls, schema, args, kwargs)
        return super().__call__(*args, **kwargs)

    @property
    def _own_schema(cls) -> Any:
        """The class InitSchema of the user's, which checks arguments; None if there is none."""
        for base in cls.__mro__:
            if "InitSchema" in vars(base):
                return vars(base)["InitSchema"]
        return None

    @property
    def InitSchema(cls) -> Any:  # noqa: N802 - its name in 2.0.8
        """What a user's InitSchema derives from."""
        return cls._own_schema or lazy_schema()


class BasicTransform(Transform, metaclass=_Family):
    """Base of all transforms written for Albumentations.

    Args:
        p: probability of being applied.
    """

    kind: ClassVar[str] = "basic"
    stands_for: ClassVar[tuple[str, ...]] = ("image", "dual", "volume", "clip", "basic")
    _targets: ClassVar[Any] = ()

    def __init__(self, p: float = 0.5, *old: float, always_apply: bool | None = None) -> None:
        place = type(self).__name__
        if len(old) > 1:
            raise ParameterTypeError(f"{place}: super().__init__ takes p alone")
        if old:  # in 1.x it was called with always_apply and p
            always_apply, p = bool(p), old[0]
        self.p: float = 1.0 if always_apply else check_probability(f"{place}.p", p)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)

    # ------------------------------------------------------------------ chance

    @property
    def py_random(self) -> Rng:
        """A ``random.Random`` that belongs to the running call."""
        return running(vars(self).get("stream")).rng

    @property
    def random_generator(self) -> np.random.Generator:
        """A NumPy generator that belongs to the running call."""
        return running(vars(self).get("stream")).arrays

    def set_random_seed(self, seed: int | None) -> None:
        """Give the transform a stream of its own, apart from that of its pipeline."""
        self.stream: Stream = Stream(Number(whole=True, optional=True).check("seed", seed))

    def get_processor(self, key: str) -> Processor | None:
        """What the running pipeline knows of "bboxes" or "keypoints"; None outside of a call."""
        return running(vars(self).get("stream")).told.get(key)

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
        return _stacked([self.apply(image, *args, **params) for image in images])

    def apply_to_volume(self, volume: Any, *args: Any, **params: Any) -> Any:
        """Transform the slices of a volume."""
        return self.apply_to_images(volume, *args, **params)

    def apply_to_volumes(self, volumes: Any, *args: Any, **params: Any) -> Any:
        """Transform several volumes."""
        return _stacked([self.apply_to_volume(volume, *args, **params) for volume in volumes])

    def update_transform_params(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Add what every transform is told: the picture's shape, and some of its attributes."""
        told = {name: getattr(self, name) for name in _TOLD if hasattr(self, name)}
        shape = _shape(data)
        return params | {"shape": shape, "rows": shape[0], "cols": shape[1]} | told

    def apply_with_params(self, params: dict[str, Any], *args: Any, **data: Any) -> dict[str, Any]:
        """Transform what the transform has methods for; the rest stays."""
        methods = self.targets
        likes = running(vars(self).get("stream")).likes
        out = dict(data)
        for key, value in data.items():
            like = likes.get(key, key)
            name = like if like in methods else key
            if name in methods and value is not None:
                out[key] = methods[name](value, *args, **params)
        return out

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """Key → method that transforms it."""
        return {
            "image": self.apply,
            "images": self.apply_to_images,
            "volume": self.apply_to_volume,
            "volumes": self.apply_to_volumes,
        }

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
        return tuple(n for n in names if n not in ("self", "p", "always_apply"))

    def get_transform_init_args(self) -> dict[str, Any]:
        """Parameters by name, without p."""
        name = type(self).__name__
        out = {}
        for key in self.get_transform_init_args_names():
            if key in ("p", "always_apply"):
                continue
            if not hasattr(self, key):
                raise ParameterTypeError(
                    f"{name} does not keep its parameter {key}: store it as self.{key}, "
                    "or define get_transform_init_args_names()"
                )
            out[key] = getattr(self, key)
        return out

    def values(self) -> dict[str, Any]:
        return {**self.get_transform_init_args(), "p": self.p}

    def __repr__(self) -> str:
        names = [name for name in self.get_transform_init_args_names() if name != "p"]
        shown = {k: getattr(self, k, "?") for k in (*names, "p")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self),), dict(self.__dict__)  # type: ignore[attr-defined]

    def get_base_init_args(self) -> dict[str, Any]:
        """What every transform has: p."""
        return {"p": self.p}

    # ------------------------------------------------------------------ how it runs

    def draw(self, rng: Rng, scene: Scene) -> Iterable[Op]:
        if type(self).__call__ is not Transform.__call__:
            raise BackendError(
                f"{type(self).__name__} defines __call__, which a pipeline does not use: define "
                "apply(img, **params)"
            )
        chance = rng.key()
        own: Stream | None = vars(self).get("stream")
        yield Effect("call", call=Call(self, own.current().key() if own else chance))


class ImageOnlyTransform(BasicTransform):
    """Base of transforms that change values of pixels: define `apply`; labels stay."""

    kind: ClassVar[str] = "image"
    stands_for: ClassVar[tuple[str, ...]] = ("image",)


class DualTransform(BasicTransform):
    """Base of transforms that change pixels and labels: define `apply` and `apply_to_…`.

    Boxes come as an array (N, 4+) of x_min, y_min, x_max, y_max as fractions of the picture's
    sides; keypoints as an array (N, 5+) of x, y, z, angle in radians, scale, x and y being pixel
    indices. Then follow the caller's further columns and one column a label field; rows may be
    dropped, added and given other labels.
    """

    kind: ClassVar[str] = "dual"
    stands_for: ClassVar[tuple[str, ...]] = ("dual", "volume")

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        return {
            **super().targets,
            "mask": self.apply_to_mask,
            "masks": self.apply_to_masks,
            "mask3d": self.apply_to_mask3d,
            "masks3d": self.apply_to_masks3d,
            "bboxes": self.apply_to_bboxes,
            "keypoints": self.apply_to_keypoints,
            "polygons": self.apply_to_polygons,
            "polylines": self.apply_to_polylines,
            "depth": self.apply_to_depth,
            "normals": self.apply_to_normals,
            "flow": self.apply_to_flow,
        }

    def apply_to_mask(self, mask: Any, *args: Any, **params: Any) -> Any:
        """Transform a mask; as the picture, if not overridden."""
        return self.apply(mask, *args, **params)

    def apply_to_masks(self, masks: Any, *args: Any, **params: Any) -> Any:
        """Transform several masks."""
        return _stacked([self.apply_to_mask(mask, *args, **params) for mask in masks])

    def apply_to_mask3d(self, mask3d: Any, *args: Any, **params: Any) -> Any:
        """Transform the slices of a volume of masks."""
        return self.apply_to_masks(mask3d, *args, **params)

    def apply_to_masks3d(self, masks3d: Any, *args: Any, **params: Any) -> Any:
        """Transform several volumes of masks."""
        return _stacked([self.apply_to_mask3d(mask3d, *args, **params) for mask3d in masks3d])

    def apply_to_bboxes(self, bboxes: Any, *args: Any, **params: Any) -> Any:
        """Transform boxes."""
        raise BackendError(f"{type(self).__name__} must define apply_to_bboxes(bboxes, **params)")

    def apply_to_keypoints(self, keypoints: Any, *args: Any, **params: Any) -> Any:
        """Transform keypoints."""
        raise BackendError(
            f"{type(self).__name__} must define apply_to_keypoints(keypoints, **params)"
        )

    def apply_to_polygons(self, polygons: Any, *args: Any, **params: Any) -> Any:
        """Transform polygons: for each a list of its rings, arrays (N, 2) in continuous pixels."""
        raise BackendError(
            f"{type(self).__name__} must define apply_to_polygons(polygons, **params)"
        )

    def apply_to_polylines(self, polylines: Any, *args: Any, **params: Any) -> Any:
        """Transform polylines: for each a list of its lines, arrays (N, 2) in continuous pixels."""
        raise BackendError(
            f"{type(self).__name__} must define apply_to_polylines(polylines, **params)"
        )

    def apply_to_depth(self, depth: Any, *args: Any, **params: Any) -> Any:
        """Transform depths (H, W)."""
        raise BackendError(f"{type(self).__name__} must define apply_to_depth(depth, **params)")

    def apply_to_normals(self, normals: Any, *args: Any, **params: Any) -> Any:
        """Transform normals (H, W, 3), and turn them."""
        raise BackendError(f"{type(self).__name__} must define apply_to_normals(normals, **params)")

    def apply_to_flow(self, flow: Any, *args: Any, **params: Any) -> Any:
        """Transform displacements (H, W, 2), and turn and scale them."""
        raise BackendError(f"{type(self).__name__} must define apply_to_flow(flow, **params)")


class Transform3D(DualTransform):
    """Base of transforms of whole volumes: define `apply_to_volume` and its kin.

    Volumes come as (D, H, W) or (D, H, W, C), keypoints as for `DualTransform`, z counting slices.
    Masks are transformed as volumes are, if `apply_to_mask3d` is not overridden.
    """

    kind: ClassVar[str] = "volume"
    stands_for: ClassVar[tuple[str, ...]] = ("volume",)

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        return {
            "volume": self.apply_to_volume,
            "volumes": self.apply_to_volumes,
            "mask3d": self.apply_to_mask3d,
            "masks3d": self.apply_to_masks3d,
            "keypoints": self.apply_to_keypoints,
        }

    def apply_to_volume(self, volume: Any, *args: Any, **params: Any) -> Any:
        raise BackendError(f"{type(self).__name__} must define apply_to_volume(volume, **params)")

    def apply_to_mask3d(self, mask3d: Any, *args: Any, **params: Any) -> Any:
        return self.apply_to_volume(mask3d, *args, **params)


def _stacked(members: list[Any]) -> Any:
    """Join pictures of one shape into an array; what else a transform makes stays a list."""
    arrays = all(isinstance(m, np.ndarray) for m in members)
    return np.stack(members) if arrays and len({m.shape for m in members}) == 1 else members


def _shape(data: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of one picture of a call."""
    likes = running().likes
    if not likes and "image" in data:
        return data["image"].shape  # type: ignore[no-any-return]
    kinds = {likes.get(key, key): key for key in reversed(list(data))}
    name = next(name for name in _PICTURES if name in kinds)
    shape: tuple[int, ...] = data[kinds[name]].shape
    stacks = 0 if name in ("image", "mask") else 2 if name.startswith(("volumes", "masks3d")) else 1
    return shape[stacks:]
