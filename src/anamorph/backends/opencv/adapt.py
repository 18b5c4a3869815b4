"""Adapting a picture to a reference: by histogram, by spread of colors, by amplitudes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from anamorph.backends.base import Kernel
from anamorph.backends.opencv import spectrum
from anamorph.backends.opencv.color import color_matrix
from anamorph.backends.opencv.histogram import counted
from anamorph.backends.opencv.planes import Floats, Image, flat, join, lent_planes
from anamorph.backends.opencv.scratch import lent
from anamorph.backends.opencv.tables import look_up_words, translated
from anamorph.backends.opencv.tone import apply_steps
from anamorph.core.constants import WHITE
from anamorph.ir import adapt
from anamorph.ir.ops import ColorMatrix, Effect, Picture

# ------------------------------------------------------------------------------ histograms

_BYTES = np.arange(256) / 255.0


def match_histogram(op: Effect, image: Image) -> Image:
    """Give each channel a reference's histogram.

    params: what `anamorph.ir.adapt.histogram` made of the reference, and the matched weight.
    """
    reference, weight = op.params
    parts = lent_planes(image)
    match = _matched_bytes if image.dtype == np.uint8 else _matched_words
    return join([match(part, reference, c, weight) for c, part in enumerate(parts)])


def _matched_bytes(plane: Image, reference: Picture, channel: int, weight: float) -> Image:
    shares = counted(plane).cumsum() / plane.size
    wanted = np.interp(shares, *adapt.quantiles(reference, channel))
    return translated(plane, _byte_table(_BYTES + weight * (wanted - _BYTES)))


def _byte_table(levels: Any) -> bytes:
    table: bytes = np.rint(np.clip(levels, 0.0, 1.0) * 255.0).astype(np.uint8).tobytes()
    return table


def _matched_words(plane: Image, reference: Picture, channel: int, weight: float) -> Image:
    """Match words, or floats as words; only levels that occur are worked out."""
    words = plane
    if plane.dtype == np.float32:
        fine = np.multiply(plane, np.float32(65535), out=spectrum.float_plane(plane))
        fine += np.float32(0.5)
        words = lent("words", plane.shape, np.dtype(np.uint16))
        np.copyto(words, fine, casting="unsafe")
    counts = counted(words, count=65536)
    filled = np.flatnonzero(counts > 0)
    shares = counts[filled].cumsum() / plane.size
    before = filled / 65535.0
    after = before + weight * (np.interp(shares, *adapt.quantiles(reference, channel)) - before)
    table = np.zeros(65536, np.float32)
    table[filled] = after * WHITE[plane.dtype.name]
    if plane.dtype == np.uint16:
        table = np.rint(table).astype(np.uint16)
    return look_up_words(words, table, plane)


# ------------------------------------------------------------------------ spread of colors


def adapt_colors(op: Effect, image: Image) -> Image:
    """Give the colors the spread of a reference's.

    params: "pca", "standard" or "minmax", what `anamorph.ir.adapt.moments` made of the reference,
    and the weight of the adapted colors.
    """
    kind, reference, weight = op.params
    wanted = reference.array
    if kind == "pca":
        rows = adapt.matrix_between(_axes(image), wanted)
        return _mixed(image, color_matrix(ColorMatrix(_tuples(rows)), image), weight)
    if image.dtype == np.uint8:
        return _adapted_bytes(image, kind, wanted, weight)
    parts = lent_planes(image)
    source = np.array([_MOMENTS[kind](part) for part in parts]).T / WHITE[image.dtype.name]
    scale, offset = adapt.line_between(source, wanted, kind)
    line = ("linear", tuple(scale.tolist()), tuple(offset.tolist()))
    return _mixed(image, apply_steps((line,), image), weight)


def _tuples(rows: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in rows.tolist())


def _mixed(image: Image, adapted: Image, weight: float) -> Image:
    """Mix into the adapted picture, which is fresh."""
    if weight == 1.0:
        return adapted
    shape = image.shape
    before, after = flat(image), adapted.reshape(shape[0], -1)
    return cv2.addWeighted(before, 1.0 - weight, after, weight, 0.0).reshape(shape)


def _adapted_bytes(image: Image, kind: str, wanted: Any, weight: float) -> Image:
    """A table a channel: all that is asked of the picture is its histogram."""
    parts = lent_planes(image)
    source = np.array([_OF_COUNTS[kind](counted(part)) for part in parts]).T
    scale, offset = adapt.line_between(source, wanted, kind)
    after = np.clip(np.outer(scale, _BYTES) + offset[:, None], 0.0, 1.0)
    tables = map(_byte_table, _BYTES + weight * (after - _BYTES))
    return join(map(translated, parts, tables))


def _spread_of_counts(counts: Any) -> tuple[float, float]:
    share = counts / counts.sum()
    mean = float(share @ _BYTES)
    return mean, float(share @ (_BYTES - mean) ** 2) ** 0.5


def _ends_of_counts(counts: Any) -> tuple[float, float]:
    filled = np.flatnonzero(counts)
    return filled[0] / 255.0, filled[-1] / 255.0


def _spread(plane: Image) -> tuple[float, float]:
    mean, deviation = cv2.meanStdDev(plane)
    return mean.item(), deviation.item()


def _ends(plane: Image) -> tuple[float, ...]:
    return cv2.minMaxLoc(plane)[:2]


_OF_COUNTS = {"standard": _spread_of_counts, "minmax": _ends_of_counts}
_MOMENTS = {"standard": _spread, "minmax": _ends}


def _axes(image: Image) -> Any:
    """Mean and principal axes of the colors."""
    white = WHITE[image.dtype.name]
    parts = lent_planes(image)
    means = np.array([cv2.mean(part)[0] for part in parts])
    vectors: Floats = lent("vectors", parts.shape, np.dtype(np.float32))
    for part, vector, mean in zip(parts, vectors, means, strict=True):
        np.subtract(part, np.float32(mean), out=vector)
    scatter = adapt.products(vectors.reshape(len(parts), -1))
    return np.concatenate([means[None] / white, adapt.axes_of(scatter)])


# ------------------------------------------------------------------------------ amplitudes


def amplitudes(op: Effect, image: Image) -> Image:
    """Give the low frequencies other amplitudes; the highest of an even side stays.

    params: what `anamorph.ir.adapt.amplitudes` measured.
    """
    measured: Floats = op.params[0].array
    height, width = image.shape[:2]
    reach = measured.shape[1] - 1
    rows = spectrum.rows_of(height, reach)
    places = np.where(rows > reach, rows - height, rows) + reach
    wanted = measured[places, : (width - 1) // 2 + 1] * (height * width * WHITE[image.dtype.name])
    parts = lent_planes(image)
    for c, part in enumerate(parts):
        found = spectrum.forward(spectrum.float_plane(part))
        before = spectrum.low(found, reach)
        strength = np.abs(before)
        some = strength > 0.0
        ratio = np.divide(wanted[:, :, c], strength, out=np.zeros_like(strength), where=some)
        after = np.where(some, before * ratio, wanted[:, :, c]).astype(np.complex64)
        spectrum.put_low(found, reach, after)
        spectrum.store_plane(spectrum.backward(found), part)
    return join(parts)


EFFECTS: Mapping[str, Kernel] = {
    "match_histogram": match_histogram,
    "adapt_colors": adapt_colors,
    "amplitudes": amplitudes,
}
