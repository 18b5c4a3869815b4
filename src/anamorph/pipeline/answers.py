"""What transforms may ask of a sample: each answer renders what is pending for that target alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anamorph.core.errors import MissingDataError
from anamorph.core.labels import pick
from anamorph.ir.frames import Clip
from anamorph.ir.ops import BOXES, IMAGE, MASK, POINTS, Target
from anamorph.pipeline.donors import Host
from anamorph.pipeline.frames import clip_of
from anamorph.pipeline.targets import Entry


class Answers(Host):
    """The scene of a sample, as far as it is asked for."""

    settings: Any
    data: Mapping[str, Any]
    entries: dict[str, Entry]
    leading: Entry | None
    told: Mapping[str, list[Any]]

    @abstractmethod
    def rendered(self, entry: Entry) -> Any:
        """Render what is pending for one target, and give its value."""

    @property
    def image(self) -> npt.NDArray[Any]:
        """The picture (H, W, C) as it is at this point."""
        entry = self.leading
        if entry is None:
            raise MissingDataError("a transform needs the picture, and the call has none")
        value = self.rendered(entry)
        return value[0] if entry.kind.stacks else value  # type: ignore[no-any-return]

    @property
    def mask(self) -> npt.NDArray[Any] | None:
        """The mask at this point; of several masks the union."""
        for entry in self.entries.values():
            if entry.kind.target is MASK:
                value = self.rendered(entry)
                if entry.kind.stacks:
                    if not value:
                        continue
                    value = np.maximum.reduce(value)
                return value[:, :, 0] if value.shape[2] == 1 else value  # type: ignore[no-any-return]
        return None

    @property
    def boxes(self) -> npt.NDArray[np.float64] | None:
        """The boxes at this point, x0, y0, x1, y1 in pixels."""
        entry = self.first(BOXES)
        if entry is None:
            return None
        boxes = self.rendered(entry)
        if not boxes.oriented:
            return boxes.data  # type: ignore[no-any-return]
        quads = boxes.data.reshape(-1, 4, 2)
        return np.concatenate([quads.min(1), quads.max(1)], 1) if len(quads) else np.zeros((0, 4))

    @property
    def points(self) -> npt.NDArray[np.float64] | None:
        """The keypoints at this point, x and y in continuous pixels."""
        entry = self.first(POINTS)
        return None if entry is None else self.rendered(entry).data[:, :2]

    @property
    def located(self) -> bool:
        """Whether the call holds anything that says where things are, as masks and boxes do."""
        return any(entry.kind.target is not IMAGE for entry in self.entries.values())

    def clip(self, keys: tuple[str, ...]) -> Clip | None:
        """The clip that keys of the call hold."""
        return clip_of(self, keys)

    def tell(self, key: str, values: list[Any]) -> None:
        """Put values into the result, under a key besides the targets."""
        self.told = {**self.told, key: [*self.told.get(key, ()), *values]}

    def given(self, key: str) -> Any:
        """A value of the call that is no target."""
        if key not in self.data:
            raise MissingDataError(
                f"the call has no {key}=, which a transform of the pipeline needs"
            )
        return self.data[key]

    def labels(self, field: str) -> list[Any]:
        """A label field of the boxes, one value a remaining box."""
        entry = self.first(BOXES)
        index = [] if entry is None else self.rendered(entry).index.tolist()
        values = self.given(field)
        return [values[i] for i in index]

    def box_labels(self) -> list[tuple[Any, ...]]:
        """All labels of each remaining box: those of its label fields, then its further columns."""
        entry = self.first(BOXES)
        if entry is None:
            return []
        params = self.settings.params_of(BOXES)
        index = self.rendered(entry).index
        names = [name for name in params.label_fields if name in self.data]
        fields = [list(pick(self.data[name], index)) for name in names]
        known = 5 if params.oriented else 4
        return [
            (*(field[row] for field in fields), *entry.given[i][known:])
            for row, i in enumerate(index.tolist())
        ]

    def first(self, target: Target) -> Entry | None:
        """The first target of a kind that the call has."""
        for entry in self.entries.values():
            if entry.kind.target is target:
                return entry
        return None
