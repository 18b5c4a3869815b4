"""The canonical plan as one Triton kernel: bytes are read once, floats are written once.

A program does a run of pixels of one sample, all its channels. Places are worked out in single
precision, and halves are rounded up where `anamorph.backends.torch.tail.run` rounds them to even:
one level at most. Without Triton the module loads, and `run` must not be called.
"""

# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call, misc"
# pyright: reportInvalidTypeForm=false
# ruff: noqa: ANN001, ANN202, PLR0913, PLR0917 - what Triton compiles is no Python: types are Triton's

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from anamorph.backends.torch.tail import Source, Tail

_HAS = find_spec("triton") is not None
triton: Any = import_module("triton") if _HAS else None
tl: Any = import_module("triton.language") if _HAS else None


def _compiled(function: Any) -> Any:
    return triton.jit(function) if _HAS else function


_BLOCK = 512


def serves(tail: Tail) -> bool:
    """Tell whether the kernel does a batch: matrices mix three channels."""
    return tail.channels == 3 or (tail.channels < 9 and not tail.mixes)


def run(tail: Tail, source: Source) -> Tensor:
    """Render with one kernel.

    Returns:
        (N, C, h, w) in the dtype of the conversion, within a level of what `tail.run` gives.
    """
    g, values = tail.geometry, tail.values
    n, channels = g.fill.shape
    height, width = tail.size
    last = values.last.contiguous()
    out = torch.empty((n, channels, height, width), dtype=last.dtype, device=last.device)
    grid = (n, triton.cdiv(height * width, _BLOCK))
    _kernel[grid](
        *(source.flat, source.where, out),
        *(t.contiguous() for t in (*g, values.first, values.mix)),
        *(last, height, width),
        channels=channels,
        tones=tail.tones,
        mixes=tail.mixes,
        block=_BLOCK,
    )
    return out


@_compiled
def _kernel(
    flat, where, out,
    back, bounds, window, frame, fill, first, mix,
    last, height, width,
    channels: tl.constexpr, tones: tl.constexpr, mixes: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0).to(tl.int64)
    pixel = tl.program_id(1) * block + tl.arange(0, block)
    alive = pixel < height * width
    x = (pixel % width).to(tl.float32) + 0.5
    y = (pixel // width).to(tl.float32) + 0.5
    u = _place(back + n * 6, bounds + n * 4, x, y)
    v = _place(back + n * 6 + 3, bounds + n * 4 + 1, x, y)
    f = frame + n * 4
    shown = (x > tl.load(f)) & (x < tl.load(f + 2)) & (y > tl.load(f + 1)) & (y < tl.load(f + 3))
    flat += tl.load(where + n * 4)
    where += n * 4
    window += n * 4
    fill += n * channels
    first += n * channels * 256
    last += n * channels * 256
    mix += n * channels * (channels + 1)
    out += n * channels * height * width + pixel
    if mixes:
        red = _level(flat, where, window, fill, first, u, v, shown & alive, 0, tones)
        green = _level(flat, where, window, fill, first, u, v, shown & alive, 1, tones)
        blue = _level(flat, where, window, fill, first, u, v, shown & alive, 2, tones)
        for c in tl.static_range(channels):
            m = mix + c * 4
            mixed = tl.load(m) * red + tl.load(m + 1) * green + tl.load(m + 2) * blue
            level = _rounded(mixed + tl.load(m + 3))
            value = tl.load(last + c * 256 + level.to(tl.int32), mask=alive)
            tl.store(out + c * height * width, value, mask=alive)
    else:
        for c in tl.static_range(channels):
            level = _level(flat, where, window, fill, first, u, v, shown & alive, c, tones)
            value = tl.load(last + c * 256 + level.to(tl.int32), mask=alive)
            tl.store(out + c * height * width, value, mask=alive)


@_compiled
def _place(m, bounds, x, y):
    """Coordinate in the source of centres on the canvas, counted from the centre of a pixel."""
    at = tl.load(m) * x + (tl.load(m + 1) * y + tl.load(m + 2))
    return tl.minimum(tl.maximum(at, tl.load(bounds)), tl.load(bounds + 2)) - 0.5


@_compiled
def _level(flat, where, window, fill, first, u, v, shown, c: tl.constexpr, tones: tl.constexpr):
    """Weigh the four neighbours in one channel, and take the level through the first table."""
    left = tl.floor(u)
    top = tl.floor(v)
    empty = tl.load(fill + c)
    right = u - left
    down = v - top
    above = (1 - right) * _near(flat, where, window, left, top, c, empty, shown)
    above += right * _near(flat, where, window, left + 1, top, c, empty, shown)
    below = (1 - right) * _near(flat, where, window, left, top + 1, c, empty, shown)
    below += right * _near(flat, where, window, left + 1, top + 1, c, empty, shown)
    level = _rounded(tl.where(shown, (1 - down) * above + down * below, empty))
    if tones:
        level = tl.load(first + c * 256 + level.to(tl.int32))
    return level


@_compiled
def _near(flat, where, window, column, row, c: tl.constexpr, empty, shown):
    """A byte at a whole place, the fill outside of the window."""
    inside = (column >= tl.load(window)) & (column < tl.load(window + 2)) & shown
    inside = inside & (row >= tl.load(window + 1)) & (row < tl.load(window + 3))
    i = tl.where(inside, row, 0.0).to(tl.int64)
    j = tl.where(inside, column, 0.0).to(tl.int64)
    at = i * tl.load(where + 2) + j * tl.load(where + 3) + c * tl.load(where + 1)
    return tl.where(inside, tl.load(flat + at, mask=inside, other=0).to(tl.float32), empty)


@_compiled
def _rounded(value):
    return tl.minimum(tl.maximum(tl.floor(value + 0.5), 0.0), 255.0)
