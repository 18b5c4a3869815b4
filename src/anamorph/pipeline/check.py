"""What is probably wrong with a pipeline, found without any data.

The tree is walked as chance may lead through it: every transform draws its ops several times for
every kind of picture that can reach it, and what it does, or refuses, is held against `RULES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anamorph.backends import BACKENDS, DEFAULT
from anamorph.core.errors import AnamorphError, CropSizeError, MissingDataError, UndefinedError
from anamorph.core.labels import Boxes
from anamorph.core.rng import Rng, mix
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Cast, Curve, Effect, Encode, Noise, Op, Size, Warp
from anamorph.pipeline.choice import OneOf, OneOrOther, SomeOf
from anamorph.pipeline.compose import Compose
from anamorph.pipeline.sample import Sample
from anamorph.pipeline.settings import Settings
from anamorph.pipeline.tree import BaseCompose
from anamorph.transforms.legacy import BasicTransform

ERROR, WARNING = "error", "warning"
RULES: Mapping[str, tuple[str, str]] = {
    "crop-too-large": (ERROR, "a crop is larger than the pictures that reach it"),
    "undefined": (ERROR, "a transform is not defined for the pictures that reach it"),
    "fails": (ERROR, "a transform refuses the pictures that reach it"),
    "after-tensor": (ERROR, "a transform comes after what makes tensors"),
    "after-normalize": (ERROR, "a transform of values in [0, 1] comes after Normalize"),
    "needs-boxes": (ERROR, "a transform looks at boxes, and the pipeline has no bbox_params"),
    "needs-key": (WARNING, "each call must hold a key that a transform reads"),
    "sides-not-swapped": (
        WARNING,
        "a mirroring transform, labelled keypoints, and nothing that says which labels swap",
    ),
    "mask-interpolated": (WARNING, "masks are interpolated, which invents labels"),
    "never": (WARNING, "a branch has probability zero"),
    "nothing": (WARNING, "a transform or composition changes nothing"),
    "cancels": (WARNING, "two transforms in a row undo each other"),
    "repeated": (WARNING, "two transforms in a row do what one would"),
}
"""Rule → how grave it is, and what it finds."""

_DRAWS = 8
_STATES = 12
_CROPS_BY_BOXES = frozenset(
    ("AtLeastOneBBoxRandomCrop", "BBoxSafeRandomCrop", "RandomSizedBBoxSafeCrop")
)
_UNDO = frozenset(("HorizontalFlip", "VerticalFlip", "Transpose", "InvertImg", "TimeReverse"))
_SETTLE = frozenset(
    ("Resize", "ToGray", "ToFloat", "Normalize", "Equalize", "Posterize", "PadIfNeeded",
     "CenterCrop", "RandomCrop", "RandomResizedCrop", "LongestMaxSize", "SmallestMaxSize",
     "LetterBox", "RandomRotate90", "D4", "SquareSymmetry", "ChannelShuffle")
)  # fmt: skip
"""Transforms of which only the last of several in a row counts."""
_GUARDS = frozenset(
    ("NoOp", "Resize", "PadIfNeeded", "CenterCrop", "RandomCrop", "Crop", "LongestMaxSize",
     "SmallestMaxSize", "LetterBox", "ToFloat", "FromFloat", "ToRGB", "ToGray")
)  # fmt: skip
"""Transforms that rightly do nothing where a picture is as it should be already."""
_VALUE_OPS = (Curve, Noise, Encode, Effect)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is probably wrong: which rule found it, where, and in which words."""

    rule: str
    place: str
    text: str

    @property
    def level(self) -> str:
        """How grave it is: "error" or "warning"."""
        return RULES[self.rule][0]

    def __str__(self) -> str:
        return f"{self.level}: {self.place}: {self.text} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class _State:
    """A kind of picture that may reach some point of the pipeline."""

    size: Size
    channels: int
    dtype: str
    made_tensor: str = ""
    normalized: str = ""


@dataclass(slots=True)
class _Walk:
    """What is found on the way through a tree."""

    settings: Settings
    sized: bool
    labels: Sequence[str]
    found: dict[Finding, None] = field(default_factory=dict)

    def add(self, rule: str, place: str, text: str) -> None:
        self.found[Finding(rule, place, text)] = None


def check_pipeline(
    pipeline: Any,
    image_size: Size | None = None,
    *,
    channels: int = 3,
    dtype: str = "uint8",
    labels: Sequence[str] = (),
) -> list[Finding]:
    """Find what is probably wrong with a pipeline, without any data.

    Args:
        pipeline: a Compose, another composition, or a transform.
        image_size: height and width of the pictures; None if they are not known, and then no crop
            is held against them.
        channels: number of channels of the pictures.
        dtype: their dtype, "uint8", "uint16" or "float32".
        labels: names of keypoints or classes, to see whether sides are among them.

    Returns:
        The findings, errors first; empty if nothing is wrong.

    >>> [f.rule for f in A.check_pipeline(A.Compose([A.RandomCrop(512, 512)]), (427, 640))]
    ['crop-too-large']
    """
    root = pipeline if isinstance(pipeline, Compose) else Compose([pipeline])
    walk = _Walk(root.settings, image_size is not None, tuple(labels))
    begin = _State(image_size or (1024, 1024), channels, dtype)
    _members(walk, root, (begin,), "")
    return sorted(walk.found, key=lambda f: f.level)


