"""``install_alias``: code that says ``import albumentations`` runs on this package, unchanged."""

from __future__ import annotations

import enum
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from anamorph.core.errors import AnamorphError, nearest

NAME = "albumentations"
VERSION = "2.0.8"
"""What ``albumentations.__version__`` says: the version whose interface this package has."""


class AliasError(AnamorphError, ImportError):
    """The name is taken, or a part of it has no counterpart."""


class Targets(enum.Enum):
    """The targets that a transform written for Albumentations lists in ``_targets``."""

    IMAGE = "Image"
    MASK = "Mask"
    BBOXES = "BBoxes"
    KEYPOINTS = "Keypoints"
    VOLUME = "Volume"
    MASK3D = "Mask3D"


def to_tuple(param: Any, low: Any = None, bias: float | None = None) -> tuple[Any, Any]:
    """Make a range of a number: (-x, x), or between ``low`` and x, or x about ``bias``.

    >>> from anamorph.alias import to_tuple
    >>> to_tuple(3), to_tuple(3, low=1), to_tuple((1, 2)), to_tuple(0.5, bias=1)
    ((-3, 3), (1, 3), (1, 2), (0.5, 1.5))
    """
    if low is not None and bias is not None:
        raise AliasError("to_tuple takes low or bias, not both")
    if isinstance(param, Sequence):
        first, second = param
    else:
        first, second = (-param if low is None else low), param
    if first > second:
        first, second = second, first
    shift = bias or 0
    return first + shift, second + shift


def _schema() -> Any:
    return importlib.import_module("anamorph.transforms.schema").lazy_schema()


def _named(*modules: str) -> Callable[[str], Any]:
    """Look a name up in modules of this package, the first that has it.

    The last, the public face, has the sentence for a name that does not exist.
    """

    def look(name: str) -> Any:
        *others, face = modules
        for module in others:
            found = getattr(importlib.import_module(module), name, None)
            if found is not None:
                return found
        return getattr(importlib.import_module(face), name)

    return look


def _listed(**values: Callable[[], Any]) -> Callable[[str], Any]:
    """Look a name up among a few, else in the public face."""

    def look(name: str) -> Any:
        return values[name]() if name in values else _FACE(name)

    return look


_FACE = _named("anamorph")

MODULES: Mapping[str, Callable[[str], Any]] = {
    NAME: _FACE,
    f"{NAME}.pytorch": _FACE,
    f"{NAME}.pytorch.transforms": _FACE,
    f"{NAME}.core": _FACE,
    f"{NAME}.core.composition": _FACE,
    f"{NAME}.core.serialization": _FACE,
    f"{NAME}.core.transforms_interface": _listed(BaseTransformInitSchema=_schema),
    f"{NAME}.core.bbox_utils": _named("anamorph.core.box_arrays", "anamorph"),
    f"{NAME}.core.keypoints_utils": _FACE,
    f"{NAME}.core.type_definitions": _listed(Targets=lambda: Targets),
    f"{NAME}.core.utils": _listed(to_tuple=lambda: to_tuple),
}
"""Module → how its names are found. Modules under ``augmentations`` all show the public face."""

_FAMILIES = f"{NAME}.augmentations"
_INNER = ("functional", "utils")
"""Last parts of the names of modules that hold Albumentations' own kernels."""


class _Finder:
    """Finds the modules of the table, and makes them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != NAME and not name.startswith(f"{NAME}."):
            return None
        if _look(name) is None:
            face = importlib.import_module("anamorph").__all__
            hint = nearest(name, [*MODULES, _FAMILIES, *(f"{NAME}.{each}" for each in face)])
            raise AliasError(
                f"{name} has no counterpart in anamorph, which stands in for {NAME}{hint}",
                name=name,
            )
        return ModuleSpec(name, _Loader(), is_package=True)  # type: ignore[arg-type]


class _Loader:
    """Makes an empty module whose names are looked up when they are asked for."""

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name, f"Names of {spec.name} that anamorph has.")

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        face = importlib.import_module("anamorph")
        module.__dict__["__all__"] = list(face.__all__)
        if module.__name__ == NAME:
            module.__dict__["__version__"] = VERSION


class _Module(ModuleType):
    """A module of the alias."""

    def __getattr__(self, name: str) -> Any:
        look = _look(self.__name__)
        if name.startswith("__") or look is None:
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in MODULES or full == _FAMILIES:
            return importlib.import_module(full)
        return look(name)


def _look(name: str) -> Callable[[str], Any] | None:
    inside = name == _FAMILIES or name.startswith(f"{_FAMILIES}.")
    if inside and not name.endswith(_INNER):
        return _FACE
    return MODULES.get(name)


def install_alias() -> None:
    """Let ``import albumentations`` give this package, in this process, from now on.

    Imports of ``albumentations.pytorch``, ``.core.transforms_interface``, ``.core.composition``,
    ``.core.serialization``, ``.core.bbox_utils`` and of the modules that hold transforms work too.
    An installed albumentations is not touched, only not found.

    Raises:
        AliasError: albumentations itself was imported before.

    >>> A.install_alias()
    >>> import albumentations
    >>> albumentations.HorizontalFlip is A.HorizontalFlip
    True
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if NAME in sys.modules:
        raise AliasError(
            f"{NAME} is imported already: call anamorph.install_alias() before anything imports it"
        )
    sys.meta_path.insert(0, _Finder())
