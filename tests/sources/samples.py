"""One picture in every form of file that is read; what each is to give."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

HERE = Path(__file__).parent

_spec = importlib.util.spec_from_file_location("exif", HERE.parent / "data" / "exif.py")
exif = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(exif)

HEIGHT, WIDTH = 22, 19


@cache
def colors() -> np.ndarray:
    """22 × 19 RGB, smooth, no two alike corners."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.dstack([x * 12, y * 11, 255 - 6 * x - 5 * y]).astype(np.uint8)


def gray() -> np.ndarray:
    return colors()[..., 1].copy()


def alpha() -> np.ndarray:
    return np.dstack([colors(), 255 - gray()])


def deep(pixels) -> np.ndarray:
    return pixels.astype(np.uint16) * 257


@dataclass(frozen=True)
class Sample:
    """A file and what reading gives: the pixels, within a tolerance."""

    make: Callable[[], bytes]
    pixels: Callable[[], np.ndarray]
    atol: float = 0

    @property
    def data(self) -> bytes:
        return _made(self.make)


@cache
def _made(make) -> bytes:
    return make()


def pil(pixels, form, mode=None, **options):
    def make():
        image = Image.fromarray(pixels())
        out = io.BytesIO()
        (image if mode is None else image.convert(mode)).save(out, form, **options)
        return out.getvalue()

    return make


def cv(pixels, suffix, *options):
    def make():
        array = pixels()
        if array.ndim == 3:
            array = array[..., [2, 1, 0, 3][: array.shape[2]]]
        return cv2.imencode(suffix, array, options)[1].tobytes()

    return make


def bands(*, apart, **options):
    """A TIFF of seven bands, and what is in it."""

    def pixels():
        return np.dstack([colors(), 255 - colors(), gray()])

    def make():
        out = io.BytesIO()
        planes = np.moveaxis(pixels(), 2, 0) if apart else pixels()
        config = "separate" if apart else "contig"
        tifffile.imwrite(out, planes, photometric="minisblack", planarconfig=config, **options)
        return out.getvalue()

    return Sample(make, pixels)


def file(name):
    return (HERE / "files" / name).read_bytes


def png(depth, color, rows, extra=b""):
    """A PNG byte by byte: ``rows`` gives its packed rows."""

    def make():
        packed = b"".join(b"\0" + row for row in rows())
        head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, color, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + exif.chunk(b"IHDR", head)
            + extra
            + exif.chunk(b"IDAT", zlib.compress(packed))
            + exif.chunk(b"IEND", b"")
        )

    return make


def stripes() -> np.ndarray:
    """22 × 19 of 0 and 1."""
    return (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 3 == 0).astype(np.uint8)


def bits() -> list[bytes]:
    return [np.packbits(row).tobytes() for row in stripes()]


def gray_alpha_rows() -> list[bytes]:
    return [row.tobytes() for row in np.dstack([gray(), 255 - gray()])]


def palette_pixels() -> np.ndarray:
    """What the palette of `exif.palette_png` makes of the stripes; its first color is clear."""
    table = np.array([(37 * at + 11) % 256 for at in range(6)], np.uint8).reshape(2, 3)
    return np.dstack([table[stripes()], np.where(stripes() == 0, 0, 255)]).astype(np.uint8)


