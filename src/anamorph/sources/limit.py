"""How much a file may ask for: a kilobyte can claim to be a picture of gigabytes."""

from __future__ import annotations

from dataclasses import dataclass

from anamorph.core.errors import DataError, sides


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a picture may have, checked before memory is asked for.

    >>> Limit(pixels=1_000_000)
    Limit(pixels=1000000, bytes=2147483648)
    """

    pixels: int = 2**28
    """Of what is decoded: a JPEG that is decoded at 1/8 has a 64th of its pixels."""
    bytes: int = 2**31
    """Of the file, and of the decoded array."""

    def check_size(self, name: str, size: tuple[int, int], pixel: int) -> None:
        """Refuse to decode so many pixels of ``pixel`` bytes each.

        Raises:
            DataError: they are more than allowed.
        """
        count = size[0] * size[1]
        if count > self.pixels:
            raise DataError(
                f"{name} has {sides(size)} pixels: a picture may have {self.pixels} at most"
            )
        if count * pixel > self.bytes:
            raise DataError(
                f"{name} has {sides(size)} pixels of {pixel} bytes: a picture may have "
                f"{self.bytes} bytes at most"
            )

    def check_file(self, name: str, length: int) -> None:
        """Refuse a file of so many bytes.

        Raises:
            DataError: they are more than allowed.
        """
        if length > self.bytes:
            raise DataError(
                f"{name} has more than {self.bytes} bytes: a file may have no more than that"
            )
