"""The same ops for all samples of a batch."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from anamorph.backends.torch.base import Spec
from anamorph.backends.torch.table import BACKEND
from anamorph.backends.torch.window import windowed
from anamorph.core.errors import DataError, DataTypeError
from anamorph.ir.ops import Op, Target
from anamorph.ir.rules import fuse as fused


def render_ops(
    ops: Iterable[Op], batch: Tensor, target: Target = Target.IMAGE, *, fuse: str = "all"
) -> Tensor:
    """Render ops on all samples of a batch alike, where the batch is.

    Gradients pass through what is differentiable. Flips, quarter turns, crops and pads are exact
    for every dtype; without any op the batch itself is given back.

    Args:
        ops: in order; those that do not touch the target are passed over.
        batch: (N, C, H, W) of numbers; of pictures uint8, uint16, or floats that are black at 0
            and white at 1.
        target: what the batch holds: pictures or masks.
        fuse: "all", "exact" or "none".

    Raises:
        DataTypeError, DataError: it is no tensor, or not one of four axes.
        BackendError: an op has no kernel for batches.

    >>> import torch
    >>> from anamorph.ir.ops import Warp
    >>> flip = Warp.symmetry("h", (1, 3))
    >>> render_ops([flip], torch.tensor([[[[1, 2, 3]]]])).tolist()
    [[[[3, 2, 1]]]]
    """
    check(batch, "batch")
    size = int(batch.shape[2]), int(batch.shape[3])
    touching = [op for op in ops if target in op.targets]
    for op in windowed([step.op for step in fused(touching, size, fuse)], size):
        batch = BACKEND.pack([op], Spec.of(batch), target).to(batch.device)(batch)
    return batch


def check(batch: object, place: str) -> None:
    """Refuse what is no batch.

    Raises:
        DataTypeError, DataError: it is no tensor, or not one of four axes.
    """
    if not isinstance(batch, Tensor):
        raise DataTypeError(
            f"{place} is a {type(batch).__name__}: it must be a tensor (N, C, H, W)"
        )
    if batch.ndim != 4 or 0 in batch.shape[1:]:
        shape = tuple(batch.shape)
        raise DataError(f"{place} has shape {shape}: it must be (N, C, H, W), no side of length 0")
