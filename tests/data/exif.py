"""Picture files with an orientation, made byte by byte."""

from __future__ import annotations

import struct
import zlib

import cv2


def block(orientation: int, order: str = "<") -> bytes:
    """An EXIF block that says nothing but the orientation."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0)
    return magic + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 0)


def jpeg(pixels, orientation, order="<"):
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    body = b"Exif\0\0" + block(orientation, order)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def png(pixels, orientation, order="<"):
    data = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    return data[:33] + chunk(b"eXIf", block(orientation, order)) + data[33:]


def webp(pixels, orientation, order="<"):
    data = cv2.imencode(".webp", pixels[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    height, width = pixels.shape[:2]
    extended = struct.pack("<I", 8) + (width - 1).to_bytes(3, "little")
    inner = b"VP8X" + struct.pack("<I", 10) + extended + (height - 1).to_bytes(3, "little")
    body = block(orientation, order)
    exif = b"EXIF" + struct.pack("<I", len(body)) + body
    inner += data[12:] + exif
    return b"RIFF" + struct.pack("<I", len(inner) + 4) + b"WEBP" + inner


def tiff(pixels, orientation, order="<"):
    """An uncompressed TIFF of one strip, 8 or 16 bits."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits = pixels.dtype.itemsize * 8
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, bits), (259, 3, 1, 1),
        (262, 3, 1, 2 if channels == 3 else 1), (273, 4, 1, 0), (274, 3, 1, orientation),
        (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, len(raw)),
    ]  # fmt: skip
    after = 8 + 2 + 12 * len(entries) + 4
    depths = struct.pack(order + "3H", bits, bits, bits)
    out = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        place = {273: after + len(depths)}.get(tag, value)
        if tag == 258 and channels == 3:
            out += struct.pack(order + "HHII", tag, kind, count, after)
        else:
            form = "HHIHxx" if kind == 3 else "HHII"
            out += struct.pack(order + form, tag, kind, count, place)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "I", 8) + out + bytes(4) + depths + raw


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def palette_png(indices, depth):
    """A PNG whose pixels are indices, of 1, 2, 4 or 8 bits, into a gaudy palette."""
    height, width = indices.shape
    rows = b""
    for row in indices:
        bits = "".join(format(int(value), f"0{depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    palette = bytes((37 * at + 11) % 256 for at in range(3 * 2**depth))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 3, 0, 0, 0))
        + chunk(b"PLTE", palette)
        + chunk(b"tRNS", b"\0")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
