"""The greatest and the least of neighbours, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from anamorph.backends.torch.base import Job, Pack, Spec, by_parts
from anamorph.ir.ops import MASK, Convolve, Op, Target


def pack_rank(ops: Sequence[Convolve], spec: Spec) -> Job:
    """Take the greatest or the least of what the cells cover inside of the picture."""
    return by_parts(ops, spec, lambda op: (op.kind, op.kernel), lambda _: _pack)


def _pack(ops: Sequence[Convolve], spec: Spec) -> Job:
    op = ops[0]
    down, across = len(op.kernel) // 2, len(op.kernel[0]) // 2
    cells = [
        (i - down, j - across)
        for i, row in enumerate(op.kernel)
        for j, cell in enumerate(row)
        if cell
    ]
    y, x = np.mgrid[: spec.size[0], : spec.size[1]]
    sees = np.zeros(spec.size, np.bool_)
    for dy, dx in cells:
        sees |= (y + dy >= 0) & (y + dy < spec.size[0]) & (x + dx >= 0) & (x + dx < spec.size[1])
    facts = {"cells": cells, "grows": op.kind == "dilate"}
    return Job(_run, {"sees": torch.from_numpy(sees)}, facts)


def _run(job: Job, batch: Tensor) -> Tensor:
    values = batch.to(_COMPARED.get(batch.dtype, batch.dtype))
    grows: bool = job.facts["grows"]
    choose = torch.maximum if grows else torch.minimum
    reach = max((max(abs(dy), abs(dx)) for dy, dx in job.facts["cells"]), default=0)
    height, width = batch.shape[2:]
    shape = (*batch.shape[:2], height + 2 * reach, width + 2 * reach)
    wide = values.new_full(shape, _worst(values.dtype, grows=grows))
    wide[:, :, reach : reach + height, reach : reach + width] = values
    out: Tensor | None = None
    for dy, dx in job.facts["cells"]:
        near = wide[:, :, reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        out = near if out is None else choose(out, near)
    if out is None:
        return batch
    return torch.where(job.tensors["sees"], out, values).to(batch.dtype)


_COMPARED: Mapping[torch.dtype, torch.dtype] = {torch.bool: torch.uint8, torch.uint16: torch.int32}
"""Types that torch does not compare → types that hold their values."""


def _worst(dtype: torch.dtype, *, grows: bool) -> float:
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return info.min if grows else info.max


KERNELS: Mapping[tuple[type[Op], Target], Pack] = {(Convolve, MASK): pack_rank}
