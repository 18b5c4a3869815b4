"""How ops are done: one table of kernels a backend."""

from __future__ import annotations

from collections.abc import Mapping

from anamorph.backends.base import Backend
from anamorph.backends.opencv import BACKEND as OPENCV
from anamorph.backends.reference import BACKEND as REFERENCE

BACKENDS: Mapping[str, Backend] = {b.name: b for b in (OPENCV, REFERENCE)}
"""Name → backend."""

DEFAULT = OPENCV.name
