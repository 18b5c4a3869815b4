"""Adapting a picture to a reference, value by value and frequency by frequency."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.reference.tone import Floats, Image, intensities, store
from anamorph.ir import adapt
from anamorph.ir.ops import Effect


def match_histogram(op: Effect, image: Image) -> Image:
    """Send each value to the one below which as great a share of the reference lies."""
    reference, weight = op.params
    x = intensities(image)
    if image.dtype == np.float32:  # floats are told apart on the levels of words
        x = np.rint(x * 65535) / 65535
    out = np.empty_like(x)
    for c in range(image.shape[2]):
        ordered = np.sort(x[..., c], axis=None)
        shares = np.searchsorted(ordered, x[..., c], side="right") / ordered.size
        out[..., c] = np.interp(shares, *adapt.quantiles(reference, c))
    return store((1 - weight) * x + weight * out, image.dtype)


def adapt_colors(op: Effect, image: Image) -> Image:
    """Give the colors the mean and axes, the mean and deviation, or the ends of a reference's."""
    kind, reference, weight = op.params
    wanted = reference.array
    x = intensities(image)
    pixels = x.reshape(-1, x.shape[2])
    if kind == "pca":
        mean = pixels.mean(axis=0)
        centered = pixels - mean
        axes = adapt.axes_of(centered.T @ centered)
        along = np.sign((axes * wanted[1:]).sum(axis=1))  # each axis to the nearer end of the other
        done = wanted[0] + (centered @ axes.T * along) @ wanted[1:]
    elif kind == "standard":
        deviation = pixels.std(axis=0)
        deviation[deviation < 1e-6] = 1.0
        done = wanted[0] + (pixels - pixels.mean(axis=0)) / deviation * wanted[1]
    else:
        low, span = pixels.min(axis=0), np.ptp(pixels, axis=0)
        span[span < 1e-6] = 1.0
        done = wanted[0] + (pixels - low) / span * (wanted[1] - wanted[0])
    done = np.clip(done, 0.0, 1.0).reshape(x.shape)
    return store((1 - weight) * x + weight * done, image.dtype)


def amplitudes(op: Effect, image: Image) -> Image:
    """Give each frequency within reach the amplitude of a reference's, and leave its phase.

    The highest frequency of an even side is its own opposite and stays.
    """
    measured: Floats = op.params[0].array.astype(np.float64)
    reach = measured.shape[1] - 1
    height, width, channels = image.shape
    x = intensities(image)
    out = np.empty_like(x)
    down = np.rint(np.fft.fftfreq(height) * height).astype(int)
    across = np.rint(np.fft.fftfreq(width) * width).astype(int)
    for c in range(channels):
        found = np.fft.fft2(x[..., c])
        phase = np.where(found == 0, 1.0, np.exp(1j * np.angle(found)))
        for i in np.flatnonzero((np.abs(down) <= reach) & (2 * down != -height)):
            for k in np.flatnonzero((np.abs(across) <= reach) & (2 * across != -width)):
                a, b = (down[i], across[k]) if across[k] >= 0 else (-down[i], -across[k])
                found[i, k] = phase[i, k] * measured[a + reach, b, c] * height * width
        out[..., c] = np.fft.ifft2(found).real
    return store(out, image.dtype)


EFFECTS: Mapping[str, Kernel] = {
    "match_histogram": match_histogram,
    "adapt_colors": adapt_colors,
    "amplitudes": amplitudes,
}