def bmp_alpha() -> bytes:
    """Of 32 bits, with a mask for each channel: OpenCV writes these since 4.10 or so."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    pixels = alpha()[::-1, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack("<IiiHHIIiiII", 56, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 70 + len(pixels), 0, 0, 70) + head + masks + pixels


def bmp_down() -> bytes:
    """Of 24 bits, the top row first."""
    rows = b"".join(row.tobytes().ljust(60, b"\0") for row in colors()[..., ::-1])
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, -HEIGHT, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + head + rows


def bmp_os2(bits, rows, palette=b""):
    """A BMP behind the short header of old."""

    def make():
        body = b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in rows())
        at = 26 + len(palette)
        head = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, bits)
        return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + head + palette + body

    return make


def upside_down(pixels):
    return lambda: [row.tobytes() for row in pixels()[::-1, ...]]


GRAYS = bytes(value for value in range(256) for _ in range(3))
QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 98)
SAMPLES: dict[str, Sample] = {
    "jpeg": Sample(cv(colors, ".jpg", *QUALITY), colors, 14),
    "jpeg-444": Sample(
        cv(colors, ".jpg", *QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111), colors, 5
    ),
    "jpeg-gray": Sample(cv(gray, ".jpg", *QUALITY), gray, 3),
    "jpeg-progressive": Sample(
        cv(colors, ".jpg", *QUALITY, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), colors, 14
    ),
    "jpeg-restarts": Sample(
        cv(colors, ".jpg", *QUALITY, cv2.IMWRITE_JPEG_RST_INTERVAL, 1), colors, 14
    ),
    "jpeg-cmyk": Sample(pil(colors, "JPEG", "CMYK", quality=98), colors, 8),
    "jpeg-ycck": Sample(file("ycck.jpg"), colors, 12),
    "jpeg-arithmetic": Sample(file("arithmetic.jpg"), colors, 30),
    "jpeg-arithmetic-progressive": Sample(file("arithmetic-progressive.jpg"), colors, 30),
    "png": Sample(cv(colors, ".png"), colors),
    "png-gray": Sample(cv(gray, ".png"), gray),
    "png-alpha": Sample(cv(alpha, ".png"), alpha),
    "png-16": Sample(cv(lambda: deep(colors()), ".png"), lambda: deep(colors())),
    "png-gray-16": Sample(cv(lambda: deep(gray()), ".png"), lambda: deep(gray())),
    "png-alpha-16": Sample(cv(lambda: deep(alpha()), ".png"), lambda: deep(alpha())),
    "png-1-bit": Sample(png(1, 0, bits), lambda: stripes() * 255),
    "png-palette": Sample(lambda: exif.palette_png(stripes(), 1), palette_pixels),
    "png-gray-alpha": Sample(
        png(8, 4, gray_alpha_rows), lambda: np.dstack([gray()] * 3 + [255 - gray()])
    ),
    "png-clear-color": Sample(
        png(8, 2, lambda: [r.tobytes() for r in colors()], exif.chunk(b"tRNS", bytes(6))),
        lambda: np.dstack([colors(), np.where(colors().any(-1), 255, 0)]).astype(np.uint8),
    ),
    "webp": Sample(cv(colors, ".webp", cv2.IMWRITE_WEBP_QUALITY, 95), colors, 30),
    "webp-lossless": Sample(cv(colors, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101), colors),
    "webp-alpha": Sample(pil(alpha, "WEBP", lossless=True, exact=True), alpha),
    "webp-lossy-alpha": Sample(pil(alpha, "WEBP", quality=95), alpha, 60),
    "bmp": Sample(cv(colors, ".bmp"), colors),
    "bmp-gray": Sample(pil(gray, "BMP"), gray),
    "bmp-1-bit": Sample(pil(lambda: stripes() * 255, "BMP", "1"), lambda: stripes() * 255),
    "bmp-alpha": Sample(bmp_alpha, alpha),
    "bmp-os2": Sample(bmp_os2(24, upside_down(lambda: colors()[..., ::-1])), colors),
    "bmp-os2-gray": Sample(bmp_os2(8, upside_down(gray), GRAYS), gray),
    "bmp-os2-palette": Sample(
        bmp_os2(8, upside_down(gray), GRAYS[:-3] + b"\1\2\3"),
        lambda: np.dstack([gray()] * 3),
    ),
    "bmp-rows-down": Sample(bmp_down, colors),
    "tiff": Sample(cv(colors, ".tiff"), colors),
    "tiff-plain": Sample(pil(colors, "TIFF"), colors),
    "tiff-gray": Sample(cv(gray, ".tiff"), gray),
    "tiff-alpha": Sample(pil(alpha, "TIFF"), alpha),
    "tiff-16": Sample(cv(lambda: deep(colors()), ".tiff"), lambda: deep(colors())),
    "tiff-float": Sample(
        cv(lambda: gray().astype(np.float32) / 255, ".tiff"),
        lambda: gray().astype(np.float32) / 255,
    ),
    "tiff-deflate": Sample(pil(colors, "TIFF", compression="tiff_adobe_deflate"), colors),
    "tiff-packbits": Sample(pil(colors, "TIFF", compression="packbits"), colors),
    "tiff-jpeg": Sample(pil(colors, "TIFF", compression="jpeg", quality=98), colors, 30),
    "tiff-1-bit": Sample(
        pil(lambda: stripes() * 255, "TIFF", "1", compression="group4"), lambda: stripes() * 255
    ),
    "tiff-pages": Sample(
        pil(colors, "TIFF", save_all=True, append_images=[Image.new("L", (5, 4))]), colors
    ),
    "tiff-big": Sample(pil(colors, "TIFF", big_tiff=True), colors),
    "tiff-bands": bands(apart=False),
    "tiff-bands-tiled": bands(apart=True, compression="zlib", tile=(16, 16)),
    "tiff-bands-steps": bands(apart=False, compression="zlib", predictor=True, rowsperstrip=4),
    "tiff-motorola": Sample(lambda: exif.tiff(colors(), 1, ">"), colors),
}
