"""One dense distortion of each kind, for tests of what follows it."""

from anamorph.ir.ops import Remap, Sampling

STEPS = (0.7, 1.3, 1.1, 0.8, 1.0, 0.9)
KINDS = {
    "elastic": (60, 8, "gaussian", False, False, 1),
    "camera": (0.3,),
    "fisheye": (-0.3,),
    "thin_plate": (4, 0.03, 1),
    "grid": (STEPS, STEPS[::-1], True),
    "piecewise": (4, 5, (2.0, 1.5), 1),
    "mesh": (4, 5, 4, 1),
}
SIZE = (61, 83)


def op_of(kind="elastic", size=SIZE, **sampling):
    return Remap(kind, KINDS[kind], size, Sampling(**sampling))
