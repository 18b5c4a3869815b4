"""The catalogue: ranges and how outcomes are drawn. One family a file."""

from __future__ import annotations

from anamorph.transforms.aberration import ChromaticAberration
from anamorph.transforms.adapt import FDA, HistogramMatching, PixelDistributionAdaptation
from anamorph.transforms.additive import AdditiveNoise
from anamorph.transforms.affine import Affine, Rotate, SafeRotate, ShiftScaleRotate
from anamorph.transforms.base import Transform
from anamorph.transforms.blur import AdvancedBlur, Blur, GaussianBlur, MedianBlur, MotionBlur
from anamorph.transforms.boxcrop import (
    AtLeastOneBBoxRandomCrop,
    BBoxSafeRandomCrop,
    CropNonEmptyMaskIfExists,
    RandomCropNearBBox,
    RandomSizedBBoxSafeCrop,
)
from anamorph.transforms.channels import ChannelDropout, ChannelShuffle
from anamorph.transforms.codec import Downscale, ImageCompression
from anamorph.transforms.color import (
    ColorJitter,
    HueSaturationValue,
    RGBShift,
    ToGray,
    ToRGB,
    ToSepia,
)
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
from anamorph.transforms.drop import (
    CoarseDropout,
    Erasing,
    FrequencyMasking,
    GridDropout,
    PixelDropout,
    TimeMasking,
    XYMasking,
)
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
from anamorph.transforms.grain import FilmGrain, RicianNoise, ShotNoise
from anamorph.transforms.gridmask import GridMask
from anamorph.transforms.histogram import CLAHE, AutoContrast, Equalize
from anamorph.transforms.illumination import Illumination, PlanckianJitter, Vignetting
from anamorph.transforms.maskdrop import ConstrainedCoarseDropout, MaskDropout
from anamorph.transforms.mix import Mosaic
from anamorph.transforms.mixpaste import CopyAndPaste
from anamorph.transforms.morphology import Morphological
from anamorph.transforms.mri import (
    BiasField,
    GhostingArtifact,
    GibbsRinging,
    KSpaceSpikeNoise,
    MotionArtifact,
)
from anamorph.transforms.noise import GaussNoise, ISONoise, MultiplicativeNoise, SaltAndPepper
from anamorph.transforms.normalize import FromFloat, Normalize, ToFloat
from anamorph.transforms.optics import Defocus, GlassBlur, ZoomBlur
from anamorph.transforms.overlay import OverlayElements
from anamorph.transforms.pad import Pad, PadIfNeeded
from anamorph.transforms.perspective import Perspective
from anamorph.transforms.photometric import FancyPCA, PhotoMetricDistort
from anamorph.transforms.plasma import PlasmaBrightnessContrast, PlasmaShadow
from anamorph.transforms.policy import AugMix, AutoAugment, RandAugment, TrivialAugmentWide
from anamorph.transforms.resize import (
    LetterBox,
    LongestMaxSize,
    RandomScale,
    Resize,
    SmallestMaxSize,
)
from anamorph.transforms.sharpen import Emboss, RingingOvershoot, Sharpen, UnsharpMask
from anamorph.transforms.stain import HEStain
from anamorph.transforms.superpixels import Superpixels
from anamorph.transforms.template import TemplateTransform
from anamorph.transforms.temporal import UniformTemporalSubsample
from anamorph.transforms.tensor import ToTensorV2
from anamorph.transforms.text import TextImage
from anamorph.transforms.tiles import RandomGridShuffle
from anamorph.transforms.tone import (
    InvertImg,
    Posterize,
    RandomBrightnessContrast,
    RandomGamma,
    RandomToneCurve,
    Solarize,
)
from anamorph.transforms.volume import (
    CenterCrop3D,
    CoarseDropout3D,
    CubicSymmetry,
    Pad3D,
    PadIfNeeded3D,
    RandomCrop3D,
    ToTensor3D,
)
from anamorph.transforms.volume_warp import (
    Affine3D,
    Anisotropy3D,
    ElasticTransform3D,
    Flip3D,
    RandomResizedCrop3D,
    RandomRotate90_3D,
    Resize3D,
)
from anamorph.transforms.weather import (
    AtmosphericFog,
    RandomFog,
    RandomGravel,
    RandomRain,
    RandomShadow,
    RandomSnow,
)
from anamorph.transforms.weather_lens import RandomSunFlare, Spatter

