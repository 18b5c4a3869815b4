"""Classifiers: an encoder of timm, a pooling, a head."""

from __future__ import annotations

from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn

from anamorph.core.errors import (
    DataError,
    ParameterError,
    ParameterTypeError,
    UnknownNameError,
    nearest,
    sides,
)
from anamorph.nn.models.backbones import any_size, timm_name
from anamorph.nn.models.fitting import Weights, load_weights
from anamorph.nn.models.inputs import check_input
from anamorph.nn.models.optional import need
from anamorph.nn.models.pooling import POOLINGS

NATIVE = "native"
"""The pooling that the network was published with, such as the class token of a ViT."""
HEADS = ("linear", "mlp")
"""One layer, or two with the width of the features between them."""


@final
class Head(nn.Module):
    """From features to logits; with ``samples`` dropouts in training, the mean of what they give.

    That is multi-sample dropout (Inoue, arXiv 1905.09788).
    """

    def __init__(
        self, features: int, classes: int, *, kind: str, dropout: float, samples: int
    ) -> None:
        super().__init__()
        self.samples = samples
        self.drop: nn.Dropout = nn.Dropout(dropout)
        wide = [nn.Linear(features, features), nn.GELU()] if kind == "mlp" else []
        self.layers: nn.Sequential = nn.Sequential(*wide)
        self.last: nn.Linear = nn.Linear(features, classes)

    def forward(self, features: Tensor) -> Tensor:
        x = self.layers(features)
        times = self.samples if self.training and self.drop.p else 1
        out: Tensor = torch.stack([self.last(self.drop(x)) for _ in range(times)]).mean(0)
        return out


@final
class Classifier(nn.Module):
    """An encoder, a pooling and a head: N × channels × H × W to N × classes logits."""

    def __init__(self, encoder: nn.Module, pool: nn.Module, head: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.pool = pool
        self.head = head
        self.channels = channels
        self.last: bool = str(getattr(encoder, "output_fmt", "NCHW")).endswith("NHWC")

    def features(self, pictures: Tensor) -> Tensor:
        """Vectors of pictures, N × features: what the head sees.

        Raises:
            DataError: another number of channels or axes, no pixels, or a size that the encoder does
                not take.
        """
        check_input(pictures, self.channels)
        try:
            out = self.encoder(pictures)
        except AssertionError as error:  # so timm says that it takes one size, or whole patches
            raise DataError(f"pictures are {sides(pictures.shape[2:])}: {error}") from error
        if not isinstance(self.pool, nn.Identity):
            out = self.pool(self._maps(out))
        vectors: Tensor = out.flatten(1)
        return vectors

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(pictures))
        return logits

    def _maps(self, out: Tensor) -> Tensor:
        """Tokens and maps with channels last, as maps with channels first."""
        if out.dim() == 3:
            first = int(getattr(self.encoder, "num_prefix_tokens", 0))
            return out[:, first:].transpose(1, 2).unsqueeze(-1)
        return out.permute(0, 3, 1, 2) if self.last else out


def classifier(  # noqa: PLR0913 - one call, each parameter but three by its name
    encoder: str,
    classes: int,
    in_channels: int = 3,
    *,
    pooling: str = "avg",
    dropout: float = 0.0,
    head: str = "linear",
    samples: int = 1,
    weights: Weights | None = None,
    **options: Any,
) -> Classifier:
    """Build a classifier; nothing is fetched unless ``weights`` says so.

    >>> net = classifier("resnet18", 4, in_channels=1, pooling="gem")
    >>> net.eval()(torch.zeros(2, 1, 64, 48)).shape
    torch.Size([2, 4])

    Args:
        encoder: any name of timm.
        classes: how many logits.
        in_channels: of pictures.
        pooling: a name in `POOLINGS`, or ``"native"``: the one that the network was published with.
        dropout: share of features dropped before the last layer.
        head: one of `HEADS`.
        samples: how many dropouts are averaged in training.
        weights: of the encoder, as `read_weights` takes them; what the file has for another head is
            left over. Random if ``None``.
        options: more for ``timm.create_model``: ``img_size``, ``drop_path_rate``, …

    Raises:
        UnknownNameError: no such encoder, pooling or head.
        ParameterError: numbers that cannot be.
        ParameterTypeError: an option that the network has not.
        AnamorphError: as `load_weights` raises.
    """
    _check(classes, in_channels, dropout, samples)
    _one_of("pooling", pooling, (*POOLINGS, NATIVE))
    _one_of("head", head, HEADS)
    timm, name = need("timm", "to build classifiers"), timm_name(encoder)
    native = {} if pooling == NATIVE else {"global_pool": ""}
    make = partial(timm.create_model, name, pretrained=False, num_classes=0, in_chans=in_channels)
    try:
        network = any_size(name, make, {**native, **options})
    except TypeError as error:
        raise ParameterTypeError(f"classifier({encoder!r}): {error}") from error
    if weights is not None:
        load_weights(weights, network, leftovers=True)
    width = int(network.head_hidden_size)
    pool = nn.Identity() if pooling == NATIVE else POOLINGS[pooling](width)
    features = width * int(getattr(pool, "factor", 1))
    top = Head(features, classes, kind=head, dropout=dropout, samples=samples)
    return Classifier(network, pool, top, in_channels)


def _check(classes: int, in_channels: int, dropout: float, samples: int) -> None:
    whole = {"classes": classes, "in_channels": in_channels, "samples": samples}
    for name, value in whole.items():
        if value < 1:
            raise ParameterError(f"classifier.{name} = {value}: it must be 1 or more")
    if not 0 <= dropout < 1:
        raise ParameterError(f"classifier.dropout = {dropout}: it must be in [0, 1)")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(
            f"classifier.{name} = {value!r}: it must be one of {', '.join(known)}"
            f"{nearest(value, known)}"
        )
