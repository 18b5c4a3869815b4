"""Which primitive does a warp, and what it shares and refuses."""

import numpy as np
import pytest

from anamorph.backends.opencv import warp as fast
from anamorph.backends.opencv.primitives import primitive
from anamorph.backends.reference import warp as slow
from anamorph.core.errors import NotInvertibleError, ParameterError
from anamorph.ir import matrix as mx
from anamorph.ir.ops import Sampling, Warp

TURN = mx.matmul(mx.translation(3.3, -2.7), mx.rotation(33, (15, 10)))
TILT = mx.homography(
    [(0, 0), (31, 0), (31, 20), (0, 20)], [(3.0, 2.0), (29.5, -4.0), (35.0, 24.0), (-2.0, 17.0)]
)


def noise(shape, dtype="uint8", seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    return rng.random(shape) < 0.5 if dtype == "bool" else rng.random(shape).astype(dtype)


# ------------------------------------------------------------------------------ primitives


@pytest.mark.parametrize(
    ("op", "name"),
    [
        (Warp(mx.IDENTITY, (20, 30)), "none"),
        (Warp.crop(2, 3, 9, 9), "view"),
        (Warp.symmetry("h", (20, 30)), "flip"),
        (Warp.symmetry("r180", (20, 30)), "flip"),
        (Warp.symmetry("r90", (20, 30)), "rotate"),
        (Warp.symmetry("t", (20, 30)), "transpose"),
        (Warp.pad((20, 30), (1, 2, 3, 4)), "pad"),
        (Warp.resize((20, 30), (10, 10)), "resize"),
        (Warp(mx.matmul(mx.translation(0, 5), mx.scaling(2, 2)), (50, 60)), "resize+pad"),
        (Warp.rotation(90, (20, 20)), "rotate"),
        (Warp.rotation(30, (20, 30)), "warpAffine"),
        (Warp(TILT, (20, 30)), "warpPerspective"),
        (Warp(TURN, (20, 40000)), "warpAffine (tiled)"),
    ],
)
def test_the_cheapest_primitive_is_named(op, name):
    source = (20, 20) if op == Warp.rotation(90, (20, 20)) else (20, 30)
    assert primitive(op, source) == name


def test_views_share_memory_and_nothing_else_does():
    image = noise((20, 30, 3))
    assert fast.warp_image(Warp(mx.IDENTITY, (20, 30)), image) is image
    assert np.shares_memory(fast.warp_image(Warp.crop(2, 3, 9, 9), image), image)
    for op in (
        Warp.symmetry("h", (20, 30)),
        Warp.pad((20, 30), (1, 1, 1, 1)),
        Warp(TURN, (20, 30)),
    ):
        assert not np.shares_memory(fast.warp_image(op, image), image)


def test_what_cannot_be_is_refused():
    image = noise((20, 30, 3))
    for module in (fast, slow):
        with pytest.raises(NotInvertibleError, match="flattens the picture"):
            module.warp_image(Warp((1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0), (9, 9)), image)
        for matrix in (TURN, mx.translation(2, 2)):
            with pytest.raises(ParameterError, match="one for each of the 3 channels"):
                module.warp_image(Warp(matrix, (40, 40), Sampling(fill=(1, 2))), image)
