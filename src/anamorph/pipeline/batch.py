"""Mixing the samples of a batch with each other: MixUp and CutMix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from anamorph.core.boxes import as_bbox_params
from anamorph.core.errors import DataError, DataTypeError, ParameterError
from anamorph.core.keypoints import as_keypoint_params
from anamorph.core.params import Choice, Fraction, Number, Rule, Words, rule_of
from anamorph.core.rng import Rng, Stream
from anamorph.pipeline import blending
from anamorph.pipeline.blending import Mix
from anamorph.pipeline.companions import WEIGHTS, joined_labels, label_settings
from anamorph.pipeline.settings import Settings

MASK_MODES = ("refuse", "soft", "dominant")
_PICTURES = ("image", "images")
_MASKS = ("mask", "masks")
_WHOLE = Number(1, whole=True, optional=True)
_RULES: Mapping[str, Rule] = {
    "alpha": Number(0, above=True),
    "num_classes": _WHOLE,
    "p": rule_of(Fraction, "p"),
    "mode": Choice(("batch", "sample")),
    "label_key": Words(),
    "mask_mode": Choice(MASK_MODES),
    "mask_classes": _WHOLE,
    "min_visibility": rule_of(Fraction, "min_visibility"),
    "layout": Choice(("NHWC", "NCHW"), optional=True),
    "seed": Number(whole=True, optional=True),
}


@dataclass(frozen=True, eq=False)
class BatchMix(ABC):
    """Abstract base of what mixes the samples of a batch.

    Each sample is mixed with another one, drawn so that none is mixed with itself. It may be called
    in four ways, and gives back what it was given, mixed:

    - ``mix(samples)``: a list of samples as pipelines give them, in a collate function;
    - ``mix(batch)``: a dictionary that a loader has collated, with image, label and mask;
    - ``mix(images=images, labels=labels)``: the same by name;
    - ``mix(images, labels)``: gives the pair.

    Pictures are NumPy arrays, channels last, or torch tensors, channels first. Labels become
    float32 vectors over the classes, weighted by what is seen of each sample; they may be whole
    numbers or such vectors. The stream of chance is its own in every worker.
    """

    alpha: float = 1.0
    num_classes: int | None = None
    p: float = 1.0
    mode: str = "batch"
    label_key: str = "label"
    bbox_params: Any = None
    keypoint_params: Any = None
    layout: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in fields(self):
            if field.name in _RULES:
                checked = _RULES[field.name].check(
                    f"{name}.{field.name}", getattr(self, field.name)
                )
                object.__setattr__(self, field.name, checked)
        object.__setattr__(self, "bbox_params", as_bbox_params(self.bbox_params))
        object.__setattr__(self, "keypoint_params", as_keypoint_params(self.keypoint_params))
        object.__setattr__(self, "stream", Stream(self.seed))

    def set_random_seed(self, seed: int | None) -> None:
        """Begin the stream anew from a seed; None for one that cannot be foreseen."""
        checked = _RULES["seed"].check(f"{type(self).__name__}.seed", seed)
        object.__setattr__(self, "stream", Stream(checked))

    def values(self) -> dict[str, Any]:
        """Parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.values() == other.values()

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    # ------------------------------------------------------------------------------ calls

    def __call__(self, *args: Any, **data: Any) -> Any:
        """Mix a batch; see the class for the ways to call it.

        Raises:
            DataError: the samples do not go together.
            DataTypeError: the batch is of a type that cannot be meant.
        """
        if len(args) == 2 and not data:
            mixed = self._mixed_batch({"images": args[0], "labels": args[1]})
            return mixed["images"], mixed["labels"]
        if len(args) == (0 if data else 1):
            batch = data or args[0]
            if isinstance(batch, Mapping):
                return self._mixed_batch(batch)
            if isinstance(batch, list | tuple) and all(isinstance(s, Mapping) for s in batch):
                return self._mixed_samples(batch)
        raise DataTypeError(
            f"{type(self).__name__} takes a list of samples, a collated dictionary, or images and "
            "labels"
        )

    def _mixes(self, count: int, size: tuple[int, int]) -> list[Mix] | None:
        """Draw who is mixed with whom, and how; None if chance says no."""
        stream: Stream = vars(self)["stream"]
        rng = stream.current()
        if count < 2 or not rng.chance(self.p):
            return None
        order = list(range(count))
        rng.shuffle(order)
        partners = dict(zip(order, order[1:] + order[:1], strict=True))
        shared = self.drawn(rng, size)
        mixes = []
        for i in range(count):
            weight, box = shared if self.mode == "batch" else self.drawn(rng, size)
            mixes.append(Mix(partners[i], weight, box))
        return mixes

    @abstractmethod
    def drawn(self, rng: Rng, size: tuple[int, int]) -> tuple[float, blending.Window | None]:
        """Draw the weight of the sample itself, and where the other is seen, if in a window."""

    # ------------------------------------------------------------------- batches of arrays

    def _mixed_batch(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        pictures = [key for key in _PICTURES if batch.get(key) is not None]
        if not pictures:
            raise DataError(f"the batch has none of {', '.join(_PICTURES)}")
        known = (*_PICTURES, *_MASKS, *self._label_keys)
        for key in ("bboxes", "keypoints", "polygons", "polylines"):
            if key in batch:
                raise DataError(
                    f"the batch has {key}, which are mixed before samples are collated: pass a "
                    "list of samples"
                )
        first = batch[pictures[0]]
        mixes = self._mixes(len(first), blending.size_of(pictures[0], first, self.layout))
        out = dict(batch)
        for key in known:
            if batch.get(key) is None:
                continue
            if len(batch[key]) != len(first):
                raise DataError(
                    f"{key} has {len(batch[key])} members and {pictures[0]} {len(first)}: there "
                    "must be as many"
                )
            out[key] = self._mixed_member(key, batch[key], mixes)
        return out

    @property
    def _label_keys(self) -> tuple[str, ...]:
        return self.label_key, f"{self.label_key}s"

    def _mixed_member(self, key: str, values: Any, mixes: list[Mix] | None) -> Any:
        if key in self._label_keys:
            return blending.mixed_labels(key, values, self.num_classes, mixes)
        if key in _MASKS:
            return self.mixed_masks(key, values, mixes)
        return values if mixes is None else blending.mixed_pictures(key, values, mixes, self.layout)

    def mixed_masks(self, key: str, masks: Any, mixes: list[Mix] | None) -> Any:
        """Mix masks (N, H, W), or a list of them."""
        return masks if mixes is None else blending.mixed_pictures(key, masks, mixes, self.layout)

    # ---------------------------------------------------------------------- lists of samples

    @cached_property
    def _settings(self) -> Settings:
        return label_settings(self.bbox_params, self.keypoint_params)

    def _mixed_samples(self, samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        if not samples:
            return []
        _check_alike(samples)
        size = blending.size_of("image", [s["image"] for s in samples], self.layout)
        mixes = self._mixes(len(samples), size)
        out = [dict(sample) for sample in samples]
        for key in ("image", "mask", self.label_key):
            if samples[0].get(key) is not None:
                mixed = self._mixed_member(key, [s[key] for s in samples], mixes)
                for sample, value in zip(out, mixed, strict=True):
                    sample[key] = value
        for i, sample in enumerate(out):
            if mixes is None:
                sample.update(self.alone(sample))
            else:
                pair, place = (
                    (samples[i], samples[mixes[i].partner]),
                    f"samples[{mixes[i].partner}]",
                )
                sample.update(self.joined(place, pair, mixes[i], size))
        return out

    def alone(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """What a sample has besides its own where chance leaves the batch unmixed."""
        return {}

    def joined(
        self,
        place: str,
        pair: tuple[Mapping[str, Any], Mapping[str, Any]],
        mix: Mix,
        size: tuple[int, int],
    ) -> dict[str, Any]:
        """Boxes, keypoints, polygons and masks of objects of two samples."""
        return joined_labels(self._settings, place, pair, (mix, size, self.least))

    @property
    def least(self) -> float:
        """Least part of an object that must stay visible."""
        return 0.0


def _check_alike(samples: Sequence[Mapping[str, Any]]) -> None:
    if samples[0].get("image") is None:
        raise DataError("samples[0] has no image")
    keys = set(samples[0])
    for i, sample in enumerate(samples):
        if set(sample) != keys:
            raise DataError(
                f"samples[{i}] has the keys {sorted(sample)} and samples[0] {sorted(keys)}: "
                "samples that are mixed must have the same"
            )


@dataclass(frozen=True, eq=False)
class MixUp(BatchMix):
    """Mix pictures of a batch by weights, and their labels by the same.

    The weight λ of a sample is drawn from Beta(alpha, alpha). Boxes, keypoints and masks of objects
    of both are united; the fields ``bbox_weights`` and ``keypoint_weights`` say the weight of
    each (Zhang et al., Bag of Freebies for Training Object Detection, 2019). A mask of classes
    cannot be mixed by weights and stay one, so it is refused unless ``mask_mode`` says what to do.
    Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018.

    Args:
        alpha: both parameters of the Beta distribution.
        num_classes: number of classes, needed where labels are whole numbers.
        p: probability of mixing a batch; labels become vectors in any case.
        mode: draw λ once a "batch", or for each "sample".
        label_key: the key of labels; in a batch also with an s.
        bbox_params: format of boxes, as for `Compose`.
        keypoint_params: format of keypoints, as for `Compose`.
        layout: "NHWC" or "NCHW" of pictures; None for that of their type.
        seed: makes the stream reproducible.
        mask_mode: "refuse" masks, mix them as "soft" one-hot vectors (H, W, mask_classes), or take
            the mask of the "dominant" sample.
        mask_classes: number of classes of soft masks.

    >>> mix = A.MixUp(alpha=0.2, num_classes=10, seed=1)
    >>> batch = mix(images=np.stack([photo, photo[::-1]]), labels=np.array([3, 7]))
    >>> batch["labels"].shape, float(batch["labels"].sum())
    ((2, 10), 2.0)
    """

    mask_mode: str = "refuse"
    mask_classes: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mask_mode == "soft" and self.mask_classes is None:
            raise ParameterError("MixUp.mask_classes = None: soft masks need a number of classes")

    def drawn(self, rng: Rng, size: tuple[int, int]) -> tuple[float, blending.Window | None]:
        """Draw λ."""
        return rng.betavariate(self.alpha, self.alpha), None

    def alone(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Weights of 1."""
        return {
            field: [1.0] * len(sample[key])
            for key, field in WEIGHTS.items()
            if sample.get(key) is not None
        }

    def mixed_masks(self, key: str, masks: Any, mixes: list[Mix] | None) -> Any:
        """Mix masks as one-hot vectors, or choose the sample of the greater weight."""
        if self.mask_mode == "refuse":
            raise DataError(
                f"MixUp cannot mix {key} by weights and leave them masks: say mask_mode='soft' for "
                "vectors over classes, or 'dominant' for the mask of the greater weight"
            )
        if self.mask_mode == "soft" and self.mask_classes is not None:
            return blending.soft_masks(key, masks, self.mask_classes, mixes)
        if mixes is None:
            return masks
        return blending.chosen(
            masks, [i if m.weight >= 0.5 else m.partner for i, m in enumerate(mixes)]
        )


@dataclass(frozen=True, eq=False)
class CutMix(BatchMix):
    """Replace a rectangle of each picture of a batch by that of another, and mix their labels.

    The rectangle has the picture's shape and the area 1 - λ of it, λ being drawn from
    Beta(alpha, alpha); its centre is drawn evenly, and it is cut off at the picture's edges. Labels
    are weighted by the exact area that is seen of each. Masks are cut alike. Boxes and keypoints
    in the rectangle come from the other sample, cut at its edges; those under it shrink to what is
    visible or go. Source: Yun et al., CutMix, 2019.

    Args:
        alpha: both parameters of the Beta distribution.
        num_classes: number of classes, needed where labels are whole numbers.
        p: probability of mixing a batch; labels become vectors in any case.
        mode: draw the rectangle once a "batch", or for each "sample".
        label_key: the key of labels; in a batch also with an s.
        bbox_params: format of boxes, as for `Compose`.
        keypoint_params: format of keypoints, as for `Compose`.
        layout: "NHWC" or "NCHW" of pictures; None for that of their type.
        seed: makes the stream reproducible.
        min_visibility: least part of an object that must be visible.

    >>> mix = A.CutMix(num_classes=10, seed=1)
    >>> images, labels = mix(np.stack([photo, photo[::-1]]), np.array([3, 7]))
    >>> images.shape, labels.shape
    ((2, 427, 640, 3), (2, 10))
    """

    min_visibility: float = 0.05

    @property
    def least(self) -> float:
        return self.min_visibility

    def drawn(self, rng: Rng, size: tuple[int, int]) -> tuple[float, blending.Window | None]:
        """Draw the rectangle; the weight is the area that is left."""
        side = (1.0 - rng.betavariate(self.alpha, self.alpha)) ** 0.5
        ends = [_span(rng, side, length) for length in size]
        (y0, y1), (x0, x1) = ends
        area = (y1 - y0) * (x1 - x0)
        return 1.0 - area / (size[0] * size[1]), (x0, y0, x1, y1)


def _span(rng: Rng, side: float, length: int) -> tuple[int, int]:
    """An interval of a side, its centre anywhere, cut off at the ends."""
    half, center = int(length * side) / 2.0, rng.uniform(0, length)
    return max(0, round(center - half)), min(length, round(center + half))
