"""Policies: ops drawn from a fixed set, with magnitudes from tables, as papers describe them.

Every op is one of the closed set, so masks, boxes and keypoints follow, neighbours fuse, and what
was drawn is a plan. Names, parameters and magnitudes are those of ``torchvision.transforms.v2``,
where those of the papers differ from program to program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from anamorph.core.constants import INTER_NEAREST
from anamorph.core.params import (
    Boolean,
    Choice,
    Either,
    Fill,
    Interpolation,
    MaskFill,
    Number,
    Probability,
    refuse,
    rule_of,
)
from anamorph.core.rng import Rng
from anamorph.ir.ops import MIXTURE, Effect, Op, Sampling
from anamorph.transforms.base import Scene, SpatialTransform, sampling_of
from anamorph.transforms.policy_ops import GEOMETRY, magnitude_of, op_of
from anamorph.transforms.policy_tables import AUGMIX, AUTO, POLICIES, RAND, TRIVIAL, Space

__all__ = ["AugMix", "AutoAugment", "RandAugment", "TrivialAugmentWide"]

PolicyName = Annotated[str, Choice(tuple(POLICIES))]
OpCount = Annotated[int, Number(0, whole=True, unit="ops")]
BinNumber = Annotated[int, Number(0, whole=True)]
BinCount = Annotated[int, Number(2, whole=True)]
PolicyFill = Annotated[Any, Either((rule_of(Fill, "Fill"),), optional=True)]
Severity = Annotated[int, Number(1, 10, whole=True)]
Width = Annotated[int, Number(1, whole=True, unit="chains")]
Depth = Annotated[int, Number(-1, whole=True, unit="ops")]
Concentration = Annotated[float, Number(0, above=True)]

_TENTHS = 10
"""Magnitudes of an op in AutoAugment and AugMix."""
_TONES = frozenset({"Brightness", "Color", "Contrast", "Sharpness"})
"""Ops that AugMix leaves out where its results are held against ImageNet-C."""


class _Policy(SpatialTransform):
    """Base of policies: how ops are made, and what geometry reads beyond the border."""

    @cached_property
    def _sampling(self) -> Sampling:
        plain = sampling_of(self)
        given: Any = plain.fill
        return replace(plain, fill=0) if given is None else plain

    def _drawn(self, rng: Rng, space: Space, name: str, number: int, scene: Scene) -> Iterator[Op]:
        """Make one op with the magnitude of a number out of ``_count``."""
        magnitude = magnitude_of(rng, space[name], number, self._count, scene)
        op = op_of(name, magnitude, scene, self._sampling)
        if op is not None:
            yield op

    @property
    def _count(self) -> int:
        """Number of magnitudes of each op."""
        return getattr(self, "num_magnitude_bins", _TENTHS)


class AutoAugment(_Policy):
    """Apply one of 25 learned pairs of ops, each op with its own probability and magnitude.

    E. D. Cubuk et al., "AutoAugment: Learning Augmentation Strategies from Data", 2019.

    >>> A.AutoAugment(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    policy: PolicyName = "imagenet"
    """The data that the pairs were learned on."""
    interpolation: Interpolation = INTER_NEAREST
    fill: PolicyFill = None
    """What shows where geometry leaves nothing; None is 0."""
    mask_interpolation: Interpolation = INTER_NEAREST
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw a pair, then for each op whether it acts, and its sign."""
        for name, probability, number in rng.pick(POLICIES[self.policy]):
            if rng.chance(probability):
                yield from self._drawn(rng, AUTO, name, number, scene)


class RandAugment(_Policy):
    """Apply a few ops, drawn evenly, all of one magnitude.

    E. D. Cubuk et al., "RandAugment: Practical Automated Data Augmentation with a Reduced Search
    Space", 2020.

    >>> A.RandAugment(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    num_ops: OpCount = 2
    """Ops a sample; one may come several times."""
    magnitude: BinNumber = 9
    """Number of the magnitude, from 0 to ``num_magnitude_bins`` - 1."""
    num_magnitude_bins: BinCount = 31
    """How many magnitudes each op has, evenly over its range."""
    interpolation: Interpolation = INTER_NEAREST
    fill: PolicyFill = None
    """What shows where geometry leaves nothing; None is 0."""
    mask_interpolation: Interpolation = INTER_NEAREST
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def check(self) -> None:
        """Refuse a magnitude that there is not."""
        if self.magnitude >= self.num_magnitude_bins:
            raise refuse(
                "RandAugment.magnitude",
                self.magnitude,
                f"below num_magnitude_bins = {self.num_magnitude_bins}",
            )

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the ops and their signs."""
        for _ in range(self.num_ops):
            yield from self._drawn(rng, RAND, rng.pick(_RAND), self.magnitude, scene)


class TrivialAugmentWide(_Policy):
    """Apply one op, drawn evenly, of a magnitude drawn evenly from a wide range.

    S. G. Müller and F. Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
    Augmentation", 2021.

    >>> A.TrivialAugmentWide(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    num_magnitude_bins: BinCount = 31
    """How many magnitudes each op has, evenly over its range."""
    interpolation: Interpolation = INTER_NEAREST
    fill: PolicyFill = None
    """What shows where geometry leaves nothing; None is 0."""
    mask_interpolation: Interpolation = INTER_NEAREST
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the op, its magnitude and its sign."""
        number = rng.integer(0, self.num_magnitude_bins - 1)
        yield from self._drawn(rng, TRIVIAL, rng.pick(_TRIVIAL), number, scene)


class AugMix(_Policy):
    """Mix the picture with several chains of ops applied to it, by random weights.

    D. Hendrycks et al., "AugMix: A Simple Data Processing Method to Improve Robustness and
    Uncertainty", 2020.

    Pictures that were moved apart have no one place for a label. Where the call holds anything that
    says where things are (masks, boxes, keypoints, …), the geometry of the first chain is therefore
    applied to the whole sample before the chains part, that of the others is left out, and only
    values are mixed. Where it holds nothing but pictures, each chain moves by itself, as in the
    paper.

    >>> A.AugMix(p=1)(image=photo)["image"].shape
    (427, 640, 3)
    """

    severity: Severity = 3
    """Magnitudes are drawn from the first so many of ten."""
    mixture_width: Width = 3
    """Number of chains."""
    chain_depth: Depth = -1
    """Ops a chain; -1 draws 1 to 3 for each."""
    alpha: Concentration = 1.0
    """Of the Dirichlet and Beta distributions of the weights: a small one favours single chains."""
    all_ops: Boolean = True
    """Whether Brightness, Color, Contrast and Sharpness take part."""
    interpolation: Interpolation = INTER_NEAREST
    fill: PolicyFill = None
    """What shows where geometry leaves nothing; None is 0."""
    mask_interpolation: Interpolation = INTER_NEAREST
    fill_mask: MaskFill = 0
    p: Probability = 1.0

    def check(self) -> None:
        """Refuse chains of nothing."""
        if self.chain_depth == 0:
            raise refuse("AugMix.chain_depth", 0, "a number of ops, or -1 for 1 to 3")

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for name in AUGMIX if self.all_ops or name not in _TONES)

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw the chains and their weights."""
        share = rng.betavariate(self.alpha, self.alpha)
        weights = _dirichlet(rng, self.alpha, self.mixture_width)
        chains = [self._chain(rng, scene) for _ in weights]
        if scene.located:
            yield from (op for name, op in chains[0] if name in GEOMETRY)
            chains = [[(n, op) for n, op in chain if n not in GEOMETRY] for chain in chains]
        yield from _mixture(share, weights, [[op for _, op in chain] for chain in chains])

    def _chain(self, rng: Rng, scene: Scene) -> list[tuple[str, Op]]:
        depth = self.chain_depth if self.chain_depth > 0 else rng.integer(1, 3)
        out = []
        for _ in range(depth):
            name, number = rng.pick(self._names), rng.integer(0, self.severity - 1)
            out += [(name, op) for op in self._drawn(rng, AUGMIX, name, number, scene)]
        return out


_RAND, _TRIVIAL = tuple(RAND), tuple(TRIVIAL)


def _dirichlet(rng: Rng, alpha: float, count: int) -> list[float]:
    """Draw weights that add up to 1."""
    parts = [rng.gammavariate(alpha, 1.0) for _ in range(count)]
    total = sum(parts)
    if total == 0.0:  # a tiny alpha: all of the weight lies on one
        parts[rng.integer(0, count - 1)] = total = 1.0
    return [part / total for part in parts]


def _mixture(share: float, weights: Iterable[float], chains: list[list[Op]]) -> Iterator[Op]:
    """Mix chains into the picture; those without ops are the picture itself."""
    mixed = [(share * w, ops) for w, ops in zip(weights, chains, strict=True) if ops]
    if mixed:
        rest = max(0.0, 1.0 - sum(weight for weight, _ in mixed))
        yield Effect(MIXTURE, ((rest,), *((weight, *ops) for weight, ops in mixed)))
