"""Connected parts of masks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def components(mask: npt.NDArray[np.bool_]) -> tuple[int, npt.NDArray[np.int32]]:
    """Number the parts of a mask (H, W) whose pixels touch, by corners too; 0 is the ground.

    >>> components(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], bool))[0]
    1
    """
    if not mask.size:
        return 0, np.zeros(mask.shape, np.int32)
    count, numbered = cv2.connectedComponents(np.ascontiguousarray(mask, np.uint8), connectivity=8)
    return count - 1, np.asarray(numbered, np.int32)


def drop_small(mask: npt.NDArray[np.bool_], least: int) -> npt.NDArray[np.bool_]:
    """A mask without its parts of fewer pixels than that.

    >>> drop_small(np.array([[1, 1, 0, 1]], bool), 2)
    array([[ True,  True, False, False]])
    """
    if least <= 1:
        return mask
    _, numbered = components(mask)
    areas = np.bincount(numbered.ravel())
    return np.asarray(mask & (areas[numbered] >= least)) if mask.size else mask
