"""Reading pictures at places: what a border shows, and how neighbours are weighed, on the device.

Batches are (N, C, H, W), places are (N, h, w) in continuous pixels, pixel i spanning [i, i+1).
Where torch samples by itself (`torch.nn.functional.grid_sample`, linear) it does the work; all else
is gathered pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.backends.torch.axes import LINEAR, NEAREST, WEIGHTS
from anamorph.backends.torch.base import SIGNED, stored, working
from anamorph.core import constants as K

TIE = 1 / 512
"""A place this little below a pixel's edge counts as beyond it, so that all precisions agree."""
_FAR = 1e8
_HORIZON = 1e-9


class Reading(NamedTuple):
    """How places are read: interpolation, border, and the fill (N, C, 1, 1) in the batch's dtype.

    ``blank`` says that the fill is known to be zero.
    """

    interpolation: int
    border: int
    fill: Tensor
    blank: bool = False


class Places(NamedTuple):
    """Where pixels are read: x and y (N, h, w), and what lies before the horizon (None: all)."""

    x: Tensor
    y: Tensor
    front: Tensor | None = None

    def spread(self, n: int) -> Places:
        """Take one sample's places for all of n."""
        x, y = self.x.expand(n, -1, -1), self.y.expand(n, -1, -1)
        return Places(x, y, None if self.front is None else self.front.expand(n, -1, -1))


def centers(length: int, like: Tensor) -> Tensor:
    """Centres of so many pixels."""
    return torch.arange(length, device=like.device, dtype=like.dtype) + 0.5


def through(back: Tensor, size: tuple[int, int], *, affine: bool) -> Places:
    """Take each pixel's centre through matrices (N, 3, 3) from the result back to the source."""
    x, y = centers(size[1], back)[None, None, :], centers(size[0], back)[None, :, None]
    m = back[:, :, :, None, None]
    u = m[:, 0, 0] * x + (m[:, 0, 1] * y + m[:, 0, 2])
    v = m[:, 1, 0] * x + (m[:, 1, 1] * y + m[:, 1, 2])
    if affine:
        return Places(u, v)
    depth = m[:, 2, 0] * x + (m[:, 2, 1] * y + m[:, 2, 2])
    front = depth > _HORIZON
    depth = torch.where(front, depth, 1.0)
    u, v = (t.div(depth).clamp(-_FAR, _FAR) for t in (u, v))
    return Places(u, v, front)


def read(batch: Tensor, at: Places, how: Reading) -> Tensor:
    """Read a batch at places; what lies behind the horizon has the fill."""
    if how.interpolation in NEAREST:
        out = look_up(batch, torch.floor(at.y + TIE), torch.floor(at.x + TIE), how)
    elif how.interpolation in LINEAR and _samples(batch, how.border):
        out = _grid_sampled(batch, at, how)
    else:
        out = _interpolated(batch, at, how)
    if at.front is None:
        return out
    return torch.where(at.front[:, None], out, how.fill)


# ------------------------------------------------------------------------- linear, by torch


_PADDING: Mapping[int, tuple[str, bool]] = {
    K.BORDER_CONSTANT: ("zeros", False),
    K.BORDER_REPLICATE: ("border", False),
    K.BORDER_REFLECT: ("reflection", False),
    K.BORDER_REFLECT_101: ("reflection", True),
}
"""Border → what torch calls it, and whether its mirrors stand on centres of pixels."""


def _samples(batch: Tensor, border: int) -> bool:
    return border in _PADDING and (border != K.BORDER_REFLECT_101 or min(batch.shape[2:]) > 1)


def _grid_sampled(batch: Tensor, at: Places, how: Reading) -> Tensor:
    height, width = batch.shape[2:]
    padding, on_centers = _PADDING[how.border]
    if on_centers:
        grid = (at.x - 0.5) * (2 / (width - 1)) - 1, (at.y - 0.5) * (2 / (height - 1)) - 1
    else:
        grid = at.x * (2 / width) - 1, at.y * (2 / height) - 1
    values = batch.to(working(batch.dtype))
    shifts = how.border == K.BORDER_CONSTANT and not how.blank
    fill = how.fill.to(values.dtype)
    if shifts:  # beyond the picture torch reads zeros
        values = values.contiguous() - fill
    places = _as_grid(*grid, values.dtype)
    out = F.grid_sample(values, places, "bilinear", padding, align_corners=on_centers)
    return stored(out + fill if shifts else out, batch.dtype)


