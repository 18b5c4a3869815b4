"""Views: ways of looking at one picture, as plans made for its size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from anamorph.core import constants as K
from anamorph.core.errors import (
    CropSizeError,
    DataError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
    nearest,
    sides,
)
from anamorph.core.params import Choice, Number
from anamorph.core.rng import Rng, mix
from anamorph.ir.ops import Sampling, Size, Warp
from anamorph.ir.plan import Plan
from anamorph.nn.tta.blank import drawn
from anamorph.pipeline.tree import BaseCompose
from anamorph.transforms.base import Transform

SETS: Mapping[str, tuple[str, ...]] = {
    "identity": ("e",),
    "hflip": ("e", "h"),
    "vflip": ("e", "v"),
    "flips": ("e", "h", "v"),
    "d2": ("e", "h", "v", "r180"),
    "rot90": ("e", "r90", "r180", "r270"),
    "d4": ("e", "r90", "r180", "r270", "h", "v", "t", "hvt"),
}
"""Name → elements of D4, the picture as it is first."""

_WHOLE = Number(1, whole=True)
_INTERPOLATION = Choice(tuple(K.INTERPOLATIONS))
_BORDER = Choice(tuple(K.BORDERS))


class Views(ABC):
    """Abstract base: a fixed number of plans for a picture of any size.

    ``a + b`` has the views of both, ``a * b`` each view of b taken of each view of a. Names and
    pipelines may stand on either side.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Count the views."""

    @abstractmethod
    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        """Make the plans for pictures of one size.

        Args:
            size: height and width.
            channels: number of channels.
            dtype: name of the dtype.
        """

    def __add__(self, other: Any) -> Views:
        return Together((self, as_views(other)))

    def __radd__(self, other: Any) -> Views:
        return Together((as_views(other), self))

    def __mul__(self, other: Any) -> Views:
        return Each(self, as_views(other))

    def __rmul__(self, other: Any) -> Views:
        return Each(as_views(other), self)


@dataclass(frozen=True)
class Symmetries(Views):
    """Flips and quarter turns by name: identity, hflip, vflip, flips, d2, rot90 or d4.

    >>> [plan.sizes[-1] for plan in Symmetries("rot90").plans((10, 20))]
    [(10, 20), (20, 10), (10, 20), (20, 10)]
    """

    name: str = "d4"

    def __post_init__(self) -> None:
        if self.name not in SETS:
            hint = nearest(str(self.name), SETS)
            raise UnknownNameError(
                f"views = {self.name!r}: it must be one of {', '.join(SETS)}, or views made by "
                f"anamorph.nn.tta{hint}"
            )

    def __len__(self) -> int:
        return len(SETS[self.name])

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        ops = (() if e == "e" else (Warp.symmetry(e, size),) for e in SETS[self.name])
        return tuple(Plan(found, size, channels, dtype) for found in ops)


@dataclass(frozen=True, init=False)
class Scales(Views):
    """The picture scaled by each factor: sides are rounded, halves up, and are at least 1.

    Args:
        factors: what sides are multiplied with.
        multiple_of: sides are rounded to multiples of it instead.
        interpolation: how pixels are read.

    >>> [plan.sizes[-1] for plan in Scales(1, 1.5).plans((101, 67))]
    [(101, 67), (152, 101)]
    >>> [plan.sizes[-1] for plan in Scales(1, 1.5, multiple_of=32).plans((101, 67))]
    [(96, 64), (160, 96)]
    """

    factors: tuple[float, ...]
    multiple_of: int
    interpolation: int

    def __init__(
        self, *factors: float, multiple_of: int = 1, interpolation: int = K.INTER_LINEAR
    ) -> None:
        if not factors:
            raise ParameterError("Scales needs at least one factor: Scales(0.75, 1, 1.25)")
        above = Number(0, 1000, above=True)
        _set(self, "factors", tuple(above.check("Scales.factors", f) for f in factors))
        _set(self, "multiple_of", _WHOLE.check("Scales.multiple_of", multiple_of))
        checked = _INTERPOLATION.check("Scales.interpolation", interpolation)
        _set(self, "interpolation", checked)

    def __repr__(self) -> str:
        factors = ", ".join(map(repr, self.factors))
        options = f"multiple_of={self.multiple_of}, interpolation={self.interpolation}"
        return f"Scales({factors}, {options})"

    def __len__(self) -> int:
        return len(self.factors)

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        sampling = Sampling(self.interpolation)
        found = []
        for factor in self.factors:
            to = self._side(size[0] * factor), self._side(size[1] * factor)
            ops = () if to == size else (Warp.resize(size, to, sampling),)
            found.append(Plan(ops, size, channels, dtype))
        return tuple(found)

    def _side(self, side: float) -> int:
        unit = self.multiple_of
        return max(1, int(side / unit + 0.5)) * unit


@dataclass(frozen=True)
class _Crops(Views):
    """Base of crops at the four corners and in the centre; a lone number is a square."""

    size: int | Size

    def __post_init__(self) -> None:
        given = self.size if isinstance(self.size, tuple | list) else (self.size, self.size)
        place = f"{type(self).__name__}.size"
        if len(given) != 2:
            raise ParameterError(f"{place} = {self.size!r}: it must be (height, width)")
        _set(self, "size", tuple(_WHOLE.check(place, side) for side in given))

    def crops(self, size: Size) -> tuple[Warp, ...]:
        """Place the crops on a picture.

        Raises:
            CropSizeError: they are larger than the picture.
        """
        h, w = self.size  # type: ignore[misc]  # __post_init__ made it a pair
        down, right = size[0] - h, size[1] - w
        if down < 0 or right < 0:
            raise CropSizeError(
                f"{type(self).__name__}.size = {sides((h, w))}: it must fit into the picture, "
                f"{sides(size)}"
            )
        corners = (0, 0), (right, 0), (0, down), (right, down), (right // 2, down // 2)
        return tuple(Warp.crop(x, y, x + w, y + h) for x, y in corners)


@dataclass(frozen=True)
class FiveCrop(_Crops):
    """The four corners and the centre, each a crop of (height, width); a lone number is a square.

    >>> len(FiveCrop(224).plans((256, 320)))
    5
    """

    def __len__(self) -> int:
        return 5

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        return tuple(Plan((crop,), size, channels, dtype) for crop in self.crops(size))


@dataclass(frozen=True)
class TenCrop(_Crops):
    """The crops of `FiveCrop`, then each of them mirrored left and right."""

    def __len__(self) -> int:
        return 10

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        crops = self.crops(size)
        mirrored = tuple((crop, Warp.symmetry("h", crop.size)) for crop in crops)
        straight = tuple((crop,) for crop in crops)
        return tuple(Plan(ops, size, channels, dtype) for ops in straight + mirrored)


@dataclass(frozen=True)
class Padded(Views):
    """One view: the picture in the middle of a canvas whose sides are multiples of a number.

    >>> Padded(multiple_of=32).plans((101, 64))[0].sizes[-1]
    (128, 64)
    """

    multiple_of: int = 32
    border: int = K.BORDER_CONSTANT
    """What is beyond the picture, as OpenCV numbers it: a constant, or its pixels continued."""
    fill: float = 0.0

    def __post_init__(self) -> None:
        _WHOLE.check("Padded.multiple_of", self.multiple_of)
        _BORDER.check("Padded.border", self.border)
        Number().check("Padded.fill", self.fill)

    def __len__(self) -> int:
        return 1

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        down, right = (-side % self.multiple_of for side in size)
        if not (down or right):
            return (Plan((), size, channels, dtype),)
        around = down // 2, down - down // 2, right // 2, right - right // 2
        sampling = Sampling(border=self.border, fill=self.fill)
        return (Plan((Warp.pad(size, around, sampling),), size, channels, dtype),)


@dataclass(frozen=True)
class Drawn(Views):
    """What pipelines and transforms do, drawn once a size from a seed: a view each.

    Transforms that look at pixels before they decide have none to look at, and are refused.

    >>> Drawn((A.LetterBox((64, 64)),)).plans((100, 50))[0].sizes[-1]
    (64, 64)
    """

    pipelines: tuple[Transform | BaseCompose, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        _set(self, "pipelines", tuple(self.pipelines))
        Number(whole=True).check("Drawn.seed", self.seed)
        for pipeline in self.pipelines:
            if not isinstance(pipeline, Transform | BaseCompose):
                raise ParameterTypeError(
                    f"Drawn.pipelines holds {pipeline!r}: it must hold transforms and compositions"
                )

    def __len__(self) -> int:
        return len(self.pipelines)

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        return tuple(
            drawn(pipeline, Rng(mix(self.seed, 1 + number)), Plan((), size, channels, dtype))
            for number, pipeline in enumerate(self.pipelines)
        )


@dataclass(frozen=True)
class Given(Views):
    """Plans that are at hand, for pictures of the size that they were made for."""

    held: tuple[Plan, ...]

    def __len__(self) -> int:
        return len(self.held)

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        for plan in self.held:
            if plan.size != size:
                raise DataError(
                    f"a plan for pictures of {sides(plan.size)} was given as a view of pictures "
                    f"of {sides(size)}"
                )
        return tuple(replace(plan, channels=channels, dtype=dtype) for plan in self.held)


@dataclass(frozen=True)
class Together(Views):
    """The views of several sets, in order."""

    sets: tuple[Views, ...]

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        return tuple(plan for held in self.sets for plan in held.plans(size, channels, dtype))


@dataclass(frozen=True)
class Each(Views):
    """Every view of the second set, taken of every view of the first.

    >>> len(Symmetries("d4") * Scales(0.75, 1, 1.25))
    24
    """

    first: Views
    second: Views

    def __len__(self) -> int:
        return len(self.first) * len(self.second)

    def plans(self, size: Size, channels: int = 3, dtype: str = "float32") -> tuple[Plan, ...]:
        return tuple(
            replace(plan, ops=plan.ops + further.ops)
            for plan in self.first.plans(size, channels, dtype)
            for further in self.second.plans(*_outcome(plan))
        )


def _outcome(plan: Plan) -> tuple[Size, int, str]:
    """Size, channels and dtype of what a plan makes."""
    channels, dtype = plan.channels, plan.dtype
    for op in plan.ops:
        channels, dtype = op.channels_after(channels), op.dtype_after(dtype)
    return plan.sizes[-1], channels, dtype


def as_views(given: Any) -> Views:
    """Read views: a name, views, a plan, a transform, a pipeline, or a list of such.

    Raises:
        UnknownNameError: there are no views of that name.
        ParameterTypeError: it is something else.

    >>> len(as_views(["d4", A.Rotate((10, 10), p=1)]))
    9
    """
    for kind, read in _READERS.items():
        if isinstance(given, kind):
            return read(given)
    if isinstance(given, Iterable):
        return _listed(list(given))
    raise ParameterTypeError(
        f"views = {given!r}: it must be a name, views, a plan, a pipeline, or a list of such"
    )


def _listed(given: list[Any]) -> Views:
    if not given:
        raise ParameterError("views = []: there must be at least one view")
    if all(isinstance(each, Transform | BaseCompose) for each in given):
        return Drawn(tuple(given))
    return Together(tuple(_member(each, seed) for seed, each in enumerate(given)))


def _member(given: Any, seed: int) -> Views:
    """Read one of a list; two of the same pipeline are drawn apart."""
    lone = isinstance(given, Transform | BaseCompose)
    return Drawn((given,), seed) if lone else as_views(given)


_READERS: Mapping[type, Callable[[Any], Views]] = {
    str: Symmetries,
    Views: lambda given: given,
    Plan: lambda given: Given((given,)),
    Transform: lambda given: Drawn((given,)),
    BaseCompose: lambda given: Drawn((given,)),
}
"""What views are given as → how that is read."""


def _set(value: Any, name: str, to: Any) -> None:
    object.__setattr__(value, name, to)
