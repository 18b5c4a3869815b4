"""In which part of the gallery a transform stands: by the module that it is written in."""

from __future__ import annotations

from collections.abc import Mapping

import anamorph as A

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "Flips and quarter turns": ("flip",),
    "Rotation, affine, perspective": ("affine", "perspective"),
    "Size": ("resize",),
    "Crops": ("crop", "boxcrop", "cropandpad"),
    "Padding": ("pad",),
    "Distortions": ("distort", "tiles", "morphology"),
    "Dropping": ("drop", "maskdrop", "gridmask"),
    "Tone": ("tone", "histogram", "illumination", "plasma"),
    "Color": ("color", "channels", "stain", "aberration", "photometric"),
    "Blur and sharpening": ("blur", "sharpen", "optics"),
    "Noise": ("noise", "additive", "grain", "superpixels"),
    "Weather": ("weather", "weather_lens"),
    "Compression": ("codec",),
    "Artefacts of MRI": ("mri",),
    "Other pictures": ("mix", "mixpaste", "overlay", "adapt", "template", "text"),
    "Policies": ("policy",),
    "Volumes and clips": ("volume", "volume_warp", "temporal"),
    "Conversion and plumbing": ("normalize", "tensor", "custom"),
}
"""Title → names of the modules in `anamorph.transforms`."""

ELSEWHERE: Mapping[str, str] = {
    "NoOp": "Conversion and plumbing",
    "PlanckianJitter": "Color",
    "RicianNoise": "Artefacts of MRI",
    "ToTensor3D": "Conversion and plumbing",
}
"""Transforms that belong elsewhere than the others of their module."""


def family_of(name: str) -> str:
    """Find the family of a transform.

    Raises:
        LookupError: its module is in none; add it to the table.
    """
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    module = A.catalogue()[name].__module__.rsplit(".", 1)[-1]
    for title, modules in FAMILIES.items():
        if module in modules:
            return title
    raise LookupError(f"{name} is in anamorph.transforms.{module}, which no family names")


def by_family() -> dict[str, list[str]]:
    """Family → names of its transforms, in the order of the table."""
    found: dict[str, list[str]] = {title: [] for title in FAMILIES}
    for name in A.catalogue():
        found[family_of(name)].append(name)
    return found
