"""The sections that configurations share; the defaults are what one would begin with by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anamorph.core.params import Choice, Fixed, Flag, Listed, Number, Open, Words
from anamorph.tasks.config.fields import Section, about, option

_SIDE = Number(1, whole=True, unit="pixels")
_WORD = Words()
_NAMES = Listed(_WORD)
_COUNT = Number(0, whole=True)

KINDS = ("folders", "masks", "coco", "voc", "yolo", "table")
FITS = ("resize", "letterbox", "crop", "none")
STRATEGIES = ("auto", "random", "stratified", "multilabel", "grouped", "time")
SCHEDULES = ("one-cycle", "cosine", "step", "constant")
OPTIMIZERS = ("adamw", "adam", "nadam", "sgd")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Data(Section):
    """Where pictures and labels are."""

    kind: str = option("folders", Choice(KINDS), "how the labels are kept")
    images: str = option("", _WORD, "folder of pictures; below it a folder a class for folders")
    masks: str | None = option(None, Words(optional=True), "folder of masks, paired by stem")
    annotations: str | None = option(
        None, Words(optional=True), "COCO file, or folder of VOC or YOLO files"
    )
    table: str | None = option(None, Words(optional=True), "CSV or Parquet file")
    image_column: str = option("image", _WORD, "column of the pictures' paths")
    mask_column: str | None = option(None, Words(optional=True), "column of the masks' paths")
    label_columns: tuple[str, ...] = option(
        (), _NAMES, "column of the class, or one column of 0 and 1 a class for multilabel"
    )
    box_columns: tuple[str, ...] = option((), _NAMES, "four columns of a box")
    box_format: str = option("pascal_voc", _WORD, "what the four columns say")
    group_column: str | None = option(
        None, Words(optional=True), "column of what must stay in one fold: patient, scene, car"
    )
    time_column: str | None = option(None, Words(optional=True), "column to split by in time")
    classes: tuple[str, ...] = option((), _NAMES, "names in order; found in the data if empty")
    values: tuple[int, ...] = option(
        (), Listed(Number(whole=True)), "stored mask value of each class; 0, 1, 2 … if empty"
    )
    ignore: int | None = option(
        None, Number(whole=True, optional=True), "mask value of pixels that do not count"
    )
    broken: str = option(
        "refuse", Choice(("refuse", "skip")), "what a picture that cannot be read does to a run"
    )


@dataclass(frozen=True)
class MaskData(Data):
    """Pictures with masks."""

    kind: str = option("masks", Choice(KINDS), "how the labels are kept")


@dataclass(frozen=True)
class BoxData(Data):
    """Pictures with boxes."""

    kind: str = option("coco", Choice(KINDS), "how the labels are kept")


@dataclass(frozen=True)
class Input(Section):
    """How a picture becomes what the model sees."""

    size: tuple[int, int] = option((224, 224), Fixed(_SIDE, 2), "height and width")
    fit: str = option("resize", Choice(FITS), "how a picture is brought to the size")
    channels: int = option(3, Number(1, whole=True), "of a picture; gray ones are repeated")
    white: float = option(255, Number(0, above=True), "value of white: 255, 65535, or 1 of floats")
    mean: tuple[float, ...] = option(
        (0.485, 0.456, 0.406), Listed(Number(), empty=False), "of each channel, as shares of white"
    )
    std: tuple[float, ...] = option(
        (0.229, 0.224, 0.225), Listed(Number(0, above=True), empty=False), "of each channel"
    )


@dataclass(frozen=True)
class Mix(Section):
    """Pictures of a batch mixed with each other."""

    mixup: float = option(0.0, Number(0), "alpha of MixUp's Beta distribution; 0 is off")
    cutmix: float = option(0.0, Number(0), "alpha of CutMix's Beta distribution; 0 is off")
    p: float = option(0.5, Number(0, 1), "share of the steps that are mixed")
    off_last: int = option(0, _COUNT, "epochs at the end without mixing")


@dataclass(frozen=True)
class Train(Section):
    """The loop."""

    epochs: int = option(20, Number(1, whole=True), "passes over the training pictures")
    batch: int = option(16, Number(1, whole=True), "pictures a step, of all processes together")
    accumulate: int = option(1, Number(1, whole=True), "batches a step of the optimizer")
    optimizer: str = option("adamw", Choice(OPTIMIZERS), "what moves the weights")
    lr: float = option(1e-3, Number(0, above=True), "the highest learning rate")
    encoder_lr: float = option(0.3, Number(0), "the encoder's, as a share of lr")
    weight_decay: float = option(0.01, Number(0), "not of biases and norms")
    momentum: float = option(0.9, Number(0, 1), "of sgd")
    schedule: str = option("one-cycle", Choice(SCHEDULES), "how the rate goes over the steps")
    warmup: float = option(0.1, Number(0, 1), "share of the steps in which the rate rises")
    final_lr: float = option(0.01, Number(0, 1), "the last rate, as a share of the highest")
    freeze: int = option(0, _COUNT, "epochs at the beginning in which the encoder stands still")
    clip: float | None = option(
        1.0, Number(0, above=True, optional=True), "the greatest norm of the gradient"
    )
    ema: float = option(0.99, Number(0, 1), "decay of the weights' moving average; 0 is off")
    precision: str = option("auto", Choice(PRECISIONS), "auto is bf16 on a device that has it")
    balance: float = option(
        0.0, Number(0, 1), "0 draws pictures as they come, 1 all classes equally often"
    )
    patience: int | None = option(
        None, Number(1, whole=True, optional=True), "epochs without a better score, then it stops"
    )
    keep: int = option(
        1, Number(1, whole=True), "best checkpoints of a fold whose weights are kept"
    )
    average: bool = option(False, Flag(), "average the weights of the kept checkpoints")
    workers: int = option(2, _COUNT, "processes that load pictures")
    device: str = option("auto", _WORD, "auto, cpu, cuda, cuda:1, mps")
    deterministic: bool | None = option(
        None, Choice((True, False), optional=True), "only exact kernels; null is on the CPU only"
    )
    checkpoint_seconds: float = option(60, Number(0), "at most so long is between checkpoints")
    compile: bool = option(False, Flag(), "compile the model")


@dataclass(frozen=True)
class Folds(Section):
    """How pictures are split."""

    n: int = option(5, Number(2, whole=True), "folds")
    strategy: str = option("auto", Choice(STRATEGIES), "auto looks at labels and groups")
    group: str | None = option(
        None, Words(optional=True), "regular expression on the path; equal groups stay together"
    )
    file: str | None = option(None, Words(optional=True), "frozen folds to be used instead")
    use: tuple[int, ...] | None = option(
        None, Listed(_COUNT, optional=True), "folds that are trained; all if null"
    )


@dataclass(frozen=True)
class Predict(Section):
    """How pictures are predicted, in validation too."""

    tile: int | None = option(
        None, Number(1, whole=True, optional=True), "side of tiles; null sees pictures whole"
    )
    overlap: float = option(0.25, Number(0, 0.9), "share of a tile that neighbours share")
    tta: str | None = option(None, Words(optional=True), "views: hflip, d4, …")
    batch: int | None = option(
        None, Number(1, whole=True, optional=True), "pictures or tiles at once; null as trained"
    )


@dataclass(frozen=True)
class Loss(Section):
    """What is made small."""

    name: Any = field(
        default=None,
        metadata=about(
            "bce + 0.5 * dice, say; null is usual", Open("a text such as bce + 0.5 * dice")
        ),
    )
    smoothing: float = option(0.0, Number(0, 1), "of labels")
    weights: tuple[float, ...] | None = option(
        None, Listed(Number(0), optional=True), "of each class"
    )


PIPELINE = Open("a pipeline: text, a list of steps, or what to_dict gives")
Pipeline = Any
