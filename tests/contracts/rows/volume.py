"""Rows of what acts on whole volumes: these need calls with a volume, see test_volumes.py."""

from __future__ import annotations

from typing import Any

from contracts.row import Row, given


def block(h: int, w: int) -> dict[str, Any]:
    """Take two thirds of each slice, and four slices, also where there are fewer."""
    size = (4, max(1, 2 * h // 3), max(1, 2 * w // 3))
    return {"size": size, "pad_if_needed": True}


def larger(h: int, w: int) -> dict[str, Any]:
    """Take more than there is along two axes."""
    return {"size": (15, max(1, h // 2), w + 5), "pad_if_needed": True}


ROWS: dict[str, Row] = {
    "CenterCrop3D": Row(block, "lattice", bad=({"size": 3}, {"size": (0, 1, 1)}), more=(larger,)),
    "RandomCrop3D": Row(block, "lattice", bad=({"size": 3}, {"size": (0, 1, 1)}), more=(larger,)),
    "Pad3D": Row(
        given(padding=(1, 2, 3, 0, 4, 5)),
        "lattice",
        bad=({"padding": -1}, {"padding": (1, 2)}),
        more=(given(padding=2), given(padding=(0, 1, 2))),
    ),
    "PadIfNeeded3D": Row(
        lambda h, w: {"min_zyx": (15, h + 3, w)},
        "lattice",
        bad=({"min_zyx": None}, {"position": "left"}),
        more=(given(pad_divisor_zyx=(8, 32, 7), position="random"),),
    ),
    "CubicSymmetry": Row(moves="lattice", bad=({"p": -1},)),
    "Flip3D": Row(
        moves="lattice",
        bad=({"axes": (3,)}, {"axes": ()}),
        more=(given(flip_axes=(0, 2)), given(axes=(1,))),
    ),
    "RandomRotate90_3D": Row(
        moves="lattice",
        bad=({"axis_pair": (1, 1)}, {"group_element": "r45"}, {"axis_pairs": ()}),
        more=(given(axis_pair=(0, 2), group_element="r270"),),
    ),
    "CoarseDropout3D": Row(
        given(num_holes_range=(2, 3)),
        "drop",
        bad=({"hole_depth_range": (0, 2)}, {"num_holes_range": (3, 1)}),
        more=(given(fill=5, fill_mask=7),),
    ),
    "Affine3D": Row(
        given(rotate_range=(-30, 30), scale_range=(0.8, 1.2), translate_percent_range=0.1),
        "matrix",
        bad=(
            {"rotate_range": {"q": 3}},
            {"scale_range": 0},
            {"interpolation": 2},
            {"rotate_range": {"z": "x"}},
        ),
        more=(
            given(rotate_range={"z": 40}, scale_range={"z": (0.5, 2)}),
            given(rotate_range={"x": (10, 40)}, border_mode=1),
            given(rotate_range=20, border_mode=4),
        ),
    ),
    "Resize3D": Row(
        lambda h, w: {"size": (9, h + 11, max(1, 4 * w // 5))}, "matrix", bad=({"size": (1, 2)},)
    ),
    "RandomResizedCrop3D": Row(
        given(size=(9, 31, 33), scale=(0.5, 1)),
        "matrix",
        bad=({"scale": (0.5, 2)}, {"ratio": 0.5}, {"sampling_method": "other"}),
        more=(
            given(size=(9, 31, 33), ratio=None),
            given(size=(20, 20, 20), sampling_method="uniform_scale"),
        ),
    ),
    "ElasticTransform3D": Row(
        given(displacement_range=(0.1, 0.2)),
        "dense",
        bad=({"displacement_range": (0.2, 0.3)}, {"control_grid_shape": (3, 3)}),
        more=(given(displacement_range=0.3, control_grid_shape=(4, 5, 5), border_mode=1),),
    ),
    "Anisotropy3D": Row(
        bad=({"num_axes_range": (2, 2), "axes": (0,)}, {"downscale_factor_range": (0.5, 1)}),
        more=(given(num_axes_range=(2, 3), antialias=False),),
    ),
    "ToTensor3D": Row(keeps_dtype=False, bad=({"p": "x"},)),
}
