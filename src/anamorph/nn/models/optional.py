"""Packages that only some models need, asked for where they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from anamorph.core.errors import MissingFileError


def need(package: str, purpose: str) -> Any:
    """Import a package of the extra ``train``.

    Raises:
        MissingFileError: it is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise MissingFileError(
            f"{purpose}, {error.name} is needed: pip install 'anamorph[train]'"
        ) from None
