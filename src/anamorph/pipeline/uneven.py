"""Targets of another size than the picture: the same scene at another resolution.

They are admitted by ``Compose(is_check_shapes=False)``. What keeps the size of the picture keeps
theirs; what gives the picture a new size gives them the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from anamorph.ir import matrix as mx
from anamorph.ir.collage import Collage
from anamorph.ir.ops import Blend, Fill, Op, Remap, Size, Tiles, Warp
from anamorph.pipeline.targets import Entry

_IN_PIXELS = (Remap, Fill, Tiles, Blend, Collage)
"""Ops that name pixels of the scene."""


def adapted(ops: Iterable[Op], entry: Entry, own: Size) -> Iterator[Op]:
    """Give the ops for a target of its own size.

    Args:
        ops: the ops as drawn for the scene.
        entry: the target; its ``size`` is that of the scene before them.
        own: size of the target before them.
    """
    scene = entry.size
    for op in ops:
        if not entry.takes(op):  # a picture beside a volume that is cropped, say
            scene = op.size_after(scene)
            continue
        if own == scene:
            yield op
            own = op.size_after(own)
        elif isinstance(op, Warp):
            size = _canvas(op, scene, own)
            into = mx.matmul(op.matrix, _scaling(own, scene))
            yield replace(
                op, matrix=mx.snapped(mx.matmul(_scaling(op.size, size), into)), size=size
            )
            own = size
        elif isinstance(op, _IN_PIXELS):
            yield Warp.resize(own, scene)
            yield op
            own = op.size_after(scene)
        else:
            yield op
        scene = op.size_after(scene)


def _canvas(op: Warp, scene: Size, own: Size) -> Size:
    """The size that a target of another size has after a warp."""
    turned = op.matrix[0] == op.matrix[4] == 0.0
    if turned and op.size == scene[::-1]:
        return own[1], own[0]
    return own if op.size == scene else op.size


def _scaling(size: Size, to: Size) -> mx.Matrix:
    return mx.scaling(to[1] / size[1], to[0] / size[0])
