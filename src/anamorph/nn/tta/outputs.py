"""What a model's outputs are, and the containers that they come in."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from anamorph.core.errors import (
    DataError,
    DataTypeError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
    nearest,
)
from anamorph.core.params import Number
from anamorph.nn.tta.merges import Merge, as_merge
from anamorph.nn.tta.view import COORDINATES


@dataclass(frozen=True)
class Activation:
    """What turns outputs into probabilities, and whether these add up to 1 over the classes."""

    apply: Callable[[Tensor], Tensor]
    sums: bool = False


def _checked(values: Tensor) -> Tensor:
    """Let probabilities through.

    Raises:
        DataError: some are none.
    """
    if not bool(((values >= -_SLACK) & (values <= 1 + _SLACK)).all()):
        raise DataError(
            "outputs that TTA.activation says are probabilities are not all in [0, 1]: name what "
            "makes them so, 'sigmoid' or 'softmax'"
        )
    return values


_SLACK = 1e-3  # what half precision adds up to beyond 1

ACTIVATIONS: Mapping[str, Activation] = {
    "sigmoid": Activation(torch.sigmoid),
    "softmax": Activation(lambda x: torch.softmax(x, 1), sums=True),
    "probabilities": Activation(_checked),
    "distribution": Activation(_checked, sums=True),
}
"""Name → activation. The last two say that the model's outputs are probabilities as they are: each
by itself, or such that they add up to 1 over the classes (dimension 1)."""

MAPS = frozenset({"classification", "dense", "heatmaps"})
"""Tasks whose outputs may be probabilities."""
TASKS = (*sorted(MAPS), "detection", "keypoints")
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Output:
    """What one output of a model is, and how views of it are merged.

    Args:
        task: "classification" (N, C), which no view moves; "dense" and "heatmaps" (N, …, h, w);
            "detection", a list of N dictionaries with boxes, scores and labels; "keypoints"
            (N, …, 2 or more), x and y first.
        activation: what turns outputs into probabilities: "sigmoid", "softmax" over dimension 1,
            a function, or "probabilities" or "distribution" if they are such already. None merges
            them as they are. After "softmax" and "distribution" results add up to 1, too.
        merge: a name in `MERGES`, a merge, or f(values (V, …), weights) → merged; for detection
            f(views) → merged, views being a list of dictionaries of one picture. None is the mean,
            or for detection weighted boxes fusion.
        flip_pairs: pairs of classes or keypoints that trade places in a mirror; for detection
            those of its keypoints if it has such, else those of its labels.
        uncovered: value of places that no view sees; None refuses them.
        coordinates: those of keypoints: "pixels" (indices: the centre of pixel i is i),
            "continuous" (its edges are i and i + 1), or "normalized" by the picture's sides.

    Raises:
        ParameterError: a merge of probabilities, and nothing said that makes them so; or
            parameters that the task does not have.
    """

    task: str = "classification"
    activation: str | Callable[[Tensor], Tensor] | None = None
    merge: str | Merge | Callable[..., Any] | None = None
    flip_pairs: Pairs = ()
    uncovered: float | None = None
    coordinates: str = "pixels"

    def __post_init__(self) -> None:
        _named("task", self.task, TASKS)
        if isinstance(self.activation, str):
            _named("activation", self.activation, ACTIVATIONS)
        _named("coordinates", self.coordinates, COORDINATES)
        object.__setattr__(self, "flip_pairs", _pairs(self.flip_pairs))
        Number(optional=True).check("TTA.uncovered", self.uncovered)
        self._check_activation()
        self._check_merge()

    def _check_activation(self) -> None:
        if self.activation is not None and self.task not in MAPS:
            raise ParameterError(
                f"TTA.activation = {self.activation!r}: outputs of the task {self.task!r} are no "
                "probabilities; it must be None"
            )

    def _check_merge(self) -> None:
        if self.task == "detection":
            if not (self.merge is None or callable(self.merge)):
                raise ParameterError(
                    f"TTA.merge = {self.merge!r}: for detection it must be a function of views"
                )
            return
        merge = self.merging
        if self.task == "keypoints" and merge.probabilities:
            raise ParameterError(
                f"TTA.merge = {self.merge!r}: it must be one that coordinates have, as 'mean' is"
            )
        if merge.probabilities and self.activation is None:
            raise ParameterError(
                f"TTA.merge = {self.merge!r}: it has a meaning only for probabilities; say with "
                f"activation what makes the outputs such: one of {', '.join(ACTIVATIONS)}"
            )

    @property
    def merging(self) -> Merge:
        """How views are merged."""
        return as_merge("mean" if self.merge is None else self.merge)

    @property
    def activating(self) -> Activation | None:
        """What makes probabilities, if anything does."""
        given = self.activation
        if given is None:
            return None
        if isinstance(given, str):
            return ACTIVATIONS[given]
        return Activation(lambda values: _checked(given(values)))


def _named(what: str, given: Any, known: Any) -> None:
    if not isinstance(given, str) or given not in known:
        hint = nearest(str(given), known)
        raise UnknownNameError(
            f"TTA.{what} = {given!r}: it must be one of {', '.join(known)}{hint}"
        )


def _pairs(given: Any) -> Pairs:
    whole = Number(0, whole=True)
    try:
        pairs = tuple((whole.check("", a), whole.check("", b)) for a, b in given)
    except (TypeError, ValueError):
        pairs = ((0, 0),)
    members = [member for pair in pairs for member in pair]
    if len(set(members)) != len(members):
        raise ParameterError(
            f"TTA.flip_pairs = {given!r}: it must be pairs of places, each place named once: "
            "((1, 2), (3, 4))"
        )
    return pairs


def traded(values: Tensor, pairs: Pairs) -> Tensor:
    """Let members of dimension 1 trade places.

    Raises:
        DataError: there are fewer of them than the pairs say.
    """
    count = values.shape[1] if values.dim() > 1 else 0
    order = list(range(count))
    for a, b in pairs:
        if max(a, b) >= count:
            raise DataError(f"TTA.flip_pairs holds ({a}, {b}): the output has {count} places")
        order[a], order[b] = b, a
    return values[:, order]


# ---------------------------------------------------------------------------- containers

Spec = Any
"""An `Output`; None, to take from the first view; or a mapping or sequence of such, shaped as the
model's output is."""


