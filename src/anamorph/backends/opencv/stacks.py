"""Ops of pictures on all slices of a stack (N, H, W, C) at once, where that is quicker."""

from __future__ import annotations

from collections.abc import Mapping

from anamorph.backends.base import Kernel
from anamorph.backends.opencv.color import KERNELS as COLOR
from anamorph.backends.opencv.lattice import Array, fill_vector
from anamorph.backends.opencv.tone import KERNELS as TONE
from anamorph.backends.opencv.volume_lattice import lattice
from anamorph.ir import matrix as mx
from anamorph.ir import matrix3 as mx3
from anamorph.ir.ops import IMAGE, MASK, Color, ColorMatrix, Curve, Fill, Op, Target, Warp


def warp_stack(op: Warp, block: Array, fill: Color) -> Array | None:
    """Crop, flip, turn and pad all slices; None if values are to be interpolated."""
    if not mx.is_lattice(op.matrix):
        return None
    a, b, c, d, e, f, *_ = op.matrix
    m = mx3.joined(((a, b, 0), (d, e, 0), (0, 0, 1)), (c, f, 0))
    return lattice(block, m, (len(block), *op.size), op.sampling.border, fill)


def warp_images(op: Warp, block: Array) -> Array | None:
    """Warp the slices of a volume or a clip."""
    return warp_stack(op, block, op.sampling.fill)


def warp_masks(op: Warp, block: Array) -> Array | None:
    """Warp the slices of masks."""
    return warp_stack(op, block, op.sampling.fill_mask)


def _pointwise(kernel: Kernel) -> Kernel:
    """Run what looks at one pixel at a time on the slices as one tall picture."""

    def run(op: Op, block: Array) -> Array | None:
        count, height, width, channels = block.shape
        if not block.flags.c_contiguous:
            return None
        done: Array = kernel(op, block.reshape(count * height, width, channels))
        return done.reshape(count, height, width, -1)

    return run


def fill_images(op: Fill, block: Array) -> Array | None:
    """Overwrite the same rectangles of all slices, if with values."""
    if isinstance(op.value, str) or op.stencil:
        return None
    return _filled(op, block, op.value)


def fill_masks(op: Fill, block: Array) -> Array | None:
    """Overwrite the same rectangles of all masks."""
    if op.mask_value is None or op.stencil:
        return None
    return _filled(op, block, op.mask_value)


def _filled(op: Fill, block: Array, value: Color) -> Array:
    color = fill_vector(value, block.shape[3], block.dtype)
    plain = color if len(set(color.tolist())) > 1 else color[0]
    out = block.copy(order="C")
    for x0, y0, x1, y1 in op.regions:
        out[:, y0:y1, x0:x1] = plain
    return out


STACKS: Mapping[tuple[type[Op], Target], Kernel] = {
    (Warp, IMAGE): warp_images,
    (Warp, MASK): warp_masks,
    (Curve, IMAGE): _pointwise(TONE[Curve, IMAGE]),
    (ColorMatrix, IMAGE): _pointwise(COLOR[ColorMatrix, IMAGE]),
    (Fill, IMAGE): fill_images,
    (Fill, MASK): fill_masks,
}