def _as_grid(x: Tensor, y: Tensor, dtype: torch.dtype) -> Tensor:
    """Put x and y side by side; to write them costs a fifth of what `torch.stack` takes."""
    out = torch.empty((*x.shape, 2), dtype=dtype, device=x.device)
    out[..., 0] = x
    out[..., 1] = y
    return out


# ---------------------------------------------------------------------- gathered by pixels


def fold(index: Tensor, n: int, border: int) -> Tensor:
    """The pixel of n that stands at an index; those of constant borders are brought to the edge."""
    if border == K.BORDER_WRAP:
        return index.remainder(n)
    if border == K.BORDER_REFLECT:
        index = index.remainder(2 * n)
        return torch.minimum(index, 2 * n - 1 - index)
    if border == K.BORDER_REFLECT_101:
        period = max(1, 2 * n - 2)
        index = index.remainder(period)
        return torch.minimum(index, period - index).clamp(max=n - 1)
    return index.clamp(0, n - 1)


def look_up(batch: Tensor, rows: Tensor, columns: Tensor, how: Reading) -> Tensor:
    """Pick pixels at whole places (N, h, w), those of the border beyond the picture."""
    height, width = batch.shape[2:]
    i = fold(rows, height, how.border).to(torch.int64)
    j = fold(columns, width, how.border).to(torch.int64)
    out = picked(batch, i * width + j)
    if how.border != K.BORDER_CONSTANT:
        return out
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return chosen(inside[:, None], out, how.fill)


def plain(batch: Tensor) -> Tensor:
    """See a batch in a type of the same bits that torch can move about."""
    dtype = SIGNED.get(batch.dtype)
    return batch if dtype is None else batch.view(dtype)


def seen_as(batch: Tensor, dtype: torch.dtype) -> Tensor:
    """Undo `plain`."""
    return batch if batch.dtype == dtype else batch.view(dtype)


def picked(batch: Tensor, flat: Tensor) -> Tensor:
    """Pick pixels by their numbers (N, h, w) in a picture; N may be 1 for all alike."""
    n, channels = batch.shape[:2]
    index = flat.reshape(flat.shape[0], 1, -1).expand(n, channels, -1)
    out = plain(batch).reshape(n, channels, -1).gather(2, index)
    return seen_as(out, batch.dtype).reshape(n, channels, *flat.shape[1:])


def chosen(where: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Choose between pixels of any dtype."""
    return seen_as(torch.where(where, plain(yes), plain(no)), yes.dtype)


def _interpolated(batch: Tensor, at: Places, how: Reading) -> Tensor:
    """Weigh the pixels around each place."""
    precision = working(batch.dtype)
    values = batch.to(precision)
    how = how._replace(fill=how.fill.to(precision))
    rows, row_weights = _taps(at.y - 0.5, how.interpolation)
    columns, column_weights = _taps(at.x - 0.5, how.interpolation)
    out: Tensor | float = 0.0
    for i, down in zip(rows, row_weights, strict=True):
        for j, across in zip(columns, column_weights, strict=True):
            weight = (down * across).to(precision)[:, None]
            out = out + weight * look_up(values, i, j, how)
    return stored(torch.as_tensor(out), batch.dtype)


def _taps(center: Tensor, interpolation: int) -> tuple[list[Tensor], list[Tensor]]:
    """Whole places around a place counted from pixel centres, and their weights."""
    first = torch.floor(center)
    offsets, weigh = WEIGHTS[interpolation]
    weights = [weigh(center - (first + k)) for k in offsets]
    total = torch.stack(weights).sum(0)
    return [first + k for k in offsets], [w / total for w in weights]


# --------------------------------------------------------------------------- axis by axis


def along(values: Tensor, axis: int, index: Tensor, weights: Tensor) -> Tensor:
    """Mix the pixels of one axis (2: rows, 3: columns) by tables (N, length, taps)."""
    shape = list(values.shape)
    shape[axis] = index.shape[1]
    out: Tensor | float = 0.0
    for k in range(index.shape[2]):
        view = [index.shape[0], 1, 1, 1]
        view[axis] = index.shape[1]
        picks = index[:, :, k].reshape(view).expand(shape)
        share = weights[:, :, k].reshape(view).to(values.dtype)
        out = out + share * values.gather(axis, picks)
    return torch.as_tensor(out)