@dataclass(frozen=True)
class Kind:
    """A kind of container: how to tell it, its members by name, and the same with other members."""

    holds: Callable[[Any], bool]
    members: Callable[[Any], dict[Any, Any]]
    remade: Callable[[Any, dict[Any, Any]], Any]


def _remade_mapping(like: Any, members: dict[Any, Any]) -> Any:
    if not isinstance(like, dict):
        return members
    made = copy.copy(like)  # subclasses hold more than their keys: a default, attributes
    for key, value in members.items():
        made[key] = value
    return made


def _remade_sequence(like: Any, members: dict[Any, Any]) -> Any:
    kind = type(like)
    made = getattr(kind, "_make", kind)  # named tuples
    return made(members.values())


def _is_dataclass(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _remade_dataclass(like: Any, members: dict[Any, Any]) -> Any:
    made = copy.copy(like)
    for name, value in members.items():
        object.__setattr__(made, name, value)  # frozen ones too: the copy is nobody's yet
    return made


KINDS: tuple[Kind, ...] = (
    Kind(lambda v: isinstance(v, Mapping), dict, _remade_mapping),
    Kind(
        lambda v: isinstance(v, list | tuple),
        lambda v: dict(enumerate(v)),
        _remade_sequence,
    ),
    Kind(
        _is_dataclass,
        lambda v: {f.name: getattr(v, f.name) for f in dataclasses.fields(v)},
        _remade_dataclass,
    ),
)
"""The first that holds a value is its kind; what no kind holds is a leaf."""


def kind_of(value: Any) -> Kind | None:
    """Find the kind of container that a value is; None if it is a leaf."""
    return next((kind for kind in KINDS if kind.holds(value)), None)


def specs_of(spec: Spec, members: Mapping[Any, Any], path: str) -> dict[Any, Spec]:
    """Give each member of a container its part of the specification.

    Raises:
        ParameterError: the specification names members that are not there, or not all.
    """
    kind = None if isinstance(spec, Output) else kind_of(spec)
    if kind is None:
        return dict.fromkeys(members, spec)
    named = kind.members(spec)
    if named.keys() != members.keys():
        missing = [key for key in members if key not in named]
        beyond = [key for key in named if key not in members]
        said = f"nothing is said of {missing}" if missing else f"there is no {beyond}"
        raise ParameterError(
            f"TTA.task does not fit the model's output{path}, which has {list(members)}: {said} "
            "(None takes a member from the first view)"
        )
    return named


def read_spec(given: Any, default: Output) -> Spec:
    """Read tasks as users give them: a name takes all else from ``default``.

    Raises:
        ParameterTypeError: it is neither name, `Output`, None nor a container of such.
    """
    if given is None or isinstance(given, Output):
        return given
    if isinstance(given, str):
        return dataclasses.replace(default, task=given)
    if isinstance(given, Mapping):
        return {key: read_spec(member, default) for key, member in given.items()}
    if isinstance(given, Sequence):
        return tuple(read_spec(member, default) for member in given)
    raise ParameterTypeError(
        f"TTA.task = {given!r}: it must be a name, an Output, None, or a mapping or list of such"
    )


# ----------------------------------------------------------------------- views in a batch


def parts(output: Any, count: int, batch: int) -> Iterator[Any]:
    """Take the output of ``count`` views of ``batch`` pictures apart, a view at a time."""
    if count == 1:
        yield output
        return
    for number in range(count):
        yield _part(output, slice(number * batch, (number + 1) * batch), count * batch)


def _part(output: Any, rows: slice, total: int) -> Any:
    if isinstance(output, Tensor):
        return output[rows] if output.dim() and output.shape[0] == total else output
    kind = kind_of(output)
    if kind is None:
        return output
    if isinstance(output, list) and len(output) == total and _per_picture(output):
        return output[rows]
    members = kind.members(output)
    return kind.remade(output, {key: _part(v, rows, total) for key, v in members.items()})


def _per_picture(output: list[Any]) -> bool:
    """Tell a list of detections, a dictionary a picture, from a list of outputs."""
    return all(isinstance(found, Mapping) and "boxes" in found for found in output)


def leaf_tensor(value: Any, task: str, path: str) -> Tensor:
    """Check that an output can be merged.

    Raises:
        DataTypeError: it is no tensor of floating-point numbers.
        DataError: maps that would not be brought home.
    """
    if not isinstance(value, Tensor) or not value.is_floating_point():
        what = f"of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise DataTypeError(
            f"the model's output{path} is {what}: for the task {task!r} it must be a tensor of "
            "floating-point numbers (None in place of the task takes it from the first view)"
        )
    if task == "classification" and value.dim() >= 4 and min(value.shape[-2:]) > 1:
        raise DataError(
            f"the model's output{path} has the axes of maps, {tuple(value.shape)}, and the task "
            "'classification', which brings nothing home: say task='dense'"
        )
    return value


def single(spec: Spec, path: str) -> Output:
    """Check that one output has one task.

    Raises:
        ParameterError: it has tasks for members.
    """
    if not isinstance(spec, Output):
        raise ParameterError(
            f"TTA.task names members of the model's output{path}, "
            "which has none: it must be one task"
        )
    return spec
