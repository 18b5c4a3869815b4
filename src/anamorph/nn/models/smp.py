"""Architectures of segmentation-models-pytorch on its own encoders and on timm's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from anamorph.core.errors import ParameterError, ParameterTypeError, UnknownNameError, nearest
from anamorph.nn.models.backbones import ALIASES, any_size
from anamorph.nn.models.inputs import AnySize
from anamorph.nn.models.optional import need


@dataclass(frozen=True, slots=True)
class Architecture:
    """A class of segmentation_models_pytorch and what must be known of it."""

    kind: str
    """Its name there."""
    encoder: str = "resnet18"
    """If none is told."""
    depth: int = 5
    """Steps of the encoder that it uses, if none are told."""
    full: int = 5
    """Steps that encoders have."""
    coarser: int = 1
    """How many times its coarsest map is coarser than the encoder's."""
    smallest: int = 1
    """The least side of a picture that it can look at."""


ARCHITECTURES: dict[str, Architecture] = {
    "unet": Architecture("Unet"),
    "unetplusplus": Architecture("UnetPlusPlus"),
    "manet": Architecture("MAnet"),
    "linknet": Architecture("Linknet"),
    "fpn": Architecture("FPN"),
    "pspnet": Architecture("PSPNet", depth=3),
    "deeplabv3": Architecture("DeepLabV3"),
    "deeplabv3plus": Architecture("DeepLabV3Plus"),
    "pan": Architecture("PAN", smallest=128),
    "upernet": Architecture("UPerNet"),
    "segformer": Architecture("Segformer"),
    "dpt": Architecture("DPT", encoder="vit_tiny_patch16_224", depth=4, full=4, coarser=2),
}
"""Name → what of segmentation_models_pytorch it is."""

_OURS = {
    "encoder_name": "encoder",
    "encoder_weights": "weights",
    "activation": "none: models give logits",
    "aux_params": "none: models give one output",
}
"""Options of the library's that have another name here → that name."""


def smp_model(
    name: str, encoder: str, *, in_channels: int, classes: int, pad: bool, options: dict[str, Any]
) -> AnySize:
    """Build an architecture with random weights.

    Raises:
        UnknownNameError: there is no such encoder.
        ParameterTypeError: an option that the architecture has not.
        ParameterError: the architecture cannot be built so.
    """
    for theirs, ours in _OURS.items():
        if theirs in options:
            raise ParameterTypeError(f"build has no option {theirs}; its name here is {ours}")
    library = need("segmentation_models_pytorch", f"to build {name}")
    entry = ARCHITECTURES[name]
    depth = options.get("encoder_depth", entry.depth)
    known = encoder_name(encoder, shallow=depth < entry.full)
    make = partial(
        getattr(library, entry.kind),
        encoder_name=known,
        encoder_weights=None,
        in_channels=in_channels,
        classes=classes,
    )
    try:
        bare = known.removeprefix("tu-")
        net: nn.Module = make(**options) if bare == known else any_size(bare, make, options)
    except TypeError as error:
        raise ParameterTypeError(f"{name} on {encoder}: {error}") from error
    except (ValueError, KeyError, RuntimeError, AttributeError, NotImplementedError) as error:
        raise ParameterError(f"{name} on {encoder} cannot be built so: {error}") from error
    _cut(net.encoder)
    # Some decoders take other sizes, too; with all padded alike, each takes the smallest pictures.
    stride = entry.coarser * int(net.encoder.output_stride)  # type: ignore[union-attr, arg-type]
    return AnySize(net, stride, channels=in_channels, smallest=entry.smallest, pad=pad)


def encoder_name(name: str, *, shallow: bool = False) -> str:
    """Find an encoder; give the name that the library has for it.

    Its own come first, then timm's: ``convnext_tiny``, ``timm/convnext_tiny`` and
    ``tu-convnext_tiny`` are one. If not all steps are used, timm's come first: it cuts off what is
    not, where the library keeps parameters that nothing reaches.

    Raises:
        UnknownNameError: neither knows it.
    """
    library = need("segmentation_models_pytorch.encoders", "to build segmentation models")
    own = [known for known in library.encoders if not known.startswith("timm-")]
    timm = need("timm", "to build encoders")
    if name in own and not (shallow and timm.is_model(name)):
        return name
    bare = name.removeprefix("tu-").removeprefix("timm/")
    bare = ALIASES.get(bare, bare)
    if timm.is_model(bare.partition(".")[0]):
        return f"tu-{bare}"
    raise UnknownNameError(
        f"encoder = {name!r}: neither segmentation_models_pytorch nor timm has it"
        f"{nearest(bare, [*own, *timm.list_models()])}"
    )


def _cut(encoder: Any) -> None:
    """Drop what of a ViT no decoder asks for: its last norm, its head, blocks after the last map."""
    indices = getattr(encoder, "_output_indices", None)
    model: Any = getattr(encoder, "model", None)
    if indices is not None and hasattr(model, "prune_intermediate_layers"):
        model.prune_intermediate_layers(list(indices), prune_norm=True, prune_head=True)
