"""The tree of transforms and compositions, and how a node of it decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn, Self, overload

from anamorph.core.errors import ParameterError, ParameterTypeError, UndefinedError
from anamorph.core.params import Number
from anamorph.core.rng import Rng, Stream
from anamorph.ir.plan import Note
from anamorph.pipeline.sample import Sample
from anamorph.transforms.base import FrozenError, Transform, check_probability
from anamorph.transforms.legacy import HOOKS, BasicTransform


class Members(tuple[Any, ...]):
    """The members of a composition: a tuple that lists can be added to, giving a list."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        """Join with a tuple, or with a list into a list, as where members are a list."""
        return [*self, *other] if isinstance(other, list) else tuple(self) + tuple(other)

    def __radd__(self, other: Any) -> Any:
        """Join a list and members into a list."""
        return [*other, *self]

    def __getitem__(self, item: Any, /) -> Any:
        found = tuple.__getitem__(self, item)
        return Members(found) if isinstance(item, slice) else found

    def _refuse(self, *args: Any) -> NoReturn:
        raise FrozenError(
            "a pipeline is a value and its members cannot be changed: write pipeline + [t], "
            "or make one of [*pipeline.transforms, t]"
        )

    append: Any = _refuse
    extend: Any = _refuse
    insert: Any = _refuse
    remove: Any = _refuse
    pop: Any = _refuse
    clear: Any = _refuse
    sort: Any = _refuse
    reverse: Any = _refuse
    __setitem__: Any = _refuse
    __delitem__: Any = _refuse


class BaseCompose:
    """Abstract base of compositions: an ordered collection of transforms and compositions.

    A composition other than Compose used by itself runs as the only member of a Compose. The
    options are values; only the stream of random numbers moves on.
    """

    init_names: ClassVar[tuple[str, ...]] = ("p",)
    alone: ClassVar[Any]
    """Makes a pipeline of one member; Compose, which puts itself here."""
    known: ClassVar[dict[str, type[BaseCompose]]] = {}
    """Name → composition, for reading saved pipelines."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        BaseCompose.known.setdefault(cls.__name__, cls)

    def __init__(self, transforms: Any, p: float = 1.0) -> None:
        self.transforms: tuple[Any, ...] = _members(type(self).__name__, transforms)
        self.p: float = check_probability(f"{type(self).__name__}.p", p)
        self.stream: Stream = Stream()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("transforms", *self.init_names) and hasattr(self, name):
            raise FrozenError(
                f"{type(self).__name__} is a value and cannot be changed: make another one with "
                f"other {name}"
            )
        object.__setattr__(self, name, value)

    @property
    def available_keys(self) -> set[str]:
        """Keys of a call that the members change or need."""
        keys: set[str] = set()
        for member in self.transforms:
            keys |= member.available_keys | set(getattr(member, "targets_as_params", ()))
        return keys

    def set_random_seed(self, seed: int | None) -> None:
        """Begin the stream anew from a seed; None for one that cannot be foreseen."""
        self.stream = Stream(Number(whole=True, optional=True).check("seed", seed))

    def run(self, rng: Rng, sample: Sample, *, force: bool = False) -> None:
        """Decide for this part of the tree, and hand the ops to the sample."""
        if force or rng.chance(self.p):
            self.run_members(rng, sample)

    def run_members(self, rng: Rng, sample: Sample) -> None:
        """Decide for the members."""
        for member in self.transforms:
            run(member, rng, sample)

    def values(self) -> dict[str, Any]:
        """Options by name, the members left out."""
        return {name: getattr(self, name) for name in self.init_names}

    def __call__(self, *args: Any, **data: Any) -> dict[str, Any]:
        """Transform a sample by itself."""
        pipeline = self.alone(self)
        pipeline.stream = self.stream
        out: dict[str, Any] = pipeline(*args, **data)
        return out

    def __len__(self) -> int:
        return len(self.transforms)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.transforms)

    @overload
    def __getitem__(self, item: int) -> Any: ...
    @overload
    def __getitem__(self, item: slice) -> Self: ...
    def __getitem__(self, item: int | slice) -> Any:
        return (
            self._with(self.transforms[item]) if isinstance(item, slice) else self.transforms[item]
        )

    def _with(self, members: Iterable[Any]) -> Self:
        return type(self)(transforms=list(members), **self.values())

    def __add__(self, other: Any) -> Self:
        """Append a transform or several."""
        return self._with((*self.transforms, *_as_members(other)))

    def __radd__(self, other: Any) -> Self:
        """Prepend a transform or several."""
        return self._with((*_as_members(other), *self.transforms))

    def __sub__(self, other: Any) -> Self:
        """Leave out the first member that equals a transform, or is of a class."""
        for i, member in enumerate(self.transforms):
            if member == other or (isinstance(other, type) and isinstance(member, other)):
                return self._with(self.transforms[:i] + self.transforms[i + 1 :])
        raise ParameterError(f"{other!r} is no member of this {type(self).__name__}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, BaseCompose):
            return NotImplemented
        return self.transforms == other.transforms and self.values() == other.values()

    def __hash__(self) -> int:
        return hash((type(self), self.transforms))

    def __repr__(self) -> str:
        members = "".join("\n  " + repr(m).replace("\n", "\n  ") + "," for m in self.transforms)
        options = "".join(f", {k}={v!r}" for k, v in self.values().items())
        return f"{type(self).__name__}([{members}\n]{options})"


def run(node: Any, rng: Rng, sample: Sample, *, force: bool = False) -> None:
    """Decide for one node of the tree."""
    if isinstance(node, BaseCompose):
        node.run(rng, sample, force=force)
        return
    p = node.p
    applied = force or p >= 1 or rng.random() < p
    if sample.notes is None:
        if applied:
            _draw(node, rng, sample)
        return
    start = len(sample.ops)
    sample.drawn_by.append(node)
    applied = applied and _draw(node, rng, sample)
    sample.notes.append(Note(type(node).__name__, start, len(sample.ops), applied))


def _draw(node: Any, rng: Rng, sample: Sample) -> bool:
    """Draw a transform; tell whether it was defined for the picture."""
    start = len(sample.ops)
    try:
        for op in node.draw(rng, sample):
            sample.push(op)
    except UndefinedError:
        if sample.settings.undefined != "skip" or len(sample.ops) != start:
            raise
        return False
    return True


def _members(place: str, transforms: Any) -> Members:
    if isinstance(transforms, Transform | BaseCompose):
        transforms = [transforms]
    if not isinstance(transforms, Iterable) or isinstance(transforms, str | bytes | Mapping):
        raise ParameterTypeError(f"{place} takes a list of transforms, not {transforms!r}")
    members = Members(transforms)
    for i, member in enumerate(members):
        if isinstance(member, type) and issubclass(member, Transform | BaseCompose):
            raise ParameterTypeError(
                f"{place}.transforms[{i}] is the class {member.__name__}: write "
                f"{member.__name__}(...)"
            )
        if not isinstance(member, Transform | BaseCompose):
            raise ParameterTypeError(f"{place}.transforms[{i}] = {member!r} is no transform")
        if isinstance(member, Transform):
            _refuse_hooks(type(member))
    return members


def _refuse_hooks(cls: type) -> None:
    """Refuse methods that a transform of this package does not have, so would never call."""
    if BasicTransform in cls.__mro__:
        return
    for hook in HOOKS:
        if hasattr(cls, hook):
            base = next(b for b in cls.__mro__ if not hasattr(b, hook))
            raise ParameterTypeError(
                f"{cls.__name__}.{hook} would never be called, since {base.__name__} has no such "
                "method: define draw(rng, scene), or derive from DualTransform"
            )


def _as_members(other: Any) -> tuple[Any, ...]:
    if isinstance(other, Transform | BaseCompose):
        return (other,)
    return tuple(other)
