"""What policies choose from: ranges of magnitudes, and the learned sub-policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Pick = tuple[str, float, int]
"""Name of an op, its probability, and the number of its magnitude."""


@dataclass(frozen=True, slots=True)
class Range:
    """Magnitudes of one op, evenly from ``low`` to ``high``.

    ``signed`` ones are negated half of the time. ``of`` says what 1 means: "" for the number as it
    is, "width" or "height" for sides of the picture, "bits" for the bits that posterising takes
    away, which are whole.
    """

    low: float = 0.0
    high: float = 0.0
    signed: bool = False
    of: str = ""

    def at(self, number: int, count: int) -> float:
        """The magnitude of a number from 0 to count - 1."""
        return self.low + (self.high - self.low) * number / (count - 1)


Space = Mapping[str, Range]
"""Name of an op → its magnitudes."""

_NONE = Range()
_SOLARIZE = Range(1.0, 0.0)


def _space(
    shear: float, shift: tuple[float, bool], turn: float, tone: float, bits: tuple[int, int]
) -> dict[str, Range]:
    """Lay out the magnitudes.

    Shifts are shares of the sides, or pixels; bits are how many are kept, and how many of these are
    taken away at most.
    """
    far, of_sides = shift
    tones = Range(0.0, tone, signed=True)
    return {
        "ShearX": Range(0.0, shear, signed=True),
        "ShearY": Range(0.0, shear, signed=True),
        "TranslateX": Range(0.0, far, signed=True, of="width" if of_sides else ""),
        "TranslateY": Range(0.0, far, signed=True, of="height" if of_sides else ""),
        "Rotate": Range(0.0, turn, signed=True),
        "Brightness": tones,
        "Color": tones,
        "Contrast": tones,
        "Sharpness": tones,
        "Posterize": Range(bits[0], bits[0] - bits[1], of="bits"),
        "Solarize": _SOLARIZE,
        "AutoContrast": _NONE,
        "Equalize": _NONE,
    }


_PAPER = _space(0.3, (150.0 / 331.0, True), 30.0, 0.9, (8, 4))
AUTO: Space = {**_PAPER, "Invert": _NONE}
RAND: Space = {"Identity": _NONE, **_PAPER}
TRIVIAL: Space = {"Identity": _NONE, **_space(0.99, (32.0, False), 135.0, 0.99, (8, 6))}
AUGMIX: Space = _space(0.3, (1.0 / 3.0, True), 30.0, 0.9, (4, 4))


def _read(text: str) -> tuple[tuple[Pick, Pick], ...]:
    """Read a table: a line a sub-policy, two ops with probability and magnitude in tenths."""
    out = []
    for line in text.split("\n"):
        a, p, m, b, q, n = line.split()
        out.append(((a, int(p) / 10, int(m)), (b, int(q) / 10, int(n))))
    return tuple(out)


IMAGENET = """\
Posterize 4 8 Rotate 6 9
Solarize 6 5 AutoContrast 6 0
Equalize 8 0 Equalize 6 0
Posterize 6 7 Posterize 6 6
Equalize 4 0 Solarize 2 4
Equalize 4 0 Rotate 8 8
Solarize 6 3 Equalize 6 0
Posterize 8 5 Equalize 10 0
Rotate 2 3 Solarize 6 8
Equalize 6 0 Posterize 4 6
Rotate 8 8 Color 4 0
Rotate 4 9 Equalize 6 0
Equalize 0 0 Equalize 8 0
Invert 6 0 Equalize 10 0
Color 6 4 Contrast 10 8
Rotate 8 8 Color 10 2
Color 8 8 Solarize 8 7
Sharpness 4 7 Invert 6 0
ShearX 6 5 Equalize 10 0
Color 4 0 Equalize 6 0
Equalize 4 0 Solarize 2 4
Solarize 6 5 AutoContrast 6 0
Invert 6 0 Equalize 10 0
Color 6 4 Contrast 10 8
Equalize 8 0 Equalize 6 0"""

CIFAR10 = """\
Invert 1 0 Contrast 2 6
Rotate 7 2 TranslateX 3 9
Sharpness 8 1 Sharpness 9 3
ShearY 5 8 TranslateY 7 9
AutoContrast 5 0 Equalize 9 0
ShearY 2 7 Posterize 3 7
Color 4 3 Brightness 6 7
Sharpness 3 9 Brightness 7 9
Equalize 6 0 Equalize 5 0
Contrast 6 7 Sharpness 6 5
Color 7 7 TranslateX 5 8
Equalize 3 0 AutoContrast 4 0
TranslateY 4 3 Sharpness 2 6
Brightness 9 6 Color 2 8
Solarize 5 2 Invert 0 0
Equalize 2 0 AutoContrast 6 0
Equalize 2 0 Equalize 6 0
Color 9 9 Equalize 6 0
AutoContrast 8 0 Solarize 2 8
Brightness 1 3 Color 7 0
Solarize 4 5 AutoContrast 9 0
TranslateY 9 9 TranslateY 7 9
AutoContrast 9 0 Solarize 8 3
Equalize 8 0 Invert 1 0
TranslateY 7 9 AutoContrast 9 0"""

SVHN = """\
ShearX 9 4 Invert 2 0
ShearY 9 8 Invert 7 0
Equalize 6 0 Solarize 6 6
Invert 9 0 Equalize 6 0
Equalize 6 0 Rotate 9 3
ShearX 9 4 AutoContrast 8 0
ShearY 9 8 Invert 4 0
ShearY 9 5 Solarize 2 6
Invert 9 0 AutoContrast 8 0
Equalize 6 0 Rotate 9 3
ShearX 9 4 Solarize 3 3
ShearY 8 8 Invert 7 0
Equalize 9 0 TranslateY 6 6
Invert 9 0 Equalize 6 0
Contrast 3 3 Rotate 8 4
Invert 8 0 TranslateY 0 2
ShearY 7 6 Solarize 4 8
Invert 6 0 Rotate 8 4
ShearY 3 7 TranslateX 9 3
ShearX 1 6 Invert 6 0
Solarize 7 2 TranslateY 6 7
ShearY 8 4 Invert 8 0
ShearX 7 9 TranslateY 8 3
ShearY 8 5 AutoContrast 7 0
ShearX 7 2 Invert 1 0"""

POLICIES: Mapping[str, tuple[tuple[Pick, Pick], ...]] = {
    "imagenet": _read(IMAGENET),
    "cifar10": _read(CIFAR10),
    "svhn": _read(SVHN),
}
"""Name → sub-policies of two ops each (Cubuk et al. 2019, appendix). Where an op has no magnitude
the number means nothing."""
