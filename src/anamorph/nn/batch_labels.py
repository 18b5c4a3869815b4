"""Boxes and keypoints of a batch: by the kernels of the CPU, or on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anamorph.backends import BACKENDS, DEFAULT
from anamorph.backends.torch.base import moved
from anamorph.core import constants as K
from anamorph.core.boxes import SLIVER, BboxParams
from anamorph.core.errors import BackendError, DataError, DataTypeError
from anamorph.core.keypoints import KeypointParams
from anamorph.ir import matrix as mx
from anamorph.ir.ops import BOXES, POINTS, Op, Size, Target, Warp
from anamorph.ir.plan import Plan
from anamorph.ir.rules import Step, fuse

Ints = npt.NDArray[np.int64]
Params = BboxParams | KeypointParams
_MIRRORING = frozenset({K.BORDER_REFLECT, K.BORDER_REFLECT_101})
_DUST = 1e-6


@dataclass(frozen=True, slots=True)
class Labels:
    """Rows of each sample, and which of its own rows each came from."""

    rows: list[Any]
    index: list[Any]


def label_steps(plan: Plan, target: Target, mode: str) -> list[Step]:
    """The fused steps of a plan for boxes or keypoints."""
    return fuse([op for op in plan.ops if target in op.targets], plan.size, mode)


def check_count(given: Any, plans: Sequence[Plan], place: str) -> list[Any]:
    """Refuse labels that are not a list with an item a sample.

    Raises:
        DataTypeError, DataError: they are not.
    """
    if not isinstance(given, list | tuple):
        raise DataTypeError(
            f"{place} is a {type(given).__name__}: it must be a list with the rows of each sample"
        )
    if len(given) != len(plans):
        raise DataError(f"{place} holds {len(given)} samples for {len(plans)} plans")
    return list(given)


# -------------------------------------------------------------------------------- on the host


def on_host(
    plans: Sequence[Plan], given: Sequence[Any], target: Target, params: Params, mode: str
) -> Labels:
    """Follow labels by the kernels of the CPU, exactly as a pipeline does."""
    done = [_follow(*pair, target, params, mode) for pair in zip(plans, given, strict=True)]
    return Labels([rows for rows, _ in done], [index for _, index in done])


def _follow(plan: Plan, given: Any, target: Target, params: Any, mode: str) -> tuple[Any, Ints]:
    rows = given.detach().cpu().numpy() if isinstance(given, Tensor) else given
    value = params.read(rows, plan.size)
    for step in label_steps(plan, target, mode):
        kernel = BACKENDS[DEFAULT].kernel(step.op, target)
        met = kernel(step.op, value, step.source)
        if params.check_each_transform:
            met = params.settle(met, step.op.size_after(step.source), value)
        value = met
    size = plan.sizes[-1]
    if params.settles_last:
        value = params.settle(value, size)
    written, index = params.write(value, rows, size), _origins(params, value, len(rows))
    if isinstance(given, Tensor):
        written = torch.as_tensor(written).to(given.device, given.dtype)
    return written, index


def _origins(params: Any, value: Any, count: int) -> Ints:
    """Which rows are left, in the order in which they are written."""
    if isinstance(params, KeypointParams):
        return np.asarray(params.relabel(value, "", np.arange(count)), np.int64)
    return np.asarray(value.index, np.int64)


# ------------------------------------------------------------------------------ on a device


def on_device(
    plans: Sequence[Plan], given: Sequence[Any], target: Target, params: Params, mode: str
) -> Labels:
    """Follow labels where they are, all samples at once: warps by matrices, nothing else.

    Raises:
        BackendError: a plan or the format of the labels needs more than matrices.
        DataTypeError: the rows of a sample are no tensor.
    """
    width = _check_format(target, params)
    for i, rows in enumerate(given):
        if not isinstance(rows, Tensor):
            raise DataTypeError(
                f"{target.value}[{i}] is a {type(rows).__name__}: labels on a device are tensors"
            )
    steps = [label_steps(plan, target, mode) for plan in plans]
    for step in (step for line in steps for step in line):
        _check_step(step, target)
    lengths = [len(rows) for rows in given]
    data = torch.cat([_columns(rows, width) for rows in given])
    sample = torch.repeat_interleave(torch.arange(len(plans)), torch.tensor(lengths))
    own = torch.cat([torch.arange(n) for n in lengths])
    tables = _tables(steps)
    sample, own, matrices, sizes = moved([sample, own, *tables], data.device)
    found, keep = _RUNS[target](data.to(matrices.dtype), sample, matrices, sizes)
    none = torch.zeros(len(plans), dtype=torch.int64, device=data.device)
    counts = none.index_add(0, sample, keep.to(torch.int64)).tolist()
    rows = torch.split(found[keep].to(data.dtype), counts)
    return Labels(list(rows), list(torch.split(own[keep], counts)))


def _columns(rows: Tensor, width: int) -> Tensor:
    return rows[:, :width] if rows.numel() else rows.new_zeros(0, width)


def _check_format(target: Target, params: Any) -> int:
    """Give the number of columns.

    Raises:
        BackendError: the format is none that is followed on devices.
    """
    if target is BOXES:
        fits = params.format == "pascal_voc" and not params.oriented and not params.settles_last
    else:
        fits = params.format == "xy" and params.remove_invisible and not params.settles_last
    if not fits:
        raise BackendError(
            f'{target.value} on a device are "pascal_voc" or "xy", without thresholds, settled at '
            'each step: labels="host" knows the others'
        )
    return 4 if target is BOXES else 2


def _check_step(step: Step, target: Target) -> None:
    op: Op = step.op
    simple = isinstance(op, Warp) and op.sampling.border not in _MIRRORING
    if simple and isinstance(op, Warp):
        simple = _in_front(op.matrix, step.source)
        simple &= op.sampling.box_method != "ellipse" or mx.is_axis_aligned(op.matrix)
    if not simple:
        raise BackendError(
            f'{op} on {target.value} is more than a matrix: labels="host" follows it on the CPU'
        )


def _in_front(m: mx.Matrix, size: Size) -> bool:
    return mx.is_affine(m) or all(m[6] * x + m[7] * y + m[8] > 1e-3 for x, y in mx.corners(*size))


def _tables(steps: Sequence[Sequence[Step]]) -> list[Tensor]:
    """Matrices (steps, N, 3, 3) and canvases (steps, N, 2) as x, y; missing steps do nothing."""
    longest = max(map(len, steps), default=0)
    matrices = np.tile(np.eye(3), (longest, len(steps), 1, 1))
    canvases = np.full((longest, len(steps), 2), np.inf)
    for n, line in enumerate(steps):
        for k, step in enumerate(line):
            op: Any = step.op
            matrices[k, n] = np.array(op.matrix).reshape(3, 3)
            canvases[k, n] = op.size[::-1]
    return [torch.from_numpy(matrices), torch.from_numpy(canvases)]


def _boxes(data: Tensor, sample: Tensor, matrices: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    keep = torch.ones(len(data), dtype=torch.bool, device=data.device)
    for of_step, canvas in zip(matrices, sizes, strict=True):
        corners = torch.stack([data[:, k] for k in (0, 1, 2, 1, 2, 3, 0, 3)], 1).reshape(-1, 4, 2)
        mapped = _mapped(of_step[sample][:, None], corners)
        high = canvas[sample]
        low_corner = mapped.amin(1).clamp(min=0.0)
        high_corner = torch.minimum(mapped.amax(1), high)
        data = torch.cat([low_corner, high_corner], 1)
        keep = keep & ((high_corner - low_corner) > SLIVER).all(1)
    return data, keep


def _points(data: Tensor, sample: Tensor, matrices: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    data = data + 0.5
    keep = torch.ones(len(data), dtype=torch.bool, device=data.device)
    for of_step, canvas in zip(matrices, sizes, strict=True):
        data = _mapped(of_step[sample], data)
        keep = keep & ((data >= -_DUST) & (data <= canvas[sample] + _DUST)).all(1)
    return data - 0.5, keep


def _mapped(m: Tensor, places: Tensor) -> Tensor:
    """Take places (…, 2) through matrices (…, 3, 3)."""
    x, y = places[..., 0], places[..., 1]
    u, v, depth = (m[..., i, 0] * x + m[..., i, 1] * y + m[..., i, 2] for i in range(3))
    return torch.stack([u / depth, v / depth], -1)


_RUNS: Mapping[Target, Any] = {BOXES: _boxes, POINTS: _points}
