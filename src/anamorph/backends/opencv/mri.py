"""Artefacts of magnetic resonance imaging.

Whatever weighs lines of k-space acts along one axis, so one-dimensional transforms do; and the real
part of what they give has real weights, which act on real transforms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv import spectrum
from anamorph.backends.opencv.blocks import CACHED
from anamorph.backends.opencv.planes import (
    DEPTH,
    SINGLE,
    Floats,
    Image,
    flat,
    join,
    lent_planes,
    planes,
)
from anamorph.backends.opencv.scratch import lent
from anamorph.backends.opencv.warp import warp
from anamorph.core.constants import BORDER_REPLICATE
from anamorph.ir import matrix as mx
from anamorph.ir import mri
from anamorph.ir.ops import Effect

_NOTHING = np.empty((0, 0), np.float32)


def bias_field(op: Effect, image: Image) -> Image:
    """Multiply by the exponential of a smooth field.

    params: standard deviation of the field's nodes, size of their grid as a share of the
    picture's, and whether each channel has its own.
    """
    std, scale, per_channel = op.params
    size = image.shape[:2]
    parts = lent_planes(image)
    nodes = mri.field_nodes(op.key, size, scale, std, len(parts) if per_channel else 1)
    field = lent("field", size, SINGLE)
    for c, part in enumerate(parts):
        if c < len(nodes):
            cv2.resize(nodes[c], size[::-1], field, interpolation=cv2.INTER_LINEAR)
            cv2.exp(field, field)
        cv2.multiply(part, field, part, dtype=DEPTH[image.dtype.name])
    return _joined(parts)


def _joined(parts: Image) -> Image:
    """Put planes together; floats may have left [0, 1]."""
    if parts.dtype == np.float32:
        np.clip(parts, 0.0, 1.0, out=parts)
    return join(parts)


def spikes(op: Effect, image: Image) -> Image:
    """Add the stripes of spikes of k-space: two conjugate points are one wave.

    params: sets of spikes, one for all channels or one a channel.
    """
    size = image.shape[:2]
    parts = lent_planes(image)
    stripes = np.zeros(size, np.float32)
    for c, part in enumerate(parts):
        if c < len(op.params):
            stripes = _stripes(op.params[c], size)
        mean = cv2.mean(part)[0]
        wave = np.multiply(stripes, np.float32(mean), out=lent("plane", size, SINGLE))
        cv2.add(part, wave, part, dtype=DEPTH[image.dtype.name])
    return _joined(parts)


def _stripes(found: tuple[mri.Spike, ...], size: tuple[int, int]) -> Floats:
    """Sum the waves: each is the cosine of a sum, a product of two thin matrices."""
    height, width = size
    down, across = [], []
    for spike in found:
        waves = mri.spike_place(spike, size)
        y = np.arange(height) * waves[0] % height * (2 * math.pi / height) + spike[3]
        x = np.arange(width) * waves[1] % width * (2 * math.pi / width)
        down += [2 * spike[2] * np.cos(y), -2 * spike[2] * np.sin(y)]
        across += [np.cos(x), np.sin(x)]
    left, right = np.array(down, np.float32).T, np.array(across, np.float32)
    # one thread: a BLAS with more may wait for them a hundred times as long as this takes
    out: Floats = lent("field", size, SINGLE)
    return np.asarray(cv2.gemm(np.ascontiguousarray(left), right, 1.0, _NOTHING, 0.0, out))


def gibbs(op: Effect, image: Image) -> Image:
    """Keep the middle of k-space.

    params: share that is kept along each axis.
    """
    height, width = image.shape[:2]
    down, across = (mri.kept_reach(side, op.params[0]) for side in (height, width))
    parts = lent_planes(image)
    for part in parts:
        found = spectrum.forward(spectrum.float_plane(part))
        found[:, 2 * across + 1 :] = 0.0
        found[2 * down + 1 :, 0] = 0.0
        found[down + 1 : height - down, 1:] = 0.0
        if width == 2 * across:  # the highest frequency has a column of its own, packed as well
            found[2 * down + 1 :, -1] = 0.0
        spectrum.store_plane(spectrum.backward(found), part)
    return join(parts)


def ghosts(op: Effect, image: Image) -> Image:
    """Weaken every n-th line of k-space.

    params: n, how much weaker, share of the lines about the centre that stay, and the axis.
    """
    *numbers, axis = op.params
    return _weighted_sum([image], _ghost_weights(image.shape[axis - 1], *numbers), axis)


@lru_cache(maxsize=8)
def _ghost_weights(length: int, count: int, intensity: float, restore: float) -> list[Floats]:
    lines = mri.ghost_lines(length, count, intensity, restore)
    return [spectrum.packed_weights(mri.for_real(lines), length)]


def motion(op: Effect, image: Image) -> Image:
    """Take stretches of k-space from different poses.

    params: when the patient moves, the poses (degrees, shift down and across as shares of the
    sides), the axis along which lines follow, and the interpolation.
    """
    cuts, poses, axis, interpolation = op.params
    shown = [image, *(_posed(image, pose, interpolation) for pose in poses)]
    return _weighted_sum(shown, _pose_weights(image.shape[axis - 1], cuts), axis)


@lru_cache(maxsize=8)
def _pose_weights(length: int, cuts: tuple[float, ...]) -> list[Floats]:
    lines = mri.pose_lines(length, cuts)
    return [spectrum.packed_weights(mri.for_real(part), length) for part in lines]


def _weighted_sum(images: list[Image], weights: list[Floats], axis: int) -> Image:
    """Weigh the frequencies along an axis of each picture, and sum; block by block of rows."""
    sources = [_rows(image, axis, f"rows {i}") for i, image in enumerate(images)]
    out = sources[0]
    count = max(1, CACHED // out.shape[1])
    for top in range(0, len(out), count):
        part = out[top : top + count]
        total = _spectra(part, weights[0], "sum")
        for source, weight in zip(sources[1:], weights[1:], strict=True):
            total += _spectra(source[top : top + count], weight, "spectrum")
        spectrum.store_plane(spectrum.backward(total, cv2.DFT_ROWS), part)
    if axis == 2:
        return join(out.reshape(-1, *images[0].shape[:2]))
    return cv2.transpose(out).reshape(images[0].shape)


def _rows(image: Image, axis: int, use: str) -> Image:
    """Lay an axis along rows, those of all channels below each other, in lent memory."""
    height, width, channels = image.shape
    if axis == 2:
        memory = lent(use, (channels, height, width), image.dtype)
        return planes(image, memory).reshape(-1, width)
    return cv2.transpose(flat(image), lent(use, (width * channels, height), image.dtype))


def _spectra(rows: Image, weights: Floats, use: str) -> Floats:
    memory: Floats = lent(use, rows.shape, SINGLE)
    out = cv2.dft(spectrum.float_plane(rows), memory, cv2.DFT_ROWS)
    out *= weights
    return out


def _posed(image: Image, pose: tuple[float, float, float], interpolation: int) -> Any:
    height, width = image.shape[:2]
    matrix = mx.matmul(
        mx.translation(pose[2] * width, pose[1] * height),
        mx.rotation(pose[0], (width / 2, height / 2)),
    )
    out = warp(image, matrix, (height, width), (interpolation, BORDER_REPLICATE, 0))
    return out[:, :, None] if out.ndim == 2 else out


EFFECTS: Mapping[str, Kernel] = {
    "bias_field": bias_field,
    "spikes": spikes,
    "gibbs": gibbs,
    "ghosts": ghosts,
    "motion": motion,
}
