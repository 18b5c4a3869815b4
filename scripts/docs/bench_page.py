"""The page of figures: the committed results, with links that hold on the site."""

from __future__ import annotations

from pathlib import Path


def page(results: Path) -> str:
    """Take over the results that the benchmark wrote."""
    return results.read_text(encoding="utf-8")
