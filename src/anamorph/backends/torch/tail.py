"""The canonical plan in one go: warp, tone, colors, conversion, from bytes to floats.

Nearly every training pipeline ends in ``Warp → Curve → ColorMatrix → Cast``, any of which may be
missing. Here all samples of a batch are brought to that form, with nothing between the bytes that
are read and the numbers that are written: four neighbours are gathered from the source as it lies
in memory (channels first or last, of one size or of many), weighed, and taken through a table, a
matrix and a table.

`run` does this in plain torch, in a form that a compiler fuses; `anamorph.backends.torch.tail_kernel`
does it in one kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anamorph.backends.torch import axes, tone
from anamorph.backends.torch.base import Bundle, Spec, bundled, fills, moved
from anamorph.backends.torch.cast import DTYPES
from anamorph.backends.torch.window import AnyWarp, Windowed
from anamorph.core import constants as K
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Cast, Color, ColorMatrix, Curve, Op, Size, Warp
from anamorph.ir.tone import needs_mean

Floats = npt.NDArray[np.float64]
_FAR = 1e9
_EDGELESS = frozenset({K.BORDER_CONSTANT, K.BORDER_REPLICATE})
_ORDER: Sequence[tuple[type[Op], ...]] = ((Warp, Windowed), (Curve,), (ColorMatrix,), (Cast,))


class Geometry(NamedTuple):
    """Numbers of all samples, a row each.

    ``back`` (N, 6) takes a pixel's centre on the canvas to its place in the source, which is then
    brought into ``bounds`` (N, 4: x low, y low, x high, y high). Neighbours outside of ``window``
    (N, 4: x0, y0, x1, y1 in the source), and pixels outside of ``frame`` (the same on the canvas),
    are ``fill`` (N, C).
    """

    back: Tensor
    bounds: Tensor
    window: Tensor
    frame: Tensor
    fill: Tensor


class Values(NamedTuple):
    """What becomes of levels: tables (N, C, 256) before and after a matrix (N, C, C + 1)."""

    first: Tensor
    mix: Tensor
    last: Tensor


class Source(NamedTuple):
    """Bytes as they lie: ``where`` (N, 4) holds offset and the strides of channel, row, column."""

    flat: Tensor
    where: Tensor


@dataclass(frozen=True, slots=True)
class Tail:
    """A batch of canonical plans; ``tones`` and ``mixes`` say whether any sample needs them."""

    geometry: Geometry
    values: Values
    size: Size
    tones: bool
    mixes: bool

    @property
    def channels(self) -> int:
        """Number of channels of the pictures."""
        return int(self.geometry.fill.shape[1])

    def to(self, device: torch.device | str) -> Tail:
        """Move all numbers to a device, in one copy."""
        there = moved([*self.geometry, *self.values], device)
        return _restored((self.size, self.tones, self.mixes), there)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all tensors as one: between processes each costs a file of shared memory."""
        bundle = bundled([t.cpu() for t in (*self.geometry, *self.values)])
        return _unbundled, ((self.size, self.tones, self.mixes), bundle)


def _unbundled(facts: tuple[Size, bool, bool], bundle: Bundle) -> Tail:
    return _restored(facts, bundle.tensors())


def _restored(facts: tuple[Size, bool, bool], tensors: Sequence[Tensor]) -> Tail:
    return Tail(Geometry(*tensors[:5]), Values(*tensors[5:]), *facts)


# --------------------------------------------------------------------------------- packing


def canonical(plans: Sequence[Sequence[Op]], specs: Sequence[Spec]) -> Tail | None:
    """Pack plans if all are canonical, end in floats of one dtype, and begin with bytes."""
    lines = [_slots(ops) for ops in plans]
    known = [line for line in lines if line is not None]
    if len(known) != len(plans) or not _alike(known, specs):
        return None
    rows = [_Row.of(line[0], spec) for line, spec in zip(known, specs, strict=True)]
    if any(row is None for row in rows) or len({row.size for row in rows if row}) > 1:
        return None
    held = [row for row in rows if row is not None]
    tones, mixes = (any(line[k] is not None for line in known) for k in (1, 2))
    back, bounds, window, frame = (
        torch.tensor([getattr(row, name) for row in held], dtype=torch.float32)
        for name in ("back", "bounds", "window", "frame")
    )
    fill = _filled([row.fill for row in held], specs[0])
    geometry = Geometry(back, bounds, window, frame, fill)
    return Tail(geometry, _values(known, specs[0].channels), held[0].size, tones, mixes)


Slots = tuple[Any, Any, Any, Any]


def _slots(ops: Sequence[Op]) -> Slots | None:
    """Put ops into the four places of the canonical plan, None where one is missing."""
    found: list[Op | None] = [None] * 4
    place = 0
    for op in ops:
        while place < 4 and type(op) not in _ORDER[place]:
            place += 1
        if place == 4:
            return None
        found[place] = op
        place += 1
    warp, curve, mix, cast = found
    return (warp, curve, mix, cast) if isinstance(cast, Cast) else None


