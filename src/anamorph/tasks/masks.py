"""What the stored values of masks mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from anamorph.core.errors import DataError
from anamorph.tasks.config.configs import Config

IGNORED = -100
"""In targets: what does not count, as torch's losses have it."""
_UNKNOWN = -1
_ROOM = 1 << 16


@final
@dataclass(frozen=True)
class Values:
    """From stored values to targets.

    ``mode`` is that of the configuration; ``stored`` has the value of each class, or is empty for
    0, 1, 2, …; in a binary mask that lists none, all but 0 is foreground.
    """

    mode: str
    classes: int
    stored: tuple[int, ...] = ()
    ignore: int | None = None

    @classmethod
    def of(cls, config: Config, classes: int) -> Values:
        """What a configuration says of them."""
        return cls(config.mode, classes, config.data.values, config.data.ignore)

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """Stored value → class; for binary masks 0 and 1."""
        table = np.full(_ROOM, _UNKNOWN, np.int64)
        if self.mode == "multiclass":
            stored = self.stored or tuple(range(self.classes))
            table[list(stored)] = np.arange(len(stored))
        elif self.stored:
            table[list(self.stored)] = np.arange(len(self.stored)) > len(self.stored) - 2
            if len(self.stored) == 1:
                table[:] = 0
                table[self.stored[0]] = 1
        else:
            table[0], table[1:] = 0, 1
        if self.ignore is not None:
            table[self.ignore] = IGNORED
        return table

    def target(self, mask: NDArray[Any], name: str = "the mask") -> NDArray[np.int64]:
        """Classes of pixels H×W; for multilabel H×W×classes of 0 and 1.

        Raises:
            DataError: a value is that of no class.
        """
        mask = self.planes(mask, name)
        found: NDArray[np.int64] = self.table[mask]
        if (found == _UNKNOWN).any():
            wrong = int(mask[found == _UNKNOWN][0])
            raise DataError(
                f"{name} has the value {wrong}, which is none of the {self.classes} classes: say "
                "with data.values which values there are, or with data.ignore that it is none"
            )
        return found

    def planes(self, mask: NDArray[Any], name: str = "the mask") -> NDArray[Any]:
        """The mask as H×W, or H×W×classes for multilabel."""
        if mask.dtype.kind == "f":
            mask = mask.astype(np.int64)
        if self.mode == "multilabel":
            planes = mask if mask.ndim == 3 else mask[..., None]
            if planes.shape[2] < self.classes:
                raise DataError(
                    f"{name} has {planes.shape[2]} channels: one for each of the {self.classes} "
                    "classes is wanted"
                )
            labels: NDArray[Any] = planes[..., : self.classes]
            return labels
        return mask[..., 0] if mask.ndim == 3 else mask

    def shares(self, mask: NDArray[Any]) -> NDArray[np.float64]:
        """Share of the pixels that each class has; of the foreground for binary masks."""
        found = self.target(mask)
        if self.mode == "multiclass":
            return np.array([(found == at).mean() for at in range(self.classes)])
        counted = found == 1
        return np.atleast_1d(counted.mean(axis=(0, 1)))
