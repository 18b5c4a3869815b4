"""One tree of exceptions; each is also the built-in exception that a caller would expect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AnamorphError(Exception):
    """Root of everything this package raises on purpose."""


class ParameterError(AnamorphError, ValueError):
    """A parameter has a value outside of what it may be."""


class ParameterTypeError(AnamorphError, TypeError):
    """A parameter is unknown, missing, or of a type that cannot be meant."""


class UnknownNameError(AnamorphError, LookupError, ValueError):
    """A transform, format, target or backend of that name does not exist."""


class PositionError(ParameterTypeError, KeyError):
    """Data was passed without the name of its target."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would quote the sentence


class MissingFileError(AnamorphError, FileNotFoundError):
    """A file, or what is needed to fetch it, is not there."""


class GoneError(AnamorphError, AttributeError):
    """A name that older versions had."""


class DataError(AnamorphError, ValueError):
    """A picture, mask, box, keypoint or label is not what the pipeline was told."""


class DataTypeError(AnamorphError, TypeError):
    """A picture, mask, box, keypoint or label is of a type that cannot be meant."""


class MissingDataError(AnamorphError, ValueError, KeyError):
    """A call lacks a target that the pipeline needs."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would quote the sentence


class UndefinedError(DataError):
    """What a transform does is not defined for such a picture: hue, say, where there is no color."""


class CropSizeError(DataError):
    """A crop is larger than the picture."""


class BackendError(AnamorphError, NotImplementedError):
    """A backend has no kernel for an op and a target."""


class NotInvertibleError(AnamorphError, ValueError):
    """A plan holds an op that loses what an inverse would need."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about a misspelt name: the nearest right one, or nothing."""
    lowered = {k.lower(): k for k in known}
    match = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[match[0]]}?" if match else ""


def sides(size: Iterable[int]) -> str:
    """A size as sentences say it."""
    return "×".join(map(str, size))
