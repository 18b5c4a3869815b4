"""Detectors of torchvision on any network of timm that gives maps."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from anamorph.core.errors import ParameterError, ParameterTypeError, UnknownNameError, nearest
from anamorph.nn.models.backbones import Pyramid
from anamorph.nn.models.fitting import Weights, load_weights
from anamorph.nn.models.optional import need

RATIOS = (0.5, 1.0, 2.0)
"""Height over width of anchors."""
OCTAVE = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
"""Sizes of RetinaNet's anchors between one level and the next (arXiv 1708.02002, 4)."""


@final
class WithPyramid(nn.Module):
    """A backbone and a feature pyramid (arXiv 1612.03144): maps of equal channels, and coarser ones."""

    def __init__(self, maps: Pyramid, channels: int, extra: nn.Module) -> None:
        super().__init__()
        ops = need("torchvision.ops", "to build detectors")
        self.maps = maps
        self.pyramid: Any = ops.FeaturePyramidNetwork(list(maps.channels), channels, extra)
        self.out_channels = channels

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        named = OrderedDict((str(i), m) for i, m in enumerate(self.maps(pictures)))
        out: dict[str, Tensor] = self.pyramid(named)
        return out


@final
class WithExtras(nn.Module):
    """A backbone and convolutions that halve its last map again and again, as SSD has it."""

    width: ClassVar[int] = 128

    def __init__(self, maps: Pyramid, extras: int) -> None:
        super().__init__()
        self.maps = maps
        self.out_channels: list[int] = [*maps.channels, *[self.width] * extras]
        self.extras: nn.ModuleList = nn.ModuleList(
            nn.Conv2d(before, self.width, 3, stride=2, padding=1)
            for before in self.out_channels[len(maps.channels) - 1 : -1]
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        found = self.maps(pictures)
        for extra in self.extras:
            found = [*found, functional.relu(extra(found[-1]))]
        return OrderedDict((str(i), m) for i, m in enumerate(found))


@dataclass(frozen=True, slots=True)
class Request:
    """What a detector is built from."""

    maps: Pyramid
    classes: int
    """With the background."""
    sides: tuple[float, ...]
    """Of anchors, a level each."""
    width: int
    """Channels of the pyramid."""
    settings: dict[str, Any]
    """More for torchvision's class."""


def _faster(ask: Request) -> nn.Module:
    ops, models = _torchvision()
    extra = ops.feature_pyramid_network.LastLevelMaxPool()
    anchors = models.anchor_utils.AnchorGenerator(
        tuple((side,) for side in ask.sides), (RATIOS,) * len(ask.sides)
    )
    made: nn.Module = models.FasterRCNN(
        WithPyramid(ask.maps, ask.width, extra),
        ask.classes,
        rpn_anchor_generator=anchors,
        **ask.settings,
    )
    return made


def _retina(ask: Request) -> nn.Module:
    ops, models = _torchvision()
    extra = ops.feature_pyramid_network.LastLevelP6P7(ask.width, ask.width)
    anchors = models.anchor_utils.AnchorGenerator(
        tuple(tuple(side * step for step in OCTAVE) for side in ask.sides),
        (RATIOS,) * len(ask.sides),
    )
    made = models.RetinaNet(
        WithPyramid(ask.maps, ask.width, extra),
        ask.classes,
        anchor_generator=anchors,
        **ask.settings,
    )
    return _silent(made)


def _silent(made: Any) -> nn.Module:
    """Make the output of label 0 nought, forever: heads of one stage have it, and it means nothing."""
    head = made.head.classification_head
    outputs = slice(0, None, head.num_classes)
    with torch.no_grad():
        head.cls_logits.weight[outputs] = 0
        head.cls_logits.bias[outputs] = -1000  # whose sigmoid, and so its gradient, is 0 in float32
    model: nn.Module = made
    return model


def _fcos(ask: Request) -> nn.Module:
    if ask.width < 64 or ask.width % 32:
        raise ParameterError(
            f"detector.width = {ask.width}: fcos normalizes in 32 groups; 64 or more channels, "
            "divisible by 32, are wanted"
        )
    ops, models = _torchvision()
    extra = ops.feature_pyramid_network.LastLevelP6P7(ask.width, ask.width)
    anchors = models.anchor_utils.AnchorGenerator(
        tuple((side,) for side in ask.sides), ((1.0,),) * len(ask.sides)
    )
    made = models.FCOS(
        WithPyramid(ask.maps, ask.width, extra),
        ask.classes,
        anchor_generator=anchors,
        **ask.settings,
    )
    return _silent(made)


def _ssd(ask: Request) -> nn.Module:
    # torchvision's default boxes are shares of the padded batch: they would change with what else is
    # in it. Anchors in pixels do not.
    _, models = _torchvision()
    following = (*ask.sides[1:], 2 * ask.sides[-1])
    between = (
        (side, (side * after) ** 0.5) for side, after in zip(ask.sides, following, strict=True)
    )
    anchors = models.anchor_utils.AnchorGenerator(tuple(between), (RATIOS,) * len(ask.sides))
    backbone = WithExtras(ask.maps, len(ask.sides) - len(ask.maps.strides))
    settings = {"size": ask.settings.pop("fixed_size"), **ask.settings}
    made: nn.Module = models.ssd.SSD(backbone, anchors, num_classes=ask.classes, **settings)
    made.transform.size_divisible = ask.maps.strides[-1]  # type: ignore[union-attr]
    return made


@dataclass(frozen=True, slots=True)
class Kind:
    """How a detector is built."""

    make: Callable[[Request], nn.Module]
    strides: tuple[int, ...]
    """Of the maps that are taken from the backbone."""
    sides: tuple[float, ...]
    """Of anchors, a level each, if none are told; in pixels."""
    settings: Mapping[str, str]
    """Setting here → its name there."""
    kind: str
    """The class there, in torchvision.models.detection."""
    fixed: bool = field(default=False)
    """Whether all pictures are resized to one size."""


_HEAD = {"score": "score_thresh", "nms": "nms_thresh", "most": "detections_per_img"}
_BOX = {"score": "box_score_thresh", "nms": "box_nms_thresh", "most": "box_detections_per_img"}

DETECTORS: dict[str, Kind] = {
    "fasterrcnn": Kind(
        _faster, (4, 8, 16, 32), (32, 64, 128, 256, 512), _BOX, "faster_rcnn.FasterRCNN"
    ),
    "retinanet": Kind(_retina, (8, 16, 32), (32, 64, 128, 256, 512), _HEAD, "retinanet.RetinaNet"),
    "fcos": Kind(_fcos, (8, 16, 32), (8, 16, 32, 64, 128), _HEAD, "fcos.FCOS"),
    "ssd": Kind(_ssd, (8, 16, 32), (30, 60, 110, 160, 210), _HEAD, "ssd.SSD", fixed=True),
}
"""Name → how it is built."""


def detector(  # noqa: PLR0913 - one call, each parameter but four by its name
    name: str,
    backbone: str = "resnet18",
    classes: int = 1,
    in_channels: int = 3,
    *,
    weights: Weights | None = None,
    size: tuple[int, int] | None = None,
    anchors: Sequence[float] | None = None,
    width: int = 256,
    score: float = 0.05,
    nms: float = 0.5,
    most: int = 100,
    frozen_norms: bool = False,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    backbone_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> nn.Module:
    """Build a detector of torchvision's on a backbone; nothing is fetched unless ``weights`` says so.

    It is called as torchvision's are: with a list of pictures, channels × H × W of any sizes, and in
    training of targets ``{"boxes": K × 4 in pixels (x1, y1, x2, y2), "labels": K}``. **Labels run from 1
    to classes, whatever the detector**; 0 is the background. In training it gives losses by name, else
    a dictionary of boxes, labels and scores a picture.

    >>> net = detector("fcos", "resnet18", classes=2, width=64).eval()
    >>> sorted(net([torch.zeros(3, 64, 80)])[0])
    ['boxes', 'labels', 'scores']

    Args:
        name: one of ``names("detect")``.
        backbone: any name of timm, or torchvision's for the same network, that gives maps at the
            strides of the detector.
        classes: of objects, without the background.
        in_channels: of pictures.
        weights: of the backbone, as `read_weights` takes them. Random if ``None``.
        size: to which sides pictures are resized inside: the shorter and at most the longer one; for
            ``ssd`` height and width. Pictures stay as they are if ``None``.
        anchors: sides of anchors in pixels of the picture that the backbone sees, one a level.
        width: channels of the feature pyramid, 64 or more for ``fcos`` (``ssd`` has none).
        score: what has less is not told.
        nms: overlap above which the box with the lesser score is dropped.
        most: boxes of a picture at most.
        frozen_norms: whether batch normalization in the backbone keeps its statistics and factors:
            for small batches on pretrained weights.
        mean: what is subtracted from each channel inside; 0 if ``None``: pipelines normalize.
        std: what it is divided by then.
        backbone_options: more for ``timm.create_model``.
        options: more for the class of torchvision: ``rpn_batch_size_per_image``, …

    Raises:
        UnknownNameError: no such detector or backbone.
        ParameterError: numbers that cannot be, or a backbone without these maps.
        ParameterTypeError: an option that the detector has not.
        AnamorphError: as `load_weights` raises.
    """
    kind = _kind(name)
    _check_options(name, kind, options)
    _check(classes, in_channels, score, nms)
    chosen = _sides(name, kind, anchors)
    maps = Pyramid(
        backbone,
        in_channels=in_channels,
        strides=kind.strides,
        options=dict(backbone_options or {}),
    )
    if weights is not None:
        load_weights(weights, maps.network, leftovers=True)
    if frozen_norms:
        need("timm.layers", "to freeze normalization").freeze_batch_norm_2d(maps.network)
    told = {"score": score, "nms": nms, "most": most}
    settings: dict[str, Any] = {theirs: told[ours] for ours, theirs in kind.settings.items()}
    settings |= _sizes(kind, size)
    settings["image_mean"] = _channels("mean", mean, in_channels, 0.0)
    settings["image_std"] = _channels("std", std, in_channels, 1.0)
    try:
        made: Any = kind.make(Request(maps, classes + 1, chosen, width, {**settings, **options}))
    except TypeError as error:
        raise ParameterTypeError(f"detector({name!r}): {error}") from error
    except ValueError as error:
        raise ParameterError(f"detector({name!r}) cannot be built so: {error}") from error
    if size is None:
        made.transform.resize = _as_is
    model: nn.Module = made
    return model


def _kind(name: str) -> Kind:
    if name not in DETECTORS:
        raise UnknownNameError(
            f"detector = {name!r}: it must be one of {', '.join(DETECTORS)}{nearest(name, DETECTORS)}"
        )
    return DETECTORS[name]


def _check_options(name: str, kind: Kind, options: Mapping[str, Any]) -> None:
    """Refuse what torchvision would take without a word and forget."""
    module, _, title = kind.kind.partition(".")
    made = getattr(need(f"torchvision.models.detection.{module}", "to build detectors"), title)
    known = set(inspect.signature(made).parameters) - {"kwargs"}
    for option in options:
        if option not in known:
            raise ParameterTypeError(
                f"detector({name!r}) has no option {option!r}{nearest(option, known)}"
            )


def _check(classes: int, in_channels: int, score: float, nms: float) -> None:
    for word, value in (("classes", classes), ("in_channels", in_channels)):
        if value < 1:
            raise ParameterError(f"detector.{word} = {value}: it must be 1 or more")
    for word, share in (("score", score), ("nms", nms)):
        if not 0 <= share <= 1:
            raise ParameterError(f"detector.{word} = {share}: it must be in [0, 1]")


def _sides(name: str, kind: Kind, anchors: Sequence[float] | None) -> tuple[float, ...]:
    sides = tuple(kind.sides if anchors is None else anchors)
    if len(sides) != len(kind.sides) or min(sides) <= 0:
        raise ParameterError(
            f"detector.anchors = {sides}: {name} has {len(kind.sides)} levels; a side above 0 for "
            "each is wanted"
        )
    return sides


def _sizes(kind: Kind, size: tuple[int, int] | None) -> dict[str, Any]:
    """Settings of torchvision's resizing; where there is to be none, what stands in its place."""
    if kind.fixed:
        return {"fixed_size": (1, 1) if size is None else size[::-1]}  # there, width comes first
    return {} if size is None else {"min_size": size[0], "max_size": size[1]}


def _as_is(
    image: Tensor, target: dict[str, Tensor] | None = None
) -> tuple[Tensor, dict[str, Tensor] | None]:
    """In place of the resizing, which torchvision can be told to leave out in training only."""
    return image, target


def _channels(
    word: str, values: Sequence[float] | None, channels: int, usual: float
) -> list[float]:
    chosen = [usual] * channels if values is None else list(values)
    if len(chosen) == 1:
        chosen *= channels
    if len(chosen) != channels or (word == "std" and min(chosen) <= 0):
        raise ParameterError(
            f"detector.{word} = {chosen}: one number, or one for each of {channels} channels, is wanted"
        )
    return chosen


def _torchvision() -> tuple[Any, Any]:
    purpose = "to build detectors"
    return need("torchvision.ops", purpose), need("torchvision.models.detection", purpose)
