"""Parameters put into a network: names and shapes are compared, and what differs is told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from anamorph.core.errors import DataError
from anamorph.nn.models.inputs import adapt_weight, first_conv
from anamorph.nn.models.known import KNOWN
from anamorph.nn.models.optional import need
from anamorph.nn.models.weights import read_weights

Weights: TypeAlias = str | os.PathLike[str] | Mapping[str, Tensor]
"""Where parameters are, as `read_weights` takes it, or the parameters."""

_PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""What wrappers put before all names."""
_COUNTER = "num_batches_tracked"
"""Of batch normalization; old checkpoints lack it, and inference does without."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What became of each parameter that a network has or a checkpoint holds."""

    loaded: int
    """How many were put in."""
    missing: tuple[str, ...]
    """The network has them, the checkpoint does not; they stay as they were."""
    unexpected: tuple[str, ...]
    """The checkpoint has them, the network does not."""
    mismatched: tuple[str, ...]
    """Both have them, in different shapes; they stay as they were."""
    adapted: tuple[str, ...]
    """Of a first convolution that was made to fit the number of channels."""

    def __str__(self) -> str:
        parts = (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of another shape", self.mismatched),
        )
        told = [f"{len(names)} {word} ({_some(names)})" for word, names in parts if names]
        return f"{self.loaded} loaded, " + (", ".join(told) or "none left over")


def load_weights(
    weights: Weights,
    model: nn.Module,
    *,
    strict: bool = True,
    leftovers: bool = False,
    sha256: str | None = None,
) -> Fit:
    """Put parameters into a network, all or, if something is wrong, none.

    Names may stand behind ``module.`` and the like, as wrappers write them, or behind ``encoder.``
    if the network is an encoder; names of timm's flattened encoders (``stem_0`` for ``stem.0``),
    of the published TernausNet code, and of timm for weights in `KNOWN` are understood. A first
    convolution is adapted to the channels of the network, as `adapt_weight` says.

    >>> net = torch.nn.Linear(2, 1)
    >>> print(load_weights({"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, net))
    2 loaded, none left over

    Args:
        weights: where they are, or the parameters by name.
        model: what takes them; device and dtype stay.
        strict: whether all must fit; else what fits is loaded, and the rest told.
        leftovers: whether the checkpoint may hold more, such as the head of a classifier.
        sha256: digits that the hash of the file must start with.

    Raises:
        DataError: not all fits; or, even if not strict, nothing does.
        AnamorphError: as `read_weights` raises.
    """
    state = weights if isinstance(weights, Mapping) else read_weights(weights, sha256=sha256)
    own = {k: v for k, v in model.state_dict().items() if isinstance(v, Tensor)}
    forms = _forms(state, model, None if isinstance(weights, Mapping) else _timm(weights))
    fit, values = _compare(
        own, max(forms, key=lambda form: (_overlap(own, form), -len(form))), model
    )
    wrong = fit.missing or fit.mismatched or (fit.unexpected and not leftovers)
    if (strict and wrong) or not fit.loaded:
        place = "weights" if isinstance(weights, Mapping) else f"weights = {os.fspath(weights)!r}"
        raise DataError(f"{place}: they do not fit {type(model).__name__}: {fit}")
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(value)
    return fit


def _timm(spec: str | os.PathLike[str]) -> str | None:
    """The network of timm that a known file is for, whether it is told by name or by place."""
    file = os.fspath(spec).partition("#sha256=")[0]
    named = (e.timm for name, e in KNOWN.items() if file == name or file.endswith(e.file))
    return next(named, None)


def _forms(
    state: Mapping[str, Tensor], model: nn.Module, timm: str | None
) -> Iterator[Mapping[str, Tensor]]:
    """The parameters under all names that they may be meant to have."""
    bare = state
    while True:
        yield bare
        prefix = next((p for p in _PREFIXES if all(key.startswith(p) for key in bare)), None)
        if prefix is None or not bare:
            break
        bare = {key.removeprefix(prefix): value for key, value in bare.items()}
    if hasattr(model, "renamed"):
        yield model.renamed(bare)  # type: ignore[operator]
    inside = {k.partition("encoder.")[2]: v for k, v in bare.items() if "encoder." in k}
    yield inside
    yield {key.removeprefix("model."): value for key, value in inside.items()}
    if timm is not None:
        names = need("timm", "to name weights as timm does").create_model(timm).state_dict()
        yield dict(zip(names, state.values(), strict=True))


def _plain(name: str) -> str:
    """A name as it is compared: encoders that give maps have ``stem_0`` for ``stem.0``."""
    return name.replace(".", "_")


def _overlap(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> int:
    return len({_plain(k) for k in own} & {_plain(k) for k in state})


def _compare(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], model: nn.Module
) -> tuple[Fit, dict[str, Tensor]]:
    given = {_plain(key): (key, value) for key, value in state.items()}
    conv = first_conv(model)
    values: dict[str, Tensor] = {}
    missing, mismatched, adapted = [], [], []
    for name, parameter in own.items():
        _, value = given.pop(_plain(name), (None, None))
        if value is None:
            if not name.endswith(_COUNTER):
                missing.append(name)
        elif value.shape == parameter.shape:
            values[name] = value
        elif name == f"{conv}.weight" and _fits_but_channels(value, parameter):
            values[name] = adapt_weight(value, parameter.shape[1])
            adapted.append(name)
        else:
            mismatched.append(f"{name} {_shape(value)} for {_shape(parameter)}")
    left = tuple(key for key, _ in given.values())
    fit = Fit(len(values), tuple(missing), left, tuple(mismatched), tuple(adapted))
    return fit, values


def _fits_but_channels(value: Tensor, parameter: Tensor) -> bool:
    a, b = list(value.shape), list(parameter.shape)
    return len(a) == len(b) == 4 and a[:1] + a[2:] == b[:1] + b[2:] and a[1] > 0


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"


def _some(names: tuple[str, ...]) -> str:
    more = ", …" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
