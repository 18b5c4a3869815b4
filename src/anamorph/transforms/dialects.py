"""Names that other versions give to parameters, and what each means here.

The names of Albumentations 2.0.8 are the interface. Those of its 1.x line and of AlbumentationsX
are understood where their meaning is unambiguous, else refused with the new name. Nothing is
ever ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anamorph.core.errors import ParameterTypeError

Values = dict[str, Any]
Translation = Callable[[Any], Values]


def unless_none(new: str) -> Translation:
    """Make the translation of a name whose values mean the same, None standing for the default."""
    return lambda value: {} if value is None else {new: value}


def only(harmless: Any, place: str, instead: str) -> Translation:
    """Make the translation of a parameter that is not known here: one value changes nothing."""

    def translation(value: Any) -> Values:
        if value != harmless:
            raise ParameterTypeError(f"{place} = {value!r} is not known here: {instead}")
        return {}

    return translation


def one_number(place: str, new: str) -> Translation:
    """Make the translation of a fill that once could be a range or a list of choices."""

    def translation(value: Any) -> Values:
        if not isinstance(value, int | float):
            raise ParameterTypeError(
                f"{place} = {value!r} was a range or a choice: write {new}=..."
            )
        return {new: value}

    return translation


_VALUES: Mapping[str, Translation] = {
    "value": unless_none("fill"),
    "mask_value": unless_none("fill_mask"),
}
_PADS: Mapping[str, str] = {
    "pad_mode": "border_mode",
    "pad_cval": "fill",
    "pad_cval_mask": "fill_mask",
}
_FULL_FIELD: Mapping[str, Translation] = {
    "map_resolution_range": only(
        (1.0, 1.0), "map_resolution_range", "fields are made at the resolution that they need"
    )
}
_EXACT_KEYPOINTS = "keypoints are mapped exactly: leave it out"
_FIXED_SYMMETRY = "write HorizontalFlip, VerticalFlip, Transpose, or Rotate(limit=(90, 90))"

_FILLS: Mapping[str, str] = {"fill_value": "fill", "mask_fill_value": "fill_mask"}


def _std_of_variance(value: Any) -> Values:
    """Variances in squared levels of 255; a lone number x meant (0, x)."""
    low, high = value if isinstance(value, list | tuple) else (0, value)
    return {"std_range": (low**0.5 / 255, high**0.5 / 255)}


def _mean_in_levels(value: Any) -> Values:
    return {"mean_range": (value / 255, value / 255)}


def _both_ways(value: Any) -> Values:
    pair = value if isinstance(value, Mapping) else {"downscale": value, "upscale": value}
    return {"interpolation_pair": pair}


def _solarize_threshold(value: Any) -> Values:
    """A lone threshold was in levels of 255 where it is above 1."""
    ends = value if isinstance(value, list | tuple) else (value, value)
    if not all(isinstance(end, int | float) for end in ends):
        raise ParameterTypeError(
            f"Solarize.threshold = {value!r}: write threshold_range=(low, high) in shares of white"
        )
    unit = 255.0 if max(ends, default=0) > 1 else 1.0
    return {"threshold_range": tuple(end / unit for end in ends)}


RENAMED: Mapping[str, Mapping[str, str]] = {
    "PiecewiseAffine": {"cval": "fill", "cval_mask": "fill_mask"},
    "Rotate": {"angle_range": "limit"},
    "SafeRotate": {"angle_range": "limit"},
    "Affine": {"mode": "border_mode", "cval": "fill", "cval_mask": "fill_mask"},
    "Perspective": {"pad_mode": "border_mode", "pad_val": "fill", "mask_pad_val": "fill_mask"},
    "CropAndPad": {"pad_mode": "border_mode"},
    "Crop": _PADS,
    "CenterCrop": _PADS,
    "RandomCrop": _PADS,
    "RandomCropNearBBox": {"cropping_box_key": "cropping_bbox_key"},
    "RandomBrightnessContrast": {"ensure_safe_output": "ensure_safe_range"},
    "ChannelDropout": {"fill_value": "fill"},
    "CoarseDropout": _FILLS,
    "GridDropout": _FILLS,
    "XYMasking": _FILLS,
    "MaskDropout": {"image_fill_value": "fill", "mask_fill_value": "fill_mask"},
}
"""transform → {other name: name here}, for values that mean the same."""

CONVERTED: Mapping[str, Mapping[str, Translation]] = {
    "GaussNoise": {"var_limit": _std_of_variance, "mean": _mean_in_levels},
    "GaussianBlur": {
        "volume_mode": only("slice", "GaussianBlur.volume_mode", "slices are blurred one by one"),
        "sigma_z_range": only(None, "GaussianBlur.sigma_z_range", "slices are blurred one by one"),
        "blur_z_range": only(None, "GaussianBlur.blur_z_range", "slices are blurred one by one"),
    },
    "Downscale": {"interpolation": _both_ways},
    "Rotate": _VALUES,
    "SafeRotate": _VALUES,
    "ShiftScaleRotate": _VALUES,
    "PadIfNeeded": _VALUES,
    "CropAndPad": {
        "pad_cval": one_number("CropAndPad.pad_cval", "fill"),
        "pad_cval_mask": one_number("CropAndPad.pad_cval_mask", "fill_mask"),
        "px_choices": only(
            None, "CropAndPad.px_choices", "write px=([3, 5],) * 4 to choose for each side"
        ),
        "percent_choices": only(
            None, "CropAndPad.percent_choices", "write percent=([0.1, 0.2],) * 4"
        ),
    },
    "Solarize": {"threshold": _solarize_threshold},
    "HEStain": {
        "residual_mode": only(
            "project", "HEStain.residual_mode", "what is no mixture of the stains is lost"
        ),
        "stain_matrix": only(None, "HEStain.stain_matrix", "write method='preset', preset=..."),
    },
    "Illumination": {
        "num_spots_range": only(
            (1, 1), "Illumination.num_spots_range", "write Illumination several times"
        ),
        "gaussian_spots": only(
            None, "Illumination.gaussian_spots", "write center_range=... and sigma_range=..."
        ),
    },
    "D4": {"group_element": only(None, "D4.group_element", _FIXED_SYMMETRY)},
    "SquareSymmetry": {
        "group_element": only(None, "SquareSymmetry.group_element", _FIXED_SYMMETRY)
    },
    "RandomRotate90": {
        "group_element": only(None, "RandomRotate90.group_element", _FIXED_SYMMETRY),
        "group_elements": only(None, "RandomRotate90.group_elements", _FIXED_SYMMETRY),
    },
    "ElasticTransform": {
        **_VALUES,
        "alpha_affine": only(
            0, "ElasticTransform.alpha_affine", "write Affine beside ElasticTransform"
        ),
    },
    "GridDistortion": {**_VALUES, **_FULL_FIELD},
    "OpticalDistortion": {
        **_VALUES,
        **_FULL_FIELD,
        "shift_limit": only(
            0, "OpticalDistortion.shift_limit", "write Affine(translate_percent=...) before it"
        ),
    },
    "PiecewiseAffine": _FULL_FIELD,
    "ThinPlateSpline": _FULL_FIELD,
    "RandomResizedCrop": {
        "sampling_method": only(
            "standard", "RandomResizedCrop.sampling_method", "the standard way is the only one"
        )
    },
}
"""transform → {other name: function from the value to parameters here}."""

REFUSED: Mapping[str, Mapping[str, str]] = {
    "GridDropout": {
        "holes_number_x": "write holes_number_xy=(number down, number across)",
        "holes_number_y": "write holes_number_xy=(number down, number across)",
    },
    "ElasticTransform": {
        "displacement_range": "that is another algorithm; write alpha=... and sigma=... in pixels, "
        "or ThinPlateSpline(scale_range=..., num_control_points=...)",
        "control_grid_shape": "that is another algorithm; write alpha=... and sigma=... in pixels, "
        "or ThinPlateSpline(scale_range=..., num_control_points=...)",
    },
    "PiecewiseAffine": {
        "keypoints_threshold": _EXACT_KEYPOINTS,
        "mode": "write border_mode=... with a number of OpenCV",
    },
}
"""transform → {other name: the sentence that says what to write instead}."""


JOINED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "RandomResizedCrop": {"size": ("height", "width")},
    "RandomSizedCrop": {"size": ("height", "width")},
    "CoarseDropout": {
        "num_holes_range": ("min_holes", "max_holes"),
        "hole_height_range": ("min_height", "max_height"),
        "hole_width_range": ("min_width", "max_width"),
    },
    "GridDropout": {
        "unit_size_range": ("unit_size_min", "unit_size_max"),
        "shift_xy": ("shift_x", "shift_y"),
    },
    "ImageCompression": {"quality_range": ("quality_lower", "quality_upper")},
    "Downscale": {"scale_range": ("scale_min", "scale_max")},
    "RandomFog": {"fog_coef_range": ("fog_coef_lower", "fog_coef_upper")},
    "RandomRain": {"slant_range": ("slant_lower", "slant_upper")},
    "RandomShadow": {"num_shadows_limit": ("num_shadows_lower", "num_shadows_upper")},
    "RandomSnow": {"snow_point_range": ("snow_point_lower", "snow_point_upper")},
    "RandomSunFlare": {
        "angle_range": ("angle_lower", "angle_upper"),
        "num_flare_circles_range": ("num_flare_circles_lower", "num_flare_circles_upper"),
    },
}
"""transform → {name here: other names whose values it is made of}, all of them or none."""


GONE: Mapping[str, str] = {
    "Cutout": "CoarseDropout",
    "Flip": "HorizontalFlip, VerticalFlip or D4",
    "JpegCompression": "ImageCompression(compression_type='jpeg')",
    "RandomBrightness": "RandomBrightnessContrast(contrast_limit=0)",
    "RandomContrast": "RandomBrightnessContrast(brightness_limit=0)",
    "IAAAdditiveGaussianNoise": "GaussNoise",
    "IAAAffine": "Affine",
    "IAACropAndPad": "CropAndPad",
    "IAAFliplr": "HorizontalFlip",
    "IAAFlipud": "VerticalFlip",
    "IAAPerspective": "Perspective",
    "IAAPiecewiseAffine": "PiecewiseAffine",
    "IAASharpen": "Sharpen",
}
"""Names that Albumentations gave up before 2.0 → what to write instead."""

LONE = frozenset({"CoarseDropout"})
"""Transforms for which a lone maximum was the minimum, too."""


def translate(transform: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> Values:
    """Replace names of other dialects by the names here; unknown ones stay for the caller.

    Raises:
        ParameterTypeError: a name of another dialect has no unambiguous meaning here, or a
            parameter is given under two names.
    """
    out: Values = {}
    forced = _always_apply(transform, given)
    rest = {k: v for k, v in given.items() if k != "always_apply" and k not in forced}
    for name, value in _joined(transform, rest).items():
        new = {name: value} if name in known else _meaning(transform, name, value, known)
        for key, meant in new.items():
            if key in out or (key != name and key in given):
                raise ParameterTypeError(f"{transform}.{key} was given twice, once as {name!r}")
            out[key] = meant
    return out | forced


def _joined(transform: str, given: Mapping[str, Any]) -> Values:
    out = dict(given)
    for whole, parts in JOINED.get(transform, {}).items():
        values = [out.pop(name) for name in parts if name in given]
        values = [v for v in values if v is not None]
        if values and whole in out:
            raise ParameterTypeError(f"{transform}.{whole} was given twice, once as {parts}")
        if len(values) == 1 and transform in LONE and given.get(parts[-1]) is not None:
            values *= 2
        if 0 < len(values) < len(parts):
            present = next(name for name in parts if name in given)
            raise ParameterTypeError(f"{transform}.{present}: write {whole}=({', '.join(parts)})")
        if values:
            out[whole] = tuple(values)
    return out


def _meaning(transform: str, name: str, value: Any, known: Mapping[str, Any]) -> Values:
    if name in CONVERTED.get(transform, {}):
        return CONVERTED[transform][name](value)
    if name in RENAMED.get(transform, {}):
        return {RENAMED[transform][name]: value}
    if name in REFUSED.get(transform, {}):
        raise ParameterTypeError(f"{transform}.{name}: {REFUSED[transform][name]}")
    return {_same_in_other_words(name, known) or name: value}


def _always_apply(transform: str, given: Mapping[str, Any]) -> Values:
    """Read the oldest line's switch, which wins over p."""
    value = given.get("always_apply", False)
    if value is None or isinstance(value, bool):
        return {"p": 1.0} if value else {}
    raise ParameterTypeError(f"{transform}.always_apply = {value!r}: it must be True or False")


def _same_in_other_words(name: str, known: Mapping[str, Any]) -> str | None:
    """Match the wholesale renamings: ``*_range`` for ``*_limit`` or the bare name, and back."""
    stem = name.removesuffix("_range").removesuffix("_limit")
    for word in (f"{stem}_limit", f"{stem}_range", stem):
        if word != name and word in known:
            return word
    if "_range_" in name and name.replace("_range_", "_limit_") in known:
        return name.replace("_range_", "_limit_")
    return None