__all__ = [
    "CLAHE",
    "D4",
    "FDA",
    "AdditiveNoise",
    "AdvancedBlur",
    "Affine",
    "Affine3D",
    "Anisotropy3D",
    "AtLeastOneBBoxRandomCrop",
    "AtmosphericFog",
    "AugMix",
    "AutoAugment",
    "AutoContrast",
    "BBoxSafeRandomCrop",
    "BiasField",
    "Blur",
    "CenterCrop",
    "CenterCrop3D",
    "ChannelDropout",
    "ChannelShuffle",
    "ChromaticAberration",
    "CoarseDropout",
    "CoarseDropout3D",
    "ColorJitter",
    "ConstrainedCoarseDropout",
    "CopyAndPaste",
    "Crop",
    "CropAndPad",
    "CropNonEmptyMaskIfExists",
    "CubicSymmetry",
    "Defocus",
    "Downscale",
    "ElasticTransform",
    "ElasticTransform3D",
    "Emboss",
    "Equalize",
    "Erasing",
    "FancyPCA",
    "FilmGrain",
    "Flip3D",
    "FrequencyMasking",
    "FromFloat",
    "GaussNoise",
    "GaussianBlur",
    "GhostingArtifact",
    "GibbsRinging",
    "GlassBlur",
    "GridDistortion",
    "GridDropout",
    "GridElasticDeform",
    "GridMask",
    "HEStain",
    "HistogramMatching",
    "HorizontalFlip",
    "HueSaturationValue",
    "ISONoise",
    "Illumination",
    "ImageCompression",
    "InvertImg",
    "KSpaceSpikeNoise",
    "Lambda",
    "LetterBox",
    "LongestMaxSize",
    "MaskDropout",
    "MedianBlur",
    "Morphological",
    "Mosaic",
    "MotionArtifact",
    "MotionBlur",
    "MultiplicativeNoise",
    "NoOp",
    "Normalize",
    "OpticalDistortion",
    "OverlayElements",
    "Pad",
    "Pad3D",
    "PadIfNeeded",
    "PadIfNeeded3D",
    "Perspective",
    "PhotoMetricDistort",
    "PiecewiseAffine",
    "PixelDistributionAdaptation",
    "PixelDropout",
    "PlanckianJitter",
    "PlasmaBrightnessContrast",
    "PlasmaShadow",
    "Posterize",
    "RGBShift",
    "RandAugment",
    "RandomBrightnessContrast",
    "RandomCrop",
    "RandomCrop3D",
    "RandomCropFromBorders",
    "RandomCropNearBBox",
    "RandomFog",
    "RandomGamma",
    "RandomGravel",
    "RandomGridShuffle",
    "RandomRain",
    "RandomResizedCrop",
    "RandomResizedCrop3D",
    "RandomRotate90",
    "RandomRotate90_3D",
    "RandomScale",
    "RandomShadow",
    "RandomSizedBBoxSafeCrop",
    "RandomSizedCrop",
    "RandomSnow",
    "RandomSunFlare",
    "RandomToneCurve",
    "Resize",
    "Resize3D",
    "RicianNoise",
    "RingingOvershoot",
    "Rotate",
    "SafeRotate",
    "SaltAndPepper",
    "Sharpen",
    "ShiftScaleRotate",
    "ShotNoise",
    "SmallestMaxSize",
    "Solarize",
    "Spatter",
    "SquareSymmetry",
    "Superpixels",
    "TemplateTransform",
    "TextImage",
    "ThinPlateSpline",
    "TimeMasking",
    "TimeReverse",
    "ToFloat",
    "ToGray",
    "ToRGB",
    "ToSepia",
    "ToTensor3D",
    "ToTensorV2",
    "Transpose",
    "TrivialAugmentWide",
    "UniformTemporalSubsample",
    "UnsharpMask",
    "VerticalFlip",
    "Vignetting",
    "XYMasking",
    "ZoomBlur",
]


def catalogue() -> dict[str, type[Transform]]:
    """Give all transforms by name, in alphabetical order."""
    return {name: globals()[name] for name in sorted(__all__)}
