"""Compositions that choose among their members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from anamorph.core.errors import ParameterError, ParameterTypeError
from anamorph.core.params import Flag, Number
from anamorph.core.rng import Rng
from anamorph.ir.ops import IMAGE, Effect
from anamorph.pipeline.render import CHANNELS
from anamorph.pipeline.sample import Sample
from anamorph.pipeline.settings import Settings
from anamorph.pipeline.tree import BaseCompose, run
from anamorph.transforms.legacy import BasicTransform


class Sequential(BaseCompose):
    """All members in order, with probability p.

    >>> A.Compose([A.Sequential([A.Transpose(p=1), A.Blur(p=1)], p=1)])(image=photo)["image"].shape
    (640, 427, 3)
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(transforms, p)


class OneOf(BaseCompose):
    """One of the members, drawn with their own p as weights; it is then always applied.

    >>> A.Compose([A.OneOf([A.Blur(), A.MedianBlur()], p=1)])(image=photo)["image"].shape
    (427, 640, 3)
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__(transforms, p)
        self._weights = [m.p for m in self.transforms]
        if self.transforms and not any(self._weights):
            raise ParameterError("OneOf: the members all have p = 0, so none could be drawn")

    def run_members(self, rng: Rng, sample: Sample) -> None:
        if self.transforms:
            chosen = rng.pick(range(len(self.transforms)), self._weights)
            run(self.transforms[chosen], rng, sample, force=True)


class SomeOf(BaseCompose):
    """n members, drawn evenly, in their order; each then follows its own p.

    Args:
        transforms: transforms and compositions.
        n: how many, or a range (low, high) from which the number is drawn.
        replace: whether one member may be drawn several times.
        p: probability of doing anything.
    """

    init_names: ClassVar[tuple[str, ...]] = ("n", "replace", "p")

    def __init__(self, transforms: Any, n: Any = 1, replace: bool = False, p: float = 1) -> None:  # noqa: FBT001, FBT002
        super().__init__(transforms, p)
        name = type(self).__name__
        self.n: Any = _count(f"{name}.n", n)
        self.replace: bool = Flag().check(f"{name}.replace", replace)

    def run_members(self, rng: Rng, sample: Sample) -> None:
        for i in self.order(rng, self.chosen(rng)):
            run(self.transforms[i], rng, sample)

    def chosen(self, rng: Rng) -> list[int]:
        """Draw which members act."""
        if not self.transforms:
            return []
        n = rng.integer(*self.n) if isinstance(self.n, tuple) else self.n
        indices = range(len(self.transforms))
        if self.replace:
            return [rng.pick(indices) for _ in range(n)]
        return rng.sample(indices, min(n, len(indices)))

    def order(self, rng: Rng, chosen: list[int]) -> list[int]:
        """Bring those that act into order."""
        return sorted(chosen)


class RandomOrder(SomeOf):
    """n members, drawn evenly, in random order; each then follows its own p."""

    def order(self, rng: Rng, chosen: list[int]) -> list[int]:
        rng.shuffle(chosen)
        return chosen


class OneOrOther(BaseCompose):
    """With probability p the first of two members, else the second; it is always applied.

    Args:
        first: a transform or composition.
        second: a transform or composition.
        transforms: the two as a list, in place of ``first`` and ``second``.
        p: probability of the first.
    """

    def __init__(
        self, first: Any = None, second: Any = None, transforms: Any = None, p: float = 0.5
    ) -> None:
        if transforms is None:
            if first is None or second is None:
                raise ParameterTypeError("OneOrOther needs first and second, or transforms=[a, b]")
            transforms = [first, second]
        super().__init__(transforms, p)
        if len(self.transforms) != 2:
            raise ParameterError(
                f"OneOrOther takes two transforms, {len(self.transforms)} were given"
            )

    def run(self, rng: Rng, sample: Sample, *, force: bool = False) -> None:
        chosen = self.transforms[0 if rng.chance(self.p) else 1]
        run(chosen, rng, sample, force=True)


class SelectiveChannelTransform(BaseCompose):
    """Members act on some channels of the picture only; labels stay.

    Args:
        transforms: transforms that keep the size and the number of channels.
        channels: indices of the channels.
        p: probability of doing anything.
    """

    init_names: ClassVar[tuple[str, ...]] = ("channels", "p")

    def __init__(
        self, transforms: Any, channels: Sequence[int] = (0, 1, 2), p: float = 1.0
    ) -> None:
        super().__init__(transforms, p)
        place = "SelectiveChannelTransform.channels"
        self.channels: tuple[int, ...] = tuple(
            Number(0, whole=True).check(place, c) for c in channels
        )
        self._at_once = any(map(_by_user, self.transforms))

    def run_members(self, rng: Rng, sample: Sample) -> None:
        image = sample.image
        if max(self.channels) >= image.shape[2]:
            raise ParameterError(
                f"SelectiveChannelTransform.channels = {self.channels}: "
                f"the picture has {image.shape[2]} channels"
            )
        if self._at_once:
            self._run_at_once(rng, sample)
            return
        part = {"image": image[:, :, list(self.channels)].copy()}
        inner = Sample(Settings(fuse=sample.settings.fuse), part, sample.backend)
        super().run_members(rng, inner)
        self._check_kept(inner, sample)
        if inner.ops:
            sample.push(Effect(CHANNELS, (self.channels, *inner.ops)))

    def _run_at_once(self, rng: Rng, sample: Sample) -> None:
        """Run where a member is a user's own, whose outcome is known by rendering only."""
        chosen = list(self.channels)
        pictures = [e for e in sample.entries.values() if e.kind.target is IMAGE and not e.empty]
        parts = {}
        for entry in pictures:
            value = sample.rendered(entry)
            parts[entry.key] = (
                [v[:, :, chosen] for v in value] if entry.kind.stacks else value[:, :, chosen]
            )
        settings = Settings(
            fuse=sample.settings.fuse, additional_targets=sample.settings.additional_targets
        )
        inner = Sample(settings, parts, sample.backend)
        super().run_members(rng, inner)
        inner.settle()
        self._check_kept(inner, sample)
        for entry in pictures:
            entry.value = _joined(entry.value, inner.entries[entry.key].value, chosen)

    def _check_kept(self, inner: Sample, sample: Sample) -> None:
        if inner.size != sample.size or inner.channels != len(self.channels):
            raise ParameterError(
                "SelectiveChannelTransform: its members must keep the size and the channels"
            )


def _joined(value: Any, part: Any, channels: list[int]) -> Any:
    """Copies of pictures with some channels replaced."""
    if isinstance(value, Sequence):
        return [_joined(v, p, channels) for v, p in zip(value, part, strict=True)]
    out = value.copy()
    out[:, :, channels] = part
    return out


def _by_user(node: Any) -> bool:
    """Tell whether a node is, or holds, a transform written for Albumentations."""
    if isinstance(node, BaseCompose):
        return any(map(_by_user, node.transforms))
    return BasicTransform in type(node).__mro__


def _count(place: str, n: Any) -> Any:
    if isinstance(n, tuple | list):
        low, high = (Number(0, whole=True).check(place, v) for v in n)
        if low > high:
            raise ParameterError(f"{place} = {n!r}: the smaller number must come first")
        return low, high
    return Number(0, whole=True).check(place, n)
