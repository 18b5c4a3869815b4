"""Anamorph: image augmentation as plans that are drawn, fused and rendered.

>>> pipeline = A.Compose([A.RandomCrop(224, 224), A.HorizontalFlip(p=0.5)], seed=7)
>>> pipeline(image=photo)["image"].shape
(224, 224, 3)
"""

from anamorph import transforms
from anamorph.alias import install_alias
from anamorph.core.boxes import BboxParams
from anamorph.core.errors import AnamorphError, GoneError, nearest
from anamorph.core.keypoints import KeypointParams
from anamorph.core.polygons import PolygonParams, PolylineParams
from anamorph.ir.plan import Plan
from anamorph.pipeline.batch import CutMix, MixUp
from anamorph.pipeline.check import check_pipeline
from anamorph.pipeline.choice import (
    OneOf,
    OneOrOther,
    RandomOrder,
    SelectiveChannelTransform,
    Sequential,
    SomeOf,
)
from anamorph.pipeline.compose import Compose
from anamorph.pipeline.replay import ReplayCompose
from anamorph.pipeline.serialize import from_dict, load, save, to_dict
from anamorph.pipeline.tree import BaseCompose
from anamorph.transforms import *  # noqa: F403 - the catalogue lists its names once, there
from anamorph.transforms import catalogue
from anamorph.transforms.base import PixelTransform, SpatialTransform, Transform
from anamorph.transforms.dialects import GONE
from anamorph.transforms.legacy import (
    BasicTransform,
    DualTransform,
    ImageOnlyTransform,
    Transform3D,
)
from anamorph.transforms.mixbank import DonorBank
from anamorph.transforms.reading import read_bgr_image, read_grayscale, read_rgb_image

__version__ = "0.1.0"

__all__ = [
    "AnamorphError",
    "BaseCompose",
    "BasicTransform",
    "BboxParams",
    "Compose",
    "CutMix",
    "DonorBank",
    "DualTransform",
    "ImageOnlyTransform",
    "KeypointParams",
    "MixUp",
    "OneOf",
    "OneOrOther",
    "PixelTransform",
    "Plan",
    "PolygonParams",
    "PolylineParams",
    "RandomOrder",
    "ReplayCompose",
    "SelectiveChannelTransform",
    "Sequential",
    "SomeOf",
    "SpatialTransform",
    "Transform",
    "Transform3D",
    "catalogue",
    "check_pipeline",
    "from_dict",
    "install_alias",
    "load",
    "read_bgr_image",
    "read_grayscale",
    "read_rgb_image",
    "save",
    "to_dict",
]
__all__ += transforms.__all__


def __getattr__(name: str) -> object:
    if name in GONE:
        raise GoneError(f"{name} is gone: write {GONE[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{nearest(name, __all__)}")
