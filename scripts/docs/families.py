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
    "Dropping": ("drop", "maskdrop", "objects", "gridmask", "spectrogram"),
    "Tone": ("tone", "histogram", "illumination", "plasma", "photometric", "vignetting"),
    "Color": ("color", "channels", "stain", "aberration", "temperature", "pca"),
    "Blur and sharpening": ("blur", "sharpen", "optics"),
    "Noise": ("noise", "additive", "grain", "shot", "superpixels"),
    "Weather": ("weather",),
    "Compression": ("codec",),
    "Medical": ("mri",),
    "Other pictures": ("mix", "overlay", "adapt", "template", "text"),
    "Policies": ("policy",),
    "Volumes and clips": ("volume", "temporal"),
    "Conversion and plumbing": ("normalize", "tensor", "custom"),
}
"""Title → beginnings of the names of the modules in `anamorph.transforms`."""


def family_of(name: str) -> str:
    """Find the family of a transform.

    Raises:
        LookupError: its module is in none; add it to the table.
    """
    module = A.catalogue()[name].__module__.rsplit(".", 1)[-1]
    if name == "ToTensor3D":
        return "Conversion and plumbing"
    for title, modules in FAMILIES.items():
        if module in modules:
            return title
    for title, modules in FAMILIES.items():
        if module.startswith(modules):
            return title
    raise LookupError(f"{name} is in anamorph.transforms.{module}, which no family names")


def by_family() -> dict[str, list[str]]:
    """Family → names of its transforms, in the order of the table."""
    found: dict[str, list[str]] = {title: [] for title in FAMILIES}
    for name in A.catalogue():
        found[family_of(name)].append(name)
    return {title: names for title, names in found.items() if names}
