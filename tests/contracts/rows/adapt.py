"""Rows of references, templates, text and artefacts of magnetic resonance imaging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import anamorph as A
from contracts.row import RGB, Arguments, Row, given

CAT = str(Path(A.__file__).parent / "assets" / "images" / "cat.jpg")
_NO_REFERENCE = {"reference_images": []}


def _reference(key: str) -> Arguments:
    """A small picture to adapt to, under its key in the call."""
    levels = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    return lambda *_: {key: [levels]}


def _line(*_: int) -> dict[str, Any]:
    return {"textimage_metadata": {"bbox": (0.1, 0.1, 0.9, 0.6), "text": "some words to write"}}


ROWS: dict[str, Row] = {
    "FDA": Row(
        given(beta_limit=(0.05, 0.2)),
        colors=RGB,
        extras=_reference("fda_metadata"),
        more=(given(beta_limit=(0.5, 0.5)),),
        bad=(_NO_REFERENCE, {"beta_limit": 0.6}, {"read_fn": "x"}),
    ),
    "HistogramMatching": Row(
        colors=RGB,
        extras=_reference("hm_metadata"),
        bad=(_NO_REFERENCE, {"blend_ratio": (0, 2)}, {"reference_images": CAT}),
    ),
    "PixelDistributionAdaptation": Row(
        colors=RGB,
        extras=_reference("pda_metadata"),
        more=(given(transform_type="standard"), given(transform_type="minmax")),
        bad=(_NO_REFERENCE, {"transform_type": "x"}, {"reference_images": [1], "read_fn": None}),
    ),
    "TemplateTransform": Row(
        more=(given(templates=CAT, img_weight=(0.2, 0.9)),),
        colors=(1, 3, 5),
        bad=({"img_weight": (0, 2)}, {"templates": []}, {"template_transform": 3}),
    ),
    "TextImage": Row(
        given(font_path=None),
        extras=_line,
        more=(
            given(font_path=None, clear_bg=True, augmentations=("insertion", "swap", "deletion")),
        ),
        bad=({"font_path": "nowhere.ttf"}, {"augmentations": ("x",)}, {"font_color": "red"}),
    ),
    "BiasField": Row(more=(given(per_channel=True),), bad=({"std_range": (-1, 0)},)),
    "GhostingArtifact": Row(more=(given(axis=1),), bad=({"axis": 0}, {"num_ghosts_range": 1})),
    "GibbsRinging": Row(bad=({"retained_fraction_range": (0, 1)},)),
    "KSpaceSpikeNoise": Row(more=(given(per_channel=True),), bad=({"num_spikes_range": (0, 1)},)),
    "MotionArtifact": Row(more=(given(axis=1),), bad=({"axis": 0}, {"interpolation": 9})),
}
