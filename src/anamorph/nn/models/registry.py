"""All models by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from anamorph.core.errors import ParameterError, ParameterTypeError, UnknownNameError, nearest
from anamorph.nn.models.backbones import Pyramid
from anamorph.nn.models.dense import Dense
from anamorph.nn.models.detect import DETECTORS, WithExtras, WithPyramid
from anamorph.nn.models.fitting import Weights, load_weights
from anamorph.nn.models.inputs import AnySize
from anamorph.nn.models.plain import PlainUNet
from anamorph.nn.models.smp import ARCHITECTURES, smp_model
from anamorph.nn.models.ternaus import AlbuNet34, LinkNet34, UNet11, UNet16


@dataclass(frozen=True, slots=True)
class Own:
    """A network that is written here."""

    make: Callable[..., Dense]
    encoder: str | None
    """The only one that it has; torchvision's name. ``None`` is one without a name."""


OWN: dict[str, Own] = {
    "unet11": Own(UNet11, "vgg11"),
    "unet16": Own(UNet16, "vgg16"),
    "albunet34": Own(AlbuNet34, "resnet34"),
    "linknet34": Own(LinkNet34, "resnet34"),
    "plain_unet": Own(PlainUNet, None),
}
"""Name → network; each has one encoder and needs torch alone."""

NAMES: dict[str, tuple[str, ...]] = {
    "segment": (*OWN, *ARCHITECTURES),
    "detect": tuple(DETECTORS),
}
"""Task → its models. Classifiers go by the name of their encoder."""


def names(task: str = "segment") -> tuple[str, ...]:
    """The names that `build`, or for ``"detect"`` `detector`, knows.

    >>> names()[:5]
    ('unet11', 'unet16', 'albunet34', 'linknet34', 'plain_unet')

    Raises:
        UnknownNameError: there is no such task.
    """
    if task not in NAMES:
        raise UnknownNameError(
            f"task = {task!r}: it must be one of {', '.join(NAMES)}{nearest(task, NAMES)}"
        )
    return NAMES[task]


def takes_encoder(name: str) -> bool:
    """Whether a model for segmentation can be built on any encoder."""
    return name in ARCHITECTURES


def build(
    name: str,
    encoder: str | None = None,
    in_channels: int = 3,
    classes: int = 1,
    weights: Weights | None = None,
    *,
    pad: bool = True,
    **options: Any,
) -> nn.Module:
    """Build a model for segmentation: N × channels × H × W to N × classes × H × W logits.

    Nothing is fetched unless ``weights`` says so. ``model.encoder`` is the part that they fill.

    >>> import torch
    >>> build("unet11", in_channels=4, classes=2)(torch.zeros(1, 4, 50, 40)).shape
    torch.Size([1, 2, 50, 40])

    Args:
        name: one of `names`.
        encoder: for architectures that take any: one of segmentation_models_pytorch's, or any of
            timm's that gives maps; ``"resnet18"`` if ``None``, for ``dpt`` a small ViT.
        in_channels: of pictures.
        classes: maps of logits.
        weights: of the encoder, as `read_weights` takes them; what the file has for a head is left
            over. Random if ``None``.
        pad: whether pictures whose sides do not fit are padded, and what is said of them is cut.
        options: more of the model's own: ``upsampling`` of UNet11, UNet16 and AlbuNet34,
            ``decoder_channels`` of ``unet``, …

    Raises:
        UnknownNameError: no such model or encoder.
        ParameterError: numbers that cannot be, or an encoder that the model cannot have.
        ParameterTypeError: an option that the model has not.
        AnamorphError: as `load_weights` raises.
    """
    known = names("segment")
    if name not in known:
        raise UnknownNameError(
            f"model = {name!r}: it must be one of {', '.join(known)}{nearest(name, known)}"
        )
    if min(in_channels, classes) < 1:
        raise ParameterError(
            f"build({name!r}) of {in_channels} channels and {classes} classes: 1 or more of each are wanted"
        )
    if name in OWN:
        model: nn.Module = _own(name, encoder, in_channels, classes, pad=pad, **options)
    else:
        model = smp_model(
            name,
            encoder or ARCHITECTURES[name].encoder,
            in_channels=in_channels,
            classes=classes,
            pad=pad,
            options=options,
        )
    if weights is not None:
        load_weights(weights, encoder_of(model), leftovers=True)
    return model


def _own(name: str, encoder: str | None, in_channels: int, classes: int, **options: Any) -> Dense:
    entry = OWN[name]
    if encoder not in {None, entry.encoder}:
        raise ParameterError(
            f"encoder = {encoder!r}: {name} has {entry.encoder or 'one of its own'}; give None, or "
            f"one of {', '.join(ARCHITECTURES)}, which take any"
        )
    try:
        return entry.make(classes, in_channels, **options)
    except TypeError as error:
        raise ParameterTypeError(f"build({name!r}): {error}") from error


def encoder_of(model: nn.Module) -> nn.Module:
    """The part of a model that looks at the picture: what is pretrained, frozen, or learns slower.

    Raises:
        ParameterTypeError: the model has no such part.
    """
    body: Any = getattr(model, "backbone", model)
    body = body.maps if isinstance(body, (WithPyramid, WithExtras)) else body
    if isinstance(body, Pyramid):
        network: nn.Module = body.network
        return network
    encoder: Any = getattr(body, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise ParameterTypeError(f"{type(model).__name__} has no encoder")
    # Encoders that segmentation_models_pytorch takes from timm lie one deeper.
    inside: Any = getattr(encoder, "model", None) if isinstance(model, AnySize) else None
    return inside if isinstance(inside, nn.Module) else encoder