def _alike(lines: Sequence[Slots], specs: Sequence[Spec]) -> bool:
    channels = {spec.channels for spec in specs}
    simple = all(
        not needs_mean(cast.steps + (curve.steps if curve else ()))
        and (mix is None or {len(mix.rows), len(mix.rows[0]) - 1} == channels)
        for _, curve, mix, cast in lines
    )
    dtypes = {DTYPES.get(cast.dtype or "") for *_, cast in lines}
    floats = all(dtype is not None and dtype.is_floating_point for dtype in dtypes)
    bytes_in = {spec.dtype for spec in specs} == {torch.uint8}
    return simple and floats and bytes_in and len(channels) == 1 and len(dtypes) == 1


class _Row(NamedTuple):
    """The geometry of one sample, plain numbers."""

    back: tuple[float, ...]
    bounds: tuple[float, ...]
    window: tuple[float, ...]
    frame: tuple[float, ...]
    fill: Color
    size: Size

    @staticmethod
    def of(warp: AnyWarp | None, spec: Spec) -> _Row | None:
        """Bring a warp to rows of numbers; None if it reads otherwise than linearly."""
        op = warp or Warp(mx.IDENTITY, spec.size)
        laid = axes.lay(op, spec.size)
        linear = op.sampling.interpolation in axes.LINEAR
        if laid is not None:
            framed = laid.x.framed or laid.y.framed
            plain = not framed or laid.border in _EDGELESS
            return _laid(op, laid) if plain and (linear or not laid.scaled) else None
        free = linear and mx.is_affine(op.matrix) and op.sampling.border in _EDGELESS
        return _free(op, spec.size) if free else None


def _laid(op: AnyWarp, laid: axes.Laid) -> _Row:
    x, y = laid.x, laid.y
    (ax, bx), (ay, by) = map(_line, (x, y))
    back = (0.0, ay, by, ax, 0.0, bx) if laid.turned else (ax, 0.0, bx, 0.0, ay, by)
    columns, rows = (y, x) if laid.turned else (x, y)
    window = columns.start, rows.start, columns.stop, rows.stop
    bounds = window[0] + 0.5, window[1] + 0.5, window[2] - 0.5, window[3] - 0.5
    frame = x.offset, y.offset, x.offset + x.length, y.offset + y.length
    whole = (-_FAR, -_FAR, _FAR, _FAR)
    if laid.border == K.BORDER_REPLICATE:
        frame = whole  # type: ignore[assignment]
    return _Row(back, bounds, window, frame, op.sampling.fill, op.size)


def _line(axis: axes.Axis) -> tuple[float, float]:
    """Factor and shift from the canvas back to the source."""
    step = (axis.stop - axis.start) / axis.length
    if axis.flipped:
        return -step, axis.stop + axis.offset * step
    return step, axis.start - axis.offset * step


def _free(op: AnyWarp, size: Size) -> _Row:
    a, b, c, d, e, f = mx.invert(op.matrix)[:6]
    x0, y0, x1, y1 = op.region if isinstance(op, Windowed) else (0, 0, size[1], size[0])
    back = a, b, c + x0, d, e, f + y0
    whole = (-_FAR, -_FAR, _FAR, _FAR)
    bounds = whole
    if op.sampling.border == K.BORDER_REPLICATE:
        bounds = (x0 + 0.5, y0 + 0.5, x1 - 0.5, y1 - 0.5)
    return _Row(back, bounds, (x0, y0, x1, y1), whole, op.sampling.fill, op.size)


def _filled(values: Sequence[Color], spec: Spec) -> Tensor:
    return fills(values, spec)[:, :, 0, 0].to(torch.float32)


def _values(lines: Sequence[Slots], channels: int) -> Values:
    spec = Spec((1, 1), channels, torch.uint8)
    tables = tone.tables([curve.steps if curve else () for _, curve, _, _ in lines], spec)
    first = np.rint(np.stack(tables).clip(0.0, 1.0) * 255.0)
    still = np.eye(channels, channels + 1)
    mixes = np.stack([still if mix is None else np.array(mix.rows) for _, _, mix, _ in lines])
    mixes[:, :, -1] *= 255.0
    casts = [cast for *_, cast in lines]
    last = np.stack(tone.tables([cast.steps for cast in casts], spec)) * 255.0
    last = last * _column([c.scale for c in casts]) + _column([c.offset for c in casts])
    dtype = DTYPES[casts[0].dtype]
    return Values(
        torch.from_numpy(first.astype(np.float32)),
        torch.from_numpy(mixes.astype(np.float32)),
        torch.from_numpy(last).to(dtype),
    )


def _column(values: Sequence[Color]) -> Floats:
    width = max(np.size(value) for value in values)
    rows = [np.broadcast_to(np.asarray(value, np.float64), (width,)) for value in values]
    return np.stack(rows)[:, :, None]


# --------------------------------------------------------------------------------- sources


