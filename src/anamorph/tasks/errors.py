"""What can go wrong in a run besides wrong parameters and data."""

from __future__ import annotations

from anamorph.core.errors import AnamorphError


class TrainingError(AnamorphError, RuntimeError):
    """Training cannot go on; the last good checkpoint is kept."""


class ResumeError(AnamorphError, ValueError):
    """A run cannot go on where it was: its configuration, data or folds are others."""
