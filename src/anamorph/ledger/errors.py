"""What can go wrong with a run besides wrong parameters and damaged files."""

from __future__ import annotations

from anamorph.core.errors import AnamorphError


class RunBusyError(AnamorphError, RuntimeError):
    """A run is being written by another process."""


class DamagedError(AnamorphError, RuntimeError):
    """A database is damaged; what it held has to be found again."""


class ExportError(AnamorphError, RuntimeError):
    """A run could not be written to another tool."""
