"""What can go wrong when a model is converted."""

from __future__ import annotations

from anamorph.core.errors import AnamorphError


class ConversionError(AnamorphError, RuntimeError):
    """The model cannot be written in the other form, or does not say the same there."""
