"""What moves the weights, and how fast at which step; schedules are functions of the step alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from anamorph.nn.models import encoder_of
from anamorph.tasks.config.sections import Train


def of_encoder(model: nn.Module) -> set[int]:
    """Identities of the encoder's parameters, which learn slower or stand still."""
    return set(map(id, encoder_of(model).parameters()))


def groups(model: nn.Module, train: Train) -> list[dict[str, Any]]:
    """Parameters by their rate and decay: the encoder is slower, biases and norms do not decay."""
    slow = of_encoder(model)
    sorted_: dict[tuple[float, float], list[Tensor]] = {}
    for parameter in model.parameters():
        rate = train.encoder_lr if id(parameter) in slow else 1.0
        decay = train.weight_decay if parameter.dim() > 1 else 0.0
        sorted_.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": members, "lr": train.lr * rate, "share": rate, "weight_decay": decay}
        for (rate, decay), members in sorted_.items()
    ]


OPTIMIZERS: Mapping[str, Callable[[list[dict[str, Any]], Train], torch.optim.Optimizer]] = {
    "adamw": lambda params, train: torch.optim.AdamW(params, lr=train.lr),
    "adam": lambda params, train: torch.optim.Adam(params, lr=train.lr),
    "nadam": lambda params, train: torch.optim.NAdam(params, lr=train.lr),
    "sgd": lambda params, train: torch.optim.SGD(
        params, lr=train.lr, momentum=train.momentum, nesterov=train.momentum > 0
    ),
}
"""train.optimizer → how it is built."""


def optimizer_of(model: nn.Module, train: Train) -> torch.optim.Optimizer:
    """The optimizer of a configuration over all parameters of a model."""
    return OPTIMIZERS[train.optimizer](groups(model, train), train)


# ---------------------------------------------------------------------------- schedules


def _cosine(low: float, high: float, part: float) -> float:
    """From low to high as ``part`` goes from 0 to 1, flat at both ends."""
    return low + (high - low) * (1 - math.cos(math.pi * min(max(part, 0), 1))) / 2


def _one_cycle(part: float, train: Train) -> float:
    """Up from a 25th of the rate, then down to its end (Smith and Topin 2018)."""
    if part < train.warmup:
        return _cosine(1 / 25, 1.0, part / train.warmup)
    return _cosine(1.0, train.final_lr, (part - train.warmup) / max(1 - train.warmup, 1e-9))


def _warm_cosine(part: float, train: Train) -> float:
    """Up in a line, then down along a cosine (Loshchilov and Hutter 2017)."""
    if part < train.warmup:
        return part / train.warmup
    return _cosine(1.0, train.final_lr, (part - train.warmup) / max(1 - train.warmup, 1e-9))


def _steps(part: float, train: Train) -> float:
    """A tenth of it after 60 % of the steps, a hundredth after 85 %."""
    warm = min(part / train.warmup, 1.0) if train.warmup else 1.0
    return warm * (1.0 if part < 0.6 else 0.1 if part < 0.85 else 0.01)


def _constant(part: float, train: Train) -> float:
    return min(part / train.warmup, 1.0) if train.warmup else 1.0


SCHEDULES: Mapping[str, Callable[[float, Train], float]] = {
    "one-cycle": _one_cycle,
    "cosine": _warm_cosine,
    "step": _steps,
    "constant": _constant,
}
"""train.schedule → share of the rate, by the part of the steps that is done."""


def rate_at(step: int, total: int, train: Train) -> float:
    """Share of the rate at a step, counted from 0, of so many.

    >>> from anamorph.tasks.config.sections import Train
    >>> from anamorph.tasks.optim import rate_at
    >>> [round(rate_at(step, 100, Train()), 2) for step in (0, 10, 99)]
    [0.05, 1.0, 0.01]
    """
    return SCHEDULES[train.schedule]((step + 0.5) / total, train)


def set_rate(optimizer: torch.optim.Optimizer, step: int, total: int, train: Train) -> float:
    """Set the rates of a step; gives the highest."""
    share = rate_at(step, total, train)
    for group in optimizer.param_groups:
        group["lr"] = train.lr * group["share"] * share
    return train.lr * share


# ---------------------------------------------------------------------------- standing still


def set_mode(model: nn.Module, *, freeze: bool) -> None:
    """Training mode; an encoder that stands still has no gradients, and its norms keep as they are."""
    model.train()
    encoder = encoder_of(model)
    encoder.requires_grad_(not freeze)
    if freeze:
        encoder.eval()
