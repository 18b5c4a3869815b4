"""How each transform is shown: arguments that make it visible, and what its call needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from docs import scenes

import anamorph as A

Arguments: TypeAlias = dict[str, Any]
PHOTOS: Mapping[str, str] = {
    name: photo
    for photo, names in {
        "coffee": (
            "AtLeastOneBBoxRandomCrop", "BBoxSafeRandomCrop", "ConstrainedCoarseDropout",
            "CopyAndPaste", "CropNonEmptyMaskIfExists", "HistogramMatching", "MaskDropout",
            "Mosaic", "PixelDistributionAdaptation", "RandomSizedBBoxSafeCrop", "FDA",
            "TextImage", "OverlayElements", "PlanckianJitter",
        ),
        "rocket": ("AtmosphericFog", "RandomRain", "RandomSunFlare"),
        "astronaut": ("FancyPCA", "GlassBlur", "Superpixels"),
    }.items()
    for name in names
}  # fmt: skip
"""Transform → photograph, where it is not the cat."""

ARGUMENTS: Mapping[str, Arguments] = {
    "AdditiveNoise": {
        "noise_type": "gaussian", "spatial_mode": "per_pixel",
        "noise_params": {"mean_range": (0.0, 0.0), "std_range": (0.1, 0.2)},
    },
    "AdvancedBlur": {"blur_limit": (9, 15), "sigma_x_limit": (1, 5), "sigma_y_limit": (1, 5)},
    "Affine": {"scale": (0.7, 1.1), "rotate": (-30, 30), "shear": (-15, 15)},
    "Affine3D": {"rotate_range": {"z": (-30, 30), "y": (-20, 20)}, "scale_range": (0.8, 1.1)},
    "Anisotropy3D": {"downscale_factor_range": (4, 8)},
    "BiasField": {"std_range": (0.2, 0.4)},
    "Blur": {"blur_limit": (5, 13)},
    "ChannelDropout": {"channel_drop_range": (1, 2)},
    "ChromaticAberration": {
        "primary_distortion_limit": (-0.1, 0.1), "secondary_distortion_limit": (-0.1, 0.1),
    },
    "CLAHE": {"clip_limit": (2, 8)},
    "CoarseDropout3D": {"num_holes_range": (2, 3), "hole_depth_range": (0.3, 0.5),
                        "hole_height_range": (0.2, 0.4), "hole_width_range": (0.2, 0.4)},
    "ConstrainedCoarseDropout": {
        "num_holes_range": (2, 4), "hole_height_range": (0.15, 0.3),
        "hole_width_range": (0.15, 0.3), "mask_indices": [6, 8],
    },
    "CropAndPad": {"percent": (-0.2, 0.2)},
    "Downscale": {"scale_range": (0.15, 0.3)},
    "ElasticTransform": {"alpha": 300, "sigma": 12},
    "ElasticTransform3D": {"displacement_range": (0.1, 0.13), "control_grid_shape": (4, 4)},
    "Emboss": {"alpha": (0.5, 1), "strength": (0.5, 1)},
    "FancyPCA": {"alpha": 0.5},
    "FDA": {"beta_limit": (0.004, 0.008)},
    "FilmGrain": {"intensity_range": (0.15, 0.3)},
    "GaussianBlur": {"sigma_limit": (1, 5)},
    "GhostingArtifact": {"intensity_range": (0.3, 0.6)},
    "GibbsRinging": {"retained_fraction_range": (0.15, 0.4)},
    "GridElasticDeform": {"num_grid_xy": (5, 5), "magnitude": 20},
    "GridMask": {"rotation_range": (-0.5, 0.5)},
    "HEStain": {"augment_background": True},
    "HistogramMatching": {"blend_ratio": (0.6, 1.0)},
    "ISONoise": {"color_shift": (0.05, 0.1), "intensity": (0.5, 1.0)},
    "Illumination": {"intensity_range": (0.1, 0.2)},
    "ImageCompression": {"quality_range": (5, 15)},
    "KSpaceSpikeNoise": {"num_spikes_range": (1, 3)},
    "MedianBlur": {"blur_limit": (7, 13)},
    "Morphological": {"scale": (4, 7)},
    "MotionArtifact": {"num_events_range": (4, 6), "rotate_range": (-15, 15), "translate_percent_range": (-0.05, 0.05)},
    "PlasmaBrightnessContrast": {"roughness": 0.6},
    "PlasmaShadow": {"roughness": 0.6},
    "MaskDropout": {"max_objects": (2, 3)},
    "MotionBlur": {"blur_limit": (11, 21)},
    "MultiplicativeNoise": {"multiplier": (0.6, 1.4), "per_channel": True},
    "OpticalDistortion": {"distort_limit": (-0.7, 0.7)},
    "Pad": {"padding": (20, 40), "fill": (90, 120, 160)},
    "Pad3D": {"padding": (4, 8, 16), "fill": 120},
    "PadIfNeeded3D": {"pad_divisor_zyx": (20, 36, 50), "fill": 120},
    "PiecewiseAffine": {"scale": (0.05, 0.08)},
    "PixelDistributionAdaptation": {"blend_ratio": (0.6, 1.0)},
    "PixelDropout": {"dropout_prob": 0.1},
    "Posterize": {"num_bits": (2, 3)},
    "RGBShift": {"r_shift_limit": (-40, 40), "g_shift_limit": (-40, 40),
                 "b_shift_limit": (-40, 40)},
    "RandAugment": {"num_ops": 2, "magnitude": 15},
    "RandomCropFromBorders": {
        "crop_left": 0.3, "crop_right": 0.3, "crop_top": 0.3, "crop_bottom": 0.3,
    },
    "RandomGamma": {"gamma_limit": (50, 200)},
    "RandomScale": {"scale_limit": (-0.5, 0.0)},
    "RandomGravel": {"number_of_patches": 6},
    "RandomShadow": {"shadow_roi": (0, 0, 1, 1)},
    "RandomSnow": {"method": "texture", "snow_point_range": (0.2, 0.4)},
    "RandomToneCurve": {"scale": 0.25},
    "RingingOvershoot": {"blur_limit": (11, 15)},
    "ShotNoise": {"scale_range": (0.2, 0.6)},
    "Superpixels": {"p_replace": (0.6, 1.0), "n_segments": (150, 300), "max_size": None},
    "TextImage": {"font_path": None, "font_color": (160, 20, 20),
                  "augmentations": (None, "swap", "deletion")},
    "ThinPlateSpline": {"scale_range": (0.1, 0.2)},
    "ToGray": {"method": "weighted_average"},
    "UniformTemporalSubsample": {"num_frames": 4},
    "UnsharpMask": {"blur_limit": (5, 9), "alpha": (0.8, 1.0), "threshold": 5},
    "Vignetting": {"intensity_range": (0.4, 0.8)},
    "XYMasking": {
        "num_masks_x": (1, 3), "num_masks_y": (1, 3), "mask_x_length": (8, 15),
        "mask_y_length": (8, 15),
    },
}  # fmt: skip
"""Transform → arguments beside p = 1, where its defaults do not show what it does."""


def _cut(height: int, width: int) -> Arguments:
    side = round(0.8 * min(height, width))
    return {"height": side, "width": side}


def _canvas(height: int, width: int) -> Arguments:
    return {"size": (round(0.85 * min(height, width)),) * 2}


def _bound(height: int, width: int) -> Arguments:
    return {"max_size": round(0.8 * min(height, width))}


def _block(depth: int, height: int, width: int) -> Arguments:
    return {"size": (depth * 2 // 3, height * 2 // 3, width * 2 // 3)}


SIZED: Mapping[str, Callable[..., Arguments]] = {
    "AtLeastOneBBoxRandomCrop": _cut,
    "CenterCrop": _cut,
    "CenterCrop3D": _block,
    "Crop": lambda h, w: {
        "x_min": w // 6, "y_min": h // 30, "x_max": w * 5 // 6, "y_max": h * 29 // 30,
    },
    "CropNonEmptyMaskIfExists": _cut,
    "FrequencyMasking": lambda h, _: {"freq_mask_param": h // 3},
    "LetterBox": lambda h, _: {"size": (h, h), "fill": 114},
    "LongestMaxSize": _bound,
    "Mosaic": lambda h, w: {"target_size": (h, w), "cell_shape": (h * 2 // 3, w * 2 // 3)},
    "PadIfNeeded": lambda h, w: {
        "min_height": h * 7 // 5, "min_width": w * 16 // 15, "border_mode": 4,
    },
    "RandomCrop": _cut,
    "RandomCrop3D": _block,
    "RandomResizedCrop": lambda h, w: {**_canvas(h, w), "scale": (0.2, 0.8)},
    "RandomResizedCrop3D": lambda *size: {**_block(*size), "scale": (0.1, 0.5)},
    "RandomSizedBBoxSafeCrop": _cut,
    "RandomSizedCrop": lambda h, w: {"min_max_height": (h * 2 // 5, h * 9 // 10), **_canvas(h, w)},
    "Resize": _cut,
    "Resize3D": _block,
    "SmallestMaxSize": _bound,
    "TimeMasking": lambda _, w: {"time_mask_param": w // 3},
}  # fmt: skip
"""Transform → function from (depth,) height and width to arguments, where these depend on them."""

IN_WORDS: Mapping[str, str] = {
    "Lambda": "A.Lambda(image=lambda image, **params: image[..., ::-1], p=1)",
    "TemplateTransform": "A.TemplateTransform(coffee, img_weight=(0.5, 0.8), p=1)",
    "Equalize": "A.Equalize(by_channels=False, p=1)",
}
"""Transform → the call as it is written, where arguments are no plain values or stay unsaid."""

NEEDS: Mapping[str, str] = {
    "CopyAndPaste": "copy_paste_metadata=[astronaut]",
    "FDA": "fda_metadata=[astronaut]",
    "HistogramMatching": "hm_metadata=[astronaut]",
    "Mosaic": "mosaic_metadata=[astronaut, cat, rocket]",
    "OverlayElements": 'overlay_metadata=[{"image": cat, "mix": 0.9, "mask_id": 2}]',
    "PixelDistributionAdaptation": "pda_metadata=[astronaut]",
    "RandomCropNearBBox": "cropping_bbox=(60, 20, 250, 280)",
    "TextImage": 'textimage_metadata={"bbox": (0.05, 0.05, 0.9, 0.2), "text": "A cup of coffee"}',
}
"""Transform → what else the call holds, as it is written."""


def _flipped_channels(image: Any, **_: Any) -> Any:
    return image[..., ::-1]


def _arguments(name: str, size: tuple[int, ...]) -> Arguments:
    if name == "Lambda":
        return {"image": _flipped_channels}
    if name == "TemplateTransform":
        return {"templates": scenes.photo("coffee"), "img_weight": (0.5, 0.8)}
    if name == "Equalize":
        return {"by_channels": False}
    sized = SIZED[name](*size) if name in SIZED else {}
    return {**ARGUMENTS.get(name, {}), **sized}


def build(name: str, *size: int) -> Any:
    """Make a transform as it is shown, for pictures or volumes of a size."""
    return getattr(A, name)(**_arguments(name, size), p=1)


def written(name: str, *size: int) -> str:
    """Write the call that makes a transform as it is shown."""
    if name in IN_WORDS:
        return IN_WORDS[name]
    parts = [f"{key}={value!r}" for key, value in _arguments(name, size).items()]
    return f"A.{name}({', '.join([*parts, 'p=1'])})"


def _adapting(key: str) -> Callable[[int, int], Arguments]:
    return lambda h, w: {key: [_small("astronaut", h, w)["image"]]}


def _small(name: str, height: int, width: int) -> Arguments:
    return scenes.resized(name, height, width)


def _stickers(height: int, width: int) -> Arguments:
    cat = _small("cat", height // 2, width // 2)["image"]
    return {"overlay_metadata": [{"image": cat, "mix": 0.9, "mask_id": 2}]}


def _objects(height: int, _: int) -> Arguments:
    """The shuttle and the badge of the astronaut, each with its own mask."""
    donor = _small("astronaut", height, height)
    donor["masks"] = [np.equal(donor["mask"], number).astype(np.uint8) for number in (4, 5)]
    chosen = [donor["names"].index(name) for name in ("shuttle", "badge")]
    return {
        "copy_paste_metadata": [
            {
                "image": donor["image"],
                "mask": inside,
                "bbox_labels": {"names": donor["names"][at]},
                "mask_id": int(4 + number),
            }
            for number, (inside, at) in enumerate(zip(donor["masks"], chosen, strict=True))
        ]
    }


EXTRAS: Mapping[str, Callable[[int, int], Arguments]] = {
    "CopyAndPaste": _objects,
    "FDA": _adapting("fda_metadata"),
    "HistogramMatching": _adapting("hm_metadata"),
    "Mosaic": lambda h, w: {
        "mosaic_metadata": [_small(name, h, w) for name in ("astronaut", "cat", "rocket")]
    },
    "OverlayElements": _stickers,
    "PixelDistributionAdaptation": _adapting("pda_metadata"),
    "RandomCropNearBBox": lambda h, w: {"cropping_bbox": (w // 8, h // 15, w // 2, h * 14 // 15)},
    "TextImage": lambda *_: {
        "textimage_metadata": {"bbox": (0.05, 0.05, 0.9, 0.2), "text": "A cup of coffee"}
    },
}
"""Transform → function from height and width to what else the call holds."""


def extras(name: str, *size: int) -> Arguments:
    """Make what else the call of a transform must hold."""
    return EXTRAS[name](*size) if name in EXTRAS else {}
