"""What tests of kernels share: pictures, and holding fast kernels against the specification."""

import cv2
import numpy as np

from anamorph.backends.opencv import BACKEND as FAST
from anamorph.backends.reference import BACKEND as SLOW
from anamorph.core.constants import WHITE
from anamorph.ir.ops import IMAGE, Cast

DTYPES = tuple(WHITE)
SIZES = ((1, 1), (1, 9), (2, 2), (7, 51), (31, 33))
CHANNELS = (1, 2, 3, 4, 5)


def picture(size, channels, dtype, seed=0):
    """Smooth colours with a little noise, black and white at two corners."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((channels, 4, 5)).astype(np.float32)
    planes = [cv2.resize(c, size[::-1], interpolation=cv2.INTER_LINEAR) for c in coarse]
    x = np.stack(planes, axis=-1) + rng.normal(0, 0.02, (*size, channels))
    x = np.clip(x, 0, 1)
    x[0, 0], x[-1, -1] = 0, 1
    if dtype == "float32":
        return x.astype(np.float32)
    return np.rint(x * WHITE[dtype]).astype(dtype)


def agree(op, image, tolerance, mean=None):
    """Run both kernels; compare in levels of 255, and see that the picture was left alone."""
    before = image.copy()
    got, want = FAST.kernel(op, IMAGE)(op, image), SLOW.kernel(op, IMAGE)(op, image)
    assert np.array_equal(image, before)
    got = got.reshape(want.shape)
    assert got.dtype == want.dtype
    white = WHITE.get(want.dtype.name, 1) if not isinstance(op, Cast) else 255
    off = np.abs(got.astype(np.float64) - want.astype(np.float64)) * (255 / white)
    assert off.max() <= tolerance, f"{op} on {image.dtype}: off by {off.max()} levels"
    if mean is not None:
        assert off.mean() <= mean, f"{op} on {image.dtype}: off by {off.mean()} on average"
    return got


DENSE = 0.02  # tables of floats are laid out in 65,000ths; steep ones show it
ONE_LEVEL = {"uint8": 1.0, "uint16": 1 / 257 + 1e-9, "float32": 1e-3}
CURVES = {
    "linear": (("linear", 1.3, -0.1),),
    "falling": (("linear", -0.7, 0.9),),
    "gamma": (("gamma", 0.6),),
    "invert": (("invert",),),
    "solarize": (("solarize", 0.4),),
    "posterize": (("posterize", 3),),
    "bezier": (("bezier", 0.4, 0.6),),
    "points": (("points", (0.0, 0.1, 0.7, 0.8, 1.0)),),
    "chain": (("linear", 1.5, 0.1), ("gamma", 2.0), ("invert",), ("bezier", 0.1, 0.9)),
    "mean": (("mean", 1.4, -0.4, "gray"),),
    "mean of the rest": (("linear", 1.2, 0.0), ("mean", 0.5, 0.5, "image")),
    "kept in range": (("mean", 1.4, 0.3, "image", True),),
}
