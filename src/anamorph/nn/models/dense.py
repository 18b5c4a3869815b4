"""What the networks for dense prediction that are written here have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from anamorph.core.errors import ParameterError
from anamorph.nn.models.inputs import check_input, run_padded


class Dense(nn.Module, ABC):
    """A network that says something of each pixel: N × channels × H × W to N × classes × H × W.

    It gives logits: no sigmoid, no softmax.
    """

    multiple: ClassVar[int]
    """Sides must be divisible by it; others are padded."""
    published: ClassVar[tuple[tuple[str, str | None], ...]] = ()
    """How parameters were called in checkpoints of the published code: pattern, name here or none."""

    def __init__(self, classes: int, in_channels: int, *, pad: bool) -> None:
        for name, value in (("classes", classes), ("in_channels", in_channels)):
            if value < 1:
                raise ParameterError(
                    f"{type(self).__name__}.{name} = {value}: it must be 1 or more"
                )
        super().__init__()
        self.classes = classes
        self.in_channels = in_channels
        self.pad = pad

    @abstractmethod
    def logits(self, pictures: Tensor) -> Tensor:
        """Predict, for sizes that fit."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Predict.

        Raises:
            DataError: another number of channels or axes, no pixels, or, without padding, sides
                that do not fit.
        """
        check_input(pictures, self.in_channels)
        out: Tensor = run_padded(self.logits, pictures, self.multiple, pad=self.pad)
        return out

    def extra_repr(self) -> str:
        return f"classes={self.classes}, in_channels={self.in_channels}, pad={self.pad}"

    @classmethod
    def renamed(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give parameters of a checkpoint of the published code the names that they have here."""
        found = {}
        for key, value in state.items():
            name = _renamed(key, cls.published)
            if name is not None:
                found[name] = value
        return found


def _renamed(key: str, rules: tuple[tuple[str, str | None], ...]) -> str | None:
    for pattern, name in rules:
        if re.match(pattern, key):
            return None if name is None else re.sub(pattern, name, key)
    return key
