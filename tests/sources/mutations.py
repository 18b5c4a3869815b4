"""Picture files as a bad disk, a bad line or a bad person would make them; each by its seed."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from anamorph.sources import open_source

HEAD = 96
"""Bytes in which most of what a header says stands."""
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
FORMS = ("<H", ">H", "<I", ">I")


@dataclass(frozen=True)
class Case:
    """A file, another one, and the chance that decides what is done to it."""

    data: bytes
    other: bytes
    chance: random.Random


def flips(case: Case) -> bytes:
    """A few bits anywhere."""
    out = bytearray(case.data)
    for _ in range(case.chance.randint(1, 12)):
        out[case.chance.randrange(len(out))] ^= 1 << case.chance.randrange(8)
    return bytes(out)


def head_flips(case: Case) -> bytes:
    """A few bytes of the header."""
    out = bytearray(case.data)
    for _ in range(case.chance.randint(1, 4)):
        out[case.chance.randrange(min(HEAD, len(out)))] = case.chance.choice(EXTREMES) & 255
    return bytes(out)


def fields(case: Case) -> bytes:
    """Words of two or four bytes that say something extreme: sizes, lengths, counts, places."""
    out = bytearray(case.data)
    for _ in range(case.chance.randint(1, 3)):
        form = case.chance.choice(FORMS)
        reach = len(out) if case.chance.random() < 0.3 else min(4 * HEAD, len(out))
        at = case.chance.randrange(max(reach - 4, 1))
        wide = struct.calcsize(form)
        value = (
            case.chance.choice(EXTREMES)
            if case.chance.random() < 0.7
            else case.chance.randrange(1 << 32)
        )
        out[at : at + wide] = struct.pack(form, value & (1 << 8 * wide) - 1)
    return bytes(out)


def cut(case: Case) -> bytes:
    """The beginning of the file."""
    return case.data[: case.chance.randrange(len(case.data))]


def drop(case: Case) -> bytes:
    """The file without a piece of it."""
    at = case.chance.randrange(len(case.data))
    return case.data[:at] + case.data[at + case.chance.randint(1, 1 + len(case.data) // 4) :]


def repeat(case: Case) -> bytes:
    """The file with a piece of it twice."""
    at = case.chance.randrange(len(case.data))
    end = at + case.chance.randint(1, 1 + len(case.data) // 4)
    return case.data[:end] + case.data[at:]


def splice(case: Case) -> bytes:
    """The beginning of one file, the end of another."""
    return (
        case.data[: case.chance.randrange(len(case.data))]
        + case.other[case.chance.randrange(len(case.other)) :]
    )


def noise(case: Case) -> bytes:
    """A true head before random bytes."""
    kept = case.data[: case.chance.randrange(min(4 * HEAD, len(case.data)))]
    return kept + case.chance.randbytes(len(case.data) - len(kept))


def sealed(case: Case) -> bytes:
    """A damaged PNG whose checksums hold; of other kinds a damaged one."""
    damaged = bytearray(case.chance.choice((flips, head_flips, fields))(case))
    return seal(damaged, case.data)


def seal(damaged: bytearray, data: bytes) -> bytes:
    """Make the checksums of a PNG hold; its chunks are where they were."""
    at = 8
    if not data.startswith(b"\x89PNG"):
        return bytes(damaged)
    damaged[:at] = data[:at]
    while at + 12 <= len(damaged):
        (length,) = struct.unpack_from(">I", data, at)
        struct.pack_into(">I", damaged, at, length)
        body = bytes(damaged[at + 4 : at + 8 + length])
        struct.pack_into(">I", damaged, at + 8 + length, zlib.crc32(body))
        at += 12 + length
    return bytes(damaged)


def sizes(case: Case) -> bytes:
    """Sides that are not the picture's, wherever the head speaks of its own."""
    out = bytearray(case.data)
    side = case.chance.choice(open_source(case.data).stored)
    for form in FORMS:
        word = struct.pack(form, side)
        at = out.find(word, 0, 8 * HEAD)
        if at >= 0:
            wide = case.chance.choice((side - 1, side + 1, 2 * side, 4000, *EXTREMES))
            out[at : at + len(word)] = struct.pack(form, wide & (1 << 8 * len(word)) - 1)
    return seal(out, case.data)


MUTATIONS: tuple[Callable[[Case], bytes], ...] = (
    flips, head_flips, fields, cut, drop, repeat, splice, noise, sealed, sizes,
)  # fmt: skip


def mutant(files: dict[str, bytes], number: int) -> tuple[str, bytes]:
    """The mutant of a number, and what it is made of."""
    chance = random.Random(number)
    names = sorted(files)
    name = names[number % len(names)]
    change = MUTATIONS[number // len(names) % len(MUTATIONS)]
    case = Case(files[name], files[chance.choice(names)], chance)
    return f"{number} {name} {change.__name__}", change(case)
