"""Artefacts of magnetic resonance imaging, on the whole of k-space and in double precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.resize import resized
from anamorph.backends.reference.tone import Floats, Image, intensities, store
from anamorph.backends.reference.warp import warp_image
from anamorph.core.constants import BORDER_REPLICATE, INTER_LINEAR
from anamorph.ir import matrix as mx
from anamorph.ir import mri
from anamorph.ir.ops import Effect, Sampling, Warp


def bias_field(op: Effect, image: Image) -> Image:
    """Multiply by the exponential of nodes interpolated between, down and then across."""
    std, scale, per_channel = op.params
    x = intensities(image)
    height, width, channels = x.shape
    nodes = mri.field_nodes(op.key, (height, width), scale, std, channels if per_channel else 1)
    for c in range(channels):
        grid = nodes[c if per_channel else 0].astype(np.float64)
        x[..., c] *= np.exp(resized(grid, (height, width), INTER_LINEAR))
    return store(x, image.dtype)


def spikes(op: Effect, image: Image) -> Image:
    """Add a spike and its conjugate to k-space."""
    x = intensities(image)
    height, width, channels = x.shape
    for c in range(channels):
        found = np.fft.fft2(x[..., c])
        greatest = found[0, 0].real
        for spike in op.params[min(c, len(op.params) - 1)]:
            down, across = mri.spike_place(spike, (height, width))
            value = spike[2] * greatest * np.exp(1j * spike[3])
            found[down % height, across % width] += value
            found[-down % height, -across % width] += np.conj(value)
        x[..., c] = np.fft.ifft2(found).real
    return store(x, image.dtype)


def gibbs(op: Effect, image: Image) -> Image:
    """Set the outer part of k-space to zero."""
    found = np.fft.fft2(intensities(image), axes=(0, 1))
    for axis in (0, 1):
        side = image.shape[axis]
        beyond = np.abs(np.fft.fftfreq(side) * side) > mri.kept_reach(side, op.params[0]) + 0.5
        np.moveaxis(found, axis, 0)[beyond] = 0.0
    return store(np.fft.ifft2(found, axes=(0, 1)).real, image.dtype)


def ghosts(op: Effect, image: Image) -> Image:
    """Weaken every n-th line of k-space."""
    count, intensity, restore, axis = op.params
    weights = mri.ghost_lines(image.shape[axis - 1], count, intensity, restore)
    return store(_weighted(intensities(image), weights, axis - 1), image.dtype)


def _weighted(x: Floats, lines: Floats, axis: int) -> Floats:
    """Weigh the lines of k-space along an axis, and give the real part."""
    found = np.fft.fftshift(np.fft.fft(x, axis=axis), axes=axis)
    found = np.moveaxis(np.moveaxis(found, axis, -1) * lines, -1, axis)
    real: Floats = np.fft.ifft(np.fft.ifftshift(found, axes=axis), axis=axis).real
    return real


def motion(op: Effect, image: Image) -> Image:
    """Take stretches of k-space from different poses."""
    cuts, poses, axis, interpolation = op.params
    height, width = image.shape[:2]
    lines = mri.pose_lines(image.shape[axis - 1], cuts)
    out = _weighted(intensities(image), lines[0].astype(np.float64), axis - 1)
    for pose, part in zip(poses, lines[1:], strict=True):
        turned = mx.rotation(pose[0], (width / 2, height / 2))
        matrix = mx.matmul(mx.translation(pose[2] * width, pose[1] * height), turned)
        sampling = Sampling(interpolation=interpolation, border=BORDER_REPLICATE)
        moved = warp_image(Warp(matrix, (height, width), sampling), image)
        out += _weighted(intensities(moved), part.astype(np.float64), axis - 1)
    return store(out, image.dtype)


EFFECTS: Mapping[str, Kernel] = {
    "bias_field": bias_field,
    "spikes": spikes,
    "gibbs": gibbs,
    "ghosts": ghosts,
    "motion": motion,
}
