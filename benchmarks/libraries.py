"""The libraries that are measured, and how each spells what the table of cases says in 2.0.8's words."""

from dataclasses import dataclass, field
from typing import Any

Renames = dict[str, str | None]


@dataclass(frozen=True)
class Library:
    """One column of the results."""

    key: str
    title: str
    module: str
    environment: str
    """Name of the environment: libraries may share one."""
    distribution: str
    compose: dict[str, Any] = field(default_factory=dict)
    """Further arguments of Compose."""
    renames: dict[str, Renames] = field(default_factory=dict)
    """Per class: the 2.0.8 name and the name here; None where there is no counterpart."""
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Per class: arguments whose default differs from 2.0.8's and so must be said."""
    equal_streams: bool = False
    """Whether a seed gives every child the same random numbers, so that each needs its own."""


AX_RENAMES: dict[str, Renames] = {
    "AdditiveNoise": {"approximation": None},
    "AdvancedBlur": {
        "blur_limit": "blur_range",
        "sigma_x_limit": "sigma_x_range",
        "sigma_y_limit": "sigma_y_range",
        "rotate_limit": "rotate_range",
        "beta_limit": "beta_range",
        "noise_limit": "noise_range",
    },
    "ChromaticAberration": {
        "primary_distortion_limit": "primary_distortion_range",
        "secondary_distortion_limit": "secondary_distortion_range",
    },
    "Defocus": {"radius": "radius_range", "alias_blur": "alias_blur_range"},
    "Emboss": {"alpha": "alpha_range", "strength": "strength_range"},
    "FDA": {"beta_limit": "beta_range"},
    "MaskDropout": {"max_objects": "max_objects_range"},
    "PlanckianJitter": {"temperature_limit": "temperature_range"},
    "RandomShadow": {"num_shadows_limit": "num_shadows_range"},
    "RingingOvershoot": {"blur_limit": "blur_range", "cutoff": "cutoff_range"},
    "Spatter": {
        "mean": "mean_range",
        "std": "std_range",
        "gauss_sigma": "gauss_sigma_range",
        "cutout_threshold": "cutout_threshold_range",
        "intensity": "intensity_range",
    },
    "Superpixels": {"p_replace": "p_replace_range", "n_segments": "n_segments_range"},
    "UnsharpMask": {
        "blur_limit": "blur_range",
        "sigma_limit": "sigma_range",
        "alpha": "alpha_range",
    },
    "XYMasking": {
        "num_masks_x": "num_masks_x_range",
        "num_masks_y": "num_masks_y_range",
        "mask_x_length": "mask_x_length_range",
        "mask_y_length": "mask_y_length_range",
    },
    "ZoomBlur": {"max_factor": "max_factor_range", "step_factor": "step_factor_range"},
    "Blur": {"blur_limit": "blur_range"},
    "CLAHE": {"clip_limit": "clip_range"},
    "ColorJitter": {
        "brightness": "brightness_range",
        "contrast": "contrast_range",
        "saturation": "saturation_range",
        "hue": "hue_range",
    },
    "ElasticTransform": {"alpha": None, "sigma": None},
    "GaussNoise": {"noise_scale_factor": None},
    "GaussianBlur": {"blur_limit": "blur_range", "sigma_limit": "sigma_range"},
    "GridDistortion": {"distort_limit": "distort_range"},
    "HueSaturationValue": {
        "hue_shift_limit": "hue_shift_range",
        "sat_shift_limit": "sat_shift_range",
        "val_shift_limit": "val_shift_range",
    },
    "ISONoise": {"color_shift": "color_shift_range", "intensity": "intensity_range"},
    "MedianBlur": {"blur_limit": "blur_range"},
    "MotionBlur": {"blur_limit": "blur_range"},
    "OpticalDistortion": {"distort_limit": "distort_range"},
    "PiecewiseAffine": {
        "scale": "scale_range",
        "nb_rows": "nb_rows_range",
        "nb_cols": "nb_cols_range",
    },
    "RGBShift": {
        "r_shift_limit": "r_shift_range",
        "g_shift_limit": "g_shift_range",
        "b_shift_limit": "b_shift_range",
    },
    "RandomBrightnessContrast": {
        "brightness_limit": "brightness_range",
        "contrast_limit": "contrast_range",
    },
    "RandomGamma": {"gamma_limit": "gamma_range"},
    "RandomScale": {"scale_limit": "scale_range"},
    "Rotate": {"limit": "angle_range"},
    "SafeRotate": {"limit": "angle_range"},
    "SaltAndPepper": {"amount": "amount_range", "salt_vs_pepper": "salt_vs_pepper_range"},
    "Sharpen": {"alpha": "alpha_range", "lightness": "lightness_range"},
    "ShiftScaleRotate": {
        "shift_limit": "shift_range",
        "scale_limit": "scale_range",
        "rotate_limit": "rotate_range",
    },
    "BboxParams": {"format": "coord_format"},
    "KeypointParams": {"format": "coord_format"},
}

AX_DEFAULTS: dict[str, dict[str, Any]] = {
    "Affine": {"keep_ratio": False, "fill_mask": 0},
    "GaussNoise": {"per_channel": True},
    "RandomBrightnessContrast": {"brightness_by_max": True},
    "SafeRotate": {"fill_mask": 0},
}

LIBRARIES: dict[str, Library] = {
    library.key: library
    for library in (
        Library("ours", "anamorph", "anamorph", "ours", "anamorph"),
        Library("unfused", "anamorph, unfused", "anamorph", "ours", "anamorph", {"fuse": "none"}),
        Library(
            "albu",
            "albumentations 2.0.8",
            "albumentations",
            "albu",
            "albumentations",
            equal_streams=True,
        ),
        Library(
            "ax",
            "albumentationsx 2.5.1",
            "albumentations",
            "ax",
            "albumentationsx",
            {"telemetry": False},
            AX_RENAMES,
            AX_DEFAULTS,
        ),
    )
}

QUIET = {
    # one thread everywhere, and no library asks the network for newer versions
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "ALBUMENTATIONS_NO_TELEMETRY": "1",
    "ALBUMENTATIONS_OFFLINE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
}


def arguments(library: Library, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Spell the arguments of class `name` as `library` does."""
    renames = library.renames.get(name, {})
    said = {renames.get(key, key): value for key, value in given.items()}
    kept = {key: value for key, value in said.items() if key is not None}
    return library.defaults.get(name, {}) | kept
