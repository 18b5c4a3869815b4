"""The catalogue: ranges and how outcomes are drawn. One family a file."""

from __future__ import annotations

from anamorph.transforms.base import Transform
from anamorph.transforms.affine import Affine, Rotate, SafeRotate, ShiftScaleRotate
from anamorph.transforms.blur import Blur, GaussianBlur, MedianBlur, MotionBlur
from anamorph.transforms.boxcrop import (
    AtLeastOneBBoxRandomCrop,
    BBoxSafeRandomCrop,
    CropNonEmptyMaskIfExists,
    RandomCropNearBBox,
    RandomSizedBBoxSafeCrop,
)
from anamorph.transforms.codec import Downscale, ImageCompression
from anamorph.transforms.crop import (
    CenterCrop,
    Crop,
    RandomCrop,
    RandomCropFromBorders,
    RandomResizedCrop,
    RandomSizedCrop,
)
from anamorph.transforms.cropandpad import CropAndPad
from anamorph.transforms.custom import Lambda
from anamorph.transforms.distort import (
    ElasticTransform,
    GridDistortion,
    GridElasticDeform,
    OpticalDistortion,
    PiecewiseAffine,
    ThinPlateSpline,
)
from anamorph.transforms.drop import CoarseDropout, Erasing, GridDropout, PixelDropout, XYMasking
from anamorph.transforms.flip import (
    D4,
    HorizontalFlip,
    NoOp,
    RandomRotate90,
    SquareSymmetry,
    TimeReverse,
    Transpose,
    VerticalFlip,
)
from anamorph.transforms.noise import GaussNoise, ISONoise, MultiplicativeNoise, SaltAndPepper
from anamorph.transforms.pad import Pad, PadIfNeeded
from anamorph.transforms.perspective import Perspective
from anamorph.transforms.resize import (
    LetterBox,
    LongestMaxSize,
    RandomScale,
    Resize,
    SmallestMaxSize,
)
from anamorph.transforms.sharpen import Sharpen
from anamorph.transforms.tiles import RandomGridShuffle

__all__ = [
    "Affine",
    "AtLeastOneBBoxRandomCrop",
    "BBoxSafeRandomCrop",
    "Blur",
    "CenterCrop",
    "CoarseDropout",
    "Crop",
    "CropAndPad",
    "CropNonEmptyMaskIfExists",
    "D4",
    "Downscale",
    "ElasticTransform",
    "Erasing",
    "GaussNoise",
    "GaussianBlur",
    "GridDistortion",
    "GridDropout",
    "GridElasticDeform",
    "HorizontalFlip",
    "ISONoise",
    "ImageCompression",
    "Lambda",
    "LetterBox",
    "LongestMaxSize",
    "MedianBlur",
    "MotionBlur",
    "MultiplicativeNoise",
    "NoOp",
    "OpticalDistortion",
    "Pad",
    "PadIfNeeded",
    "Perspective",
    "PiecewiseAffine",
    "PixelDropout",
    "RandomCrop",
    "RandomCropFromBorders",
    "RandomCropNearBBox",
    "RandomGridShuffle",
    "RandomResizedCrop",
    "RandomRotate90",
    "RandomScale",
    "RandomSizedBBoxSafeCrop",
    "RandomSizedCrop",
    "Resize",
    "Rotate",
    "SafeRotate",
    "SaltAndPepper",
    "Sharpen",
    "ShiftScaleRotate",
    "SmallestMaxSize",
    "SquareSymmetry",
    "ThinPlateSpline",
    "TimeReverse",
    "Transpose",
    "VerticalFlip",
    "XYMasking",
]


def catalogue() -> dict[str, type[Transform]]:
    """Give all transforms by name, in alphabetical order."""
    return {name: globals()[name] for name in sorted(__all__)}
