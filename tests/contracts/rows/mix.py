"""Rows of what brings in other pictures; what they bring is tested beside them."""

from __future__ import annotations

from typing import Any

from contracts.row import Arguments, Row


def around(rows: int, columns: int, **options: Any) -> Arguments:
    """A mosaic whose window is a little smaller than its cells."""

    def make(h: int, w: int) -> dict[str, Any]:
        cell = h + h // 5, w + w // 4
        target = max(1, rows * cell[0] * 3 // 4), max(1, columns * cell[1] * 3 // 4)
        grid = {"grid_yx": (rows, columns), "cell_shape": cell, "target_size": target}
        return grid | options

    return make


def key(name: str) -> Arguments:
    """Bring no other picture."""
    return lambda *_: {name: []}


ROWS: dict[str, Row] = {
    "Mosaic": Row(
        around(1, 1),
        "matrix",
        extras=key("mosaic_metadata"),
        bad=(
            {"fit_mode": "stretch"},
            {"center_range": (0.7, 0.3)},
            {"target_size": (2000, 2000)},
            {"grid_yx": (0, 1)},
        ),
        more=(around(1, 1, fit_mode="contain"),),  # more cells show everything more than once
    ),
    "CopyAndPaste": Row(
        extras=key("copy_paste_metadata"),
        own_labels=False,
        bad=({"blend_mode": "soft"}, {"scale_range": 0}, {"bank": 3}, {"count_range": (0, 2)}),
    ),
    "OverlayElements": Row(
        extras=key("overlay_metadata"), own_labels=False, bad=({"metadata_key": 3},)
    ),
}