# --------------------------------------------------------------------------------- the tree


def _members(walk: _Walk, node: Any, states: tuple[_State, ...], at: str) -> tuple[_State, ...]:
    """Walk a composition whose members run in order."""
    for i, member in enumerate(node.transforms):
        if i:
            _neighbours(walk, node.transforms[i - 1], member, f"{at}transforms[{i}]")
        states = _node(walk, member, states, f"{at}transforms[{i}]")
    return states


def _node(walk: _Walk, node: Any, states: tuple[_State, ...], at: str) -> tuple[_State, ...]:
    place = f"{at} {type(node).__name__}"
    if node.p == 0 and not isinstance(node, OneOrOther):
        walk.add("never", place, "p = 0, so it never acts")
        return states
    if not isinstance(node, BaseCompose):
        return _united(states if node.p < 1 else (), _leaf(walk, node, states, place))
    if not node.transforms:
        walk.add("nothing", place, "it has no members")
        return states
    if isinstance(node, OneOf | OneOrOther):
        after = _one_of(walk, node, states, at)
    elif isinstance(node, SomeOf):
        after = _some_of(walk, node, states, at)
    else:
        after = _members(walk, node, states, f"{at}.")
    skips = node.p < 1 and not isinstance(node, OneOrOther)
    return _united(states if skips else (), after)


def _one_of(walk: _Walk, node: Any, states: tuple[_State, ...], at: str) -> tuple[_State, ...]:
    if len(node.transforms) == 1:
        text = "it has one member, so there is nothing to choose"
        walk.add("nothing", f"{at} {type(node).__name__}", text)
    after: tuple[_State, ...] = ()
    for i, member in enumerate(node.transforms):
        place = f"{at}.transforms[{i}]"
        if member.p == 0 and isinstance(node, OneOf):
            name = f"{place} {type(member).__name__}"
            walk.add("never", name, "p = 0 is its weight, so it is never chosen")
        elif isinstance(member, BaseCompose):
            after = _united(after, _node(walk, member, states, place))
        else:
            name = f"{place} {type(member).__name__}"
            after = _united(after, _leaf(walk, member, states, name))
    return after


def _some_of(walk: _Walk, node: Any, states: tuple[_State, ...], at: str) -> tuple[_State, ...]:
    """Members in any order: what reaches one may have passed any other."""
    reach = states
    for _ in range(2):
        for i, member in enumerate(node.transforms):
            reach = _united(reach, _node(walk, member, reach, f"{at}.transforms[{i}]"))
    return reach


def _united(first: Iterable[_State], second: Iterable[_State]) -> tuple[_State, ...]:
    """All kinds of pictures; of very many the smallest and the largest."""
    states = sorted({*first, *second}, key=lambda s: (min(s.size), s.size))
    half = _STATES // 2
    return tuple(states if len(states) <= _STATES else states[:half] + states[-half:])


# --------------------------------------------------------------------------- one transform


def _leaf(walk: _Walk, node: Any, states: tuple[_State, ...], place: str) -> tuple[_State, ...]:
    """Let a transform draw for every kind of picture that reaches it."""
    _boxes_are_known(walk, node, place)
    if getattr(node, "mask_interpolation", 0) and walk.settings.mask_interpolation is None:
        text = (
            f"mask_interpolation = {node.mask_interpolation} mixes neighbouring labels; 0 does not"
        )
        walk.add("mask-interpolated", place, text)
    if BasicTransform in type(node).__mro__:
        return states  # a user's own code: what it does is known by running it only
    after: list[_State] = []
    acts = False
    for state in states:
        if state.made_tensor:
            text = f"it comes after {state.made_tensor}, which must be last"
            walk.add("after-tensor", place, text)
            after.append(state)
            continue
        for draw in range(_DRAWS):
            ops, new = _drawn(walk, node, state, place, draw)
            acts = acts or ops is None or not all(_is_identity(op, state) for op in ops)
            after.append(new)
    idle = not acts and type(node).__name__ not in _GUARDS
    if idle and states and not states[0].made_tensor:
        walk.add("nothing", place, "it changes nothing in pictures of this size and kind")
    return tuple(after)