def source_of(state: Tensor | Sequence[Tensor]) -> Source:
    """See pictures as one run of bytes: a batch without a copy, a list in one copy."""
    if isinstance(state, Tensor):
        flat, strides = _lying(state)
        step = state[0].numel()
        where = [[n * step, *strides] for n in range(len(state))]
        return Source(flat, torch.tensor(where).to(state.device, non_blocking=True))
    parts = [_lying(piece) for piece in state]
    starts = np.cumsum([0] + [len(flat) for flat, _ in parts]).tolist()
    where = [[start, *strides] for start, (_, strides) in zip(starts, parts, strict=False)]
    flat = torch.cat([flat for flat, _ in parts])
    return Source(flat, torch.tensor(where).to(flat.device, non_blocking=True))


def _lying(batch: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
    """The bytes of a batch (N, C, H, W), and the strides of channel, row and column."""
    _, channels, height, width = batch.shape
    last = batch.permute(0, 2, 3, 1)
    if not batch.is_contiguous() and last.is_contiguous():
        return last.reshape(-1), (1, width * channels, channels)
    return batch.reshape(-1), (height * width, width, 1)


# --------------------------------------------------------------------------------- running


def rendered(tail: Tail, state: Tensor | list[Tensor], *, always: bool) -> Tensor | None:
    """Render bytes by one kernel where there is CUDA and Triton; None if they are to go another way.

    Args:
        tail: the numbers.
        state: a batch, or a list of samples (1, C, H, W).
        always: whether to render in plain torch rather than not at all.
    """
    pieces = [state] if isinstance(state, Tensor) else state
    if any(p.dtype != torch.uint8 or p.shape[1] != tail.channels for p in pieces):
        return None
    device = pieces[0].device
    if always:
        return run(tail.to(device), source_of(state))
    kernel = _kernel() if device.type == "cuda" else None
    if kernel is None or not kernel.serves(tail):
        return None
    done: Tensor = kernel.run(tail.to(device), source_of(state))
    return done


@cache
def _kernel() -> Any:
    name = "anamorph.backends.torch.tail_kernel"
    return import_module(name) if find_spec("triton") else None


def run(tail: Tail, source: Source) -> Tensor:
    """Render in plain torch.

    Returns:
        (N, C, h, w) in the dtype of the conversion.
    """
    levels = sampled(tail.geometry, source, tail.size).round().clamp(0.0, 255.0)
    first, mix, last = tail.values
    if tail.tones:
        levels = tone.tabled(levels.to(torch.uint8), first)
    if tail.mixes:
        n, channels = levels.shape[:2]
        mixed = torch.baddbmm(mix[:, :, -1:], mix[:, :, :-1], levels.reshape(n, channels, -1))
        levels = mixed.round().clamp(0.0, 255.0).reshape(levels.shape)
    return tone.tabled(levels.to(torch.uint8), last)


def sampled(geometry: Geometry, source: Source, size: Size) -> Tensor:
    """Weigh the four neighbours of each place: levels (N, C, h, w), not yet rounded."""
    g = geometry
    x = (torch.arange(size[1], device=g.back.device) + 0.5)[None, None, :]
    y = (torch.arange(size[0], device=g.back.device) + 0.5)[None, :, None]
    m, low, window = (t[:, :, None, None] for t in (g.back, g.bounds, g.window))
    u = torch.clamp(m[:, 0] * x + (m[:, 1] * y + m[:, 2]), low[:, 0], low[:, 2]) - 0.5
    v = torch.clamp(m[:, 3] * x + (m[:, 4] * y + m[:, 5]), low[:, 1], low[:, 3]) - 0.5
    left, top = torch.floor(u), torch.floor(v)
    fill = g.fill[:, :, None, None]
    total: Tensor | float = 0.0
    for row, down in ((top, 1 - (v - top)), (top + 1, v - top)):
        for column, across in ((left, 1 - (u - left)), (left + 1, u - left)):
            inside = (column >= window[:, 0]) & (column < window[:, 2])
            inside &= (row >= window[:, 1]) & (row < window[:, 3])
            near = _bytes(source, row, column, window, fill.shape[1])
            near = torch.where(inside[:, None], near, fill)
            total = total + (down * across)[:, None] * near
    f = g.frame[:, :, None, None]
    shown = (x > f[:, 0]) & (x < f[:, 2]) & (y > f[:, 1]) & (y < f[:, 3])
    return torch.where(shown[:, None], torch.as_tensor(total), fill)


def _bytes(source: Source, row: Tensor, column: Tensor, window: Tensor, channels: int) -> Tensor:
    """Bytes at whole places, those outside of the window brought to its edge, as floats."""
    i = torch.clamp(row, window[:, 1], window[:, 3] - 1).to(torch.int64)
    j = torch.clamp(column, window[:, 0], window[:, 2] - 1).to(torch.int64)
    offset, of_channel, of_row, of_column = source.where[:, :, None, None].unbind(1)
    plane = torch.arange(channels, device=row.device)[None, :, None, None]
    at = (offset + i * of_row + j * of_column)[:, None] + plane * of_channel[:, None]
    return source.flat[at].to(torch.float32)
