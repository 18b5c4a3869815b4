"""The wrapper: render views, run the model, bring what it says home, merge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from anamorph.core.errors import DataError, DataTypeError, ParameterError
from anamorph.core.params import Number
from anamorph.ir.ops import Size
from anamorph.nn.tta.gathering import Gathering, Look
from anamorph.nn.tta.merges import Merge
from anamorph.nn.tta.outputs import Output, Spec, parts, read_spec
from anamorph.nn.tta.tree import gathering_for
from anamorph.nn.tta.view import View
from anamorph.nn.tta.views import Views, as_views


class TTA(nn.Module):
    """A model that looks at several views of each picture and says what they say together.

    Called as the model is, it gives outputs of the same shape: maps, boxes and keypoints in the
    picture's own coordinates. With an activation it gives probabilities. It neither changes the
    model's mode nor turns gradients off. Compile the model, not the wrapper.

    Args:
        model: a module, or any function of a batch (N, C, H, W).
        views: a name ("hflip", "d4", …), views, a pipeline, a plan, or a list of such.
        task: "classification", "dense", "heatmaps", "detection" or "keypoints"; an `Output`, which
            says more; None to take an output from the first view; or a mapping or sequence of
            such, shaped as the model's output is.
        weights: one a view; a view of weight 0 is not looked at.
        batch_views: how many views of equal size are rendered and run at once. More of them take
            more memory, and less time on a device that a batch does not fill.
        activation: see `Output`, as for those that follow.
        merge: how views are merged.
        flip_pairs: what trades places in a mirror.
        uncovered: value of places that no view sees.
        coordinates: those of keypoints.

    Raises:
        ParameterError: a parameter is not what it may be, or some do not go together.

    >>> model = TTA(torch.nn.Conv2d(3, 5, 1), "d4", "dense", activation="softmax")
    >>> model(torch.rand(2, 3, 31, 50)).shape
    torch.Size([2, 5, 31, 50])
    """

    def __init__(  # noqa: PLR0913 - what `Output` holds may be said here, where there is but one
        self,
        model: Callable[..., Any],
        views: Any = "d4",
        task: Any = "classification",
        *,
        weights: Sequence[float] | None = None,
        batch_views: int = 1,
        activation: str | Callable[[Tensor], Tensor] | None = None,
        merge: str | Merge | Callable[..., Any] | None = None,
        flip_pairs: Sequence[tuple[int, int]] = (),
        uncovered: float | None = None,
        coordinates: str = "pixels",
    ) -> None:
        super().__init__()
        if not callable(model):
            raise ParameterError(f"TTA.model = {model!r}: it must be a module or a function")
        self.model = model
        self.views: Views = as_views(views)
        one = task if isinstance(task, str) else "classification"
        default = Output(one, activation, merge, tuple(flip_pairs), uncovered, coordinates)
        self.outputs: Spec = read_spec(task, default)
        self.weights: tuple[float, ...] = _weights(weights, self.views, self.outputs)
        self.batch_views: int = Number(1, whole=True).check("TTA.batch_views", batch_views)

    def extra_repr(self) -> str:
        """Say what the wrapper does."""
        return f"views={self.views!r}, outputs={self.outputs!r}"

    # What is planned on the host is no graph; a compiled model stays one.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, batch: Tensor | Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        """Say what all views of a batch say together.

        Args:
            batch: (N, C, H, W); or a list of pictures (C, H, W) for a detector that takes such.
            args: passed to the model as they are.
            kwargs: passed to the model as they are.

        Raises:
            AnamorphError: the batch, or what the model says, is not what it must be.
        """
        if isinstance(batch, list | tuple):
            return self._listed(batch, *args, **kwargs)
        if not isinstance(batch, Tensor) or batch.dim() != 4:
            what = f"of shape {tuple(batch.shape)}" if isinstance(batch, Tensor) else type(batch)
            raise DataTypeError(f"the batch is {what}: it must be a tensor (N, C, H, W)")
        gathered: Gathering | None = None
        count = batch.shape[0]
        for looks in self._rounds(batch):
            seen = [look.view.render(batch) for look in looks]
            output = self.model(seen[0] if len(seen) == 1 else torch.cat(seen), *args, **kwargs)
            for look, said in zip(looks, parts(output, len(looks), count), strict=True):
                if gathered is None:
                    gathered = gathering_for(said, self.outputs, count)
                gathered.add(said, look)
        if gathered is None:
            raise DataError("there are no views")
        return gathered.result()

    def _rounds(self, batch: Tensor) -> Iterator[list[Look]]:
        """Put views of equal size together, as many as may be run at once."""
        size = int(batch.shape[2]), int(batch.shape[3])
        dtype = str(batch.dtype).removeprefix("torch.")
        views = _views_of(self.views, size, int(batch.shape[1]), dtype)
        sizes: dict[Size, list[Look]] = {}
        for number, (view, weight) in enumerate(zip(views, self.weights, strict=True)):
            if weight > 0:
                sizes.setdefault(view.size, []).append(Look(view, weight, number))
        for looks in sizes.values():
            for start in range(0, len(looks), self.batch_views):
                yield looks[start : start + self.batch_views]

    def _listed(self, pictures: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Look at pictures of any sizes, one after the other."""
        if not (isinstance(self.outputs, Output) and self.outputs.task == "detection"):
            raise DataTypeError(
                "the batch is a list: it must be a tensor (N, C, H, W) but for the task 'detection'"
            )
        return [self(picture[None], *args, **kwargs)[0] for picture in pictures]


@lru_cache(maxsize=64)
def _views_of(views: Views, size: Size, channels: int, dtype: str) -> tuple[View, ...]:
    """Make the views of batches of one kind once: what they know of their way home is kept."""
    return tuple(map(View, views.plans(size, channels, dtype)))


def _weights(given: Sequence[float] | None, views: Views, outputs: Spec) -> tuple[float, ...]:
    if given is None:
        return (1.0,) * len(views)
    number = Number(0)
    weights = tuple(float(number.check("TTA.weights", weight)) for weight in given)
    if len(weights) != len(views) or not any(weights):
        raise ParameterError(
            f"TTA.weights = {weights}: they must be {len(views)}, one a view, and not all zero"
        )
    for output in _all(outputs):
        if output.task != "detection" and not output.merging.weighted:
            raise ParameterError(f"TTA.weights: they mean nothing to merge = {output.merge!r}")
    return weights


def _all(outputs: Spec) -> Iterator[Output]:
    if isinstance(outputs, Output):
        yield outputs
    elif outputs is not None:
        for member in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from _all(member)
