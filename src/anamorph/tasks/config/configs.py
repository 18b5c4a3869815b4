"""One configuration a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from anamorph.core.errors import ParameterError
from anamorph.core.params import Choice, Listed, Number, Open, Words
from anamorph.tasks.config.fields import Section, about, option
from anamorph.tasks.config.sections import (
    PIPELINE,
    BoxData,
    Data,
    Folds,
    Input,
    Loss,
    MaskData,
    Mix,
    Pipeline,
    Predict,
    Train,
)

_FLIP = "HorizontalFlip(p=0.5)"


@dataclass(frozen=True)
class ClassifyModel(Section):
    """A timm encoder and a head."""

    encoder: str = option("resnet18", Words(), "any name of timm")
    weights: str | None = option(
        None, Words(optional=True), "path, package:file, hub:repo, or a known name; null is random"
    )
    pooling: str = option("avg", Words(), "avg, max, avgmax, gem, …")
    dropout: float = option(0.0, Number(0, 1), "before the head")
    options: Mapping[str, Any] = field(
        default_factory=dict, metadata=about("more of the model's own", Open("options by name"))
    )


@dataclass(frozen=True)
class SegmentModel(Section):
    """An encoder and a decoder."""

    name: str = option("unet", Words(), "unet, unet11, fpn, … : nn.models.names()")
    encoder: str | None = option("resnet18", Words(optional=True), "where the decoder takes one")
    weights: str | None = option(
        None, Words(optional=True), "of the encoder: path, package:file, hub:repo; null is random"
    )
    options: Mapping[str, Any] = field(
        default_factory=dict, metadata=about("more of the model's own", Open("options by name"))
    )


@dataclass(frozen=True)
class DetectModel(Section):
    """A detector of torchvision's."""

    name: str = option("fasterrcnn", Words(), "fasterrcnn, retinanet, fcos, ssd")
    encoder: str = option("resnet18", Words(), "the backbone: any name of timm or torchvision")
    weights: str | None = option(
        None, Words(optional=True), "of the backbone: path, package:file, hub:repo; null is random"
    )
    score: float = option(0.05, Number(0, 1), "boxes below it are not told")
    nms: float = option(0.5, Number(0, 1), "overlap of which the lesser box is dropped")
    most: int = option(100, Number(1, whole=True), "boxes of a picture")
    anchors: tuple[float, ...] | None = option(
        None, Listed(Number(0, above=True), optional=True), "sides in pixels, one a level"
    )
    options: Mapping[str, Any] = field(
        default_factory=dict, metadata=about("more of the model's own", Open("options by name"))
    )


@dataclass(frozen=True)
class Config(Section):
    """What all configurations have; `ClassifyConfig` and its kin are the ones to build."""

    task: ClassVar[str]
    modes: ClassVar[tuple[str, ...]]

    mode: str = option("", Words(), "what a label is")
    seed: int = option(0, Number(0, whole=True), "number that all chance comes from")
    metric: str | None = option(None, Words(optional=True), "ranks epochs and runs; null is usual")
    data: Data = field(default_factory=Data, metadata=about("where pictures and labels are"))
    input: Input = field(
        default_factory=Input, metadata=about("how a picture becomes what the model sees")
    )
    augment: Pipeline = field(
        default=_FLIP, metadata=about("what training pictures go through", PIPELINE)
    )
    mix: Mix = field(
        default_factory=Mix, metadata=about("pictures of a batch mixed with each other")
    )
    loss: Loss = field(default_factory=Loss, metadata=about("what is made small"))
    train: Train = field(default_factory=Train, metadata=about("the loop"))
    folds: Folds = field(default_factory=Folds, metadata=about("how pictures are split"))
    predict: Predict = field(
        default_factory=Predict, metadata=about("how pictures are predicted, in validation too")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        Choice(self.modes).check("mode", self.mode)
        for wrong, sentence in _CONFLICTS:
            if wrong(self):
                raise ParameterError(sentence.format(config=self))


@final
@dataclass(frozen=True)
class ClassifyConfig(Config):
    """Classes, sets of labels, or grades of whole pictures."""

    task: ClassVar[str] = "classify"
    modes: ClassVar[tuple[str, ...]] = ("multiclass", "multilabel", "ordinal")

    mode: str = option("multiclass", Words(), "multiclass, multilabel, or ordinal for grades")
    model: ClassifyModel = field(default_factory=ClassifyModel, metadata=about("the network"))


@final
@dataclass(frozen=True)
class SegmentConfig(Config):
    """Classes of pixels."""

    task: ClassVar[str] = "segment"
    modes: ClassVar[tuple[str, ...]] = ("binary", "multiclass", "multilabel")

    mode: str = option("binary", Words(), "binary, multiclass, or multilabel (a channel a class)")
    empty: Any = field(
        default=1,
        metadata=about(
            "score of a picture where a class neither is nor is told; or skip",
            Choice((0, 1, "skip")),
        ),
    )
    data: MaskData = field(default_factory=MaskData, metadata=about("where pictures and masks are"))
    model: SegmentModel = field(default_factory=SegmentModel, metadata=about("the network"))


@final
@dataclass(frozen=True)
class DetectConfig(Config):
    """Boxes of objects."""

    task: ClassVar[str] = "detect"
    modes: ClassVar[tuple[str, ...]] = ("boxes",)

    mode: str = option("boxes", Words(), "boxes")
    data: BoxData = field(default_factory=BoxData, metadata=about("where pictures and boxes are"))
    model: DetectModel = field(default_factory=DetectModel, metadata=about("the network"))


CONFIGS: Mapping[str, type[Config]] = {
    kind.task: kind for kind in (ClassifyConfig, SegmentConfig, DetectConfig)
}
"""Task → its configuration."""

_CONFLICTS: tuple[tuple[Any, str], ...] = (
    (
        lambda c: len(c.input.mean) not in {1, c.input.channels},
        (
            "input.mean = {config.input.mean}: it must have one number, or one for each of the "
            "{config.input.channels} channels"
        ),
    ),
    (
        lambda c: len(c.input.std) not in {1, c.input.channels},
        (
            "input.std = {config.input.std}: it must have one number, or one for each of the "
            "{config.input.channels} channels"
        ),
    ),
    (
        lambda c: c.task == "detect" and (c.mix.mixup > 0 or c.mix.cutmix > 0),
        (
            "mix.mixup = {config.mix.mixup}, mix.cutmix = {config.mix.cutmix}: boxes are not mixed, "
            "so both must be 0"
        ),
    ),
    (
        lambda c: c.task == "classify" and c.predict.tile is not None,
        "predict.tile = {config.predict.tile}: pictures are classified whole, so it must be null",
    ),
    (
        lambda c: c.input.fit == "crop" and c.task != "classify" and c.predict.tile is None,
        (
            "input.fit = 'crop' shows parts of pictures in training, so predict.tile must be a side: "
            "{config.input.size[0]}, say"
        ),
    ),
)
"""What excludes what, and the sentence that says so."""
