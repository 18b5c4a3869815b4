"""Boxes and keypoints as they travel through a plan: arrays in continuous pixels, and their origin.

Labels of the user never travel: a row remembers which input row it came from, and whatever
belongs to that row is picked by this index when the result is handed out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

X, Y, Z, ANGLE, SCALE, PARITY = range(6)
"""Columns of keypoints. Angles are radians, counter-clockwise on the screen; parity is -1 after an
odd number of mirrorings, by which left and right change places."""


@dataclass(slots=True)
class Boxes:
    """Boxes of a sample.

    ``data`` is (N, 4) x0, y0, x1, y1, or (N, 8) for oriented boxes: their corners x, y in order,
    the first two being the top side of the box when its angle is zero.
    """

    data: Floats
    index: Ints

    @property
    def oriented(self) -> bool:
        """Whether rows are corners of oriented boxes."""
        return self.data.shape[1] == 8

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> Boxes:
        """Keep some rows."""
        return Boxes(self.data[rows], self.index[rows])


@dataclass(slots=True)
class Points:
    """Keypoints of a sample: ``data`` is (N, 6), see the column names above.

    ``fixed`` says that the caller counts on getting every point back: none may be dropped and
    no mirrored copies added; a point that has no place gets NaN.
    """

    data: Floats
    index: Ints
    fixed: bool = False

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> Points:
        """Keep some rows."""
        return Points(self.data[rows], self.index[rows], self.fixed)