def _drawn(
    walk: _Walk, node: Any, state: _State, place: str, draw: int
) -> tuple[tuple[Op, ...] | None, _State]:
    """Draw once; give the ops, None where it was refused, and what the picture is then."""
    sample = Sample(_plain(walk.settings), _data(walk.settings, state), BACKENDS[DEFAULT])
    try:
        for op in node.draw(Rng(mix(1, draw)), sample):
            sample.push(op)
    except AnamorphError as error:
        _refused(walk, place, error)
        skipped = isinstance(error, UndefinedError) and walk.settings.undefined == "skip"
        return (() if skipped else None), state
    ops = tuple(sample.ops)
    _judge(walk, ops, state, place)
    name = type(node).__name__
    casts = [op for op in ops if isinstance(op, Cast)]
    return ops, _State(
        sample.size,
        sample.channels,
        sample.dtype,
        name if any(op.tensor for op in casts) else state.made_tensor,
        name if _leaves_range(ops, state) else state.normalized,
    )


def _refused(walk: _Walk, place: str, error: AnamorphError) -> None:
    text = str(error)
    if isinstance(error, CropSizeError):
        if walk.sized:
            walk.add("crop-too-large", place, text)
    elif isinstance(error, UndefinedError):
        if walk.settings.undefined != "skip":
            walk.add("undefined", place, text)
    elif isinstance(error, MissingDataError):
        walk.add("needs-key", place, text)
    else:
        walk.add("fails", place, text)


def _judge(walk: _Walk, ops: tuple[Op, ...], state: _State, place: str) -> None:
    """Hold drawn ops against the rules."""
    if state.normalized and any(isinstance(op, _VALUE_OPS) for op in ops):
        text = f"it works on values in [0, 1], and {state.normalized} before it leaves others"
        walk.add("after-normalize", place, f"{text}: put it first")
    mirrors = any(isinstance(op, Warp) and _mirrors(op) for op in ops)
    params = walk.settings.keypoint_params
    if mirrors and params is not None and not (params.flip_pairs or params.flip_labels):
        sides = [name for name in walk.labels if _names_a_side(name)]
        if sides or (params.label_fields and not walk.labels):
            said = ", ".join(sides) or f"labels in {', '.join(params.label_fields)}"
            walk.add(
                "sides-not-swapped",
                place,
                f"it mirrors, and {said} would keep their names: give KeypointParams flip_labels "
                "or flip_pairs",
            )


def _mirrors(op: Warp) -> bool:
    a, b, _, d, e = op.matrix[:5]
    return a * e - b * d < 0


def _names_a_side(label: str) -> bool:
    words = label.lower().replace("-", "_").replace(" ", "_").split("_")
    return any(word in {"left", "right", "l", "r"} for word in words)


def _leaves_range(ops: tuple[Op, ...], state: _State) -> bool:
    """Tell whether values are no longer those of [0, 1], or of the dtype."""
    for op in ops:
        if isinstance(op, Effect) and op.name == "normalize_stats":
            return True
        if isinstance(op, Cast) and op.dtype == "float32":
            white = {"uint8": 255.0, "uint16": 65535.0}.get(state.dtype, 1.0)
            scale, offset = np.max(op.scale), np.abs(op.offset).max()
            if offset > 0 or scale * white > 1.001:
                return True
    return False


def _is_identity(op: Op, state: _State) -> bool:
    return isinstance(op, Warp) and op.matrix == mx.IDENTITY and op.size == state.size


# -------------------------------------------------------------------------------- the rest


def _boxes_are_known(walk: _Walk, node: Any, place: str) -> None:
    if type(node).__name__ in _CROPS_BY_BOXES and walk.settings.bbox_params is None:
        text = "it crops about boxes, and the pipeline has no bbox_params to read them by"
        walk.add("needs-boxes", place, text)


def _neighbours(walk: _Walk, first: Any, second: Any, at: str) -> None:
    """Hold two members in a row against each other."""
    name = type(second).__name__
    if type(first) is not type(second) or min(first.p, second.p) < 1:
        return
    if name in _UNDO:
        walk.add("cancels", f"{at} {name}", f"it undoes the {name} before it")
    elif name in _SETTLE:
        walk.add("repeated", f"{at} {name}", f"the {name} before it is overruled by it")


def _plain(settings: Settings) -> Settings:
    return Settings(
        bbox_params=settings.bbox_params,
        keypoint_params=settings.keypoint_params,
        undefined=settings.undefined,
    )


def _data(settings: Settings, state: _State) -> dict[str, Any]:
    """Make a call's data: a black picture, a mask with an object, its box and its middle."""
    height, width = state.size
    mask = np.zeros(state.size, np.uint8)
    mask[height // 4 : 3 * height // 4 + 1, width // 4 : 3 * width // 4 + 1] = 1
    data: dict[str, Any] = {"image": np.zeros((*state.size, state.channels), state.dtype)}
    data["mask"] = mask
    if settings.bbox_params is not None and settings.bbox_params.format != "obb":
        box = np.array([[width / 4, height / 4, width * 0.75, height * 0.75]])
        boxes = Boxes(box, np.arange(1))
        data["bboxes"] = settings.bbox_params.write(boxes, np.zeros((1, 4)), state.size)
        data |= {name: ["object"] for name in settings.bbox_params.label_fields}
    return data
