"""The page of what is no transform: compositions, formats, values, functions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from docs import prose

import anamorph as A
from anamorph.pipeline.batch import BatchMix

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Compositions": (
        "Compose", "Sequential", "OneOf", "SomeOf", "OneOrOther", "RandomOrder",
        "SelectiveChannelTransform", "ReplayCompose",
    ),
    "Whole batches": ("MixUp", "CutMix"),
    "How targets are written": (
        "BboxParams", "KeypointParams", "PolygonParams", "PolylineParams",
    ),
    "Objects to paste": ("DonorBank",),
    "Plans": ("Plan",),
    "Saving and loading": ("to_dict", "from_dict", "save", "load"),
    "Checking, and standing in for Albumentations": ("check_pipeline", "install_alias"),
    "Reading references": ("read_rgb_image", "read_bgr_image", "read_grayscale"),
    "The catalogue": ("catalogue",),
    "Transforms of your own": (
        "Transform", "SpatialTransform", "PixelTransform", "BasicTransform", "DualTransform",
        "ImageOnlyTransform", "Transform3D",
    ),
    "Errors": ("AnamorphError",),
}  # fmt: skip
"""Title → names, in the order of the page."""

MEMBERS: Mapping[str, tuple[str, ...]] = {
    "Compose": (
        "__call__", "keyed", "plan", "render", "explain", "add_targets", "set_random_seed",
        "save_pretrained", "from_pretrained", "push_to_hub",
    ),
    "DonorBank": ("from_samples", "add"),
    "Plan": ("fused", "inverse", "to_dict", "from_dict"),
    "ReplayCompose": ("replay",),
}  # fmt: skip
"""Class → the methods that are described with it."""

BASES: Mapping[str, type] = {"Whole batches": BatchMix}
"""Title → the class whose docstring, less its first line, holds for all names under it."""


def page() -> str:
    """Write the page."""
    lines = ["# Reference", "All transforms have [pages of their own](transforms/index.md)."]
    for title, names in SECTIONS.items():
        shared = [prose.markdown(BASES[title]).split("\n\n", 1)[1]] if title in BASES else []
        lines += [f"## {title}", *shared, *(_entry(name) for name in names)]
    return "\n\n".join(lines) + "\n"


def unlisted() -> set[str]:
    """Public names that are on no page."""
    listed = {name for names in SECTIONS.values() for name in names}
    return set(A.__all__) - set(A.catalogue()) - listed - {"BaseCompose"}


def _entry(name: str) -> str:
    thing = getattr(A, name)
    parts = [f"### {name}", _signature(name, thing), prose.markdown(thing)]
    for member in MEMBERS.get(name, ()):
        method = getattr(thing, member)
        title = "Calling it" if member == "__call__" else f"{name}.{member}"
        said = "pipeline" if member == "__call__" else member
        parts += [f"#### {title}", _signature(said, method), prose.markdown(method)]
    return "\n\n".join(part for part in parts if part)


def _signature(name: str, thing: Any) -> str:
    """The call, a parameter a line if there are many."""
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return ""
    signature = inspect.signature(thing)
    kept = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    said = [str(p) for p in kept if p.name not in {"self", "cls"}]
    starred = any(p.kind is p.KEYWORD_ONLY for p in kept) and not any(
        p.kind is p.VAR_POSITIONAL for p in kept
    )
    if starred:
        first = next(i for i, p in enumerate(kept) if p.kind is p.KEYWORD_ONLY)
        said.insert(first - sum(p.name in {"self", "cls"} for p in kept), "*")
    call = f"{name}({', '.join(said)})"
    if len(call) > 90:
        call = f"{name}(\n" + "".join(f"    {part},\n" for part in said) + ")"
    return f"```python\n{call}\n```"
